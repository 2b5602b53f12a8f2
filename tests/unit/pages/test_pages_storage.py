"""The page of what the library takes, and of its faults, as a program reads it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

import morelike
from morelike.access import ROLES
from morelike.errors import StoreReadOnly
from morelike.jobs import Jobs
from morelike.library import Library
from morelike.records import Job, StorageReading
from morelike.server.app import create_app
from morelike.server.options import ServerOptions
from morelike.server.pages.outcomes import findings_of, outcome_of
from morelike.settings import Settings
from morelike.storage import CollectionFigures, Disk, Forecast, StorageReport, growth_in_words
from morelike.testing.images import write_images
from morelike.testing.toys import ToyJointEncoder

PAGE = {"Accept": "text/html"}
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Three pictures in ``photos``; one file that is none."""
    folder = tmp_path_factory.mktemp("storage")
    write_images(folder / "pictures", 3, seed=1)
    (folder / "pictures" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True, allow_roots=(folder,))
    with morelike.open(settings) as opened:
        opened.collection("photos", modality="image", encoder=ToyJointEncoder()).add(folder / "pictures")
        yield opened


@pytest.fixture(scope="module")
def client(library: Library) -> Iterator[TestClient]:
    options = ServerOptions(job_workers=0)  # nobody works on jobs: they stay as a test leaves them
    with TestClient(create_app(library, options), base_url="http://127.0.0.1", headers=PAGE) as client:
        yield client


def job(result: dict[str, Any], state: str = "done", **arguments: Any) -> Job:
    given = {"id": "0" * 32, "kind": "doctor", "collection": "", "created_at": "2026-11-21T10:00:00Z"}
    return Job(**given, state=state, result=result, arguments=arguments)  # type: ignore[arg-type]


def finding(kind: str = "orphan-blobs", sentence: str = "2 blobs belong to no item", *, fixed: bool = False) -> Any:
    return {"kind": kind, "sentence": sentence, "count": 2, "fixed": fixed}


def shown(client: TestClient, monkeypatch: pytest.MonkeyPatch, last: Job | None) -> str:
    """The page's text where ``last`` is the last look for faults."""
    monkeypatch.setattr(Jobs, "list", lambda *_, **__: [] if last is None else [last])
    answer = client.get("/storage")
    assert answer.status_code == 200
    return html.unescape(answer.text)


def test_all_figures_are_told(client: TestClient) -> None:
    """Parts with their bytes, collections with items and rejected files, a disk with its room; nothing inline."""
    answer = client.get("/storage")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))

    assert answer.status_code == 200
    for words in (
        "catalog",
        "vectors",
        "blobs",
        "previews",
        "models",
        "photos 3",
        "1 reading kept",
        "not known before",
    ):
        assert words in text.replace("\u00a0", " ")
    assert '<a href="/c/photos/rejected">1</a>' in answer.text
    assert re.findall(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)|javascript:|https?://", answer.text) == []
    assert len(re.findall(r"<h1[ >]", answer.text)) == 1


