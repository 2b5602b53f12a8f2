"""The toy modality in time keeps to what every modality promises: tests of others lean on it."""

from __future__ import annotations

import numpy as np
import pytest

from morelike.protocols import Modality
from morelike.settings import Settings
from morelike.testing.kits.modality import ModalityKit, Sample
from morelike.testing.toys import COLOURS, ToyFilm, ToyLines, toy_film


class TestToyFilm(ModalityKit):
    """The kit on a modality whose segments follow one another in time."""

    @pytest.fixture
    def modality(self, settings: Settings) -> Modality:
        """Films as text."""
        return ToyFilm(settings)

    @pytest.fixture
    def samples(self) -> list[Sample]:
        """A short film, one of several pieces, and one that does not begin at zero."""
        rng = np.random.default_rng(5)
        colours = [f"#{rng.bytes(3).hex()}" for _ in range(25)]
        return [
            (toy_film(list(COLOURS)), "colours.film"),
            (toy_film(colours, 1.5), "long.film"),
            (toy_film(colours[:3], 0.1, start=7.0), "late.film"),
        ]


class TestToyLines(ModalityKit):
    """The kit on a modality that has no time."""

    @pytest.fixture
    def modality(self, settings: Settings) -> Modality:
        """Texts, a segment a line."""
        return ToyLines(settings)

    @pytest.fixture
    def samples(self) -> list[Sample]:
        """Two texts."""
        return [(b"one\ntwo\n", "a.lines"), (b"drei\n\nvier", "b.lines")]

    @pytest.fixture
    def garbage(self) -> list[Sample]:
        """What is no UTF-8."""
        return [(b"\xff\xfe\xfd", "noise"), (b"one\n\xc3\x28", "half")]
