"""Another encoder for a collection, while it is searched, added to and removed from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import morelike
from morelike.collection import OpenCollection
from morelike.errors import EncodeError, UsageError
from morelike.library import Library
from morelike.records import Aside
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder
from morelike.types import Card, Kind, Payload, Space


class Thirds:
    """A picture to the mean colours of its three thirds: 9 numbers under a metric of its own, told when it encodes."""

    def __init__(self, name: str = "thirds", told: Callable[[int], None] = lambda _: None) -> None:
        self._card = Card(
            name, family="toy", form="dense", dim=9, metric="l2", inputs={"image": {"side": 32}}, fingerprint="1" * 12
        )
        self._told = told

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> Any:
        assert kind == "image"
        thirds = np.array_split(payload.astype(np.float32), 3, axis=1)
        return np.concatenate([third.mean(axis=(0, 1)) for third in thirds]) / 255

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Any:
        self._told(len(batch))
        return np.stack(batch).astype(np.float32)


@pytest.fixture
def library(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """Small groups and batches: of sixty pictures at most twenty are in flight."""
    monkeypatch.setattr("morelike.batches.BATCH", 4)
    with morelike.open(settings.model_copy(update={"commit_items": 8, "look_ahead": 8})) as opened:
        yield opened


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return write_images(tmp_path / "pictures", 60, seed=1)


@pytest.fixture
def photos(library: Library, paths: list[Path]) -> OpenCollection:
    collection = library.collection("photos", modality="image", encoder=ToyEncoder())
    assert collection.add(paths[0].parent).added == 60
    return collection


def test_a_small_collection_is_calibrated_too(library: Library, tmp_path: Path) -> None:
    """Hits have percentiles after the switch, also where all vectors are made together with it."""
    folder = write_images(tmp_path / "few", 24, seed=2)[0].parent
    few = library.collection("few", modality="image", encoder=ToyEncoder())
    few.add(folder)

    few.reembed("classic")

    assert few.search(few.items()[0].id)[0].percentile is not None


def active(collection: OpenCollection) -> Space:
    (space,) = [space for space in collection.spaces if space.active]
    return space


def vectors_of(collection: OpenCollection, space: Space) -> dict[int, bytes]:
    """Every stored vector of a space, by segment."""
    store = collection._stores.vectors
    ids = [identifier for block in store.ids(space) for identifier in block.tolist()]
    found, vectors = store.fetch(space, np.array(ids, dtype=np.int64))
    return {identifier: vector.tobytes() for identifier, vector in zip(found.tolist(), vectors, strict=True)}


def as_if_new(settings: Settings, paths: Sequence[Path], tmp_path: Path) -> dict[int, bytes]:
    """The vectors of a collection that was made with ``Thirds`` from the beginning."""
    other = settings.model_copy(update={"library": tmp_path / "another"})
    with morelike.open(other) as library:
        collection = library.collection("photos", modality="image", encoder=Thirds())
        collection.add(*paths)
        return vectors_of(collection, active(collection))


def test_it_is_as_if_made_with_the_other_encoder(
    photos: OpenCollection, paths: list[Path], settings: Settings, tmp_path: Path
) -> None:
    """Vector for vector the same as a new collection's; the answers come in the new encoder's unit."""
    before = photos.search(paths[0], k=1)[0]

    report = photos.reembed(Thirds())

    after = photos.search(paths[0], k=1)[0]
    assert (report.encoded, report.same, report.missing, report.switched) == (60, 0, 0, True)
    assert vectors_of(photos, active(photos)) == as_if_new(settings, paths, tmp_path)
    assert (list(before.unit), list(after.unit)) == (["cosine"], ["squared_l2"])
    assert before.source == after.source == str(paths[0])


def test_searches_never_stop_and_never_mix(photos: OpenCollection, paths: list[Path]) -> None:
    """All through it every answer is whole and in one unit: the old one until the switch, the new one from then on."""
    units: list[set[str]] = []
    answered = threading.Condition()
    ended = threading.Event()

    def search() -> None:
        try:
            while not ended.is_set():
                hits = photos.search(paths[7], k=60)
                assert hits[0].source == str(paths[7])
                assert len(hits) == 60
                with answered:
                    units.append({name for hit in hits for name in hit.unit})
                    answered.notify_all()
        finally:
            ended.set()

    def wait_for_an_answer(size: int) -> None:
        if size > 2:  # not where a search itself is encoded
            with answered:
                seen = len(units)
                answered.wait_for(lambda: len(units) > seen + 1 or ended.is_set(), timeout=120)

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(search) for _ in range(2)]
        try:
            photos.reembed(Thirds(told=wait_for_an_answer))
            wait_for_an_answer(60)
        finally:
            ended.set()
        for each in running:
            each.result()

    assert all(len(unit) == 1 for unit in units)
    assert {name for unit in units for name in unit} == {"cosine", "squared_l2"}


def test_a_search_survives_that_its_space_is_dropped(
    photos: OpenCollection, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that began before the switch, and whose space is dropped under its hands, answers from the new one."""
    old = active(photos)
    store = photos._stores.vectors
    search = store.search

    def slow(space: Space, *arguments: Any, **named: Any) -> Any:
        if space.id == old.id:
            monkeypatch.undo()
            photos.reembed(Thirds())
            photos.drop_space(old)
        return search(space, *arguments, **named)

    monkeypatch.setattr(store, "search", slow)

    hits = photos.search(paths[3], k=5)

    assert hits[0].source == str(paths[3])
    assert list(hits[0].unit) == ["squared_l2"]


