"""Fashion200k (Han et al. 2017) as triplets, as TIRG (Vo et al. 2019) was trained on it: one word of a caption changes.

In the folder: ``labels/``, tables of pictures with their captions, split by the tables' names; the pictures;
``test_queries.txt``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from morelike.errors import SourceError, UsageError
from morelike.training.css import Split
from morelike.training.photographs import Photographs, inside
from morelike.training.triplets import ComposedQuery, Triplet

__all__ = ["QUERIES", "Fashion200k", "read_fashion200k"]

LABELS, QUERIES = "labels", "test_queries.txt"
LARGEST_FILE = 64 * 1024**2
MOST_PICTURES = 2_000_000
"""The published data has about 200 000."""
LONGEST_CAPTION, MOST_WORDS = 1000, 50
"""Letters, words; each word of a caption makes a caption without it."""
_HINT = "the folder is that of the published data, with labels/ and the pictures in it"
_SPELLED = (
    (".", "dotmark"),
    ("?", "questionmark"),
    ("&", "andmark"),
    ("*", "starmark"),
)  # before punctuation is dropped


T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Fashion200k:
    """A split as ``Triplets``; a picture's label is its caption."""

    folder: Path
    split: Split
    files: Sequence[str]
    labels: Sequence[str]
    asked: Sequence[ComposedQuery]
    _photographs: Photographs = field(init=False, repr=False)
    _changes: _Changes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._photographs = Photographs(self.folder)
        self._changes = _Changes(self.labels)

    @property
    def texts(self) -> Sequence[str]:
        """Captions, and the two words around those that are changed.

        The published vocabulary is made of the captions alone, so that "replace" and "with" are unknown words there.
        """
        return [*dict.fromkeys(self.labels), "replace with"]

    def __len__(self) -> int:
        return len(self.files)

    def picture(self, index: int) -> NDArray[np.uint8]:
        """(h, w, 3) RGB. Raises ItemError."""
        return self._photographs.read(self.files[index])

    def queries(self) -> Sequence[ComposedQuery]:
        """The published ones of the test split; the training split has none, it is asked with drawn triplets."""
        return self.asked

    def draw(self, generator: np.random.Generator, count: int) -> list[Triplet]:
        """Any picture whose caption has a sibling, a caption with one other word; a picture of such a sibling.

        Raises UsageError where no caption has a sibling.
        """
        return self._changes.draw(generator, count, self.folder)


@dataclass(slots=True, eq=False)
class _Changes:
    """Which captions differ in one word: those that have a parent, a caption without one of its words, in common."""

    labels: Sequence[str]
    pictures: Mapping[str, Sequence[int]] = field(init=False)
    """Of a caption."""
    children: Mapping[str, Sequence[str]] = field(init=False)
    """Of a parent; two at least."""
    parents: Mapping[str, Sequence[str]] = field(init=False)
    """Of a caption that has any."""
    sources: NDArray[np.int64] = field(init=False)
    """The pictures of these captions."""

    def __post_init__(self) -> None:
        pictures: dict[str, list[int]] = {}
        for index, caption in enumerate(self.labels):
            pictures.setdefault(caption, []).append(index)
        children: dict[str, dict[str, None]] = {}
        for caption in pictures:
            for word in caption.split():
                children.setdefault(_without(caption, word), {})[caption] = None
        self.pictures = pictures
        self.children = {parent: list(own) for parent, own in children.items() if len(own) > 1}
        parents: dict[str, list[str]] = {}
        for parent, own in self.children.items():
            for caption in own:
                parents.setdefault(caption, []).append(parent)
        self.parents = parents
        self.sources = np.array([i for i, caption in enumerate(self.labels) if caption in parents], dtype=np.int64)

    def draw(self, generator: np.random.Generator, count: int, folder: Path) -> list[Triplet]:
        if not len(self.sources):
            raise UsageError(f"no two captions of {folder} differ in one word", hint="there is nothing to train on")
        drawn: list[Triplet] = []
        for _ in range(count):
            source = int(self.sources[generator.integers(len(self.sources))])
            caption = sibling = self.labels[source]
            while sibling == caption:  # the parent is drawn anew too, as published
                parent = _one(generator, self.parents[caption])
                sibling = _one(generator, self.children[parent])
            target = _one(generator, self.pictures[sibling])
            drawn.append(Triplet(source, _replacing(caption, sibling), target))
        return drawn