def test_growth_is_drawn_and_listed(client: TestClient, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """With readings of several days: an image with a title, a dashed line, and the same figures as a table."""
    report = replace(library.storage(), forecast=Forecast(1e6, 3, 12.0, "the disk of /data"))
    readings = [StorageReading(f"2026-11-{day:02d}T10:00:00Z", day, {"blobs": day * 10**6}) for day in (1, 2, 3)]
    monkeypatch.setattr(Library, "storage", lambda _: report)
    monkeypatch.setattr(Library, "storage_history", lambda _: readings)
    text = client.get("/storage").text

    assert '<svg class="chart" role="img" aria-labelledby="chart-title chart-desc">' in text
    assert 'class="line ahead"' in text
    assert "1.0 MB a day (median slope of 3 days); the disk of /data is full in about 12 days" in text
    assert re.findall(r'<time datetime="[^"]+">(2026-11-0\d)</time></th><td>(\d)</td>', text) == [
        ("2026-11-03", "3"),
        ("2026-11-02", "2"),
        ("2026-11-01", "1"),
    ]


def test_warnings_are_told_with_what_helps(
    client: TestClient, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sentence as the API has it."""
    report = replace(library.storage(), warnings=("the disk of /data is 97% full", "the library takes 9 bytes"))
    monkeypatch.setattr(Library, "storage", lambda _: report)
    text = client.get("/storage").text

    assert all(f"<strong>{sentence}</strong>" in text for sentence in report.warnings)
    assert "--purge" in text


def test_names_are_text(client: TestClient, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Collections, folders, parts and findings with markup in their names add no markup."""
    found = library.storage()
    one = CollectionFigures(HOSTILE, "image", 1, {"ready": 1}, {}, 0, 0, 0, 0, ())
    disk = Disk(f"/data/{HOSTILE}", 10, 5, 0.5, (HOSTILE,))
    report = StorageReport(found.at, {HOSTILE: 5}, 0, (one,), (disk,), None, (HOSTILE,))
    monkeypatch.setattr(Library, "storage", lambda _: report)
    monkeypatch.setattr(Jobs, "list", lambda *_, **__: [job({"findings": [finding(HOSTILE, HOSTILE)]})])
    text = client.get("/storage").text

    assert html.escape(HOSTILE, quote=False) in text.replace("&#34;", '"')
    assert "<script>alert" not in text


def test_what_lies_elsewhere_is_said(client: TestClient, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a bucket nobody knows how much room there is."""
    report = library.storage()
    disks = tuple(replace(disk, parts=("catalog", "vectors", "previews")) for disk in report.disks)
    monkeypatch.setattr(Library, "storage", lambda _: replace(report, disks=disks))

    assert "On no disk of this machine: blobs." in client.get("/storage").text


def test_a_look_is_a_job_that_changes_nothing(client: TestClient, library: Library) -> None:
    """The button queues it and leads to its progress; meanwhile there is no second one."""
    answer = client.post("/storage/doctor", follow_redirects=False)
    (queued,) = library.jobs.list(collection="", limit=1)
    page = client.get(answer.headers["location"]).text
    library.jobs.cancel(queued.id)

    assert answer.headers["location"] == f"/storage?job={queued.id}#faults"
    assert (queued.kind, queued.arguments) == ("doctor", {})
    assert f'<job-progress events="/api/v1/jobs/{queued.id}/events">' in page
    assert 'action="/storage/doctor"' not in page


@pytest.mark.parametrize(
    ("form", "arguments"),
    [
        ({"fix": "yes"}, {"fix": True}),
        ({"fix": "yes", "rescue": "photos"}, {"fix": True, "rescue": "photos"}),
        ({"fix": "yes", "rescue": ""}, {"fix": True}),
        ({"fix": "perhaps", "rescue": "photos"}, {}),
    ],
)
def test_mending_is_what_the_form_says(
    client: TestClient, library: Library, form: dict[str, str], arguments: dict[str, Any]
) -> None:
    """Only the answer to the question mends; blobs of no item go to the collection that is named."""
    client.post("/storage/doctor", data=form, follow_redirects=False)
    (queued,) = library.jobs.list(collection="", limit=1)
    library.jobs.cancel(queued.id)

    assert queued.arguments == arguments


def test_a_collection_that_is_not_there_is_said(client: TestClient) -> None:
    """On the page itself, with its status."""
    answer = client.post("/storage/doctor", data={"fix": "yes", "rescue": "nowhere"}, follow_redirects=False)

    assert answer.status_code == 404
    assert "nowhere" in answer.text
    assert "By collection" in answer.text


def test_a_library_that_cannot_be_written_says_so(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """All figures stay; the job that cannot be queued is a sentence above them."""

    def refused(*_: object) -> None:
        raise StoreReadOnly("the catalog cannot be written", hint="check who owns the library")

    monkeypatch.setattr(Jobs, "add", refused)
    answer = client.post("/storage/doctor", follow_redirects=False)

    assert answer.status_code >= 400
    assert "the catalog cannot be written" in answer.text
    assert "By part" in answer.text


def test_mending_asks_first(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a look that found something: folded away, what will become of it, and who takes in blobs."""
    text = shown(client, monkeypatch, job({"ok": False, "findings": [finding()]}))

    assert "<strong>found</strong> 2 blobs belong to no item" in text
    question = text[text.index('<details class="drop">') :]
    assert "Blobs of no item are removed, unless a collection takes them in." in question
    assert '<option value="photos">become items of photos</option>' in question


@pytest.mark.parametrize(
    "last",
    [
        None,
        job({"ok": True, "findings": []}),
        job({"ok": True, "findings": [finding(fixed=True)]}, fix=True),
        job({"findings": [finding()]}, state="cancelled"),
        job({"problem": "store-error"}, state="failed"),
    ],
    ids=["never", "well", "mended", "cancelled", "failed"],
)
def test_nothing_to_mend_is_not_offered(client: TestClient, monkeypatch: pytest.MonkeyPatch, last: Job | None) -> None:
    """Without a finished look that found something there is only the button to look."""
    text = shown(client, monkeypatch, last)

    assert 'name="fix"' not in text
    assert "Look for faults</button>" in text


def test_a_readers_page_has_no_button(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is no admin sees figures and report, nothing to press; what the page does not offer the server refuses."""
    keys = {role: library.keys.make(role, role) for role in ROLES}
    monkeypatch.setattr(Jobs, "list", lambda *_, **__: [job({"findings": [finding()]})])
    application = create_app(library, ServerOptions(job_workers=0))
    with TestClient(application, base_url="http://127.0.0.1", headers=PAGE) as client:
        seen = {}
        for name, key in keys.items():
            held = {"Authorization": f"Bearer {key}"}
            page = client.get("/storage", headers=held).text
            sent = client.post("/storage/doctor", headers=held, follow_redirects=False)
            seen[name] = ('action="/storage/doctor"' in page, "2 blobs belong" in page, sent.status_code)
        without = client.get("/storage", follow_redirects=False)
    for name in keys:
        library.keys.drop(name)

    refused = (False, True, 403)
    assert seen == {"reader": refused, "writer": refused, "admin": (True, True, 303)}
    assert without.headers["location"] == "/login?next=%2Fstorage"


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (job({"findings": []}), "The library is well."),
        (job({"findings": [finding()]}), "1 finding. Nothing was changed."),
        (job({"findings": [finding(fixed=True), finding(fixed=True)]}, fix=True), "2 findings; all is mended."),
        (job({"findings": [finding(fixed=True), finding()]}, fix=True), "2 findings; 1 mended, 1 left."),
    ],
)
def test_what_came_of_it_is_a_sentence(last: Job, words: str) -> None:
    """Whether the library is well, and whether anything was changed."""
    assert outcome_of(last) == words


def test_findings_are_those_of_a_finished_look() -> None:
    """None of another kind of job, none of one that runs."""
    assert [one.sentence for one in findings_of(job({"findings": [finding()]}))] == ["2 blobs belong to no item"]
    assert findings_of(replace(job({"findings": [finding()]}), kind="dedup")) == []
    assert findings_of(job({}, state="running")) == []


@pytest.mark.parametrize(
    ("forecast", "words"),
    [
        (None, "not known before there are figures of two days"),
        (Forecast(0.3, 4, None, ""), "none in 4 days"),
        (Forecast(-1500.0, 4, None, ""), "-1500 a day (median slope of 4 days)"),
        (
            Forecast(9.0, 4, 0.2, "the disk of /a"),
            "9 a day (median slope of 4 days); the disk of /a is full within a day",
        ),
        (Forecast(9.0, 4, 82.4, "the disk"), "9 a day (median slope of 4 days); the disk is full in about 82 days"),
    ],
)
def test_growth_in_words(forecast: Forecast | None, words: str) -> None:
    """As the page and the command line say it."""
    assert growth_in_words(forecast, str) == words
