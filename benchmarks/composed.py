"""A picture or a sound plus words, without training: sums of vectors in the spaces of ConSE cards, by name of folder.

Each item is a query for every kind. *Changed*: with the name of another kind; a hit is of that kind. *Agreed*: with the
name of its own kind; a hit is of its own. The item itself is left out; of recordings every clip of its fold. Figures
are means over all queries. ``python -m benchmarks.composed [SHARED]`` prints the tables.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

import morelike
from morelike.collection import OpenCollection
from morelike.models import cards, weights
from morelike.search.arithmetic import WORDS_COUNT, Addend, middle_of_words, together
from morelike.settings import Settings
from morelike.types import Card
from morelike.vecmath import normalise

ROOT = Path(__file__).resolve().parents[1]
SETS = (("conse-mobilenet-v2", "image", "clothing"), ("conse-yamnet", "audio", "esc10"))
Row = NDArray[np.float32]


@dataclass(frozen=True)
class Sum:
    """How much an item counts, the name of the wanted kind, and that of its own kind; ``middle``: as searches add."""

    called: str
    item: float
    wanted: float = 0.0
    own: float = 0.0
    middle: bool = False

    def of(self, card: Card, item: Row, wanted: Row, own: Row, middle: Row) -> Row:
        """(dim,) the query; all rows (dim,) of length one."""
        if not self.middle:
            plain: Row = self.item * item + self.wanted * wanted + self.own * own
            return plain
        words = [Addend(weight / WORDS_COUNT, row[None], words=True) for weight, row in self._words(wanted, own)]
        found: Row = together(card, [Addend(self.item, item[None]), *words], lambda: middle)[0]
        return found

    def _words(self, wanted: Row, own: Row) -> list[tuple[float, Row]]:
        return [(weight, row) for weight, row in ((self.wanted, wanted), (self.own, own)) if weight]


SUMS = (
    Sum("item alone", 1),
    Sum("words alone", 0, 1),
    Sum("words - own words", 0, 1, -1),
    *(Sum(f"item + {weight} words, as they are", 1, weight) for weight in (1, 2, 3)),
    *(Sum(f"item + {weight} words, from the middle", 1, weight, middle=True) for weight in (1, 2, 3)),
    *(Sum(f"item + {weight} (words - own words), as they are", 1, weight, -weight) for weight in (1, 2)),
    *(
        Sum(f"item + {weight} (words - own words), from the middle", 1, weight, -weight, middle=True)
        for weight in (1, 2)
    ),
)
AS_SEARCHED = Sum("", 1, WORDS_COUNT, middle=True)


@dataclass(frozen=True)
class Measured:
    """A collection's vectors and what they are of; ``groups``: which items a query never sees besides itself."""

    card: Card
    vectors: NDArray[np.float32]
    kinds: NDArray[np.str_]
    groups: NDArray[np.str_] | None
    words: Mapping[str, Row]
    middle: Row


def measure(settings: Settings, data: Path) -> list[dict[str, Any]]:
    """A row for each set of data and way to add; sets whose cards are not here are left out."""
    rows = []
    for name, modality, folder in SETS:
        if not weights.status(cards.find(name, settings), settings).here:
            print(f"  {name} is left out: its weights or those of its parts are not here")
            continue
        with tempfile.TemporaryDirectory() as scratch:
            own = settings.model_copy(update={"library": Path(scratch) / "library"})
            with morelike.open(own) as library:
                collection = library.collection("composed", modality=modality, encoder=name)
                collection.add(data / folder, in_place=True, exclude=["*.md"])
                measured, items = _read(collection)
                _same_as_searched(collection, measured, items)
            for add in SUMS:
                tasks = ("changed",) if add.own else ("changed", "agreed")
                figures = {task: _figures(measured, add, task) for task in tasks}
                rows.append({"encoder": name, "items": len(measured.kinds), "sum": add.called, **figures})
    return rows


