"""How much of a film may be decoded: hours of huge frames fit in a file of a few kilobytes.

A pass may decode so many pixels, and more the more bytes the film has: real films do not come near it (two hours in
1080p at 25 frames a second are 3.7e11 pixels; with 20 MB they may be 5e11), a file of nothing but repeated frames stops
after a minute or two.
"""

from __future__ import annotations

import math

from morelike.errors import DecodeError

__all__ = ["AT_A_GLANCE", "Effort", "TooMuchEffort"]

AT_A_GLANCE = 8_000_000_000
"""Pixels for a preview: some 15 seconds, whatever the film."""
_A_PASS = 30_000_000_000  # about a minute of one core
_ALL_RUNS = 200_000_000_000
_PIXELS_A_BYTE = 20_000
_LEAST = 20_000  # pixels: the smallest frame costs as much as this many
_SEGMENTS_A_RUN = 16


class TooMuchEffort(DecodeError):
    """Decoding was given up on, though nothing is damaged."""


class Effort:
    """What is left of one film's bound, in pixels. ``most``: instead of what its bytes allow."""

    def __init__(self, name: str, size: int | None, most: int = 0) -> None:
        self._name = name
        self._earned = (size or 0) * _PIXELS_A_BYTE
        self._left = most or _A_PASS + self._earned

    def spend(self, width: int, height: int, frames: int = 1) -> None:
        """Before that many frames are decoded. Raises TooMuchEffort."""
        self._left -= frames * max(width * height, _LEAST)
        if self._left < 0:
            raise self._refused(f"frames of {width} × {height} pixels that take too long to decode")

    def spend_on_runs(self, segments: int, width: int, height: int, frames: int) -> None:
        """Before an item is cut so: each run of segments may begin ``frames`` behind the frame that it needs.

        Raises TooMuchEffort.
        """
        runs = math.ceil(segments / _SEGMENTS_A_RUN)
        if runs > 1 and runs * frames * max(width * height, _LEAST) > _ALL_RUNS + self._earned:
            raise self._refused(f"{segments:,} segments, each up to {frames:,} frames behind a key frame")

    def _refused(self, why: str) -> TooMuchEffort:
        return TooMuchEffort(f"{self._name} has {why}", hint="encode it anew, with a key frame every few seconds")
