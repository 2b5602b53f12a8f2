"""The Ray engine without Ray: lists, the tally, and what is left of a dead actor's list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_entries import entries_of, known_of

from morelike.collection import OpenCollection
from morelike.engines import lists
from morelike.engines.actor import Returned
from morelike.engines.lists import End, InFlight, WorkList, carry, work_lists
from morelike.engines.partition import PartReport
from morelike.engines.settle import MOST_DEATHS, divided, give_up, settled
from morelike.engines.shared import marked
from morelike.engines.tally import Tally
from morelike.errors import ItemError, UsageError
from morelike.settings import Settings
from morelike.tasks import check
from morelike.types import Blob, Rejection
from morelike.work import Options

# -- lists


def sources(*blobs: Blob, origin: str = "here") -> list[tuple[str, Iterator[Blob]]]:
    return [(origin, iter(blobs))]


def made(photos: OpenCollection, given: Any, *, sync: bool = False) -> list[WorkList | End]:
    adding = photos._adding(Options(sync=sync))
    known, _ = known_of(adding, Tally(None))
    return list(work_lists(given, known, adding.stores.settings, InFlight(), sync=sync))


def test_lists_have_64_keys_but_the_last(photos: OpenCollection, pictures: Path) -> None:
    """Whatever the number of sources that they come from."""
    one = Blob.from_path(next(pictures.iterdir()))
    many = [replace(one, uri=f"/made-up/{number}.jpg") for number in range(130)]

    got = made(photos, [*sources(*many[:100]), *sources(*many[100:], origin="there")])

    assert [len(work.entries) for work in got if isinstance(work, WorkList)] == [64, 64, 2]
    assert {entry.origin for work in got[1:2] if isinstance(work, WorkList) for entry in work.entries} == {
        "here",
        "there",
    }


def test_a_list_ends_with_its_bytes(photos: OpenCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in flight is bounded, however few blobs it is."""
    monkeypatch.setattr(lists, "MOST_BYTES", 1000)

    got = made(photos, sources(*[Blob.from_bytes(b"x" * 400, f"{n}.jpg") for n in range(7)]))

    assert [len(work.entries) for work in got if isinstance(work, WorkList)] == [3, 3, 1]


def test_a_path_that_comes_again_waits(photos: OpenCollection, pictures: Path) -> None:
    """The last row of a table that names it counts: its list is alone, after all others."""
    one = Blob.from_path(next(pictures.iterdir()))
    many = [replace(one, uri=f"/made-up/{number}.jpg") for number in range(64)]

    got = made(photos, sources(*many, replace(many[5], metadata={"year": 2000})))

    assert [(len(work.entries), work.alone) for work in got if isinstance(work, WorkList)] == [(64, False), (1, True)]


def test_sync_waits_for_the_end_of_each_origin(photos: OpenCollection, pictures: Path) -> None:
    """What is gone of it can only be told when all of it was met."""
    blob = Blob.from_path(next(pictures.iterdir()))

    got = made(photos, [*sources(blob), *sources(replace(blob, uri="/made-up/1.jpg"), origin="there")], sync=True)

    assert [one.origin if isinstance(one, End) else len(one.entries) for one in got] == [1, "here", 1, "there"]