def test_stopped_it_goes_on_where_it_was(photos: OpenCollection) -> None:
    """Nothing that was written is encoded again, and the collection is searched as before until the end."""
    stop = threading.Event()
    encoded: list[int] = []

    def told(size: int) -> None:
        encoded.append(size)
        stop.set()

    first = photos.reembed(Thirds(told=told), stop=stop)
    between = active(photos).card.name
    second = photos.reembed(Thirds(told=told))

    assert (first.interrupted, first.switched, between) == (True, False, "toy")
    assert 0 < first.encoded < 60
    assert (second.encoded, second.same) == (60 - first.encoded, first.encoded)
    assert sum(encoded) == 60
    assert active(photos).card.name == "thirds"


def test_what_is_added_and_removed_meanwhile(
    photos: OpenCollection, paths: list[Path], library: Library, tmp_path: Path
) -> None:
    """Items that come while it runs are in the new space, items that go are in none."""
    more = write_images(tmp_path / "more", 20, seed=500)
    gone = [photos.search(path, k=1)[0].item for path in paths[:6]]
    other = library.collection("photos")

    def meddle(_: int) -> None:
        """In the first pass only: later the switch holds the lock while it encodes the last few."""
        if gone:
            assert other.remove([gone.pop() for _ in range(3)]) == 3
            assert other.add(*[more.pop() for _ in range(10)]).added == 10

    photos.reembed(Thirds(told=meddle))

    space = active(photos)
    ready = photos._stores.catalog.segment_ids(photos._record, "image")
    assert (space.card.name, gone, more, photos.count()) == ("thirds", [], [], 74)
    assert sorted(vectors_of(photos, space)) == ready.tolist()
    assert library.doctor().findings == []


