"""Chosen duplicates, and two encoders beside one another: on this machine and behind a server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from morelike.errors import NoSuchItem, QueryError, UsageError
from morelike.records import Aside
from morelike.types import Example, Query

pytestmark = pytest.mark.xdist_group("library suite")


def test_what_a_person_chose_is_set_aside(side: Any) -> None:
    """As one run, which is undone as any; no search finds it, and its score is the one that was said."""
    photos = side.collection(side.folder(4))
    first, second, third, fourth = [item.id for item in photos.items()]

    done = photos.set_aside([Aside(first, second, "", 0.9), Aside(third, fourth, "")])

    assert {(one.item_id, one.keeper, one.score) for one in done} == {(first, second, 0.9), (third, fourth, 0.0)}
    assert len({one.run for one in done}) == 1
    assert {item.id for item in photos.items()} == {second, fourth}
    assert photos.set_aside([Aside(first, second, "")]) == []
    assert photos.undo_dedup(done[0].run) == 2


def test_what_cannot_be_set_aside_is_refused(side: Any) -> None:
    """What is to stay and to go, what is named twice, and what is not there; nothing is changed then."""
    photos = side.collection(side.folder(3))
    first, second, third = [item.id for item in photos.items()]

    with pytest.raises(UsageError, match="cannot be kept and set aside"):
        photos.set_aside([Aside(first, second, ""), Aside(second, third, "")])
    with pytest.raises(UsageError, match="named twice"):
        photos.set_aside([Aside(first, second, ""), Aside(first, third, "")])
    with pytest.raises(NoSuchItem):
        photos.set_aside([Aside("0" * 64, first, "")])
    assert photos.asides() == []


def test_what_are_no_duplicates_is_listed(side: Any) -> None:
    """As pairs, the lesser id first, until it is forgotten; such a pair is not set aside either."""
    photos = side.collection(side.folder(2))
    first, second = sorted(item.id for item in photos.items())

    photos.not_duplicates(second, first)

    assert photos.distinct() == [(first, second)]
    assert photos.set_aside([Aside(first, second, "")]) == []
    photos.forget_not_duplicates(first, second)
    assert photos.distinct() == []


def test_a_space_is_asked_before_it_is_switched_to(side: Any) -> None:
    """Filled beside the one that is searched, and asked alone; the switch then has nothing left to encode."""
    photos = side.collection(side.folder(5))
    (old,) = photos.spaces
    item = photos.items()[0].id
    query = Query((Example("item", item),), k=4)
    before = photos.search(query)

    made = photos.reembed("classic", switch=False)

    assert (made.encoded, made.missing, made.switched) == (5, 0, False)
    (new,) = [space for space in photos.spaces if not space.active]
    assert (new.card.name, photos.vectors_in(new)) == ("classic", 5)
    assert [hit.item for hit in photos.search(query)] == [hit.item for hit in before]
    beside = photos.search(replace(query, space=new.id))
    again, other = photos.search_many([replace(query, space=old.id), replace(query, space=new.id)])
    assert [hit.score for hit in again] == [hit.score for hit in before]
    assert [hit.item for hit in other] == [hit.item for hit in beside]
    assert {hit.item for hit in beside} == {hit.item for hit in before}
    with pytest.raises(QueryError, match="no space 999999"):
        photos.search(replace(query, space=999_999))
    assert photos.reembed("classic").encoded == 0
    assert [space.card.name for space in photos.spaces if space.active] == ["classic"]
    assert [hit.score for hit in photos.search(replace(query, space=new.id))] == [hit.score for hit in beside]
