"""Decoded pictures that are kept for their regions: no more bytes than so many, all of them together."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from morelike.modalities import _regions
from morelike.modalities._once import Once
from morelike.types import Blob

SIDE = 100
BYTES = 3 * SIDE * SIDE


@pytest.fixture(autouse=True)
def _none_kept() -> Iterator[None]:
    _regions._pictures.recent.clear()
    yield
    _regions._pictures.recent.clear()


def picture(name: str, side: int = SIDE) -> Blob:
    stream = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(stream, "PNG")
    return Blob.from_bytes(stream.getvalue(), name)


def decode(blob: Blob) -> np.ndarray:
    return _regions.decoded(blob, 10**9, lambda width, height: 0)[0]


def test_pictures_are_kept_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as have room together, the last ones; decoded once as long as they stay."""
    monkeypatch.setattr(_regions._pictures, "_most", 2 * BYTES)
    first, second, third = (picture(name) for name in ("a.png", "b.png", "c.png"))
    once = decode(first)
    assert decode(first) is once
    decode(second)
    decode(third)

    kept = [future.result() for _, future in _regions._pictures.recent.values()]
    assert sum(pixels.nbytes for pixels in kept) == 2 * BYTES
    assert decode(first) is not once


def test_a_picture_larger_than_the_room_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is decoded all the same, and pushes out none of the others."""
    monkeypatch.setattr(_regions._pictures, "_most", 2 * BYTES)
    small, large = picture("a.png"), picture("b.png", 2 * SIDE)
    once = decode(small)

    assert decode(large).nbytes == 4 * BYTES
    assert decode(small) is once


def test_the_room_is_that_of_a_few_pictures() -> None:
    """Whoever adds pictures by their regions pays tens of megabytes for it, not hundreds."""
    assert _regions._pictures._most <= 48 * 1024**2


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), max_size=30), st.integers(0, 60))
def test_all_that_stay_have_room(asked: list[tuple[int, int]], most: int) -> None:
    """Whatever is asked for in whatever order: what stays is no larger together, and what comes is always right."""
    once: Once[bytes] = Once(kept=4, size_of=len, most=most)
    blobs = [Blob.from_bytes(b"", str(number)) for number in range(6)]
    for number, size in asked:
        made = once.get(blobs[number], str(size), lambda number=number, size=size: bytes([number]) * size)  # type: ignore[misc]
        assert made == bytes([number]) * size
        kept = [future.result() for _, future in once.recent.values()]
        assert sum(map(len, kept)) <= most
        assert len(kept) <= 4
