"""What only a library behind a server has: what is sent and what is not, lines that drop, jobs that are called off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import blake3
import httpx
import numpy as np
import pytest

import morelike
from morelike import tasks
from morelike.errors import MissingExtra, StoreFull, StoreUnreachable, UsageError
from morelike.jobs import JobStopped
from morelike.remote.client import Client
from morelike.remote.collection import RemoteCollection
from morelike.remote.library import RemoteLibrary
from morelike.remote.uploads import placed
from morelike.settings import Settings
from morelike.types import Span

pytestmark = pytest.mark.xdist_group("library suite")


class Line(httpx.BaseTransport):
    """The real one, on which requests are counted, and which drops when the test says."""

    def __init__(self) -> None:
        self._inner = httpx.HTTPTransport()
        self.sent: list[tuple[str, str]] = []
        self.before: Callable[[httpx.Request], None] = lambda _: None
        self.after: Callable[[httpx.Request, httpx.Response], None] = lambda *_: None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append((request.method, request.url.path.rpartition("/")[2]))
        self.before(request)
        response = self._inner.handle_request(request)
        self.after(request, response)
        return response

    def close(self) -> None:
        self._inner.close()

    @property
    def uploads(self) -> int:
        return self.sent.count(("POST", "items"))


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def wired(both: Any, line: Line) -> Iterator[RemoteLibrary]:
    """The library over that line."""
    settings = Settings(server=both.url, api_key=both.key)
    client = Client(both.url, both.key, transport=line, pause=lambda _: None)
    with RemoteLibrary(settings, client=client) as library:
        yield library


@pytest.fixture
def photos(there: Any, wired: RemoteLibrary) -> RemoteCollection:
    """An empty collection over that line."""
    return wired.collection(there.collection().name)


def test_open_takes_an_address(both: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And the environment names a server where nothing else is named; a folder is a folder all the same."""
    with morelike.open(both.url, api_key=both.key) as far:
        assert isinstance(far, RemoteLibrary)
    monkeypatch.setenv("MORELIKE_SERVER", both.url)
    monkeypatch.setenv("MORELIKE_API_KEY", both.key)
    with morelike.open() as named:
        assert isinstance(named, morelike.RemoteLibrary)
        assert named.id == both.local.id
        assert both.key not in repr(named)
    with morelike.open(tmp_path / "here") as near, morelike.open(str(tmp_path / "there")) as other:
        assert isinstance(near, morelike.Library)
        assert isinstance(other, morelike.Library)


def test_what_is_known_is_not_sent(there: Any, photos: RemoteCollection, line: Line) -> None:
    """A second run asks, and sends nothing; a file that was only touched is read here and not sent."""
    folder = there.folder(5)
    assert photos.add(folder).added == 5
    sent = line.uploads
    (folder / "00003.jpg").touch()

    assert photos.add(folder).same == 5
    assert sent == line.uploads == 1


