"""Two examples compared, and vectors as examples, over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving_library import PHOTOS, Served, pictures_in, problem_in

UNKNOWN = "0" * 64


@pytest.fixture
def pictures(reading: Served) -> list[Path]:
    """What the collection ``photos`` was made of."""
    return pictures_in(reading.library.folder.parent / "pictures")


def test_two_examples_are_compared(reading: Served, pictures: list[Path]) -> None:
    """Items, files and words, in the unit that Python gives."""
    expected = reading.library.collection("photos").compare(pictures[0], pictures[1])
    files = [("example", path.read_bytes()) for path in pictures[:2]]
    rows = reading.library.collection("photos").find_sources(uris=list(map(str, pictures[:2])))

    by_files = reading.client.post(f"{PHOTOS}/compare", files=files).json()
    by_ids = reading.client.post(f"{PHOTOS}/compare", json={"examples": [{"item": row.item_id} for row in rows]}).json()
    mixed = {"examples": [{"file": 0}, {"text": "red"}]}
    by_words = reading.client.post(f"{PHOTOS}/compare", files=files[:1], data={"query": json.dumps(mixed)}).json()

    assert by_files["unit"] == pytest.approx(dict(expected))
    assert by_ids["unit"] == pytest.approx(dict(expected))
    assert set(by_words["unit"]) == set(expected)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 422),
        ({"examples": [{"text": "red"}]}, 422),
        ({"examples": [{"text": "red"}] * 3}, 422),
        ({"examples": [{"text": "red"}, {"item": UNKNOWN}]}, 404),
        ({"examples": [{"text": "red"}, {"url": "/etc/passwd"}]}, 422),
        ({"examples": [{"text": "red"}, {"file": 0}]}, 400),
    ],
)
def test_two_are_compared_no_more_and_no_less(reading: Served, asked: dict[str, Any], status: int) -> None:
    """And no path of the server is ever opened."""
    problem_in(reading.client.post(f"{PHOTOS}/compare", json=asked), status)


def test_files_to_compare_are_two(reading: Served, pictures: list[Path]) -> None:
    """One alone, or three, have no likeness."""
    file = ("example", pictures[0].read_bytes())

    problem_in(reading.client.post(f"{PHOTOS}/compare", files=[file]), 400)
    problem_in(reading.client.post(f"{PHOTOS}/compare", files=[file] * 3), 400)


def test_a_vector_is_an_example(reading: Served) -> None:
    """As the encoder would give it: the hits are those of the same vector in Python."""
    opened = reading.library.collection("photos")
    dim = opened.spaces[0].card.dim
    vector = np.linspace(-1, 1, dim, dtype=np.float32)

    hits = reading.search(examples=[{"vector": vector.tolist()}], k=3).json()["hits"]

    assert [hit["item"] for hit in hits] == [hit.item for hit in opened.search(vector, k=3)]
    assert [int(hit["segment"]) for hit in hits] == [hit.segment for hit in opened.search(vector, k=3)]


@pytest.mark.parametrize("vector", [[], [1e39], ["a"], [1.0] * 16_385])
def test_a_vector_is_bounded(reading: Served, vector: list[Any]) -> None:
    """Finite numbers of 32 bits, and not too many."""
    problem_in(reading.search(examples=[{"vector": vector}]), 422)


def test_a_vector_of_another_width_is_refused(reading: Served) -> None:
    """It is said as a query's mistake."""
    problem_in(reading.search(examples=[{"vector": [1.0, 2.0]}]), 400)
