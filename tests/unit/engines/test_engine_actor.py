"""The actor of the Ray engine, in this process and without Ray."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from engine_entries import entries_of, travelled

from morelike.collection import OpenCollection
from morelike.engines.actor import Adder, Failed, Opened, Order, Returned
from morelike.engines.lists import Entry
from morelike.errors import UsageError
from morelike.library import Library
from morelike.settings import Settings
from morelike.sources.keys import Key
from morelike.testing.toys import ToyEncoder
from morelike.work import Options


@pytest.fixture
def order(library: Library, photos: OpenCollection) -> Order:
    encoder = pickle.dumps(ToyEncoder())
    return Order(library.settings.model_dump(), library.id, photos.name, Options(), [encoder], {}, version("morelike"))


@pytest.fixture
def adder() -> Iterator[Adder]:
    adder = Adder()
    yield adder
    adder.close()


def pairs(entries: list[Entry]) -> list[tuple[str, Key]]:
    return [(entry.origin, travelled(entry.key)) for entry in entries]


def test_an_actor_adds_a_list(adder: Adder, order: Order, photos: OpenCollection, pictures: Path) -> None:
    """What it reports is in; files that it does not see it leaves, and says which."""
    entries = entries_of(pictures, Settings())
    given = pairs(entries)
    given[2] = (given[2][0], replace(given[2][1], modified_ns=1))
    assert isinstance(adder.open(pickle.loads(pickle.dumps(order))), Opened)

    returned = adder.add(1, given)

    assert isinstance(returned, Returned)
    assert (len(returned.report.finished), returned.unseen, returned.files) == (5, (2,), 6)
    assert photos.count() == 5
    assert adder.so_far() == {}


def test_a_stopped_actor_leaves_the_rest(adder: Adder, order: Order, photos: OpenCollection, pictures: Path) -> None:
    """It says that it was interrupted."""
    adder.open(order)
    adder.stop()

    returned = adder.add(1, pairs(entries_of(pictures, Settings())))

    assert isinstance(returned, Returned)
    assert returned.report.interrupted
    assert photos.count() == 0


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"library_id": "another"}, "opens another library"),
        ({"marks": {"the vectors": "/nowhere/.shared-1"}}, "does not see the library's folder for the vectors"),
        ({"version": "0.0.1"}, "on a machine of the cluster, and 0.0.1 here"),
        ({"encoders": [b"cmissing_package\nEncoder\n."]}, "cannot be opened on a machine of the cluster"),
    ],
)
def test_an_actor_refuses_what_is_not_the_same(
    adder: Adder, order: Order, wrong: dict[str, Any], sentence: str
) -> None:
    """Another library, folder, version or a missing encoder: a sentence with a hint, not a traceback."""
    failed = adder.open(replace(order, **wrong))

    assert isinstance(failed, Failed)
    assert isinstance(failed.error, UsageError)
    assert sentence in failed.error.message
    assert failed.error.hint


def test_an_unshared_folder_is_not_made(adder: Adder, order: Order, library: Library, tmp_path: Path) -> None:
    """A machine that lacks the library's folder gets no empty library there."""
    elsewhere = tmp_path / "elsewhere"
    settings = {**order.settings, "library": elsewhere}

    failed = adder.open(replace(order, settings=settings, marks={"the catalog": str(elsewhere / ".shared-1")}))

    assert isinstance(failed, Failed)
    assert not elsewhere.exists()


def test_no_secret_is_shown(order: Order) -> None:
    """An order holds every setting; its text holds none."""
    secret = {**order.settings, "s3_secret_key": "hush", "catalog": "postgresql://me:hush@host/name"}

    assert "hush" not in repr(replace(order, settings=secret))
