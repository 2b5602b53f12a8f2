"""Fields beside vectors: written in time, or not believed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import event

import morelike
from morelike import fields
from morelike.collection import OpenCollection
from morelike.errors import StoreError, StoreFull, StoreReadOnly
from morelike.expressions import Compare, Has, Not
from morelike.fields import bring_up, keep_up
from morelike.library import Library
from morelike.records import Aside
from morelike.registry import VECTOR_STORES, Row
from morelike.settings import Settings
from morelike.stores.catalog.catalog import SqlCatalog
from morelike.testing.field_store import FieldVectorStore
from morelike.testing.images import write_images
from morelike.testing.kits.catalog_samples import CARD, finished, some_claim
from morelike.testing.toys import ToyEncoder
from morelike.types import Collection, Fields, Ids, Space, Within, segment_id
from morelike.wiring import Stores, open_stores

ASKED = (
    Compare("tag", "=", "a"),
    Not(Compare("tag", "=", "a")),
    Compare("by", "=", "x"),
    Not(Has("by")),
)
NAMES = ["one", "two", "three"]
GREY = np.full((8, 8, 3), 90, dtype=np.uint8)
Q = np.ones((1, 4), dtype=np.float32)


@pytest.fixture(autouse=True)
def _toy_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VECTOR_STORES._all, "toy", Row("morelike.testing.field_store:FieldVectorStore"))


@pytest.fixture
def kept(settings: Settings) -> Settings:
    return settings.model_copy(update={"vectors": "toy"})


@pytest.fixture
def library(kept: Settings) -> Iterator[Library]:
    with morelike.open(kept) as opened:
        yield opened


@pytest.fixture
def photos(library: Library, tmp_path: Path) -> OpenCollection:
    write_images(tmp_path / "pictures", 12, seed=1)
    collection = library.collection("photos", modality="image", encoder=ToyEncoder())
    assert collection.add(tmp_path / "pictures", tags=["seen"]).added == 12
    return collection


def toy(library: Library) -> FieldVectorStore:
    store = library._stores.vectors
    assert isinstance(store, FieldVectorStore)
    return store


def ways(library: Library, act: Callable[[], Any]) -> tuple[int, int]:
    """How many searches went either way meanwhile: evaluated in the store, by ids."""
    store = toy(library)
    before = store.pushed, store.by_ids
    act()
    return store.pushed - before[0], store.by_ids - before[1]


def found(photos: OpenCollection, text: str) -> set[str]:
    return {hit.item for hit in photos.search(GREY, k=50, filter=text)}


# -- one library, used as it is used


def test_after_adding_filters_are_pushed_down(library: Library, photos: OpenCollection) -> None:
    """``add`` leaves the fields up to date, and no search by filter goes by ids."""
    assert ways(library, lambda: found(photos, "tag = 'seen'")) == (1, 0)
    assert ways(library, lambda: found(photos, "tag = 'other'")) == (1, 0)


def test_the_catalog_is_not_asked_for_ids(
    library: Library, photos: OpenCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was pushed down needs no list of all that the filter leaves."""
    monkeypatch.setattr(SqlCatalog, "segment_ids", None)

    assert len(found(photos, "tag = 'seen'")) == 12


def test_the_timings_say_which_way_it_went(photos: OpenCollection) -> None:
    """``fields`` where the fields were looked at, ``filter`` where ids were asked for."""
    pushed = photos.search(GREY, k=3, filter="tag = 'seen'", explain=True)
    unfiltered = photos.search(GREY, k=3, explain=True)

    assert "fields" in pushed.timings
    assert "filter" not in pushed.timings
    assert "fields" not in unfiltered.timings


def test_a_few_changes_are_written_by_the_search(library: Library, photos: OpenCollection) -> None:
    """A tag given just now is found by the next search, which is pushed down."""
    first, second = (item.id for item in photos.items(limit=2))
    photos.tag([first], add=["mine"])
    assert ways(library, lambda: found(photos, "tag = 'mine'")) == (1, 0)
    photos.annotate([second], {"by": "Ann"})

    assert second in found(photos, "by = 'Ann'")
    assert ways(library, lambda: found(photos, "by = 'Ann'")) == (1, 0)


