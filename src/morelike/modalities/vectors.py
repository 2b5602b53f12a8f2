"""Vectors themselves: items without bytes that were imported, and ``.npy`` files of one vector as examples."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, Kind, Metadata, Preview, SegmentSpec, Span

__all__ = ["VectorsModality"]

_MAGIC = b"\x93NUMPY"
_LARGEST = 1024**2
_SIDE = 64


class VectorsModality:
    """A row of the registry. One segment an item, of the kind ``vector``: (n,) numbers."""

    name = "vectors"
    kinds: tuple[Kind, ...] = ("vector",)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def sniff(self, head: bytes, name: str) -> float:
        del name
        return 0.4 if head.startswith(_MAGIC) else 0.0

    def media_type(self, head: bytes, name: str) -> str:
        del head, name
        return "application/x-npy"

    def describe(self, blob: Blob) -> Metadata:
        return {"numbers": len(_vector(blob))}

    def settle(self, given: Metadata) -> Metadata:
        if given:
            raise UsageError(f"vectors have no {', '.join(sorted(given))}", hint="leave it out")
        return {}

    def split(self, blob: Blob, options: Metadata, at: Span = WHOLE) -> Iterator[SegmentSpec]:
        del options
        if at != WHOLE:
            raise QueryError(f"a vector has no {at.unit}", hint="leave --at out")
        _vector(blob)
        yield SegmentSpec("vector")

    def load(self, blob: Blob, spec: SegmentSpec, want: Mapping[str, Any]) -> NDArray[Any]:
        del spec, want
        return _vector(blob)

    def preview(self, blob: Blob, span: Span, side: int) -> Preview:
        """Its numbers as grey squares, the least black and the greatest white."""
        from PIL import Image

        del span
        vector = _vector(blob).astype(np.float64)
        width = int(np.ceil(np.sqrt(len(vector))))
        low, high = vector.min(), vector.max()
        greys = np.zeros(width * width, dtype=np.uint8)
        greys[: len(vector)] = np.round((vector - low) / ((high - low) or 1.0) * 255)
        side = max(1, min(side, _SIDE))
        picture = Image.fromarray(greys.reshape(width, width)).resize((side, side), Image.Resampling.NEAREST)
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        return Preview(stream.getvalue(), "image/png", side, side)

    def identity(self, blob: Blob) -> str | None:
        del blob
        return None


def _vector(blob: Blob) -> NDArray[Any]:
    """Raises DecodeError."""
    data = blob.read(_LARGEST + 1)
    if len(data) > _LARGEST or not data.startswith(_MAGIC):
        raise DecodeError(f"{blob.name} is no .npy file of one vector", hint="numpy.save writes one")
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OverflowError, OSError, SyntaxError, MemoryError) as error:
        raise DecodeError(f"{blob.name} cannot be read: {error}", hint="numpy.save writes one") from error
    vector: NDArray[Any] = array.reshape(-1) if array.ndim == 2 and len(array) == 1 else array
    if vector.ndim != 1 or not len(vector) or vector.dtype.kind not in "fiu" or not np.isfinite(vector).all():
        raise DecodeError(f"{blob.name} holds {array.shape} {array.dtype}, not one vector of finite numbers")
    return vector
