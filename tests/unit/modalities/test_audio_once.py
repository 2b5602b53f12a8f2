"""A recording that two encoders want is decoded once, and neither can harm the other's samples."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra `audio` is not installed")
pytest.importorskip("soxr", reason="the extra `audio` is not installed")

from morelike.errors import DecodeError
from morelike.modalities import _sound
from morelike.modalities._once import _recent
from morelike.testing.sounds import as_wav, tone
from morelike.types import Blob


def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Blob, list[int]]:
    """A wav, and a list that gets an entry each time it is decoded."""
    path = tmp_path / "a.wav"
    path.write_bytes(as_wav(tone(440, 1.0, 16_000), 16_000))
    decoded: list[int] = []
    whole = _sound._whole
    monkeypatch.setattr(_sound, "_whole", lambda blob, what: decoded.append(1) or whole(blob, what))
    return Blob.from_path(path), decoded


def test_two_rates_are_one_decode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From two threads at once; a third asks anew, so that nothing is kept for long."""
    blob, decoded = recording(tmp_path, monkeypatch)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda rate: _sound.read_whole(blob, rate), [16_000, 8_000])
    assert (first.rate, second.rate, len(decoded)) == (16_000, 8_000, 1)
    assert len(first.samples) == 2 * len(second.samples)
    assert not any(kept[0] is blob for kept in _recent.values())

    _sound.read_whole(blob, 8_000)
    assert len(decoded) == 2


def test_samples_are_the_callers_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one caller writes to, another does not see."""
    blob, _ = recording(tmp_path, monkeypatch)
    first = _sound.read_whole(blob, None)
    first.samples[:] = 0
    assert np.abs(_sound.read_whole(blob, None).samples).max() > 0.1


def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    """A blob whose bytes came back is read."""
    data: dict[str, bytes] = {"now": b"no sound at all"}

    def opened() -> BinaryIO:
        import io

        return io.BytesIO(data["now"])

    blob = Blob("x", "x.wav", opened)
    with pytest.raises(DecodeError):
        _sound.read_whole(blob, 8_000)
    data["now"] = as_wav(tone(440, 1.0, 16_000), 16_000)
    assert len(_sound.read_whole(blob, 8_000).samples) == 8_000
