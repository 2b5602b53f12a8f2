"""MIT-States (Isola et al. 2015) as triplets, as TIRG (Vo et al. 2019) was trained on it: a noun's adjective changes.

In the folder: ``images/<adjective> <noun>/*.jpg``. Which nouns are the test's is fixed, so that they are all unseen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from morelike.errors import SourceError
from morelike.training.css import Split
from morelike.training.photographs import Photographs
from morelike.training.triplets import ComposedQuery, Triplet

__all__ = ["TEST_NOUNS", "MitStates", "read_mit_states"]

TEST_NOUNS = frozenset(
    {
        *("armor", "bracelet", "bush", "camera", "candy", "castle", "ceramic", "cheese", "clock", "clothes"),
        *("coffee", "fan", "fig", "fish", "foam", "forest", "fruit", "furniture", "garden", "gate"),
        *("glass", "horse", "island", "laptop", "lead", "lightning", "mirror", "orange", "paint", "persimmon"),
        *("plastic", "plate", "potato", "road", "rubber", "sand", "shell", "sky", "smoke", "steel"),
        *("stream", "table", "tea", "tomato", "vacuum", "wax", "wheel", "window", "wool"),
    }
)
"""As published."""
MOST_PICTURES = 2_000_000
"""The published data has about 53 000."""
NO_ADJECTIVE = "adj"
"""The published data has folders of this name for a noun's pictures without any adjective."""
_HINT = "the folder is that of the published data, with images/ in it"


@dataclass(slots=True, eq=False)
class MitStates:
    """A split as ``Triplets``; a picture's label is its adjective and noun."""

    folder: Path
    split: Split
    files: Sequence[str]
    adjectives: Sequence[str]
    nouns: Sequence[str]
    labels: Sequence[str] = field(init=False)
    kinds: Mapping[str, Mapping[str, Sequence[int]]] = field(init=False)
    """Of a noun: of each adjective, its pictures. Two adjectives at least."""
    _photographs: Photographs = field(init=False, repr=False)

    def __post_init__(self) -> None:
        kinds: dict[str, dict[str, list[int]]] = {}
        for index, (adjective, noun) in enumerate(zip(self.adjectives, self.nouns, strict=True)):
            kinds.setdefault(noun, {}).setdefault(adjective, []).append(index)
        for noun, own in kinds.items():
            if len(own) < 2:
                raise SourceError(
                    f"{self.folder} has the noun {noun!r} with one adjective only, {next(iter(own))!r}",
                    hint="a noun needs two at least; complete the data or take the noun out",
                )
        self.labels = [f"{adjective} {noun}" for adjective, noun in zip(self.adjectives, self.nouns, strict=True)]
        self.kinds = kinds
        self._photographs = Photographs(self.folder / "images")

    @property
    def texts(self) -> Sequence[str]:
        """The labels, as published, though it is asked with adjectives alone."""
        return list(dict.fromkeys(self.labels))

    def __len__(self) -> int:
        return len(self.files)

    def picture(self, index: int) -> NDArray[np.uint8]:
        """(h, w, 3) RGB. Raises ItemError."""
        return self._photographs.read(self.files[index])

    def queries(self) -> Sequence[ComposedQuery]:
        """Of the test split: each picture with each other adjective of its noun. None of the training split."""
        if self.split != "test":
            return []
        return [
            ComposedQuery(index, other, f"{other} {noun}")
            for index, (adjective, noun) in enumerate(zip(self.adjectives, self.nouns, strict=True))
            for other in self.kinds[noun]
            if other != adjective
        ]

    def draw(self, generator: np.random.Generator, count: int) -> list[Triplet]:
        """Two in a row have one source and targets of two adjectives, maybe its own. The last may be alone."""
        drawn: list[Triplet] = []
        while len(drawn) < count:
            source = int(generator.integers(len(self.files)))
            own = self.kinds[self.nouns[source]]
            pair = generator.choice(len(own), 2, replace=False)
            for adjective in [list(own)[int(place)] for place in pair][: count - len(drawn)]:
                pictures = own[adjective]
                drawn.append(Triplet(source, adjective, pictures[int(generator.integers(len(pictures)))]))
        return drawn


def read_mit_states(folder: Path, split: Split) -> MitStates:
    """The split in ``folder``; pictures are read when they are asked for. Raises SourceError."""
    files: list[str] = []
    adjectives: list[str] = []
    nouns: list[str] = []
    for adjective, noun, kind in _kinds(folder / "images"):
        if (noun in TEST_NOUNS) != (split == "test"):
            continue
        for name in _pictures(kind):
            files.append(f"{kind.name}/{name}")
            adjectives.append(adjective)
            nouns.append(noun)
        if len(files) > MOST_PICTURES:
            raise SourceError(f"{folder} has more than {MOST_PICTURES} pictures", hint=_HINT)
    if not files:
        raise SourceError(f"{folder} has no picture of the split {split}", hint=_HINT)
    return MitStates(folder, split, files, adjectives, nouns)


def _kinds(images: Path) -> Iterator[tuple[str, str, Path]]:
    """Adjective, noun and their folder, by name."""
    for path in _sorted(images):
        if " " not in path.name or path.name.startswith(".") or not path.is_dir():
            continue
        words = path.name.split()
        if len(words) != 2:
            raise SourceError(f"the folder {path} is not named by an adjective and a noun", hint=_HINT)
        if words[0] != NO_ADJECTIVE:
            yield words[0], words[1], path


def _pictures(kind: Path) -> Iterator[str]:
    for path in _sorted(kind):
        if path.suffix.lower() in (".jpg", ".jpeg") and not path.name.startswith("."):
            yield path.name


def _sorted(folder: Path) -> list[Path]:
    """By name: another order would be another data set to the same seed."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise SourceError(f"{folder} cannot be read: {error.strerror}", hint=_HINT) from error
