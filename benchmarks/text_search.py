"""Text: what is found of CISI's questions by meaning, by words and by both, through the public interface.

``python -m benchmarks text``: the test collection CISI (1 460 abstracts, 112 questions, judgements of 76 of them) is
written as JSON lines and added to a collection, title and abstract; each question is asked as it stands. nDCG at 10
(Järvelin & Kekäläinen 2002), judgements being yes or no. ``all-minilm-l6-v2`` is measured where scripts/minilm has it.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import morelike
from morelike.collection import OpenCollection
from morelike.models import cards
from morelike.settings import Settings
from morelike.wiring import load_encoder

ROOT = Path(__file__).resolve().parents[1]
CARDS = ("all-minilm-l6-v2", "hashed-text")
MODES = ("similar", "keyword", "hybrid")
K = 10
THREADS = 2
CHUNKS = (None, 5000)
"""Characters of a passage: as it is by default, and so many that every abstract is whole."""
_FIELD = re.compile(r"\.([TAWXBNK])\s*")
Judged = Mapping[int, frozenset[int]]


def measure(data: Path) -> dict[str, Any]:
    """``data``: the folder with CISI.ALL, CISI.QRY and CISI.REL."""
    found = subprocess.run(
        [str(ROOT / "scripts" / "minilm")], check=False, capture_output=True, text=True
    ).stdout.strip()
    models = (Path(found),) if found else ()
    texts, judged = abstracts(data), judgements(data)
    asked = {number: text for number, text in questions(data).items() if number in judged}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "cisi.jsonl"
        source.write_text("".join(f"{json.dumps({'id': number, **text})}\n" for number, text in texts.items()))
        for name in CARDS if found else CARDS[1:]:
            for chunk in CHUNKS:
                settings = Settings(
                    library=Path(folder) / f"{name}-{chunk}", models=models, encoder_threads=THREADS, offline=True
                )
                rows.append(_searched((name, chunk), settings, source, asked, judged))
        speeds = {
            name: words_per_second(name, Settings(models=models, encoder_threads=THREADS, offline=True), texts)
            for name in (CARDS if found else CARDS[1:])
        }
    return {"texts": len(texts), "questions": len(asked), "rows": rows, "words_per_second": speeds, "threads": THREADS}


def _searched(
    card: tuple[str, int | None], settings: Settings, source: Path, asked: Mapping[int, str], judged: Judged
) -> dict[str, Any]:
    name, chunk = card
    options = {"column": "title+text", **({} if chunk is None else {"chunk": chunk})}
    with morelike.open(settings) as library:
        collection = library.collection("cisi", modality="text", encoder=name, options=options)
        begun = perf_counter()
        collection.add(source)
        seconds = perf_counter() - begun
        figures = {mode: _figure(collection, mode, asked, judged) for mode in MODES}
    return {"encoder": name, "chunk": chunk, "add_seconds": round(seconds, 1), **figures}


def _figure(collection: OpenCollection, mode: str, asked: Mapping[int, str], judged: Judged) -> float:
    """The mean nDCG at 10 over the questions."""
    gains = []
    for number, text in asked.items():
        hits = collection.search(text=text, mode=mode, k=K)
        gains.append(ndcg([int(hit.metadata["id"]) for hit in hits], judged[number]))
    return round(float(np.mean(gains)), 4)


def ndcg(ranked: Sequence[int], wanted: frozenset[int]) -> float:
    """Of the first ``K``, where an answer is right or wrong."""
    gain = sum(1 / math.log2(place + 2) for place, one in enumerate(ranked[:K]) if one in wanted)
    return gain / sum(1 / math.log2(place + 2) for place in range(min(K, len(wanted))))


def words_per_second(name: str, settings: Settings, texts: Mapping[int, Mapping[str, str]]) -> int:
    """Words of the abstracts through the encoder, tokens and all, in batches of 64; the best of three."""
    encoder = load_encoder(cards.find(name, settings), settings)
    written = [f"{text['title']}\n{text['text']}" for text in texts.values()][:512]
    words = sum(len(text.split()) for text in written)
    best = math.inf
    for _ in range(3):
        begun = perf_counter()
        for start in range(0, len(written), 64):
            encoder.encode("text", [encoder.prepare("text", text) for text in written[start : start + 64]])
        best = min(best, perf_counter() - begun)
    return round(words / best)


def abstracts(data: Path) -> dict[int, dict[str, str]]:
    """Title and text of each, by number."""
    return {
        number: {"title": fields.get("T", ""), "text": fields.get("W", "")}
        for number, fields in _records(data / "CISI.ALL")
    }


def questions(data: Path) -> dict[int, str]:
    """As they are asked: some are texts with a title."""
    return {
        number: f"{fields.get('T', '')} {fields.get('W', '')}".strip() for number, fields in _records(data / "CISI.QRY")
    }


def judgements(data: Path) -> Judged:
    """The abstracts that answer a question, by its number."""
    right: defaultdict[int, set[int]] = defaultdict(set)
    for line in (data / "CISI.REL").read_text().splitlines():
        question, text, *_ = line.split()
        right[int(question)].add(int(text))
    return {question: frozenset(texts) for question, texts in right.items()}


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    for record in re.split(r"(?m)^\.I (?=\d)", path.read_text("utf-8", "replace"))[1:]:
        first, *lines = record.splitlines()
        fields: defaultdict[str, list[str]] = defaultdict(list)
        name = ""
        for line in lines:
            if heading := _FIELD.fullmatch(line):
                name = heading[1]
            elif name:
                fields[name].append(line)
        yield int(first), {key: "\n".join(told) for key, told in fields.items()}


def section(result: dict[str, Any]) -> list[str]:
    """Markdown for docs/benchmarks.md."""
    lines = [
        "## Texts: by meaning, by words, by both",
        "",
        (
            f"CISI: {result['texts']} abstracts with their titles, {result['questions']} judged questions as they "
            "stand; mean nDCG at 10 (`python -m benchmarks text`). Fitted to its judgements were the numbers of "
            "`hashed-text`, and that a word of the question counts four times at the most."
        ),
        "",
        "| encoder | passages | `similar` | `keyword` | `hybrid` |",
        "|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        passages = "as by default" if row["chunk"] is None else "whole abstracts"
        cells = " | ".join(f"{row[mode]:.3f}" for mode in MODES)
        lines.append(f"| `{row['encoder']}` | {passages} | {cells} |")
    speeds = ", ".join(f"`{name}` {speed:,}".replace(",", " ") for name, speed in result["words_per_second"].items())
    return [*lines, "", f"Words a second through the encoder, on {result['threads']} threads: {speeds}.", ""]
