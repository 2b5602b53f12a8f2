"""What searches ask of the catalog goes past SQLAlchemy: the answers must be those that it would give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import column, select, table

from morelike.errors import NoSuchCollection, StoreError
from morelike.stores.catalog import quick
from morelike.stores.catalog.catalog import SqlCatalog
from morelike.stores.catalog.quick import Quick, QuickRows
from morelike.testing.kits.catalog_samples import CARD, ODD_TEXTS, finished, make_item, some_claim
from morelike.types import Collection, segment_id


@pytest.fixture
def answers(catalog: SqlCatalog, photos: Collection) -> Callable[[], list[Any]]:
    """Everything that is asked this way, of items with every kind of odd text in them."""
    # an item's id is made of letters that have bytes; paths and metadata may be anything
    names = [f"odd-{number}-{text[:40]}".encode(errors="replace").decode() for number, text in enumerate(ODD_TEXTS)]
    for name, text in zip(names, ODD_TEXTS, strict=True):
        make_item(
            catalog, photos, name, uris=[f"/{text}", f"/more/{text}"], info={text[:40]: text}, tags=[text[:40], "t"]
        )
    catalog.claim(photos, [some_claim("pending")])
    catalog.add_space(photos, "image", CARD, active=True)
    ids = np.array([segment_id(name, 0) for name in names], dtype=np.int64)

    def ask() -> list[Any]:
        return [
            catalog.collection("photos"),
            catalog.spaces(photos),
            catalog.known(photos, [*names, "pending", "nothing"]),
            catalog.segments(photos, ids),
            catalog.segments(photos, ids[:0]),
            catalog.segments_of(photos, [*names, "pending"]),
            catalog.shown(photos, [*names, "pending"]),
            catalog.segment_ids(photos, "image").tolist(),
        ]

    return ask


def test_both_ways_say_the_same(answers: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands in ids, paths, metadata and tags, and whatever was asked for."""
    fast = answers()
    monkeypatch.setattr(QuickRows, "_quickly", QuickRows._usually)
    slow = answers()

    assert fast == slow
    assert len(fast[3]) == len(fast[6]) == len(ODD_TEXTS)
    assert [shown.info for shown in fast[6].values()] == [{text[:40]: text} for text in ODD_TEXTS]


def test_texts_are_kept_for_few_values_only(
    catalog: SqlCatalog, photos: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for each number of values, up to a bound; beyond it the answer is right all the same."""
    monkeypatch.setattr(quick, "_MANY", 3)
    names = [f"item-{number}" for number in range(8)]
    catalog.claim(photos, [some_claim(name) for name in names])
    catalog.finish(photos, [finished(name) for name in names])
    ids = np.array([segment_id(name, 0) for name in names], dtype=np.int64)
    statement = Quick(quick_segments())
    monkeypatch.setattr("morelike.stores.catalog.statements.SEGMENTS", statement)

    found = [len(catalog.segments(photos, ids[:number])) for number in range(1, 9)]

    assert found == list(range(1, 9))
    assert sorted(statement._texts) == [1, 2, 3]


def quick_segments() -> Any:
    from morelike.stores.catalog import statements

    return statements.SEGMENTS.statement


def test_a_failure_is_translated_and_leaves_nothing_open(catalog: SqlCatalog, photos: Collection) -> None:
    """The driver's own error comes out as one of ours; the next question is answered, and writing goes on."""
    nonsense = Quick(select(column("x")).select_from(table("nowhere")))
    for _ in range(20):
        with pytest.raises(StoreError, match="nowhere"), catalog._asking() as ask:
            ask(nonsense)
    make_item(catalog, photos, "cat")

    assert catalog.known(photos, ["cat"]) == {"cat": "ready"}


def test_one_view_holds_while_another_writes(catalog: SqlCatalog, photos: Collection) -> None:
    """What is asked together is of one moment."""
    from morelike.stores.catalog import statements

    make_item(catalog, photos, "cat")
    with catalog._asking() as ask:
        before = ask(statements.REVISION, photos.id)
        catalog.tag(photos, ["cat"], ["t"], [])
        same = ask(statements.REVISION, photos.id)
    with catalog._asking() as ask:
        after = ask(statements.REVISION, photos.id)

    assert before == same
    assert after[0][0] == before[0][0] + 1


def test_a_closed_catalog_says_so(catalog: SqlCatalog, photos: Collection) -> None:
    """And so does a collection that was dropped, or never was."""
    with pytest.raises(NoSuchCollection, match="nowhere"):
        catalog.collection("nowhere")
    catalog.drop_collection(photos)
    assert catalog.spaces(photos) == []
    with pytest.raises(NoSuchCollection, match="dropped"):
        catalog.segment_ids(photos, "image")
    catalog.close()
    with pytest.raises(StoreError, match="closed"):
        catalog.known(photos, ["cat"])
