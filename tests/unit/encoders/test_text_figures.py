"""What keyword search and `hashed-text` find of CISI's questions, as the documentation says."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from pathlib import Path

import pytest

import morelike
from morelike.settings import Settings

pytest.importorskip("charset_normalizer", reason="the extra `text` is not installed")

FIELD = re.compile(r"(?ms)^\.([A-Z])[ ]*\n(.*?)(?=^\.[A-Z][ ]*\n|\Z)")


def records(path: Path) -> dict[int, dict[str, str]]:
    """Each record's fields, by its number."""
    parts = re.split(r"(?m)^\.I (\d+)\s*\n", path.read_text("utf-8", "replace"))[1:]
    return {int(number): dict(FIELD.findall(text)) for number, text in zip(parts[::2], parts[1::2], strict=True)}


def ndcg(ranked: list[int], wanted: set[int]) -> float:
    gain = sum(1 / math.log2(place + 2) for place, one in enumerate(ranked) if one in wanted)
    return gain / sum(1 / math.log2(place + 2) for place in range(min(10, len(wanted))))


@pytest.mark.parametrize("chunk", [800, 5000])
def test_cisi(chunk: int, test_data: Path, settings: Settings, tmp_path: Path) -> None:
    """In passages and in whole abstracts nDCG@10 is .363 or more by words, .28 or more by `hashed-text`."""
    data, source = test_data / "data" / "text" / "cisi", tmp_path / "cisi.jsonl"
    rows = [
        {"id": number, "title": fields.get("T", ""), "text": fields.get("W", "")}
        for number, fields in records(data / "CISI.ALL").items()
    ]
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    judged: defaultdict[int, set[int]] = defaultdict(set)
    for line in (data / "CISI.REL").read_text().splitlines():
        judged[int(line.split()[0])].add(int(line.split()[1]))
    questions = {
        number: f"{fields.get('T', '')} {fields['W']}" for number, fields in records(data / "CISI.QRY").items()
    }
    options = {"column": "title+text", "chunk": chunk}

    found: defaultdict[str, list[float]] = defaultdict(list)
    with morelike.open(settings) as library:
        collection = library.collection("cisi", modality="text", encoder="hashed-text", options=options)
        collection.add(source)
        assert collection.count() == 1459  # two of them are alike, word for word
        for mode in ("keyword", "similar"):
            for number, wanted in judged.items():
                hits = collection.search(text=questions[number], mode=mode, k=10)
                found[mode].append(ndcg([int(hit.metadata["id"]) for hit in hits], wanted))

    assert len(judged) == 76
    assert sum(found["keyword"]) / 76 >= 0.363
    assert sum(found["similar"]) / 76 >= 0.28