def test_many_changes_are_left_to_the_upkeep(
    library: Library, photos: OpenCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search goes by ids, right all the same; once the index was kept up it is pushed down again."""
    monkeypatch.setattr("morelike.search.search.bring_up", lambda *given: bring_up(*given, most=5))
    photos.tag([item.id for item in photos.items()], add=["mine"])
    answers: list[set[str]] = []

    assert ways(library, lambda: answers.append(found(photos, "tag = 'mine'"))) == (0, 1)
    assert library.build_index()
    assert not library.build_index()
    assert ways(library, lambda: answers.append(found(photos, "tag = 'mine'"))) == (1, 0)
    assert [len(answer) for answer in answers] == [12, 12]


def test_a_search_does_not_wait_for_a_writer(library: Library, photos: OpenCollection) -> None:
    """While somebody holds the write lock it goes by ids."""
    photos.tag([next(iter(photos.items(limit=1))).id], add=["mine"])
    held, done = Event(), Event()

    def write() -> None:
        with library._stores.lock.hold("something long"):
            held.set()
            done.wait(120)

    writer = threading.Thread(target=write)
    writer.start()
    assert held.wait(120)
    try:
        assert ways(library, lambda: found(photos, "tag = 'mine'")) == (0, 1)
    finally:
        done.set()
        writer.join()
    assert ways(library, lambda: found(photos, "tag = 'mine'")) == (1, 0)


@pytest.mark.parametrize("error", [StoreReadOnly, StoreFull])
def test_fields_that_cannot_be_written_fail_no_search(
    library: Library, photos: OpenCollection, monkeypatch: pytest.MonkeyPatch, error: type[StoreError]
) -> None:
    """It goes by ids, and finds what it should."""

    def refuse(*_: object, **__: object) -> None:
        raise error("no", hint="")

    monkeypatch.setattr(FieldVectorStore, "put_fields", refuse)
    first = next(iter(photos.items(limit=1))).id
    photos.tag([first], add=["mine"])

    assert ways(library, lambda: found(photos, "tag = 'mine'")) == (0, 1)


def test_every_page_of_an_answer_is_of_one_time(library: Library, photos: OpenCollection) -> None:
    """A query that asks again for more segments has its fields brought up to date once."""
    asked: list[int] = []
    store = toy(library)
    original = store.fields_revision
    store.fields_revision = lambda space: asked.append(1) or original(space)  # type: ignore[method-assign,func-returns-value]
    found(photos, "not tag = 'seen'")

    assert len(asked) <= 3  # of which one is the store's own, in each of its searches


def test_items_that_are_not_ready_are_not_found(library: Library, photos: OpenCollection) -> None:
    """Whatever the fields say."""
    item = next(iter(photos.items(limit=1)))
    library._stores.catalog.mark_deleting(photos._record, [item.id])

    assert ways(library, lambda: found(photos, "tag = 'seen'")) == (1, 0)
    assert item.id not in found(photos, "tag = 'seen'")


# -- the upkeep


@pytest.fixture
def stores(kept: Settings) -> Iterator[Stores]:
    opened = open_stores(kept.library, kept)
    yield opened
    opened.close()


def fill(stores: Stores, number: int, **claim: Any) -> tuple[Collection, Space]:
    catalog = stores.catalog
    collection = catalog.create_collection("c", "image", {})
    space = catalog.add_space(collection, "image", CARD, active=True)
    names = [f"n{number}" for number in range(number)]
    for start in range(0, number, 500):
        some = names[start : start + 500]
        catalog.claim(collection, [some_claim(name, **claim) for name in some])
        ids = np.array([segment_id(name, 0) for name in some], dtype=np.int64)
        stores.vectors.upsert(space, ids, np.ones((len(some), 4), dtype=np.float32))
        catalog.finish(collection, [finished(name) for name in some])
    return collection, space


@pytest.fixture
def _short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "PAGE", 20)


def watched(stores: Stores, before: Callable[[Ids, int], None]) -> None:
    """Whatever is written is told first: the ids, and the revision."""
    store = stores.vectors
    assert isinstance(store, FieldVectorStore)
    put = store.put_fields

    def tell(space: Space, ids: Ids, given: Sequence[Sequence[Fields]], revision: int, *, whole: bool = False) -> None:
        before(ids, revision)
        put(space, ids, given, revision, whole=whole)

    store.put_fields = tell  # type: ignore[method-assign]


@pytest.mark.usefixtures("_short_pages")
def test_upkeep_goes_by_pages(stores: Stores) -> None:
    """The revision stands only after the last page; no page is longer than a page."""
    collection, space = fill(stores, 2 * fields.PAGE + 1)
    pages: list[tuple[int, int]] = []
    watched(stores, lambda ids, revision: pages.append((len(ids), revision)))
    assert keep_up(stores)

    now = stores.catalog.revision(collection)
    assert pages == [(fields.PAGE, -1), (fields.PAGE, -1), (1, -1), (0, now)]
    assert bring_up(stores, collection, space) == now


@pytest.mark.usefixtures("_short_pages")
def test_upkeep_goes_on_where_it_was_stopped(stores: Stores) -> None:
    """By another process, too: no page is written twice, and nothing is left of the note about it."""
    collection, _ = fill(stores, 3 * fields.PAGE)
    pages: list[list[int]] = []
    stop = Event()

    def stop_at_once(ids: Ids, _: int) -> None:
        pages.append(ids.tolist())
        stop.set()

    watched(stores, stop_at_once)
    while not keep_up_once(stores, stop):
        stop.clear()

    written = [identifier for page in pages for identifier in page]
    assert len(pages) >= 3
    assert sorted(written) == stores.catalog.segment_ids(collection, "image").tolist()
    assert json.loads((stores.folder / "fields.json").read_text()) == {}


def keep_up_once(stores: Stores, stop: Event) -> bool:
    """Whether it came to its end."""
    keep_up(stores, stop=stop)
    return not keep_up(stores, stop=Event()) if not stop.is_set() else False


@pytest.mark.parametrize(
    "note", ["", "[]", '{"x": 3}', "[" * 5000, "KEY:[-1, 5]", "KEY:[-1, 0, true]", "KEY:[7, 1, 2]"]
)
def test_an_odd_note_is_as_good_as_none(stores: Stores, note: str) -> None:
    """A pass begins anew."""
    collection, space = fill(stores, 5)
    key = fields._Fields(stores, collection, space)._key()
    text = f'{{"{key}": {note.removeprefix("KEY:")}}}' if note.startswith("KEY:") else note
    (stores.folder / "fields.json").write_text(text)
    assert keep_up(stores)

    assert bring_up(stores, collection, space) == stores.catalog.revision(collection)


def test_the_note_has_no_password_in_it(stores: Stores) -> None:
    """Nor anything else of the store's address that can be read."""
    collection, space = fill(stores, 1)
    other = replace(stores, settings=stores.settings.model_copy(update={"vectors": "https://me:secret@host:1/db"}))
    same = replace(stores, settings=stores.settings.model_copy(update={"vectors": "https://me:other@host:1/db"}))
    keys = [fields._Fields(one, collection, space)._key() for one in (stores, other, same)]

    assert keys[0] != keys[1] == keys[2]
    assert "secret" not in keys[1]


@pytest.mark.usefixtures("_short_pages")
def test_what_changes_behind_a_pass_is_written_again(stores: Stores) -> None:
    """A pass over all ends with fields that are of its end, not of its beginning."""
    collection, space = fill(stores, 2 * fields.PAGE)
    ids = stores.catalog.segment_ids(collection, "image")
    first = next(name for name in (f"n{number}" for number in range(2 * fields.PAGE)) if segment_id(name, 0) == ids[0])
    pages: list[Ids] = []

    def change(page: Ids, _: int) -> None:
        pages.append(page)
        if len(pages) == 2:
            stores.catalog.tag(collection, [first], ["late"], [])

    watched(stores, change)
    keep_up(stores)

    assert found_by(stores, collection, space, Compare("tag", "=", "late")) == [ids[0]]
    assert bring_up(stores, collection, space) == stores.catalog.revision(collection)


@pytest.mark.usefixtures("_short_pages")
def test_upkeep_leaves_others_their_turn(stores: Stores) -> None:
    """A writer gets the lock between two pages."""
    fill(stores, 4 * fields.PAGE)
    written: list[int] = []
    wanted, had = Event(), threading.Event()

    def write() -> None:
        wanted.set()
        with stores.lock.hold("a writer"):
            written.append(len(pages))
            had.set()

    pages: list[int] = []
    writer = threading.Thread(target=write)

    def begin(ids: Ids, _: int) -> None:
        pages.append(len(ids))
        if len(pages) == 1:
            writer.start()
            wanted.wait(120)

    watched(stores, begin)
    keep_up(stores)
    writer.join()

    assert had.is_set()
    assert written[0] <= len(pages)


def test_upkeep_gives_way_to_a_long_writer(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the lock's timeout it ends without an error; a later call does it."""
    monkeypatch.setattr(stores.lock, "_timeout", 0.2)
    collection, space = fill(stores, 3)
    held, done = Event(), Event()

    def write() -> None:
        with stores.lock.hold("something long"):
            held.set()
            done.wait(120)

    writer = threading.Thread(target=write)
    writer.start()
    assert held.wait(120)
    assert not keep_up(stores)
    done.set()
    writer.join()

    assert keep_up(stores)
    assert bring_up(stores, collection, space) > 0


def test_nothing_is_done_for_other_stores(settings: Settings) -> None:
    """A store that keeps no fields is neither asked nor waited for."""
    opened = open_stores(settings.library, settings)
    collection, space = fill(opened, 3)

    assert not fields.keeps_fields(opened, space)
    assert not keep_up(opened)
    assert opened.catalog.count(collection) == 3
    opened.close()


def test_fields_of_a_later_catalog_are_not_believed(stores: Stores) -> None:
    """After a catalog was put back from a backup its revision is behind the store's."""
    collection, space = fill(stores, 3)
    keep_up(stores)
    store = stores.vectors
    assert isinstance(store, FieldVectorStore)
    store.put_fields(space, np.empty(0, dtype=np.int64), [], stores.catalog.revision(collection) + 3)

    assert bring_up(stores, collection, space) == -1
    assert keep_up(stores)
    assert bring_up(stores, collection, space) == stores.catalog.revision(collection)


def test_the_catalog_is_read_with_few_statements(stores: Stores) -> None:
    """A page of a thousand segments takes a handful of statements, not one a segment."""
    collection, _ = fill(stores, 1000, metadata={"by": "x"})
    ids = stores.catalog.segment_ids(collection, "image")
    catalog = stores.catalog
    assert isinstance(catalog, SqlCatalog)
    statements: list[str] = []
    event.listen(catalog._database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    assert len(catalog.fields_of(collection, ids)) == 1000
    assert len(statements) <= 5


@pytest.mark.parametrize("call", ["fields_of", "put_fields"])
def test_a_change_while_fields_are_written(stores: Stores, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """What changes after the revision was read counts as not written, whenever it is."""
    collection, space = fill(stores, 2)
    keep_up(stores)
    one, other = (next(n for n in ("n0", "n1") if segment_id(n, 0) == i) for i in all_ids(stores, collection))
    stores.catalog.tag(collection, [one], ["early"], [])
    owner: Any = stores.catalog if call == "fields_of" else stores.vectors
    original = getattr(owner, call)

    def change(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(owner, call, original)
        stores.catalog.tag(collection, [one, other], ["late"], [])
        return original(*given, **named)

    monkeypatch.setattr(owner, call, change)
    first = bring_up(stores, collection, space)

    assert first == stores.catalog.revision(collection) - 1
    assert found_by(stores, collection, space, Compare("tag", "=", "late")) == all_ids(stores, collection)


def all_ids(stores: Stores, collection: Collection) -> list[int]:
    ids: list[int] = stores.catalog.segment_ids(collection, "image").tolist()
    return ids


# -- whatever happens in between


class OneAtATime:
    """A write lock as others' processes have it: whoever comes while it is held leaves or waits in vain."""

    def __init__(self) -> None:
        self._held = False

    def hold(self, purpose: str, *, waiting: Callable[[str], None] | None = None) -> AbstractContextManager[None]:
        if self._held:
            if waiting is not None:
                waiting("another process is writing")
            raise morelike.errors.StoreBusy(f"no turn for {purpose}", hint="")
        return self._holding()

    def _holding(self) -> AbstractContextManager[None]:
        lock = self

        class Holding(nullcontext[None]):
            def __enter__(self) -> None:
                lock._held = True

            def __exit__(self, *_: object) -> None:
                lock._held = False

        return Holding()


class World:
    """A catalog and a store in which anything may happen whenever either is called."""

    def __init__(self, stores: Stores, data: st.DataObject) -> None:
        self.stores = replace(stores, lock=OneAtATime())
        self.catalog = stores.catalog
        self.collection = self.catalog.create_collection(f"c{id(data)}-{len(self.catalog.collections())}", "image", {})
        self.space = self.catalog.add_space(self.collection, "image", CARD, active=True)
        self.data = data
        assert isinstance(stores.vectors, FieldVectorStore)
        self.store = stores.vectors
        self.depth = 10
        for name in NAMES:
            self.finish(name)
        self.keep_up()
        self.depth = 0

    def something(self) -> None:
        """A change, by whoever; or somebody else's upkeep or search."""
        self.data.draw(st.sampled_from([*self.CHANGES, World.keep_up, World.bring_up]))(self)

    def between(self) -> None:
        if self.depth < 3 and self.data.draw(st.integers(0, 3)) == 0:
            self.depth += 1
            self.something()
            self.depth -= 1
            self.search()

    def name(self) -> str:
        return self.data.draw(st.sampled_from(NAMES))

    def upsert(self) -> None:
        """A vector alone, as another encoder's run writes it."""
        self.store.upsert(self.space, np.array([segment_id(self.name(), 0)], dtype=np.int64), Q)

    def finish(self, name: str = "") -> None:
        name = name or self.name()
        self.catalog.claim(self.collection, [some_claim(name)])
        self.store.upsert(self.space, np.array([segment_id(name, 0)], dtype=np.int64), Q)
        self.between()
        self.catalog.finish(self.collection, [finished(name)])

    def tag(self) -> None:
        add = self.data.draw(st.booleans())
        known = list(self.catalog.known(self.collection, [self.name()]))
        self.catalog.tag(self.collection, known, ["a"] if add else [], [] if add else ["a"])

    def annotate(self) -> None:
        known = list(self.catalog.known(self.collection, [self.name()]))
        self.catalog.annotate(self.collection, known, {"by": self.data.draw(st.sampled_from(["x", "y", None]))})

    def requeue(self) -> None:
        self.catalog.requeue(self.collection, [self.name()])

    def remove(self) -> None:
        name = self.name()
        self.catalog.mark_deleting(self.collection, [name])
        self.between()
        self.store.delete(self.space, np.array([segment_id(name, 0)], dtype=np.int64))
        self.catalog.forget(self.collection, [name])

    def aside(self) -> None:
        name = self.name()
        if self.catalog.known(self.collection, [name]).get(name) == "ready":
            self.catalog.set_aside(self.collection, [Aside(name, name, "run", 1.0)])
            self.between()
        self.catalog.bring_back(self.collection, [name])

    CHANGES = (upsert, finish, tag, annotate, requeue, remove, aside)

    def keep_up(self) -> None:
        keep_up(self.stores, self.collection)

    def bring_up(self) -> None:
        bring_up(self.stores, self.collection, self.space, most=self.data.draw(st.sampled_from([1, 100])))

    def search(self) -> None:
        """What is found and ready is what the catalog leaves, of those whose vectors are there."""
        self.depth += 10
        stored = {int(one) for block in self.store.ids(self.space) for one in block}
        for expression in ASKED:
            revision = bring_up(self.stores, self.collection, self.space, most=0)
            left = self.catalog.segment_ids(self.collection, "image", filter=expression)
            within = Within(expression, lambda left=left: left, revision)  # type: ignore[misc]
            found, _ = self.store.search(self.space, Q, 10, within=within)
            ready = set(self.catalog.segments(self.collection, found[0][found[0] >= 0]))

            assert ready == set(left.tolist()) & stored
        self.depth -= 10


def found_by(stores: Stores, collection: Collection, space: Space, expression: Any) -> list[int]:
    revision = bring_up(stores, collection, space)
    assert revision >= 0
    ids, _ = stores.vectors.search(space, Q, 50, within=Within(expression, Event, revision))  # type: ignore[arg-type]
    return [int(one) for one in ids[0] if one >= 0]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    folder = tmp_path_factory.mktemp("fields")
    settings = Settings(library=folder, vectors="toy", offline=True)
    table = pytest.MonkeyPatch()
    table.setitem(VECTOR_STORES._all, "toy", Row("morelike.testing.field_store:FieldVectorStore"))
    opened = open_stores(folder, settings)
    yield opened
    opened.close()
    table.undo()


@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_interleaving_hides_what_matches(shared: Stores, data: st.DataObject) -> None:
    """Whatever others do between any two steps: a search finds what the catalog leaves, no more and no less."""
    world = World(shared, data)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fields, "PAGE", 1)
        for thing, names in (
            (type(world.catalog), ("touched", "fields_of", "revision")),
            (FieldVectorStore, ("put_fields", "fields_revision")),
        ):
            for name in names:
                patched.setattr(thing, name, interrupted(world, getattr(thing, name)))
        for _ in range(15):
            world.something()
            world.search()
        world.depth = 10
        world.keep_up()
        world.search()


def interrupted(world: World, call: Callable[..., Any]) -> Callable[..., Any]:
    def act(*given: Any, **named: Any) -> Any:
        world.between()
        return call(*given, **named)

    return act
