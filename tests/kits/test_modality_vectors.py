"""Vectors as a modality, through the kit."""

from __future__ import annotations

import io

import numpy as np
import pytest

from morelike.errors import DecodeError
from morelike.protocols import Modality
from morelike.registry import MODALITIES
from morelike.settings import Settings
from morelike.testing.kits.modality import ModalityKit, Sample
from morelike.types import Blob


def _saved(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


class TestVectorsModality(ModalityKit):
    @pytest.fixture
    def modality(self, settings: Settings) -> Modality:
        return MODALITIES.load("vectors")(settings)

    @pytest.fixture
    def samples(self) -> list[Sample]:
        rng = np.random.default_rng(0)
        one = rng.normal(size=16).astype(np.float32)
        return [(_saved(one), "one.npy"), (_saved(one[None]), "row.npy"), (_saved(rng.integers(0, 9, 5)), "whole.npy")]


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 3)), np.zeros(0), np.array([np.nan]), np.array(["a"]), np.array([{}], dtype=object)],
    ids=["several", "empty", "nan", "text", "pickle"],
)
def test_what_is_no_vector_is_refused(array: np.ndarray, settings: Settings) -> None:
    """Several rows, none, a number that is not finite, texts, and pickled objects, which are not loaded."""
    with pytest.raises(DecodeError):
        MODALITIES.load("vectors")(settings).describe(Blob.from_bytes(_saved(array), "odd.npy"))
