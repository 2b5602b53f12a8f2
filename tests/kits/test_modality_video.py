"""The video modality through the kit, with a film of each family of containers."""

from __future__ import annotations

from functools import cache

import pytest

from morelike.modalities.video import VideoModality
from morelike.protocols import LoadsRuns, Modality
from morelike.settings import Settings
from morelike.testing.films import animation, film
from morelike.testing.kits.modality import ModalityKit, Sample

SIZE = (96, 72)


@cache
def samples_of_films() -> tuple[Sample, ...]:
    """Short films, some with sound."""
    scenes = (0.6, 0.8)
    return (
        (film(1, scenes=scenes, fps=10, size=SIZE, sound="aac"), "film.mp4"),
        (film(2, scenes=scenes, fps=10, size=SIZE, codec="libvpx", container="webm", sound="libopus"), "film.webm"),
        (film(3, scenes=scenes, fps=10, size=SIZE, codec="mpeg4", container="avi", sound="mp2"), "film.avi"),
        (film(4, scenes=scenes, fps=10, size=SIZE, container="mpegts"), "film.ts"),
        (animation(5, "WEBP", frames=6, size=SIZE), "film.webp"),
        (animation(6, "GIF", frames=6, size=SIZE), "film.gif"),
    )


class TestVideoModality(ModalityKit):
    """Films."""

    @pytest.fixture
    def modality(self, settings: Settings) -> Modality:
        """The video modality."""
        return VideoModality(settings)

    @pytest.fixture
    def samples(self) -> list[Sample]:
        """The films."""
        return list(samples_of_films())

    def test_loads_runs(self, modality: Modality) -> None:
        """Segments of a film can be loaded in one pass."""
        assert isinstance(modality, LoadsRuns)
