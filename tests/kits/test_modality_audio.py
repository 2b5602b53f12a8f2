"""The audio modality through the kit."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from morelike.protocols import Modality
from morelike.registry import MODALITIES
from morelike.settings import Settings
from morelike.testing.kits.modality import ModalityKit, Sample
from morelike.testing.sounds import as_wav, encoded, synthetic_sound

pytest.importorskip("av")

_WRITTEN = (("flac", "flac"), ("mp3", "mp3"), ("ogg", "libopus"), ("ipod", "aac"), ("matroska", "pcm_s16le"))


@cache
def samples_of_sounds() -> tuple[Sample, ...]:
    """Recordings of 0.3 to 3 s, some of them longer than the window and hop below."""
    written = [
        (encoded(synthetic_sound(i, 3.1, 48_000), 48_000, *form), f"sound.{form[0]}") for i, form in enumerate(_WRITTEN)
    ]
    stereo = np.stack([synthetic_sound(7, 1.0), synthetic_sound(8, 1.0)], axis=1)
    return ((as_wav(synthetic_sound(6, 0.3)), "clip.wav"), (as_wav(stereo), "STEREO.WAV"), *written)


class TestAudioModality(ModalityKit):
    """A clip, stereo, and recordings in five containers that are cut into windows."""

    @pytest.fixture
    def modality(self, settings: Settings) -> Modality:
        """The registered one."""
        return MODALITIES.load("audio")(settings)

    @pytest.fixture
    def samples(self) -> list[Sample]:
        """Made once."""
        return list(samples_of_sounds())

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        """Windows of a second."""
        return {"window": 1.0, "hop": 0.5}
