"""A split's pictures, cut once to the network's size and kept: a second run with the same numbers starts at once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.encoders._pixels import Pixels
from morelike.errors import ModelError
from morelike.models import files
from morelike.training.triplets import Triplets

__all__ = ["Pictures", "digest_of", "prepared"]

_BLOCK = 256
_LARGEST = 64 * 1024**3  # bytes of one split


@dataclass(frozen=True, slots=True)
class Pictures:
    """(n, h, w, 3) uint8, mapped from a file, and what makes a network's numbers of them: rgb · scale + shift."""

    rows: NDArray[np.uint8]
    scale: tuple[float, float, float]
    shift: tuple[float, float, float]


def digest_of(folder: Path, about: Mapping[str, Any]) -> str:
    """32 hex digits over ``about`` and every file below ``folder``: its path, size and time of change.

    Raises ModelError.
    """
    state = blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=16)
    if not folder.is_dir():
        raise ModelError(f"there is no data set in {folder}: no such folder", hint="--dataset-path names its folder")
    for line in _listed(folder, folder):
        state.update(line.encode(errors="surrogateescape"))
    return state.hexdigest()


def _listed(folder: Path, top: Path) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise ModelError(f"{folder} cannot be read: {error.strerror}") from error
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _listed(Path(entry.path), top)
        else:
            stat = entry.stat(follow_symlinks=False)
            yield f"{os.path.relpath(entry.path, top)}\0{stat.st_size}\0{stat.st_mtime_ns}\n"


def prepared(
    triplets: Triplets,
    numbers: Mapping[str, Any],
    kept: Path,
    *,
    threads: int = 1,
    between: Callable[[int, int], None] | None = None,
) -> Pictures:
    """The split's pictures cut by the product's own preprocessing with a card's ``numbers``; made where not ``kept``.

    ``kept`` is the .npy file that holds them, whose name says for which data and numbers. ``between(done, total)`` is
    called now and then, and may raise to end it. Raises ModelError, and ItemError on a picture that cannot be read.
    """
    pixels = Pixels.from_card("the run's settings", numbers)
    if len(triplets) == 0:
        raise ModelError("the data set has no pictures")
    shape = (len(triplets), *pixels.cut(triplets.picture(0)).shape)
    if np.prod(shape, dtype=np.int64) > _LARGEST:
        raise ModelError(f"{shape[0]} pictures of {shape[2]} x {shape[1]} are too many", hint="make them smaller")
    rows = _opened(kept, shape)
    if rows is None:
        try:
            _write(kept, shape, _cut(triplets, pixels, threads, between))
        except OSError as error:
            raise ModelError(
                f"{kept} cannot be written: {error.strerror}",
                hint=f"it takes {np.prod(shape, dtype=np.int64) // 1024**2 + 1} MB; --runs names another folder",
            ) from error
        rows = _opened(kept, shape)
    if rows is None:
        raise ModelError(f"{kept} changed while it was read", hint="remove it and start again")
    return Pictures(rows, pixels.scale, pixels.shift)


def _opened(kept: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """The file's array, or None where there is none of that shape."""
    damage = (OSError, ValueError, EOFError, SyntaxError, TokenError, TypeError, OverflowError)
    try:
        rows = np.load(kept, mmap_mode="r", allow_pickle=False)
    except damage:  # numpy reads a header as Python
        return None
    return rows if rows.dtype == np.uint8 and rows.shape == shape else None


def _cut(
    triplets: Triplets, pixels: Pixels, threads: int, between: Callable[[int, int], None] | None
) -> Iterator[NDArray[np.uint8]]:
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for start in range(0, len(triplets), _BLOCK):
            if between is not None:
                between(start, len(triplets))
            block = range(start, min(start + _BLOCK, len(triplets)))
            yield from pool.map(lambda index: pixels.cut(triplets.picture(index)), block)


def _write(kept: Path, shape: tuple[int, ...], rows: Iterator[NDArray[np.uint8]]) -> None:
    # Written row after row, not into a mapped file: on a full disk that would end the process without a word.
    kept.parent.mkdir(parents=True, exist_ok=True)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with NamedTemporaryFile(dir=kept.parent, prefix=f".{kept.name}.", delete=False) as stream:
        part = Path(stream.name)
        try:
            np.lib.format.write_array_header_1_0(stream, header)
            for row in rows:
                stream.write(row.tobytes())
            files.sync(stream)
            part.chmod(0o644)
            part.replace(kept)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
