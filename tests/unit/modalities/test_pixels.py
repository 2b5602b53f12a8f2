"""Deep greys to 8 bits."""

from __future__ import annotations

import numpy as np
import pytest

from morelike.modalities._pixels import eight_bits


def test_unsigned_16_bits_use_their_whole_range() -> None:
    """Every 16-bit level becomes the nearest of 256, so that white stays white and nothing is clipped."""
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)

    np.testing.assert_array_equal(np.rint(levels / 257).astype(np.uint8), eight_bits(levels))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 128.0, 255.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 257.0, 65535.0]], np.float32), [0, 1, 255]),
        (np.array([[-10.0, 0.0, 10.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 1e6, 2e6]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, 1.0, np.inf]], np.float32), [0, 255, 255]),
        (np.array([[np.nan, np.nan, np.nan]], np.float32), [0, 0, 0]),
        (np.array([[-np.finfo(np.float64).max, 0, np.finfo(np.float64).max]]), [0, 128, 255]),
        (np.array([[0, 25700, 65535]], np.int32), [0, 100, 255]),
        (np.array([[-100, 0, 100]], np.int32), [0, 128, 255]),
        (np.array([[7_000_000, 7_000_000, 7_000_000]], np.int32), [0, 0, 0]),
    ],
)
def test_wider_types_by_their_values(values: np.ndarray, expected: list[int]) -> None:
    """Known ranges are kept, others are stretched; what is not a number is black; nothing overflows."""
    assert expected == eight_bits(values)[0].tolist()
