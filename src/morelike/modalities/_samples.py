"""Samples made fit for encoders: numbers only, within full scale, at the rate that is wanted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError

__all__ = ["Samples", "resampled", "usable"]

Samples = NDArray[np.float32]
_MOST_NOT_NUMBERS = 0.1


def usable(samples: Samples, name: str) -> Samples:
    """Clipped to [-1, 1], with zeros for a few values that are no numbers; in place."""
    if samples.min(initial=0) >= -1 and samples.max(initial=0) <= 1:  # false over NaN
        return samples
    numbers = np.isfinite(samples)
    share = 1 - float(numbers.mean())
    if share > _MOST_NOT_NUMBERS:
        raise DecodeError(f"{name} is damaged: {share:.0%} of its samples are no numbers")
    samples[~numbers] = 0
    return np.clip(samples, -1, 1, out=samples)


def resampled(samples: Samples, own: int, rate: int) -> Samples:
    if own == rate:
        return samples
    import soxr

    resampled: Samples = soxr.resample(samples, own, rate, "HQ")
    return np.clip(resampled, -1, 1, out=resampled)
