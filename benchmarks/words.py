"""Words to photographs and sounds without a joint model (ConSE), and tags by labels: names of folders as queries.

A query is a folder's name as it is written, nothing around it; a hit lies in that folder. Of the recordings each fold
is searched by itself, and figures are means over folds and names, as for queries by example.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import numpy as np

import morelike
from morelike.collection import OpenCollection
from morelike.models import cards, weights
from morelike.settings import Settings

PICTURES, SOUNDS = "conse-mobilenet-v2", "conse-yamnet"
WORDINGS = {PICTURES: ("{}", "a photo of a {}"), SOUNDS: ("{}", "the sound of {}")}
NOT_THERE = {
    PICTURES: ("dog", "cat", "horse", "car", "bus", "house", "tree", "guitar", "pizza", "boat"),
    SOUNDS: (
        *("violin", "piano", "trumpet", "applause", "laughter"),
        *("telephone ringing", "gunshot", "siren", "train", "cat meow"),
    ),
}
"""Ten labels of which nothing is in the collection."""
THRESHOLDS = (1.5, 2.0, 2.5, 3.0)


def measure(settings: Settings, clothing: Path, sounds: Path) -> list[dict[str, Any]]:
    """A row for pictures and one for sounds; those whose cards are not here are left out."""
    settings = settings.model_copy(update={"models": (*settings.models, *_sentences())})
    rows = []
    for name, modality, folder in ((PICTURES, "image", clothing), (SOUNDS, "audio", sounds)):
        if not weights.status(cards.find(name, settings), settings).here:
            print(f"  {name} is left out: its weights or those of its parts are not here")
            continue
        with _collection(settings, name, modality, folder) as collection:
            labels = sorted({label_of(item.sources[0].uri) for item in _items(collection)})
            rows.append(
                {
                    "encoder": name,
                    "items": collection.count(),
                    "names": len(labels),
                    "folds": modality == "audio",
                    "words": [_ranked(collection, labels, wording) for wording in WORDINGS[name]],
                    "tags": [_tagged(collection, labels, NOT_THERE[name], threshold) for threshold in THRESHOLDS],
                }
            )
    return rows


def _sentences() -> list[Path]:
    """The folder with the sentence encoder that tests use, where there is one."""
    script = Path(__file__).resolve().parents[1] / "scripts" / "minilm"
    found = subprocess.run([str(script), "--find"], check=False, capture_output=True, text=True).stdout.strip()
    return [Path(found)] if found else []


def label_of(source: str) -> str:
    return PurePath(source).parent.name


@contextmanager
def _collection(settings: Settings, name: str, modality: str, folder: Path) -> Iterator[OpenCollection]:
    with tempfile.TemporaryDirectory() as scratch:
        own = settings.model_copy(update={"library": Path(scratch) / "library"})
        with morelike.open(own) as library:
            collection = library.collection("words", modality=modality, encoder=name)
            collection.add(folder, in_place=True, exclude=["*.md"])
            yield collection


def _items(collection: OpenCollection) -> Iterator[Any]:
    for offset in range(0, collection.count(), 1000):
        yield from collection.items(offset=offset, limit=1000)


def _ranked(collection: OpenCollection, labels: Sequence[str], wording: str) -> dict[str, Any]:
    """P@1, P@10 and mAP of a search by words, over all items, or in each fold."""
    figures = []
    for label in labels:
        hits = collection.search(text=wording.format(label), k=collection.count())
        by_fold: defaultdict[str, list[bool]] = defaultdict(list)
        for hit in hits:
            fold = PurePath(hit.source).name[0] if collection.modality == "audio" else ""
            by_fold[fold].append(label_of(hit.source) == label)
        figures += [_figures(np.array(relevant)) for relevant in by_fold.values()]
    p_at_1, p_at_10, average = np.mean(figures, axis=0)
    return {"wording": wording, "p_at_1": p_at_1, "p_at_10": p_at_10, "map": average, "rankings": len(figures)}


def _figures(relevant: Any) -> tuple[float, float, float]:
    places = np.flatnonzero(relevant)
    precision = np.arange(1, len(places) + 1) / (places + 1)
    return float(relevant[0]), float(relevant[:10].mean()), float(precision.mean())


def _tagged(
    collection: OpenCollection, labels: Sequence[str], others: Sequence[str], threshold: float
) -> dict[str, float]:
    """Shares: of items with a tag, of these tags that are right, of items with a tag that nothing here can have."""
    done = collection.tag_auto(labels, prefix="auto:", threshold=threshold)
    right = sum(f"auto:{label_of(item.sources[0].uri)}" in item.tags for item in _items(collection))
    wrong = collection.tag_auto(others, threshold=threshold, dry_run=True)
    return {
        "threshold": threshold,
        "tagged": done.tagged / done.items,
        "right": right / max(done.tagged, 1),
        "others_tagged": wrong.tagged / wrong.items,
    }


def section(rows: list[dict[str, Any]]) -> list[str]:
    """Markdown lines."""
    lines = [
        "## Words without a joint model",
        "",
        (
            "The names of the folders as queries (ConSE: a classifier's labels through a sentence encoder). "
            "Recordings: each fold by itself, the mean over folds and names. With ten names one more right first "
            "answer is .10 of P@1 for pictures."
        ),
        "",
        "| encoder | items | the query | rankings | P@1 | P@10 | mAP |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        for words in row["words"]:
            figures = " | ".join(f"{words[key]:.3f}" for key in ("p_at_1", "p_at_10", "map"))
            query = words["wording"].replace("{}", "NAME")
            lines.append(f"| `{row['encoder']}` | {row['items']} | {query} | {words['rankings']} | {figures} |")
    lines += [
        "",
        (
            "`tag --auto` with the same names as labels: the share of items that get a tag, of these that get the "
            "right one; and of items that get one where none of ten labels is true of any."
        ),
        "",
        "| encoder | threshold | tagged | right of these | tagged with what is not there |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        for tags in row["tags"]:
            figures = " | ".join(f"{tags[key]:.3f}" for key in ("tagged", "right", "others_tagged"))
            lines.append(f"| `{row['encoder']}` | {tags['threshold']:g} | {figures} |")
    return [*lines, ""]


if __name__ == "__main__":
    import os
    import sys

    root = Path(__file__).resolve().parents[1]
    data = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MORELIKE_TEST_DATA", root.parent / "shared"))
    here = Settings(offline=True)
    own = here.model_copy(update={"models": (*here.models, data / "models")})
    print("\n".join(section(measure(own, data / "data" / "clothing", data / "data" / "esc10"))))