def test_files_are_carried_to_who_does_not_see_them(
    photos: OpenCollection, pictures: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their bytes, and no more of them at once than there is room for; they may still stay in place."""
    entries = entries_of(pictures, settings)
    monkeypatch.setattr(lists, "MOST_BYTES", (entries[0].blob.size or 0) + 1)
    work = WorkList(entries, as_bytes=True)

    keys, rest = carry(work, settings)

    assert [key.kind for key in keys] == ["bytes", "bytes"]
    assert all(key.lasting for key in keys)
    assert rest is not None
    assert rest.as_bytes
    assert [*work.entries, *rest.entries] == entries


# -- the tally


def test_an_item_of_two_parts_is_added_once() -> None:
    """The second part found it already there, as one machine would have."""
    tally = Tally(None)
    row = Rejection("bad", "", "decode", "it is bad")

    tally.merge(1, PartReport(finished=("a", "b"), same=1, rejections=(row,)))
    tally.merge(2, PartReport(finished=("b", "c"), replaced=1, rejected_before=2, stages={"read": 2.0}))
    report = tally.report(interrupted=False)

    assert (report.added, report.same, report.rejected, report.rejections) == (3, 2, 1, (row,))
    assert (report.replaced, report.rejected_before, report.stages) == (1, 2, {"read": 2.0})


def test_progress_has_what_is_running() -> None:
    """What an actor tells of a list is counted until its report takes the place."""
    tally = Tally(None)

    tally.running("list", replace(tally.counts(), done=5, rejected=1))
    assert (tally.counts().done, tally.counts().rejected) == (5, 1)
    tally.merge("list", PartReport(finished=tuple("abcdefg")))

    assert (tally.counts().done, tally.counts().rejected) == (7, 0)


# -- after a death


def test_what_a_dead_actor_did_is_neither_lost_nor_done_again(
    photos: OpenCollection, pictures: Path, settings: Settings
) -> None:
    """Of its list what is in is counted as added, what it put down as rejected once, and only the rest goes on."""
    (pictures / "bad.jpg").write_bytes(b"\xff\xd8\xff no")
    entries = entries_of(pictures, settings)
    done = [entry.blob.path for entry in entries[:3]]
    photos.add(*done, pictures / "bad.jpg")
    adding = photos._adding(Options())
    known, _ = known_of(adding, Tally(None))
    work = WorkList(entries)

    report = settled(adding, known, work, "2000-01-01T00:00:00Z")

    assert len(report.finished) == 3
    assert [(row.uri, row.attempts) for row in report.rejections] == [(str(pictures / "bad.jpg"), 1)]
    assert {entry.blob.path for entry in work.entries} == {entry.blob.path for entry in entries} - {
        *done,
        pictures / "bad.jpg",
    }


def test_the_last_row_of_a_path_decides(photos: OpenCollection, pictures: Path, settings: Settings) -> None:
    """What an earlier row said is not written over it by whoever gets the rest."""
    first, *_ = entries_of(pictures, settings)
    rows = [replace(first, blob=replace(first.blob, metadata={"year": year})) for year in (1990, 2000)]
    photos.add(first.blob.path, metadata={"year": 2000})
    adding = photos._adding(Options())
    known, _ = known_of(adding, Tally(None))
    work = WorkList(rows)

    report = settled(adding, known, work, "2000-01-01T00:00:00Z")

    assert (len(report.finished), report.same, work.entries) == (1, 1, [])


def test_what_was_there_before_is_not_counted_as_added(
    photos: OpenCollection, pictures: Path, settings: Settings
) -> None:
    """It goes to the next actor, which finds it there; so does what was rejected in an earlier run."""
    (pictures / "bad.jpg").write_bytes(b"\xff\xd8\xff no")
    photos.add(pictures)
    adding = photos._adding(Options(retry=True))
    known, _ = known_of(adding, Tally(None))
    entries = [replace(entry, attempts=1) for entry in entries_of(pictures, settings)]
    work = WorkList(entries)

    report = settled(adding, known, work, "2999-01-01T00:00:00Z")

    assert report == PartReport()
    assert work.entries == entries


def test_a_deadly_key_is_found_by_halves(pictures: Path, settings: Settings) -> None:
    """A list that three actors died of is divided, and its halves again after one more death each."""
    work = WorkList(entries_of(pictures, settings)[:5], deaths=MOST_DEATHS - 1)
    assert divided(work) == [work]
    work.deaths += 1

    halves = divided(work)

    assert [(len(half.entries), half.deaths) for half in halves] == [(2, 2), (3, 2)]
    assert divided(WorkList([], deaths=1)) == []


def test_a_deadly_key_becomes_a_row(photos: OpenCollection, pictures: Path, settings: Settings) -> None:
    """With its reason, and a run goes on; there is no endless trying."""
    adding = photos._adding(Options())
    tally = Tally(None)
    _, ledger = known_of(adding, tally)

    give_up(adding, ledger, WorkList(entries_of(pictures, settings)[:1], deaths=3))
    ledger.flush()

    [row] = photos.rejected()
    assert (row.stage, row.attempts, tally.rejected) == (ItemError.stage, 1, 1)
    assert "3 processes that worked on 00000.jpg ended at once" in row.reason


# -- folders


def test_a_mark_lies_in_each_folder_while_the_run_lasts(photos: OpenCollection, tmp_path: Path) -> None:
    """By it other machines tell whether they see the same folder; nothing of it stays."""
    adding = photos._adding(Options())

    with marked(adding) as marks:
        assert list(marks) == ["the catalog and the vectors and the blobs"]
        assert all(Path(mark).is_file() for mark in marks.values())

    assert not any(Path(mark).exists() for mark in marks.values())


def test_servers_need_no_folder(photos: OpenCollection) -> None:
    """With catalog, vectors and blobs on servers there is none to share."""
    adding = photos._adding(Options())
    away = {"catalog": "postgresql://host/name", "vectors": "http://host:19530", "blobs": "s3://bucket/prefix"}
    stores = replace(adding.stores, settings=adding.stores.settings.model_copy(update=away))

    with marked(replace(adding, stores=stores)) as marks:
        assert marks == {}


@pytest.mark.parametrize("vectors", ["memory", "vectors.db"])
def test_vectors_of_one_process_are_refused(photos: OpenCollection, vectors: str) -> None:
    """Others would write where nobody reads."""
    adding = photos._adding(Options())
    stores = replace(adding.stores, settings=adding.stores.settings.model_copy(update={"vectors": vectors}))

    with pytest.raises(UsageError), marked(replace(adding, stores=stores)):
        pass


# -- the leader


def test_files_that_an_actor_lacks_go_again_with_their_bytes(
    photos: OpenCollection, pictures: Path, settings: Settings
) -> None:
    """Only those; what else was in the list is done."""
    pytest.importorskip("ray")
    from morelike.engines.crew import Done
    from morelike.engines.ray import RayEngine

    engine = RayEngine(photos._adding(Options()))
    work = WorkList(entries_of(pictures, settings))
    engine._in_flight.begin(entry.blob.uri for entry in work.entries)

    engine._done(Done(work, Returned(PartReport(finished=tuple("abcd")), unseen=(1, 4), files=6)))

    [again] = engine._lists
    assert (again.entries, again.as_bytes) == ([work.entries[1], work.entries[4]], True)
    assert [entry.blob.uri in engine._in_flight for entry in work.entries] == [at in (1, 4) for at in range(6)]


# -- the seam


def test_the_local_engine_has_no_address(photos: OpenCollection, pictures: Path) -> None:
    """An address without ``--engine ray`` is a slip."""
    with pytest.raises(UsageError, match="no address"):
        photos.add(pictures, address="auto")


def test_an_unknown_engine_is_refused(photos: OpenCollection, pictures: Path) -> None:
    """With the names that there are."""
    with pytest.raises(UsageError, match="no engine named 'rai'"):
        photos.add(pictures, engine="rai")

    assert photos.count() == 0


def test_a_job_names_its_engine() -> None:
    """One that there is."""
    check("add", {"sources": ["/pictures"], "engine": "ray"})

    with pytest.raises(UsageError, match="must be one of local, ray"):
        check("add", {"sources": ["/pictures"], "engine": "rai"})
