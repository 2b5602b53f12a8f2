"""A Python function as an encoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from morelike.encoders.callable import from_callable
from morelike.errors import EncodeError, ModelError, UsageError
from morelike.registry import ENCODERS
from morelike.settings import Settings


def test_ten_lines_make_an_encoder() -> None:
    """What the documentation shows: a function of one picture, a name and a width."""

    def corners(picture: Any) -> Any:
        return picture[[0, 0, -1, -1], [0, -1, 0, -1]].ravel() / 255

    encoder = from_callable(corners, name="corners", dim=12)
    picture = np.arange(2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 3)
    vector = encoder.encode("image", [encoder.prepare("image", picture)])[0]
    np.testing.assert_allclose(vector, np.arange(12) / np.linalg.norm(np.arange(12)), rtol=1e-6)


def test_a_batched_function_is_called_once() -> None:
    """With ``batched`` the function sees the whole batch."""
    seen: list[int] = []

    def lengths(texts: list[str]) -> Any:
        seen.append(len(texts))
        return [[len(text)] for text in texts]

    encoder = from_callable(lengths, name="lengths", kind="text", dim=1, metric="l2", batched=True)
    assert encoder.encode("text", ["a", "bbb"]).tolist() == [[1.0], [3.0]]
    assert seen == [2]


def test_version_is_part_of_the_identity() -> None:
    """Another version is another card, so that its vectors never meet the old ones."""
    one, two = (from_callable(len, name="x", dim=1, version=version).card for version in "12")
    assert one.name == two.name
    assert one.id != two.id


def test_a_failing_function_fails_the_item() -> None:
    """What the function raises becomes the item's reason in the ledger."""

    def fails(_: Any) -> Any:
        raise ValueError("too dark")

    with pytest.raises(EncodeError, match="too dark"):
        from_callable(fails, name="x", dim=1).encode("image", [0])


def test_a_wrong_width_is_named() -> None:
    """A function that gives another number of numbers than it was announced with is refused."""
    with pytest.raises(ModelError, match="dim = 2"):
        from_callable(lambda _: [1.0, 2.0, 3.0], name="x", dim=2).encode("image", [0])


def test_numbers_that_are_not_finite_are_refused() -> None:
    """A vector with NaN would be near to everything or nothing: it is an error of the item."""
    with pytest.raises(EncodeError, match="not finite"):
        from_callable(lambda _: [float("nan")], name="x", dim=1).encode("image", [0])


def test_a_collection_says_how_to_bring_the_function_back() -> None:
    """Opened without the function, the collection's card says what to pass."""
    card = from_callable(len, name="mine", dim=1).card
    with pytest.raises(UsageError, match="from_callable"):
        ENCODERS.load(card.family)(card, {}, Settings())
