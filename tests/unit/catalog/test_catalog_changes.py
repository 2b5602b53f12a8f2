"""A filter's answer is mended by what changed: it must never differ from one that is worked out anew."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from morelike.expressions import All, Compare, Expression, Has, Not
from morelike.records import Aside
from morelike.settings import Settings
from morelike.stores.catalog import changes, filtered
from morelike.stores.catalog.catalog import SqlCatalog, open_sqlite_catalog
from morelike.stores.catalog.filtered import FilteredRows
from morelike.testing.kits.catalog_samples import CARD, finished, make_item, some_claim
from morelike.types import WHOLE, Collection, Finished, Rejection, Segment, segment_id

FILTERS: tuple[Expression | None, ...] = (
    None,
    Compare("tag", "=", "t"),
    Not(Has("tag")),
    Compare("x", ">=", 2),
    All((Compare("x", "<", 2), Compare("width", "=", 1))),
)
NAMES = [f"item-{number}" for number in range(12)]


@pytest.fixture
def another(settings: Settings, catalog: SqlCatalog) -> Iterator[SqlCatalog]:
    """The same database, opened a second time."""
    opened = open_sqlite_catalog(catalog._database.path.parent, settings)
    yield opened
    opened.close()


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one each time an answer is worked out anew."""
    times: list[str] = []
    real = FilteredRows._left

    def left(self: FilteredRows, question: filtered._Question) -> object:
        times.append(repr(question.filter))
        return real(self, question)

    monkeypatch.setattr(FilteredRows, "_left", left)
    return times


def pass_revisions(catalog: SqlCatalog, number: int) -> None:
    """As if so many transactions had changed nothing; in one, since each would be synced to disk."""
    with closing(sqlite3.connect(catalog._database.path)) as connection, connection:
        for _ in range(number):
            connection.execute("UPDATE collections SET revision = revision + 1")


