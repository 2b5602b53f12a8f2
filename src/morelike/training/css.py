"""The CSS task (colour, shape, size; Vo et al. 2019): scenes on a 3 x 3 grid and words that change them.

A split has ``scenes`` first scenes with ``MODIFICATIONS`` changes each; every change gives a further scene. Two things
on the two splits are not alike: which shape comes in which colour. Of each colour one shape occurs in both, one in
``train`` only, one in ``test`` only, so that in the test half of the pairs were never seen.

Everything is drawn from ``random.Random(seed)`` by its ``random()``, whose numbers Python keeps the same for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal, TypeVar

__all__ = ["COLOURS", "POSITIONS", "SHAPES", "SIZES", "Css", "CssSplit", "Split", "Thing", "make_css"]

Split = Literal["train", "test"]
COLOURS: Mapping[str, tuple[int, int, int]] = {
    "gray": (87, 87, 87),
    "red": (244, 35, 35),
    "blue": (42, 75, 215),
    "green": (29, 205, 20),
    "brown": (129, 74, 25),
    "purple": (129, 38, 192),
    "cyan": (41, 208, 208),
    "yellow": (255, 238, 51),
}
"""RGB, as published."""
SHAPES: Mapping[str, str] = {"rectangle": "cube", "circle": "sphere", "triangle": "cylinder"}
"""A shape's name in the published file to its name in the texts, which is that of its solid."""
SIZES = ("small", "large")
ROWS, COLUMNS = ("top", "middle", "bottom"), ("left", "center", "right")
POSITIONS = tuple(f"{row}-{column}" for row in ROWS for column in COLUMNS)
MODIFICATIONS = 8
FEWEST, MOST = 3, 6
"""Things of a first scene."""
JITTER = 0.03
"""A thing stands off the middle of its cell by this much at most, as a fraction of the picture."""
PATIENCE = 200
"""Draws for one more modification; a scene of six things has hundreds."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing of a scene. ``y`` and ``x``: its middle as fractions of the picture, from the top left."""

    shape: str
    color: str
    size: str
    cell: int
    """Of the nine, row by row."""
    y: float
    x: float

    def to_published(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "color": self.color,
            "size": self.size,
            "pos": (self.y, self.x),
            "pos_str": POSITIONS[self.cell],
        }

    @classmethod
    def from_published(cls, values: Mapping[str, Any]) -> Thing:
        """Raises KeyError, TypeError, ValueError on what is no thing."""
        y, x = (float(value) for value in values["pos"])
        if not (0 <= y <= 1 and 0 <= x <= 1):
            raise ValueError(f"a thing stands at {y}, {x}: outside its picture")
        cell = min(2, int(y * 3)) * 3 + min(2, int(x * 3))
        return cls(str(values["shape"]), str(values["color"]), str(values["size"]), cell, y, x)


Scene = tuple[Thing, ...]
"""By cell, ascending."""


@dataclass(frozen=True, slots=True)
class CssSplit:
    """``changes``: (source scene, text, target scene). ``labels``: of each scene; equal ones show the same things."""

    scenes: Sequence[Scene]
    labels: Sequence[int]
    changes: Sequence[tuple[int, str, int]]


@dataclass(frozen=True, slots=True)
class Css:
    train: CssSplit
    test: CssSplit


def make_css(seed: int = 0, scenes: int = 2000) -> Css:
    """Both splits, of ``scenes`` first scenes each; the same seed makes the same ones."""
    random = Random(f"css {seed}")  # noqa: S311 - scenes, not secrets
    train, test = _pairs(random)
    return Css(_Maker(random, sorted(train)).split(scenes), _Maker(random, sorted(test)).split(scenes))