def _read(collection: OpenCollection) -> tuple[Measured, list[str]]:
    """The vectors of all items, one each, and the items' ids."""
    stores, space = collection._stores, collection.spaces[0]
    sources = {item.id: PurePath(item.sources[0].uri) for item in collection.items(limit=10_000)}
    segments = stores.catalog.segments_of(collection._record, list(sources))
    owners = {some[0].id: item for item, some in segments.items()}
    ids, vectors = stores.vectors.fetch(space, np.array(sorted(owners), dtype=np.int64))
    items = [owners[int(one)] for one in ids]
    kinds = np.array([sources[item].parent.name for item in items])
    folds = np.array([sources[item].name[0] for item in items]) if collection.modality == "audio" else None
    lane = collection._lanes.lane(space)
    names = sorted(set(kinds.tolist()))
    rows = normalise(lane.encoder.encode("text", [lane.encoder.prepare("text", name) for name in names]))
    middle = middle_of_words(lane, stores.cache)
    return Measured(space.card, normalise(vectors), kinds, folds, dict(zip(names, rows, strict=True)), middle), items


def _figures(measured: Measured, add: Sum, task: str) -> dict[str, float]:
    """R@1, P@10 and mAP, and how many of the first ten are of the query's own kind."""
    found = []
    for name, word in measured.words.items():
        asked = np.flatnonzero((measured.kinds == name) == (task == "agreed"))
        queries = np.stack([_query(measured, add, int(at), word) for at in asked])
        scores = queries @ measured.vectors.T
        for at, row in zip(asked, scores, strict=True):
            others = np.arange(len(row)) != at if measured.groups is None else measured.groups != measured.groups[at]
            order = np.flatnonzero(others)[np.argsort(-row[others], kind="stable")]
            found.append(_of_one(measured.kinds[order] == name, measured.kinds[order[:10]] == measured.kinds[at]))
    names = ("r_at_1", "p_at_10", "map", "own_at_10")
    return {"queries": len(found), **dict(zip(names, np.mean(found, axis=0).tolist(), strict=True))}


def _query(measured: Measured, add: Sum, at: int, wanted: Row) -> Row:
    own = measured.words[measured.kinds[at]]
    return add.of(measured.card, measured.vectors[at], wanted, own, measured.middle)


def _of_one(relevant: NDArray[np.bool_], own: NDArray[np.bool_]) -> tuple[float, ...]:
    places = np.flatnonzero(relevant)
    precision = np.arange(1, len(places) + 1) / (places + 1)
    return float(relevant[0]), float(relevant[:10].mean()), float(precision.mean()), float(own.mean())


def _same_as_searched(collection: OpenCollection, measured: Measured, items: Sequence[str]) -> None:
    """What is measured is what a search answers: the scores of the first ten hits agree."""
    for at in (0, len(items) // 2):
        name = next(name for name in measured.words if name != measured.kinds[at])
        hits = collection.search(items[at], plus=[f"text:{name}"], k=10)
        scores = measured.vectors @ _query(measured, AS_SEARCHED, at, measured.words[name])
        np.testing.assert_allclose([hit.score for hit in hits], np.sort(np.delete(scores, at))[::-1][:10], atol=1e-4)


def section(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Markdown lines: a table for each encoder."""
    lines = []
    for encoder in dict.fromkeys(row["encoder"] for row in rows):
        own = [row for row in rows if row["encoder"] == encoder]
        queries = f"{own[0]['changed']['queries']} queries to another kind, {own[0]['agreed']['queries']} to the same"
        lines += [
            f"`{encoder}`, {own[0]['items']} items; {queries}:",
            "",
            "| query | changed: R@1 | P@10 | mAP | of the old kind | agreed: R@1 | P@10 | mAP |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row in own:
            changed = [f"{row['changed'][key]:.3f}" for key in ("r_at_1", "p_at_10", "map", "own_at_10")]
            agreed = [f"{row['agreed'][key]:.3f}" if "agreed" in row else "–" for key in ("r_at_1", "p_at_10", "map")]
            lines.append(f"| {row['sum']} | {' | '.join([*changed, *agreed])} |")
        lines.append("")
    return lines


def main() -> None:
    data = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MORELIKE_TEST_DATA", ROOT.parent / "shared"))
    script = [str(ROOT / "scripts" / "minilm"), "--find"]
    sentences = subprocess.run(script, check=False, capture_output=True, text=True).stdout.strip()
    models = (data / "models", *([Path(sentences)] if sentences else []))
    print("\n".join(section(measure(Settings(offline=True, models=models), data / "data"))))


if __name__ == "__main__":
    main()