def read_fashion200k(folder: Path, split: Split) -> Fashion200k:
    """The split in ``folder``; pictures are read when they are asked for. Raises SourceError."""
    files: list[str] = []
    captions: list[str] = []
    for table in _tables(folder, split):
        for number, line in _lines(table):
            name, caption = _row(table, number, line)
            files.append(name)
            captions.append(caption)
            if len(files) > MOST_PICTURES:
                raise SourceError(f"{folder} lists more than {MOST_PICTURES} pictures", hint=_HINT)
    if not files:
        raise SourceError(f"the labels in {folder} list no picture of the split {split}", hint=_HINT)
    asked = _asked(folder / QUERIES, files, captions) if split == "test" else []
    return Fashion200k(folder, split, files, captions, asked)


def _tables(folder: Path, split: Split) -> list[Path]:
    labels = folder / LABELS
    try:
        found = sorted(path for path in labels.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise SourceError(f"{labels} cannot be read: {error.strerror}", hint=_HINT) from error
    tables = [path for path in found if split in path.name]
    if not tables:
        raise SourceError(f"no file in {labels} has {split!r} in its name", hint=_HINT)
    return tables


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """With their numbers from 1; blank ones are left out. Letters that are not UTF-8 are read as U+FFFD."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise SourceError(f"{path} has more than {LARGEST_FILE // 1024**2} MB", hint=_HINT)
        with path.open(encoding="utf-8", errors="replace") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}", hint=_HINT) from error


def _row(table: Path, number: int, line: str) -> tuple[str, str]:
    """A picture's path and its caption. The middle column, how sure a detector was, is not used."""
    columns = line.split("\t")
    if len(columns) != 3:
        raise SourceError(
            f"line {number} of {table} has {len(columns)} columns", hint="path, score and caption, with tabs between"
        )
    name, caption = columns[0], columns[2].strip()
    if not inside(name):
        raise SourceError(f"line {number} of {table} names a picture outside the folder: {name[:100]!r}", hint=_HINT)
    if not caption or len(caption) > LONGEST_CAPTION or len(caption.split()) > MOST_WORDS:
        words = f"a caption of {len(caption.split())} words and {len(caption)} letters"
        raise SourceError(f"line {number} of {table} has {words}", hint=f"1 to {MOST_WORDS} words are read")
    for mark, spelled in _SPELLED:
        caption = caption.replace(mark, spelled)
    return name, caption


def _asked(path: Path, files: Sequence[str], captions: Sequence[str]) -> list[ComposedQuery]:
    indices = {name: index for index, name in enumerate(files)}
    asked: list[ComposedQuery] = []
    for number, line in _lines(path):
        names = line.split()
        if len(names) != 2:
            raise SourceError(
                f"line {number} of {path} has {len(names)} names", hint="a source and a target, with a space between"
            )
        for name in names:
            if name not in indices:
                raise SourceError(f"line {number} of {path} names {name[:100]!r}, which no label lists", hint=_HINT)
        source, target = (indices[name] for name in names)
        asked.append(ComposedQuery(source, _replacing(captions[source], captions[target]), captions[target]))
    if not asked:
        raise SourceError(f"{path} asks nothing", hint=_HINT)
    return asked


def _without(caption: str, word: str) -> str:
    """As published: the word goes wherever its letters are, within other words too."""
    return caption.replace(word, "").replace("  ", " ").strip()


def _replacing(source: str, target: str) -> str:
    """The first word of each caption that the other has not; the last one where there is none."""
    old, new = source.split(), target.split()
    gone = next((word for word in old if word not in new), old[-1])
    come = next((word for word in new if word not in old), new[-1])
    return f"replace {gone} with {come}"


def _one(generator: np.random.Generator, among: Sequence[T]) -> T:
    return among[int(generator.integers(len(among)))]
