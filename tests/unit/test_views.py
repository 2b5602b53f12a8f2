"""Cards of views: a 3D model by pictures of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from morelike.errors import EncodeError, SettingsError, UsageError
from morelike.models import cards
from morelike.models.choose import RANKS
from morelike.rasterise import drawn, facing
from morelike.settings import Settings
from morelike.testing.solids import CORNERS, FACES
from morelike.testing.toys import ToyEncoder, ToyJointEncoder
from morelike.types import Card, Mesh, Vectors
from morelike.vecmath import normalise
from morelike.views import Views

BOX = Mesh(CORNERS.astype(np.float32), FACES.astype(np.int32))
SHEET = Mesh((CORNERS * [1, 2, 0.01]).astype(np.float32), FACES.astype(np.int32))


class Counting(ToyEncoder):
    """Notes how many pictures it gets together."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def encode(self, kind: str, batch: Any) -> Vectors:
        self.batches.append(len(batch))
        return super().encode(kind, batch)


def card(part: Any, inputs: tuple[str, ...] = ("mesh",), **options: Any) -> Card:
    own = part.card
    return Card("v", "views", "dense", own.dim, own.metric, {kind: {} for kind in inputs}, {"side": 48, **options})


def views(part: Any, **options: Any) -> Views:
    return Views(card(part, **options), [part], {})


def test_a_model_is_the_mean_of_its_pictures() -> None:
    """Of the six sides, each picture's vector at length one, the mean, at length one."""
    part = ToyEncoder()
    sides = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    pictures = [part.prepare("image", drawn(BOX, facing(side), 48, finer=1)) for side in sides]
    expected = normalise(normalise(part.encode("image", pictures)).mean(axis=0, keepdims=True))

    made = views(part, views="sides")

    np.testing.assert_allclose(made.encode("mesh", [made.prepare("mesh", BOX)]), expected, atol=1e-6)


def test_a_large_batch_is_encoded_in_parts() -> None:
    """However many models come together, the part never gets more than 64 pictures."""
    part = Counting()
    made = views(part)

    vectors = made.encode("mesh", [made.prepare("mesh", mesh) for mesh in (BOX, SHEET)] * 10)

    assert vectors.shape == (20, part.card.dim)
    assert part.batches == [64, 64, 32]


def test_words_go_through_the_part() -> None:
    """A joint card's words are the part's own vectors."""
    part = ToyJointEncoder()
    made = Views(card(part, ("mesh", "text")), [part], {})

    found = made.encode("text", [made.prepare("text", "red")])

    np.testing.assert_array_equal(found, part.encode("text", [part.prepare("text", "red")]))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"views": "all"}, "options.views"),
        ({"side": 5}, "options.side"),
        ({"side": "large"}, "options.side"),
        ({"pool": "sum"}, "options.pool"),
        ({"count": 6}, "options.count is unknown"),
    ],
)
def test_a_card_that_cannot_be_is_refused(options: dict[str, Any], sentence: str) -> None:
    """A wrong option is named when the card is opened, not when the first model comes."""
    with pytest.raises(SettingsError, match=sentence):
        views(ToyEncoder(), **options)


def test_parts_that_do_not_fit_are_refused() -> None:
    """One part that takes pictures, of the card's width; words only where it takes them."""
    part = ToyEncoder()
    with pytest.raises(SettingsError, match="one part"):
        Views(card(part), [part, part], {})
    with pytest.raises(SettingsError, match="takes no text"):
        Views(card(part, ("mesh", "text")), [part], {})
    with pytest.raises(SettingsError, match="not"):
        Views(card(part, ("image",)), [part], {})


def test_other_payloads_are_refused() -> None:
    """What is no mesh, or has no faces, is an EncodeError; another kind a UsageError."""
    made = views(ToyEncoder())
    with pytest.raises(EncodeError):
        made.prepare("mesh", Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)))
    with pytest.raises(UsageError):
        made.prepare("text", "red")
    with pytest.raises(UsageError):
        made.encode("image", [])


def test_the_shipped_cards_fit_their_parts() -> None:
    """Each card of views has its part's width and measure, and stands before the one without weights."""
    settings = Settings(offline=True)
    shipped = [one for one in cards.built_in() if one.family == "views"]

    assert {one.name for one in shipped} | {"mesh-shape"} == set(RANKS["mesh"])
    assert RANKS["mesh"][-1] == "mesh-shape"
    for one in shipped:
        part = cards.find(one.parts[0], settings)
        assert (part.dim, part.metric) == (one.dim, one.metric)
        assert set(one.inputs) - {"mesh"} <= set(part.inputs)
