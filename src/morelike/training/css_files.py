"""The CSS task on disk, in its published layout: one .npy with scenes and changes, and a PNG a scene."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from morelike.errors import SourceError, UsageError
from morelike.training.css import COLOURS, SHAPES, SIZES, CssSplit, Split, Thing, make_css
from morelike.training.css_flat import draw_flat
from morelike.training.css_solid import draw_solid
from morelike.training.photographs import Photographs
from morelike.training.plain_pickle import read_plain, write_plain
from morelike.training.triplets import ComposedQuery, Triplet

__all__ = ["TABLE", "CssData", "picture_path", "read_css", "write_css"]

TABLE = "css_toy_dataset_novel2_small.dup.npy"
Pictures = Literal["3d", "2d"]
LONGEST_TEXT = 1000
AT_ONCE = 256


def picture_path(folder: Path, split: Split, index: int, pictures: Pictures = "3d") -> Path:
    """Where a scene's picture lies."""
    return folder / ("images" if pictures == "3d" else "images_2d") / f"css_{split}_{index:06d}.png"


def write_css(
    folder: Path,
    *,
    seed: int = 0,
    scenes: int = 2000,
    pictures: Sequence[Pictures] = ("3d",),
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Make the task in ``folder``; how many pictures were written. The same arguments write the same bytes.

    ``progress`` is told pictures done and pictures in all. The table comes last: without it nobody reads the rest.
    Raises UsageError, SourceError where the folder cannot be written.
    """
    if not 1 <= scenes <= 100_000:
        raise UsageError(f"{scenes} first scenes cannot be made", hint="1 to 100000; the published task has about 2000")
    css = make_css(seed, scenes)
    splits: dict[Split, CssSplit] = {"train": css.train, "test": css.test}
    total = len(pictures) * sum(len(split.scenes) for split in splits.values())
    done = 0
    try:
        (folder / TABLE).unlink(missing_ok=True)  # that of other scenes
        for form in pictures:
            for name, split in splits.items():
                picture_path(folder, name, 0, form).parent.mkdir(parents=True, exist_ok=True)
                for index, data in enumerate(_drawn(split, form)):
                    picture_path(folder, name, index, form).write_bytes(data)
                    done += 1
                    if progress is not None and (done % 100 == 0 or done == total):
                        progress(done, total)
        folder.mkdir(parents=True, exist_ok=True)
        write_plain(folder / TABLE, {name: _published(split) for name, split in splits.items()})
    except OSError as error:
        raise SourceError(f"{folder} cannot be written: {error.strerror}", hint="choose another --out") from error
    return done


def _drawn(split: CssSplit, form: Pictures) -> Iterator[bytes]:
    def draw(scene: Sequence[Thing]) -> bytes:
        return _png(draw_solid(scene) if form == "3d" else draw_flat(scene))

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(split.scenes), AT_ONCE):
            yield from pool.map(draw, split.scenes[start : start + AT_ONCE])


def _png(picture: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def _published(split: CssSplit) -> dict[str, Any]:
    mods: dict[str, dict[str, Any]] = {}
    for source, text, target in split.changes:
        mod = mods.setdefault(text, {"to_str": text, "from": [], "to": []})
        mod["from"].append(source)
        mod["to"].append(target)
    return {
        "objects_img": [[thing.to_published() for thing in scene] for scene in split.scenes],
        "labels": list(split.labels),
        "mods": list(mods.values()),
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Mod:
    text: str
    sources: Sequence[int]
    targets: Sequence[int]


@dataclass(slots=True, eq=False)
class CssData:
    """A split of the task as ``Triplets``; ``pictures`` says which form ``picture`` gives: PNGs, or drawn here."""

    folder: Path
    split: Split
    pictures: Pictures
    scenes: Sequence[Sequence[Thing]]
    labels: Sequence[str]
    mods: Sequence[_Mod]
    changes: Mapping[int, Sequence[tuple[int, int]]] = field(init=False)
    """Of a source: (which mod, target)."""
    _photographs: Photographs = field(init=False, repr=False)

    def __post_init__(self) -> None:
        changes: dict[int, list[tuple[int, int]]] = {}
        for index, mod in enumerate(self.mods):
            for source, target in zip(mod.sources, mod.targets, strict=True):
                changes.setdefault(source, []).append((index, target))
        self.changes = changes
        self._photographs = Photographs(picture_path(self.folder, self.split, 0).parent)

    @property
    def texts(self) -> Sequence[str]:
        return [mod.text for mod in self.mods]

    def __len__(self) -> int:
        return len(self.scenes)

    def picture(self, index: int) -> NDArray[np.uint8]:
        """(120, 180, 3) of the 3D form, (64, 64, 3) of the 2D form. Raises ItemError."""
        if self.pictures == "2d":
            return draw_flat(self.scenes[index])
        return self._photographs.read(picture_path(self.folder, self.split, index).name)

    def queries(self) -> Sequence[ComposedQuery]:
        """Every change, as published: for the training split too."""
        return [
            ComposedQuery(source, mod.text, self.labels[target])
            for mod in self.mods
            for source, target in zip(mod.sources, mod.targets, strict=True)
        ]

    def draw(self, generator: np.random.Generator, count: int) -> list[Triplet]:
        """As published: a text, one of its sources; then another text for the same source. The last may be alone."""
        drawn: list[Triplet] = []
        while len(drawn) < count:
            first = int(generator.integers(len(self.mods)))
            mod = self.mods[first]
            place = int(generator.integers(len(mod.sources)))
            source = mod.sources[place]
            drawn.append(Triplet(source, mod.text, mod.targets[place]))
            others = [change for change in self.changes[source] if change[0] != first]
            if others and len(drawn) < count:
                second, target = others[int(generator.integers(len(others)))]
                drawn.append(Triplet(source, self.mods[second].text, target))
        return drawn


def read_css(folder: Path, split: Split, pictures: Pictures = "3d") -> CssData:
    """The task in ``folder``, the project's own or the published one. Raises SourceError, ItemError."""
    table = folder / TABLE
    if not table.is_file():
        raise SourceError(f"{folder} holds no {TABLE}", hint=f"morelike train data css --out {folder}")
    values = read_plain(table)
    try:
        data = _checked(values[split], folder, split, pictures)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise SourceError(f"{table} is no table of the CSS task: {error!r}", hint="make or fetch it anew") from error
    if pictures == "3d" and not picture_path(folder, split, len(data) - 1).is_file():
        missing = picture_path(folder, split, len(data) - 1)
        raise SourceError(
            f"the picture {missing} is not there",
            hint="make them anew; --query-pictures 2d --target-pictures 2d need none",
        )
    return data


def _checked(values: Mapping[str, Any], folder: Path, split: Split, pictures: Pictures) -> CssData:
    scenes = [tuple(_checked_thing(thing) for thing in scene) for scene in values["objects_img"]]
    labels = [str(label) for label in values.get("labels", range(len(scenes)))]
    mods = [
        _Mod(str(mod["to_str"])[:LONGEST_TEXT], [int(i) for i in mod["from"]], [int(i) for i in mod["to"]])
        for mod in values["mods"]
    ]
    if len(labels) != len(scenes) or not mods:
        raise ValueError(f"{len(scenes)} scenes, {len(labels)} labels, {len(mods)} texts")
    for mod in mods:
        if not mod.sources or len(mod.sources) != len(mod.targets):
            raise ValueError(f"the text {mod.text!r} has {len(mod.sources)} sources and {len(mod.targets)} targets")
        if not all(0 <= index < len(scenes) for index in (*mod.sources, *mod.targets)):
            raise ValueError(f"the text {mod.text!r} names scenes that are not there")
    return CssData(folder, split, pictures, scenes, labels, mods)


def _checked_thing(values: Mapping[str, Any]) -> Thing:
    thing = Thing.from_published(values)
    if thing.shape not in SHAPES or thing.color not in COLOURS or thing.size not in SIZES:
        raise ValueError(f"a thing is a {thing.size} {thing.color} {thing.shape}")
    return thing