def test_an_add_that_is_under_way_follows_the_switch(
    photos: OpenCollection, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ``add`` had begun for the old space is encoded anew for the one that was made active meanwhile."""
    write_images(tmp_path / "more", 30, seed=500)
    catalog, finish = photos._stores.catalog, photos._stores.catalog.finish
    encoded: list[int] = []

    def switch_after_the_first_group(*arguments: Any) -> None:
        finish(*arguments)
        monkeypatch.undo()
        assert library.collection("photos").reembed(Thirds(told=encoded.append)).switched
        encoded.clear()

    monkeypatch.setattr(catalog, "finish", switch_after_the_first_group)

    report = photos.add(tmp_path / "more")

    space = active(photos)
    assert (report.added, space.card.name) == (30, "thirds")
    assert encoded.count(1) > 1  # those that had vectors of the old space already
    assert sum(encoded) == 22
    assert sorted(vectors_of(photos, space)) == catalog.segment_ids(photos._record, "image").tolist()
    assert library.doctor().findings == []


def test_rollback_fills_what_was_added_since(photos: OpenCollection, paths: list[Path], tmp_path: Path) -> None:
    """The space before is searched again, with the items that came after it and without those that went."""
    before = vectors_of(photos, active(photos))
    photos.reembed(Thirds())
    photos.remove([photos.search(paths[0], k=1)[0].item])
    added = write_images(tmp_path / "more", 10, seed=500)
    photos.add(*added)

    report = photos.rollback()

    after = vectors_of(photos, active(photos))
    assert (report.encoded, report.same, report.switched) == (10, 59, True)
    assert active(photos).card.name == "toy"
    assert len(before.items() & after.items()) == 59
    assert photos.search(added[0], k=1)[0].source == str(added[0])


def test_there_and_back_again(photos: OpenCollection) -> None:
    """Two rollbacks lead to where one began, and nothing is encoded."""
    photos.reembed(Thirds())

    reports = [photos.rollback(), photos.rollback()]

    assert [report.encoded for report in reports] == [0, 0]
    assert active(photos).card.name == "thirds"


def test_nothing_to_go_back_to(photos: OpenCollection) -> None:
    """Without an earlier space ``rollback`` says how there would be one; one that was only begun is none."""
    with pytest.raises(UsageError, match="no space to go back to"):
        photos.rollback()
    stop = threading.Event()
    photos.reembed(Thirds(told=lambda _: stop.set()), stop=stop)
    begun = sorted(vectors_of(photos, photos.spaces[1]))
    photos._stores.vectors.delete(photos.spaces[1], np.array(begun[10:], dtype=np.int64))

    with pytest.raises(UsageError, match="of 60 vectors") as caught:
        photos.rollback()

    assert "morelike reembed photos --encoder thirds" in caught.value.hint


@pytest.fixture
def in_place(library: Library, paths: list[Path]) -> OpenCollection:
    """The same pictures, not copied; the first two files are gone."""
    collection = library.collection("here", modality="image", encoder=ToyEncoder())
    collection.add(paths[0].parent, in_place=True)
    for path in paths[:2]:
        path.rename(path.with_suffix(".gone"))
    return collection


def test_an_original_that_is_gone_stops_the_switch(in_place: OpenCollection, paths: list[Path]) -> None:
    """Everything else is encoded, the ledger names what is missing, and the old space is searched as before."""
    report = in_place.reembed(Thirds())

    assert (report.encoded, report.missing, report.switched) == (58, 2, False)
    assert {row.uri for row in in_place.rejected()} == {str(path) for path in paths[:2]}
    assert {row.stage for row in in_place.rejected()} == {"reembed"}
    assert len(in_place.search(paths[5], k=60)) == 60
    assert active(in_place).card.name == "toy"


def test_allow_missing_switches_all_the_same(in_place: OpenCollection, paths: list[Path]) -> None:
    """Those two are not found any more; with their files back the same call finds them again and forgives."""
    report = in_place.reembed(Thirds(), allow_missing=True)
    found = len(in_place.search(paths[5], k=60))
    for path in paths[:2]:
        path.with_suffix(".gone").rename(path)

    again = in_place.reembed(Thirds())

    assert (report.missing, report.switched, found) == (2, True, 58)
    assert (again.encoded, again.missing, again.already) == (2, 0, True)
    assert in_place.search(paths[0], k=60)[0].source == str(paths[0])
    assert in_place.rejected() == []


def test_an_item_that_the_encoder_cannot_take(photos: OpenCollection, paths: list[Path]) -> None:
    """It is named with the encoder's own reason, and the others of its batch go on."""
    bad = Thirds().prepare("image", np.asarray(Image.open(paths[4])))

    class Choosy(Thirds):
        def encode(self, kind: Kind, batch: Sequence[Any]) -> Any:
            if any(np.abs(vector - bad).max() < 0.01 for vector in batch):
                raise EncodeError("not this one")
            return super().encode(kind, batch)

    report = photos.reembed(Choosy())

    assert (report.encoded, report.missing, report.switched) == (59, 1, False)
    assert [row.uri for row in report.rejections] == [str(paths[4])]
    assert "not this one" in report.rejections[0].reason


def test_what_is_set_aside_is_encoded_too(photos: OpenCollection) -> None:
    """A duplicate that comes back is found in the new space."""
    catalog, record = photos._stores.catalog, photos._record
    keeper, aside = (item.id for item in photos.items(limit=2))
    catalog.set_aside(record, [Aside(aside, keeper, "run")])

    report = photos.reembed(Thirds())
    catalog.bring_back(record, [aside])

    assert report.encoded == 60
    assert aside in {hit.item for hit in photos.search(keeper, k=60)}


def test_two_at_once(photos: OpenCollection, library: Library, paths: list[Path]) -> None:
    """Two runs to the same encoder both succeed; each segment has its one vector."""
    others = [library.collection("photos") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda collection: collection.reembed(Thirds()), others))

    assert [report.switched for report in reports] == [True, True]
    assert len([space for space in photos.spaces if space.card.name == "thirds"]) == 1
    assert photos._stores.vectors.count(active(photos)) == 60
    assert photos.search(paths[9], k=1)[0].source == str(paths[9])


