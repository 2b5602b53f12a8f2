"""Composite cards: encoders side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from morelike.composites import Concat
from morelike.errors import SettingsError
from morelike.testing.toys import ToyEncoder, ToyJointEncoder
from morelike.types import Card


def _card(dim: int, **options: object) -> Card:
    inputs = {"image": {"side": 64}}
    return Card("pair", "concat", "dense", dim, "cosine", inputs, options, parts=("toy", "toy-joint"), fingerprint="1")


def _pictures(n: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (20, 30, 3), dtype=np.uint8) for _ in range(n)]


def test_the_cosine_is_the_weighted_mean_of_the_parts() -> None:
    """With weights w, the squares of w weigh the parts' cosines."""

    class Flipped(ToyEncoder):
        def prepare(self, kind: str, payload: np.ndarray) -> np.ndarray:
            return super().prepare(kind, payload[::-1] // 2)

    parts = [ToyEncoder(), Flipped()]
    pair = Concat(_card(96, weights=[1.0, 2.0]), parts, {})
    a, b = _pictures(2)

    rows = pair.encode("image", [pair.prepare("image", picture) for picture in (a, b)])

    cosines = []
    for part in parts:
        own = part.encode("image", [part.prepare("image", picture) for picture in (a, b)])
        cosines.append(float(own[0] @ own[1]))
    assert rows.shape == (2, 96)
    np.testing.assert_allclose((cosines[0] + 4 * cosines[1]) / 5, rows[0] @ rows[1], rtol=1e-5)


def test_wrong_width_is_refused_at_start() -> None:
    """A card that promises another width than its parts give never gets to encode."""
    with pytest.raises(SettingsError, match=r"dim = 90, its parts give 48 \+ 48"):
        Concat(_card(90), [ToyEncoder(), ToyJointEncoder()], {})


def test_a_part_of_another_form_is_refused() -> None:
    """Bits cannot be joined to numbers."""

    class Bits(ToyEncoder):
        @property
        def card(self) -> Card:
            return replace(super().card, form="bits")

    with pytest.raises(SettingsError, match="dense cards only"):
        Concat(_card(96), [ToyEncoder(), Bits()], {})


def test_an_empty_batch_is_empty() -> None:
    """(0, dim), like any encoder."""
    assert Concat(_card(96), [ToyEncoder(), ToyJointEncoder()], {}).encode("image", []).shape == (0, 96)
