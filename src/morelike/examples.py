"""What a person hands over as an example or a thing to add, turned into the words of the house."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from threading import Thread
from typing import Any, Literal

import blake3
import numpy as np

from morelike.errors import DecodeError, MorelikeError, QueryError, SourceError, UsageError
from morelike.settings import Settings
from morelike.sources import open_source
from morelike.types import Blob, Example, Span
from morelike.unpacking import Holds

__all__ = ["as_blob", "as_example", "as_sources", "count_ahead", "named", "words_too"]

WORDS = "text:"
"""What words begin with where a file, an address or an id could stand too."""
ITEM_ID = re.compile(r"[0-9a-z][0-9A-Za-z_\-]{5,}")


def as_example(
    example: Any,
    settings: Settings,
    *,
    weight: float = 1.0,
    crop: tuple[float, float, float, float] | None = None,
    at: Span | tuple[float, float] | None = None,
    means: Callable[[str], Literal["item", "text"]] | None = None,
    holds: Holds | None = None,
) -> Example:
    """A path, URL, item id, bytes, PIL image, array (h, w, 3) uint8, Blob or Example; ``(example, weight)`` too.

    An array (n,) is a vector itself, as the collection's encoder would give it.

    ``at``: a Span, or (from, to) in seconds. ``means``: what a text that is no place means where items can be written
    down. ``holds``: as ``open_source`` takes it; a table of items is an example itself then. Raises QueryError,
    SourceError.
    """
    at = _span(at)
    if isinstance(example, Example):
        return replace(example, weight=weight * example.weight, crop=crop or example.crop, at=at or example.at)
    if isinstance(example, tuple) and len(example) == 2 and isinstance(example[1], int | float):
        weighed = weight * example[1]
        return as_example(example[0], settings, weight=weighed, crop=crop, at=at, means=means, holds=holds)
    if isinstance(example, np.ndarray):
        return Example("payload", example if example.ndim == 1 else _picture(example), weight, crop, at)
    if isinstance(example, str) and not _is_place(example):
        if means is not None:
            return Example(means(example), example, weight, crop, at)
        if ITEM_ID.fullmatch(example):
            return Example("item", example, weight, crop, at)
        raise QueryError(
            f"there is no file {example!r}", hint="an example is a file, a URL or an item's id; words go to text"
        )
    return Example("blob", as_blob(example, settings, holds), weight, crop, at)


def words_too(part: Any) -> Any:
    """A further part of a query as ``as_example`` takes it: ``"text:in the snow"`` are words, with a weight or without.

    Everything else comes back as it is; a file whose name begins so is ``./text:…``. Raises QueryError.
    """
    if isinstance(part, tuple) and len(part) == 2:
        return words_too(part[0]), part[1]
    if not isinstance(part, str) or not part.startswith(WORDS):
        return part
    words = part.removeprefix(WORDS).strip()
    if not words:
        raise QueryError("there are no words after text:", hint='for example: --minus "text:in the snow"')
    return Example("text", words)


def _span(at: Any) -> Span | None:
    if at is None or isinstance(at, Span):
        return at
    try:
        start, end = (float(second) for second in at)
    except (TypeError, ValueError):
        start, end = 0.0, -1.0
    if not 0 <= start < end < float("inf"):
        raise QueryError(f"at={at!r} is no part of anything", hint="at=(3, 8) is from second 3 to second 8")
    return Span("seconds", start, end)


def as_blob(thing: Any, settings: Settings, holds: Holds | None = None) -> Blob:
    """One thing's bytes; ``holds`` as ``open_source`` takes it. Raises SourceError, UsageError, QueryError."""
    if isinstance(thing, Blob):
        return thing
    if isinstance(thing, str | Path):
        _, blobs = open_source(str(thing), settings, holds=holds)
        blob = next(blobs, None)
        if blob is None:
            raise SourceError(f"there is nothing in {thing}", hint="give one file")
        if next(blobs, None) is not None:
            raise QueryError(f"{thing} holds several files", hint="give one of them")
        return blob
    data, name = _content(thing)
    return Blob.from_bytes(data, name, uri=f"upload:{blake3.blake3(data).hexdigest()[:16]}")