def steps(catalog: SqlCatalog, photos: Collection, chance: random.Random) -> list[Callable[[], object]]:
    """One of each thing that may happen to items, with names by chance."""
    name, other = chance.sample(NAMES, 2)
    number = chance.randrange(4)
    path = f"/elsewhere/{chance.randrange(3)}.jpg"
    return [
        lambda: make_item(catalog, photos, name, info={"width": number % 2}, metadata={"x": number}),
        lambda: catalog.claim(photos, [some_claim(name, path, metadata={"x": number})]),
        lambda: catalog.claim(photos, [some_claim(name, path, tags=["t"]), some_claim(other, path)]),
        lambda: catalog.finish(photos, [finished(name, {"width": 1}, kinds=["image", "audio"][: 1 + number % 2])]),
        lambda: catalog.tag(photos, [name, other], ["t"], []),
        lambda: catalog.tag(photos, [name], [], ["t"]),
        lambda: catalog.annotate(photos, [name], {"x": number}),
        lambda: catalog.annotate(photos, [name], {"x": None}),
        lambda: catalog.drop_sources(photos, [path, f"/pictures/{name}.jpg"]),
        lambda: catalog.reject(photos, [Rejection(path, name, "decode", "bad")]),
        lambda: catalog.requeue(photos, [name]),
        lambda: catalog.set_aside(photos, [Aside(name, other, "run")]),
        lambda: catalog.bring_back(photos, [name, other]),
        lambda: catalog.mark_deleting(photos, [name]),
        lambda: catalog.forget(photos, [name]),
        lambda: catalog.add_space(photos, "image", CARD, active=True),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_mended_answers_are_those_worked_out_anew(
    catalog: SqlCatalog, another: SqlCatalog, photos: Collection, seed: int
) -> None:
    """Whatever happens to the items, by two processes in turn, for several filters and kinds, asked now and then."""
    chance = random.Random(seed)
    for name in NAMES[:6]:
        make_item(catalog, photos, name, info={"width": 1}, metadata={"x": 1})
    for _ in range(60):
        writer = chance.choice((catalog, another))
        chance.choice(steps(writer, photos, chance))()
        if chance.random() < 0.6:
            for kind in ("image", "audio"):
                for wanted in FILTERS:
                    mended = catalog.segment_ids(photos, kind, filter=wanted).tolist()
                    anew = FilteredRows(catalog._database).segment_ids(photos, kind, filter=wanted).tolist()

                    assert mended == anew


def test_a_small_change_asks_for_little(catalog: SqlCatalog, photos: Collection, worked_out: list[str]) -> None:
    """One item more, one tag: the answer is worked out once and mended since."""
    wanted = Compare("tag", "=", "t")
    for name in NAMES:
        make_item(catalog, photos, name, tags=["t"])
    first = catalog.segment_ids(photos, "image", filter=wanted)
    make_item(catalog, photos, "new", tags=["t"])
    second = catalog.segment_ids(photos, "image", filter=wanted)
    catalog.tag(photos, ["item-3"], [], ["t"])
    third = catalog.segment_ids(photos, "image", filter=wanted)

    assert len(worked_out) == 1
    assert set(second) - set(first) == {segment_id("new", 0)}
    assert set(second) - set(third) == {segment_id("item-3", 0)}
    assert not third.flags.writeable


def test_an_answer_that_stays_is_the_same_array(catalog: SqlCatalog, photos: Collection) -> None:
    """What others keep beside it, such as its rows in an index, stays good."""
    wanted = Compare("x", "=", 1)
    make_item(catalog, photos, "cat", metadata={"x": 1})
    first = catalog.segment_ids(photos, "image", filter=wanted)
    make_item(catalog, photos, "dog", metadata={"x": 2})
    catalog.tag(photos, ["cat"], ["t"], [])

    assert catalog.segment_ids(photos, "image", filter=wanted) is first


def test_one_who_was_away_for_long_asks_anew(
    catalog: SqlCatalog, photos: Collection, worked_out: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond what is remembered of revisions, and where more was touched than is worth mending."""
    make_item(catalog, photos, "cat", tags=["t"])
    asked = [catalog.segment_ids(photos, "image").tolist()]
    pass_revisions(catalog, changes.REVISIONS_KEPT + 1)
    catalog.forget(photos, ["cat"])
    asked.append(catalog.segment_ids(photos, "image").tolist())
    monkeypatch.setattr(changes, "_MOST", 2)
    catalog.claim(photos, [some_claim(name) for name in NAMES])
    catalog.finish(photos, [finished(name) for name in NAMES])
    asked.append(catalog.segment_ids(photos, "image").tolist())

    assert len(worked_out) == 3
    assert asked == [[segment_id("cat", 0)], [], sorted(segment_id(name, 0) for name in NAMES)]


def test_what_is_remembered_is_bounded(catalog: SqlCatalog, photos: Collection) -> None:
    """Old revisions go as new ones come, and all of them with their collection."""
    pass_revisions(catalog, changes.REVISIONS_KEPT + 50)

    def kept() -> int:
        with closing(sqlite3.connect(catalog._database.path)) as connection:
            return int(connection.execute("SELECT count(*) FROM changes").fetchone()[0])

    before = kept()
    catalog.drop_collection(photos)

    assert before == changes.REVISIONS_KEPT
    assert kept() == 0


def test_an_item_with_very_many_segments_asks_anew(
    catalog: SqlCatalog, photos: Collection, worked_out: list[str]
) -> None:
    """What is noted of one item is bounded; the answer is right all the same, when it comes, changes and goes."""
    wanted = Compare("tag", "=", "t")
    segments = tuple(Segment(segment_id("book", i), i, "image", WHOLE, "book") for i in range(200))
    everything = sorted(segment.id for segment in segments)
    asked = [catalog.segment_ids(photos, "image", filter=wanted).tolist()]
    catalog.claim(photos, [some_claim("book", tags=["t"])])
    catalog.finish(photos, [Finished("book", {}, segments)])
    asked.append(catalog.segment_ids(photos, "image", filter=wanted).tolist())
    catalog.tag(photos, ["book"], [], ["t"])
    asked.append(catalog.segment_ids(photos, "image", filter=wanted).tolist())
    catalog.tag(photos, ["book"], ["t"], [])
    asked.append(catalog.segment_ids(photos, "image", filter=wanted).tolist())
    catalog.forget(photos, ["book"])
    asked.append(catalog.segment_ids(photos, "image", filter=wanted).tolist())
    with closing(sqlite3.connect(catalog._database.path)) as connection:
        noted = connection.execute("SELECT max(n) FROM (SELECT count(*) AS n FROM changes GROUP BY revision)")
        most = noted.fetchone()[0]

    assert asked == [[], everything, [], everything, []]
    assert len(worked_out) == 5
    assert most <= changes.SEGMENTS_NOTED + 2


def test_without_notes_every_answer_is_worked_out(
    catalog: SqlCatalog, photos: Collection, worked_out: list[str]
) -> None:
    """A catalog whose triggers are gone is slower, and right."""
    with catalog._database.engine.connect() as connection, connection.begin():
        changes.remove(connection)
    make_item(catalog, photos, "cat")
    first = catalog.segment_ids(photos, "image").tolist()
    make_item(catalog, photos, "dog")
    second = catalog.segment_ids(photos, "image").tolist()

    assert (first, second) == ([segment_id("cat", 0)], sorted([segment_id("cat", 0), segment_id("dog", 0)]))
    assert len(worked_out) == 2


def test_large_answers_are_kept_by_their_size(
    catalog: SqlCatalog, photos: Collection, worked_out: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory for them is bounded in bytes too; the one asked for last is always kept."""
    monkeypatch.setattr(filtered, "_KEPT_BYTES", 20)
    for name in NAMES:
        make_item(catalog, photos, name)
    for wanted in (None, Has("tag"), None, None, Has("width")):
        catalog.segment_ids(photos, "image", filter=wanted)
    for wanted in (None, Has("width")):
        catalog.segment_ids(photos, "image", filter=wanted)

    assert worked_out == [repr(wanted) for wanted in (None, Has("tag"), None, Has("width"), None, Has("width"))]


def test_an_older_catalog_notes_changes_from_its_migration_on(
    tmp_path: Path, settings: Settings, worked_out: list[str]
) -> None:
    """What was there before is worked out, what comes after is mended."""
    from morelike.stores.catalog import versions
    from morelike.stores.catalog.engine.sqlite import SqliteDatabase

    older = SqliteDatabase(tmp_path / "library" / "catalog.sqlite", timeout=1)
    with older.engine.connect() as connection, connection.begin():
        versions.upgrade(connection, "0002")
    old = SqlCatalog(older)
    make_item(old, old.create_collection("photos", "image", {}), "cat")
    old.close()

    catalog = open_sqlite_catalog(tmp_path / "library", settings)
    photos = catalog.collection("photos")
    first = catalog.segment_ids(photos, "image").tolist()
    make_item(catalog, photos, "dog")
    second = catalog.segment_ids(photos, "image").tolist()
    catalog.close()

    assert (first, len(second), len(worked_out)) == ([segment_id("cat", 0)], 2, 1)