def test_files_go_in_groups(there: Any, photos: RemoteCollection, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded by their number and by their bytes."""
    monkeypatch.setattr("morelike.remote.uploads.GROUP_FILES", 2)

    assert photos.add(there.folder(5)).added == 5
    assert line.uploads == 3

    monkeypatch.setattr("morelike.remote.uploads.GROUP_BYTES", 1)
    assert photos.add(there.folder(3, seed=60)).added == 3
    assert line.uploads == 6


def test_an_upload_whose_answer_is_lost_is_sent_again(there: Any, photos: RemoteCollection, line: Line) -> None:
    """All is in, once."""

    def lose(request: httpx.Request, response: httpx.Response) -> None:
        if request.url.path.endswith("/items") and line.uploads == 1:
            response.close()
            raise httpx.ReadError("the line dropped")

    line.after = lose
    report = photos.add(there.folder(4))

    assert report.added + report.same == 4
    assert photos.count() == 4
    assert line.uploads == 2


def test_a_run_that_the_line_ended_is_gone_on_with(
    there: Any, photos: RemoteCollection, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was in stays in, and is not sent again."""
    monkeypatch.setattr("morelike.remote.uploads.GROUP_FILES", 2)
    monkeypatch.setattr("morelike.remote.uploads.AT_ONCE", 1)
    folder = there.folder(6)

    def drop(request: httpx.Request) -> None:
        if request.url.path.endswith("/items") and line.uploads > 1:
            raise httpx.ConnectError("no route")

    line.before = drop
    with pytest.raises(StoreUnreachable, match="no route"):
        photos.add(folder)
    assert photos.count() == 2

    line.before = lambda _: None
    report = photos.add(folder)
    assert (report.added, report.same) == (4, 2)


def test_what_the_server_refuses_ends_the_run(there: Any, photos: RemoteCollection, line: Line) -> None:
    """As the store's own error."""

    def full(request: httpx.Request) -> None:
        if request.url.path.endswith("/items"):
            raise StoreFull("the disk is full", hint="make room")

    line.before = full
    with pytest.raises(StoreFull, match="the disk is full"):
        photos.add(there.folder(2))


def test_a_file_that_goes_while_its_group_is_sent_is_rejected_alone(
    there: Any, photos: RemoteCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are in."""
    folder = there.folder(4)
    monkeypatch.setattr("morelike.remote.uploads.SMALL", 1)  # all are read as they are sent
    from morelike.sources import files

    real = files.file_blob

    def vanishing(path: str, *rest: Any) -> Any:
        blob = real(path, *rest)
        if path.endswith("00002.jpg"):
            Path(path).unlink()
        return blob

    monkeypatch.setattr(files, "file_blob", vanishing)
    report = photos.add(folder)

    assert (report.added, report.rejected) == (3, 1)
    assert report.rejections[0].uri == str(folder / "00002.jpg")
    assert report.rejections[0].stage == "source"


def test_a_file_larger_than_the_server_takes_is_rejected(there: Any, wired: RemoteLibrary) -> None:
    """It says who can change that."""
    photos = there.collection()
    photos._server = replace(wired._server, limits={**wired._server.limits, "upload_bytes": 1000})

    report = photos.add(there.folder(1))

    assert (report.added, report.rejected) == (0, 1)
    assert "MORELIKE_MAX_UPLOAD_BYTES" in report.rejections[0].reason


def test_places_have_names_that_no_server_takes_for_its_own() -> None:
    """This machine's name before a path; an address as it is; nothing twice; nothing too long."""
    assert placed("/a/b.jpg").startswith("upload:")
    assert placed("/a/b.jpg").endswith("/a/b.jpg")
    assert placed("https://example.org/x.jpg") == "upload:https://example.org/x.jpg"
    assert placed("upload:abc") == "upload:abc"
    long = [placed("/" + "x" * 5000 + name) for name in "ab"]
    assert all(len(one) < 2048 for one in long)
    assert long[0] != long[1]


@contextmanager
def _served_files(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_addresses_are_fetched_by_the_server(there: Any, photos: RemoteCollection, line: Line) -> None:
    """To add them beside what lies here, and as examples: nothing of them comes through this machine."""
    folder = there.folder(2)
    told: list[int] = []
    with _served_files(folder) as address:
        report = photos.add(
            f"{address}/00000.jpg", there.folder(1, seed=30), progress=lambda now: told.append(now.done)
        )
        hits = photos.search(f"{address}/00000.jpg", k=1)

    assert (report.added, report.rejected, photos.count()) == (2, 0, 2)
    assert told[-1] == 2
    assert hits[0].source == f"{address}/00000.jpg"
    assert hits[0].score == pytest.approx(1.0, abs=1e-4)
    assert {source.uri for item in photos.items() for source in item.sources if "127.0.0.1" in source.uri} == {
        f"{address}/00000.jpg"
    }


class Work:
    """A kind of job that goes on until it is called off, in place of ``tag``."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.error: Exception | None = None

    def perform(self, library: Any, job: Any, report: Any, stop: threading.Event) -> dict[str, Any]:
        del library, job
        report({"done": 3, "total": 9, "rate": 1.0, "eta": 6.0, "note": "", "current": "x"})
        self.began.set()
        if self.error is not None:
            raise self.error
        assert stop.wait(120)
        raise JobStopped({**RESULT, "interrupted": True})


RESULT = {
    "items": 3,
    "tagged": 1,
    "labels": {"cat": 1},
    "added": 1,
    "removed": 0,
    "shown": [],
    "threshold": 2.5,
    "dry_run": False,
    "interrupted": False,
    "seconds": 0.1,
}


TRIED = {
    "files": 7,
    "sampled": 2,
    "rejected": [],
    "items_per_second": 1.0,
    "seconds_estimated": 7.0,
    "bytes_on_disk": 700,
    "peak_memory": 1000,
    "encoder": "toy-joint",
    "there": 0,
    "interrupted": True,
}


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    work = Work()
    kind = tasks.KINDS["tag"]
    monkeypatch.setattr(tasks, "KINDS", {**tasks.KINDS, "tag": type(kind)(kind.arguments, work.perform)})
    return work


def test_stop_calls_a_job_off(photos: RemoteCollection, work: Work) -> None:
    """What it has done until then is the report; its progress was told."""
    stop = threading.Event()
    told: list[Any] = []

    def progress(now: Any) -> None:
        told.append(now)
        if now.done == 3:
            stop.set()

    report = photos.tag_auto(["cat"], progress=progress, stop=stop)

    assert report.interrupted
    assert (report.items, report.labels) == (3, {"cat": 1})
    assert (told[-1].done, told[-1].total, told[-1].current) == (3, 9, "x")


@pytest.mark.parametrize("result", [{}, TRIED], ids=["queued", "running"])
def test_a_dry_run_is_called_off(
    photos: RemoteCollection, monkeypatch: pytest.MonkeyPatch, result: dict[str, Any]
) -> None:
    """What was found until then is its answer, nothing where nobody had begun; files are told as they are found."""

    def perform(library: Any, job: Any, report: Any, stop: threading.Event) -> dict[str, Any]:
        del library, job
        report({"done": 0, "total": None, "rate": 0.0, "eta": None, "note": "", "seen": 7, "found": 7})
        assert stop.wait(120)
        raise JobStopped(result)

    kind = tasks.KINDS["dry-run"]
    monkeypatch.setattr(tasks, "KINDS", {**tasks.KINDS, "dry-run": type(kind)(kind.arguments, perform)})
    stop = threading.Event()
    told: list[Any] = []

    def progress(now: Any) -> None:
        told.append(now)
        if now.seen == 7:
            stop.set()

    found = photos.dry_run("http://127.0.0.1:9/x.jpg", progress=progress, stop=stop)

    assert found.interrupted
    assert (found.files, found.sampled) == ((7, 2) if result else (0, 0))
    assert (told[-1].seen, told[-1].total, told[-1].done) == (7, None, 0)


def test_ctrl_c_calls_a_job_off(photos: RemoteCollection, wired: RemoteLibrary, work: Work) -> None:
    """And goes on to whoever pressed it."""

    def interrupt(now: Any) -> None:
        if now.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        photos.tag_auto(["cat"], progress=interrupt)

    job = wired.jobs.list(collection=photos.name)[0]
    while job.state != "cancelled":
        job = wired.jobs.watch(job.id, 60, job)
    assert work.began.is_set()


def test_a_job_that_fails_raises_what_the_work_raised(photos: RemoteCollection, work: Work) -> None:
    """Class, sentence and hint."""
    work.error = StoreFull("the disk is full", hint="make room")

    with pytest.raises(StoreFull) as caught:
        photos.tag_auto(["cat"])

    assert (caught.value.message, caught.value.hint) == ("the disk is full", "make room")


def test_an_encoder_of_this_process_cannot_be_sent(there: Any) -> None:
    """It says so by name."""
    from morelike.testing.toys import ToyEncoder

    with pytest.raises(UsageError, match="toy is an object of this process"):
        there.library.collection("new", modality="image", encoder=ToyEncoder())


def test_a_machine_without_a_modalitys_packages_asks_all_the_same(
    both: Any, twenty: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has them: words, ids, files and pictures of hits."""

    def missing(*_: object) -> Any:
        raise MissingExtra("the packages for image are not installed")

    item = twenty("local").items()[0]
    monkeypatch.setattr("morelike.remote.collection.configured", missing)
    photos = both.remote.collection("twenty")

    assert photos.search(text="red", k=1)[0].source.endswith("red.png")
    assert photos.search(item.sources[0].uri, k=1)[0].item == item.id
    assert photos.search(item.id, k=1)[0].item != item.id
    assert photos.preview(item.id, 64, Span.region(0, 0, 9, 9)).media_type == "image/jpeg"


def test_long_lists_are_asked_in_parts(photos: RemoteCollection, line: Line) -> None:
    """By their number, and by how much a request may hold."""
    begun = len(line.sent)

    assert photos.known([f"{number:064x}" for number in range(2500)]) == {}
    assert len(line.sent) - begun == 3
    assert photos.found_at(["/" + "ä" * 1900 + str(number) for number in range(200)]) == {}
    assert len(line.sent) - begun == 6


def test_bytes_are_read_in_few_requests(there: Any, photos: RemoteCollection, line: Line) -> None:
    """Two million of them: all in one, a hundred in one, as many as are asked for; and no more than may be held."""
    data = np.random.default_rng(5).integers(0, 256, (820, 820, 3), dtype=np.uint8)
    photos.add(data)
    (item,) = photos.items()
    blob = photos.blob(item.id)
    begun = len(line.sent)

    whole = blob.read()
    assert (len(whole), len(line.sent) - begun) == (item.digest.size, 1)
    assert blake3.blake3(whole).hexdigest() == item.digest.blake3
    with blob.open() as stream:
        assert stream.read(100) == whole[:100]
        assert stream.read(100) == whole[100:200]
    assert len(line.sent) - begun == 2
    photos._server = replace(photos._server, settings=Settings(max_file_size=1000))
    with pytest.raises(UsageError, match="bytes"):
        photos.content(item.id)


def test_several_collections_are_asked_in_one_request(
    wired: RemoteLibrary, line: Line, twenty: Callable[[str], Any]
) -> None:
    """Beside the one for their names; a collection is opened when its items are drawn."""
    twenty("local")
    begun = len(line.sent)

    found = wired.search(text="red", k=2, collections="twenty")

    assert [what for _, what in line.sent[begun:]] == ["collections", "search"]
    assert found._repr_html_().count("<img") == 2


def test_a_key_may_do_what_its_role_may(there: Any, both: Any) -> None:
    """A reader's only look, a writer's add, an admin's drop; the refusal names the role and the way to a key."""
    folder, name = there.folder(2), there.collection().name
    for role in ("reader", "writer"):
        key = both.local.keys.make(f"{name}-{role}", role)
        with RemoteLibrary(Settings(server=both.url, api_key=key)) as library:
            photos = library.collection(name)
            if role == "reader":
                with pytest.raises(UsageError, match="this needs the role writer"):
                    photos.add(folder)
            else:
                assert photos.add(folder).added == 2
            assert photos.count() == (2 if role == "writer" else 0)
            with pytest.raises(UsageError, match="this needs the role admin") as caught:
                library.drop(name)
        assert "morelike keys add" in caught.value.hint