def as_sources(
    things: tuple[Any, ...], settings: Settings, exclude: tuple[str, ...] = (), holds: Holds | None = None
) -> Iterator[tuple[str, str, Iterator[Blob]]]:
    """(source kind, origin, blobs) for each thing to add; ``holds`` as ``open_source`` takes it.

    Raises SourceError, UsageError.
    """
    from morelike.sources import origin

    # all of them first: the last one's spelling mistake must not come to light after hours
    opened = [
        open_source(str(thing), settings, exclude, holds=holds) if isinstance(thing, str | Path) else None
        for thing in things
    ]
    for given, group in groupby(zip(things, opened, strict=True), key=lambda pair: pair[1] is None):
        if given:  # together, so that the stages of ``add`` overlap
            yield "given", "", (as_blob(thing, settings) for thing, _ in group)
            continue
        for thing, source in group:
            if source is not None:
                yield source[0], origin(str(thing)), source[1]


def count_ahead(
    things: tuple[Any, ...],
    opened: Callable[[tuple[Any, ...]], Iterator[tuple[str, str, Iterator[Blob]]]],
    expect: Callable[[int], object],
    ended: Callable[[], bool],
) -> None:
    """Count in a thread how many items are coming, only where that is cheap, and tell ``expect``, unless all has
    ``ended``. ``opened``: as ``as_sources`` opens places.
    """

    def count() -> None:
        total = 0
        with suppress(MorelikeError, OSError):  # whoever adds them will say it
            places = tuple(thing for thing in things if isinstance(thing, str | Path))
            total += len(things) - len(places)  # a stream can be read once, and not here
            for name, _, blobs in opened(places):
                if name != "files":
                    return
                for _ in blobs:
                    total += 1
                    if ended():
                        return
            expect(total)

    Thread(target=count, name="count", daemon=True).start()


def named(blobs: Iterator[Blob], only: Sequence[str]) -> Iterator[Blob]:
    """Those whose name matches one of the globs, whatever the case; all of them where there are none."""
    globs = [glob.casefold() for glob in only]
    return (blob for blob in blobs if not globs or any(fnmatchcase(blob.name.casefold(), glob) for glob in globs))


def _is_place(text: str) -> bool:
    if not text:  # the file system takes it for the current folder
        return False
    if re.match(r"(https?|s3)://", text, re.IGNORECASE):
        return True
    try:
        return Path(text).expanduser().exists()
    except (OSError, ValueError):
        return False


def _picture(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if array.dtype != np.uint8 or array.ndim not in {2, 3} or (array.ndim == 3 and array.shape[2] not in {1, 3, 4}):
        raise QueryError(
            f"an array of shape {array.shape} and type {array.dtype} is no picture",
            hint="uint8 (height, width, 3), RGB",
        )
    if 0 in array.shape:
        raise QueryError("the array is empty")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    return np.ascontiguousarray(array[:, :, :3])


def _content(thing: Any) -> tuple[bytes, str]:
    if isinstance(thing, bytes | bytearray | memoryview):
        return bytes(thing), ""
    if isinstance(thing, np.ndarray):
        from PIL import Image

        thing = Image.fromarray(_picture(thing))
    if hasattr(thing, "save") and hasattr(thing, "getexif"):  # a PIL image: the same way in as a file
        return _png(thing), "picture.png"
    if hasattr(thing, "read"):
        return bytes(thing.read()), str(getattr(thing, "name", ""))
    raise UsageError(
        f"a {type(thing).__name__} cannot be used here", hint="a path, a URL, bytes, a PIL image or an array"
    )


def _png(picture: Any) -> bytes:
    """A PIL image, as it stands, without loss; through RGB where no PNG can hold its mode. Raises DecodeError."""
    from PIL import ImageOps

    stream = io.BytesIO()
    try:
        picture = ImageOps.exif_transpose(picture)
        if picture.mode in {"F", "I"}:  # a PNG would cut their range: a TIFF holds it
            picture.save(stream, "TIFF")
            return stream.getvalue()
        if picture.mode == "La":
            picture = picture.convert("LA")  # Pillow knows no other way out of it
        if picture.mode not in {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}:
            picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
        picture.save(stream, "PNG", compress_level=1)
    except (OSError, SyntaxError, SystemError, ValueError) as error:
        raise DecodeError(f"the picture cannot be used: {error}", hint="is it complete, and not empty?") from error
    return stream.getvalue()
