"""The demo: real photographs with altered copies of each, so that the first search shows something true.

The photographs are those that the scikit-image package carries (the extra ``demo``). Nothing is fetched.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from morelike.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from PIL import Image

    from morelike.collection import OpenCollection
    from morelike.library import Library
    from morelike.progress import AddReport, Progress

__all__ = ["ALTERATIONS", "PHOTOGRAPHS", "Demo", "build", "make_pictures"]

PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "cell.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "microaneurysms.png",
    "moon.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "page.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
)
"""The real photographs among the files of ``skimage/data``; the rest are drawings and test patterns."""

SHOWN = ("coffee", "chelsea", "motorcycle_left")
"""Whose altered copies the demo searches for, the first one alone where only one search is wanted."""

QUALITY = 60
ID_LENGTH = 12
PAGE = 1000
OWN_COLLECTION, DATA_COLLECTION = "photographs", "pictures"


@dataclass(frozen=True, slots=True)
class Demo:
    """A built demo. ``examples`` are what to search with, each behind the name to show it by."""

    collection: OpenCollection
    report: AddReport
    examples: Mapping[str, str]
    """Name to a path, or to an item's id where the pictures are the user's own."""


def build(
    library: Library,
    data: str | None,
    pictures: Path,
    *,
    notify: Callable[[str], None],
    progress: Callable[[Progress], None],
) -> Demo:
    """Add ``data``, or without it photographs and altered copies written to ``pictures``.

    Raises MissingExtra where the photographs are not installed, UsageError where ``data`` holds no picture.
    """
    if data is None:
        made, queries = make_pictures(pictures)
        collection = library.collection(OWN_COLLECTION, modality="image", notify=notify)
        report = collection.add(str(made), progress=progress)
        paths = [str(queries / f"{name}.jpg") for name in SHOWN]
        return Demo(collection, report, dict(zip(paths, paths, strict=True)))
    collection = library.collection(DATA_COLLECTION, modality="image", notify=notify)
    report = collection.add(str(Path(data).expanduser()), in_place=True, progress=progress)
    found = _found_in(collection, data)
    if not found:
        raise UsageError(f"there is no picture in {data}", hint="DATA names a folder with pictures")
    step = max(1, len(found) // len(SHOWN))  # from different folders, where the pictures lie in several
    return Demo(collection, report, dict(found[::step][: len(SHOWN)]))


def _found_in(collection: OpenCollection, data: str) -> list[tuple[str, str]]:
    """(path, item) of pictures below ``data``, some at most: an earlier run may have added another folder."""
    place = str(Path(data).expanduser().absolute())
    found: list[tuple[str, str]] = []
    offset = 0
    while len(found) < PAGE and (items := collection.items(limit=PAGE, offset=offset)):
        uris = ((source.uri, item.id[:ID_LENGTH]) for item in items for source in item.sources)
        found += [(uri, item) for uri, item in uris if uri == place or uri.startswith((f"{place}/", f"{place}!"))]
        offset += len(items)
    return found


def make_pictures(folder: Path) -> tuple[Path, Path]:
    """Write each photograph with its altered copies to ``folder/library/NAME/`` and a further altered copy, which the
    library does not hold, to ``folder/queries/``. The same every time; what is there is left alone.

    Returns both folders. Raises MissingExtra.
    """
    from PIL import Image

    made, queries = folder / "library", folder / "queries"
    for original in _photographs():
        own = made / original.stem
        own.mkdir(parents=True, exist_ok=True)
        queries.mkdir(exist_ok=True)
        copy = own / f"original{original.suffix}"
        if not copy.exists():
            shutil.copyfile(original, copy)
        wanted = {own / f"{name}.jpg": alter for name, alter in ALTERATIONS.items()}
        wanted[queries / f"{original.stem}.jpg"] = _query
        missing = {path: alter for path, alter in wanted.items() if not path.exists()}
        if missing:
            with Image.open(original) as opened:
                picture = opened.convert("RGB")
            for path, alter in missing.items():
                _save(alter(picture), path)
    return made, queries


def _photographs() -> list[Path]:
    spec = importlib.util.find_spec("skimage")
    folders = [Path(folder) / "data" for folder in (spec.submodule_search_locations or [])] if spec else []
    found = [folder / name for folder in folders for name in PHOTOGRAPHS if (folder / name).is_file()]
    if not found:
        raise MissingExtra(
            "the demo's photographs come with scikit-image, which is not installed",
            hint="pip install 'morelike[demo]', or name a folder of your own: morelike demo FOLDER",
        )
    return found


def _save(picture: Image.Image, path: Path) -> None:
    """Under the final name only when whole: an interrupted demo leaves nothing half written behind."""
    unfinished = path.with_suffix(".part")
    picture.save(unfinished, "JPEG", quality=QUALITY)
    unfinished.replace(path)


def _part(picture: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    w, h = picture.size
    return picture.crop((round(left * w), round(top * h), round(right * w), round(bottom * h)))


def _cropped(picture: Image.Image) -> Image.Image:
    return _part(picture, 0.1, 0.05, 0.9, 0.85)


def _re_encoded(picture: Image.Image) -> Image.Image:
    return picture.resize((max(1, picture.width * 2 // 3), max(1, picture.height * 2 // 3)))


def _rotated(picture: Image.Image) -> Image.Image:
    """Six degrees, without the empty corners."""
    from PIL import Image

    return _part(picture.rotate(6, Image.Resampling.BICUBIC), 0.08, 0.08, 0.92, 0.92)


def _recoloured(picture: Image.Image) -> Image.Image:
    from PIL import Image, ImageEnhance

    red, green, blue = picture.split()
    shifted = Image.merge(
        "RGB", (red.point(lambda v: min(255, round(v * 1.15))), green, blue.point(lambda v: round(v * 0.8)))
    )
    return ImageEnhance.Brightness(shifted).enhance(0.9)


def _query(picture: Image.Image) -> Image.Image:
    """An alteration of another kind than those in the library: narrower, paler and smaller at once."""
    from PIL import ImageEnhance

    part = _part(picture, 0.06, 0.08, 0.94, 0.96)
    return ImageEnhance.Color(part.resize((320, max(1, 320 * part.height // part.width)))).enhance(0.7)


ALTERATIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "cropped": _cropped,
    "re-encoded": _re_encoded,
    "recoloured": _recoloured,
    "rotated": _rotated,
}
"""What is done to each photograph."""