def test_the_same_encoder_again_does_nothing(photos: OpenCollection) -> None:
    """Nothing is encoded or written, and the report says that it was so already."""
    before = photos._stores.catalog.spaces(photos._record)

    report = photos.reembed(ToyEncoder())

    assert (report.encoded, report.same, report.already, report.switched) == (0, 60, True, True)
    assert photos._stores.catalog.spaces(photos._record) == before


def test_vectors_that_are_gone_are_made_again(photos: OpenCollection, library: Library) -> None:
    """The same encoder fills what its own space lacks."""
    ids = photos._stores.catalog.segment_ids(photos._record, "image")
    photos._stores.vectors.delete(active(photos), ids[:40])

    report = photos.reembed(ToyEncoder())

    assert (report.encoded, report.same, report.already) == (40, 20, True)
    assert library.doctor().findings == []


def test_the_space_that_is_searched_cannot_be_dropped(photos: OpenCollection) -> None:
    """Another one goes with its vectors."""
    old = active(photos)
    with pytest.raises(UsageError, match="is searched in"):
        photos.drop_space(old)
    photos.reembed(Thirds())

    photos.drop_space(old)

    assert [space.card.name for space in photos.spaces] == ["thirds"]
    assert list(photos._stores.vectors.space_ids()) == [active(photos).id]


def test_a_space_dropped_meanwhile_ends_the_run(photos: OpenCollection) -> None:
    """It is said, and no vectors are left behind without a space."""

    def drop(_: int) -> None:
        for space in photos.spaces:
            if not space.active:
                photos.drop_space(space)

    with pytest.raises(UsageError, match="dropped meanwhile"):
        photos.reembed(Thirds(told=drop))

    assert list(photos._stores.vectors.space_ids()) == [active(photos).id]


def test_progress_counts_on(photos: OpenCollection) -> None:
    """The total is known from the start, what an earlier run did is counted as there already, and it ends whole."""
    stop = threading.Event()
    photos.reembed(Thirds(told=lambda _: stop.set()), stop=stop)
    told: list[Any] = []

    report = photos.reembed(Thirds(), progress=told.append)

    assert {progress.total for progress in told} == {60}
    assert {progress.same for progress in told} == {report.same}
    assert told[-1].done + told[-1].same == 60


def test_an_inactive_space_is_no_fault(photos: OpenCollection, library: Library) -> None:
    """``doctor`` finds nothing wrong with a space that was begun, nor with an old one that lacks what came later."""
    stop = threading.Event()
    photos.reembed(Thirds(told=lambda _: stop.set()), stop=stop)

    assert 0 < photos.vectors_in(photos.spaces[1]) < 60
    assert library.doctor().findings == []


def test_the_old_encoder_is_not_the_collection_s_any_more(photos: OpenCollection, library: Library) -> None:
    """Its name is refused as any other's is, with the command that changes back."""
    photos.reembed(Thirds())

    with pytest.raises(UsageError, match=r"made with thirds") as caught:
        library.collection("photos", encoder="classic")

    assert "morelike reembed photos --encoder classic" in caught.value.hint