def _pairs(random: Random) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Which colours come in which shapes, of each split; drawn anew where a shape comes in fewer than two colours of a
    split: nothing of that shape could be made another colour.
    """
    while True:
        train: list[tuple[str, str]] = []
        test: list[tuple[str, str]] = []
        for colour in COLOURS:
            both, only_train, only_test = _shuffled(random, list(SHAPES))
            train += [(colour, both), (colour, only_train)]
            test += [(colour, both), (colour, only_test)]
        if all(sum(own == shape for _, own in pairs) >= 2 for pairs in (train, test) for shape in SHAPES):
            return train, test


@dataclass(frozen=True, slots=True)
class _Maker:
    random: Random
    pairs: Sequence[tuple[str, str]]
    """Colours and shapes, in an order."""

    def split(self, count: int) -> CssSplit:
        scenes: list[Scene] = []
        changes: list[tuple[int, str, int]] = []
        for _ in range(count):
            first, source = self._scene(), len(scenes)
            scenes.append(first)
            for text, changed in self._changes(first):
                changes.append((source, text, len(scenes)))
                scenes.append(changed)
        known: dict[frozenset[tuple[str, str, str, int]], int] = {}
        labels = [known.setdefault(_shown(scene), index) for index, scene in enumerate(scenes)]
        return CssSplit(scenes, labels, changes)

    def _scene(self) -> Scene:
        count = FEWEST + int(self.random.random() * (MOST - FEWEST + 1))
        cells = sorted(_shuffled(self.random, list(range(len(POSITIONS))))[:count])
        return tuple(self._thing(cell) for cell in cells)

    def _thing(self, cell: int) -> Thing:
        colour, shape = _one(self.random, self.pairs)
        y, x = ((place + 0.5) / 3 + (2 * self.random.random() - 1) * JITTER for place in divmod(cell, 3))
        return Thing(shape, colour, _one(self.random, SIZES), cell, round(y, 4), round(x, 4))

    def _changes(self, scene: Scene) -> Iterator[tuple[str, Scene]]:
        """``MODIFICATIONS`` texts with what comes of them: a text and a result occur once each."""
        texts: set[str] = set()
        results = {_shown(scene)}
        for _ in range(PATIENCE):
            text, changed = self._change(scene)
            if text not in texts and _shown(changed) not in results:
                texts.add(text)
                results.add(_shown(changed))
                yield text, changed
                if len(texts) == MODIFICATIONS:
                    return
        raise AssertionError("a scene has hundreds of changes")  # nobody can get here

    def _change(self, scene: Scene) -> tuple[str, Scene]:
        kind = _one(self.random, ("add", "remove", "make"))
        if kind == "add":
            free = sorted(set(range(len(POSITIONS))) - {thing.cell for thing in scene})
            new = self._thing(_one(self.random, free))
            text = f"add {new.size} {new.color} {SHAPES[new.shape]} to {POSITIONS[new.cell]}"
            return text, tuple(sorted((*scene, new), key=lambda thing: thing.cell))
        old = _one(self.random, scene)
        name = self._reference(old, scene)
        if kind == "remove":
            return f"remove {name}", tuple(thing for thing in scene if thing is not old)
        if self.random.random() < 1 / 3:
            value = SIZES[1 - SIZES.index(old.size)]
            new = replace(old, size=value)
        else:  # of the other colours that its shape comes in
            value = _one(self.random, [c for c, shape in self.pairs if shape == old.shape and c != old.color])
            new = replace(old, color=value)
        return f"make {name} {value}", tuple(new if thing is old else thing for thing in scene)

    def _reference(self, old: Thing, scene: Scene) -> str:
        """Words that name this thing and no other of its scene: where, how large, which colour, which shape."""
        while True:
            shown = [self.random.random() < 0.5 for _ in range(4)]
            if sum(_told(thing, shown) == _told(old, shown) for thing in scene) == 1:
                where, size, colour, shape = shown
                words = [POSITIONS[old.cell]] * where + [old.size] * size + [old.color] * colour
                return " ".join([*words, SHAPES[old.shape] if shape else "object"])


def _told(thing: Thing, shown: Sequence[bool]) -> tuple[Any, ...]:
    everything = (thing.cell, thing.size, thing.color, thing.shape)
    return tuple(value for value, told in zip(everything, shown, strict=True) if told)


def _shown(scene: Scene) -> frozenset[tuple[str, str, str, int]]:
    return frozenset((thing.shape, thing.color, thing.size, thing.cell) for thing in scene)


def _one(random: Random, among: Sequence[T]) -> T:
    return among[int(random.random() * len(among))]


def _shuffled(random: Random, things: list[T]) -> list[T]:
    """Fisher and Yates, from the end."""
    for last in range(len(things) - 1, 0, -1):
        other = int(random.random() * (last + 1))
        things[last], things[other] = things[other], things[last]
    return things
