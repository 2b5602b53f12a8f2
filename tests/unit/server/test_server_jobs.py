"""Jobs over HTTP: queued, watched, cancelled, tried again, and taken up by the next server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving_library import API, PHOTOS, Served, problem_in, running

from morelike import tasks
from morelike.jobs import JobStopped
from morelike.library import Library
from morelike.server.options import ServerOptions
from morelike.testing.images import write_images

UNKNOWN = "0" * 32


class Work:
    """A kind of job that waits to be let go, in place of ``calibrate``."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.let_go = threading.Event()

    def perform(self, library: Any, job: Any, report: Any, stop: threading.Event) -> dict[str, Any]:
        report({"done": 1, "total": 2, "rate": 1.0, "eta": 1.0, "note": ""})
        self.began.set()
        while not self.let_go.wait(0.01):
            if stop.is_set():
                raise JobStopped({"done": 1})
        return {"spaces": 1}


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    work = Work()
    kind = tasks.KINDS["calibrate"]
    replaced = {**tasks.KINDS, "calibrate": type(kind)(kind.arguments, work.perform)}
    monkeypatch.setattr(tasks, "KINDS", replaced)
    yield work
    work.let_go.set()


def events_of(
    served: Served, job: str, told: Callable[[], object] = lambda: None, **headers: str
) -> list[dict[str, Any]]:
    """All events of a job until the server ends the stream; ``told`` is called at each."""
    events = []
    with served.client.stream("GET", f"{API}/jobs/{job}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if not line and event:
                events.append({**event, "data": json.loads(event["data"])})
                told()
                event = {}
            elif name:
                event[name] = value
    return events


def finished(served: Served, job: str) -> dict[str, Any]:
    """The job when it has ended."""
    last: dict[str, Any] = events_of(served, job)[-1]["data"]
    return last


def test_sources_become_a_job(served: Served, pictures: Path) -> None:
    """202 with the job and its place; what it added is there when it is done."""
    write_images(pictures / "new", 3, seed=60)

    answer = served.client.post(f"{PHOTOS}/items", json={"sources": [str(pictures / "new")], "tags": ["new"]})
    job = answer.json()

    assert (answer.status_code, job["kind"], job["collection"]) == (202, "add", "photos")
    assert answer.headers["location"] == f"{API}/jobs/{job['id']}"
    done = finished(served, job["id"])
    assert (done["state"], done["result"]["added"]) == ("done", 3)
    assert served.client.get(answer.headers["location"]).json() == done
    assert len(served.client.get(f"{PHOTOS}/items", params={"filter": "tag = 'new'"}).json()["items"]) == 3


def test_progress_comes_as_it_happens(served: Served, work: Work) -> None:
    """Events are numbered, tell of each change, and end with the job."""
    job = served.client.post(f"{PHOTOS}/calibrate").json()["id"]
    assert work.began.wait(120)

    events = events_of(served, job, told=work.let_go.set)

    assert {event["event"] for event in events} == {"progress"}
    assert [int(event["id"].partition("-")[0]) for event in events] == list(range(1, len(events) + 1))
    assert events[0]["data"]["state"] == "running"
    assert events[-1]["data"]["state"] == "done"
    assert events[-1]["data"]["progress"]["done"] == 1


def test_a_watcher_who_comes_back(served: Served, work: Work) -> None:
    """A browser that reconnects after the last event is told that there is nothing more; any other id does no harm."""
    work.let_go.set()
    job = served.client.post(f"{PHOTOS}/calibrate").json()["id"]
    last = events_of(served, job)[-1]["id"]

    again = served.client.get(f"{API}/jobs/{job}/events", headers={"Last-Event-ID": last})

    assert again.status_code == 204
    for odd in ("1-running", "nonsense", "", "999999999999999999999-x"):
        assert events_of(served, job, **{"Last-Event-ID": odd})[-1]["data"]["state"] == "done"


def test_a_running_job_is_cancelled(served: Served, work: Work) -> None:
    """DELETE stops it; then it can be tried again, and only then."""
    job = served.client.post(f"{PHOTOS}/calibrate").json()["id"]
    assert work.began.wait(120)

    assert served.client.delete(f"{API}/jobs/{job}").json()["cancelling"] is True
    assert finished(served, job)["state"] == "cancelled"

    work.let_go.set()
    answer = served.client.post(f"{API}/jobs/{job}/retry")
    assert (answer.status_code, answer.headers["location"]) == (202, f"{API}/jobs/{job}")
    assert finished(served, job)["state"] == "done"
    problem_in(served.client.post(f"{API}/jobs/{job}/retry"), 409)


def test_jobs_are_listed(served: Served, work: Work) -> None:
    """Newest first, by state and collection, with how many there are."""
    work.let_go.set()
    ids = [served.client.post(f"{PHOTOS}/calibrate").json()["id"] for _ in range(3)]
    for job in ids:
        finished(served, job)

    listed = served.client.get(f"{API}/jobs", params={"limit": 2}).json()

    assert len(listed["jobs"]) == 2
    assert listed["more"] is True
    assert listed["counts"] == {"done": 3}
    assert {job["id"] for job in served.client.get(f"{API}/jobs").json()["jobs"]} == set(ids)
    assert served.client.get(f"{API}/jobs", params={"state": "failed"}).json()["jobs"] == []
    assert served.client.get(f"{API}/jobs", params={"collection": "other"}).json()["jobs"] == []


def test_duplicates_are_set_aside_and_brought_back(served: Served, pictures: Path, tmp_path: Path) -> None:
    """A dry run changes nothing; ``apply`` hides all but one; undo, and saying that they differ, bring back."""
    from PIL import Image

    path = sorted(pictures.glob("*.jpg"))[0]
    Image.open(path).save(tmp_path / "copy.png")
    copy = served.upload(("copy.png", (tmp_path / "copy.png").read_bytes())).json()["files"][0]["item"]
    count = lambda: served.client.get(PHOTOS).json()["items"]  # noqa: E731 - a question, asked often

    dry = finished(served, served.client.post(f"{PHOTOS}/dedup", json={}).json()["id"])
    assert (dry["result"]["found"], count()) == (1, 7), dry
    done = finished(served, served.client.post(f"{PHOTOS}/dedup", json={"apply": True}).json()["id"])
    assert (done["result"]["set_aside"], count()) == (1, 6), done
    undone = served.client.post(f"{PHOTOS}/dedup/undo", json={"run": done["result"]["run"]})
    assert (undone.json(), count()) == ({"brought_back": 1}, 7)

    original = next(item.id for item in served.library.collection("photos").items() if item.sources[0].uri == str(path))
    assert served.client.post(f"{PHOTOS}/distinct", json={"items": [original, copy]}).status_code == 200
    again = finished(served, served.client.post(f"{PHOTOS}/dedup", json={}).json()["id"])
    assert again["result"]["found"] == 0


def test_a_job_that_fails_says_why(served: Served, pictures: Path) -> None:
    """Its sentence and hint are the library's own."""
    broken = pictures / "rows.csv"
    broken.write_text("path\n00000.jpg\n")
    answer = served.client.post(f"{PHOTOS}/items", json={"sources": [str(broken)]})
    served.library.drop("photos")
    job = finished(served, answer.json()["id"])

    assert job["state"] in {"done", "failed"}
    assert job["state"] == "done" or job["error"]


@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("DELETE", ""), ("POST", "/retry"), ("GET", "/events")])
def test_unknown_jobs(reading: Served, method: str, tail: str) -> None:
    """404 for an id that no job has, 422 for what is no id."""
    problem_in(reading.client.request(method, f"{API}/jobs/{UNKNOWN}{tail}"), 404)
    problem_in(reading.client.request(method, f"{API}/jobs/nonsense{tail}"), 422)


@pytest.mark.parametrize("kind", ["reembed", "dedup", "calibrate"])
def test_jobs_of_unknown_collections(reading: Served, kind: str) -> None:
    """No job is made for a collection that is not there."""
    problem_in(
        reading.client.post(f"{API}/collections/nope/{kind}", json={"encoder": "x"} if kind == "reembed" else {}), 404
    )

    assert reading.client.get(f"{API}/jobs").json()["jobs"] == []


def test_streams_end_with_the_server(library: Library, work: Work) -> None:
    """Who watches does not keep the server from stopping; the job goes back to the queue."""
    ended = threading.Event()

    def watch(served: Served, job: str) -> None:
        with httpx.stream("GET", f"{served.url}{API}/jobs/{job}/events", timeout=120) as answer:
            answer.read()
        ended.set()

    with running(library) as served:
        job = served.client.post(f"{PHOTOS}/calibrate").json()["id"]
        assert work.began.wait(120)
        watcher = threading.Thread(target=watch, args=(served, job))
        watcher.start()
        while served.parts.events.running < 1:
            served.client.get("/healthz")
    watcher.join(120)

    assert ended.is_set()
    assert library.jobs.get(job).state == "queued"


def test_the_next_server_takes_a_job_up(library: Library, work: Work) -> None:
    """A job that was given back is done by whoever serves next."""
    with running(library) as served:
        job = served.client.post(f"{PHOTOS}/calibrate").json()["id"]
        assert work.began.wait(120)
    work.let_go.set()

    with running(library) as served:
        assert finished(served, job)["state"] == "done"


def test_a_server_may_leave_jobs_alone(library: Library, work: Work) -> None:
    """With no workers jobs are queued for another process."""
    with running(library, ServerOptions(job_workers=0)) as served:
        job = served.client.post(f"{PHOTOS}/calibrate").json()["id"]
        served.client.get("/healthz")

        assert served.client.get(f"{API}/jobs/{job}").json()["state"] == "queued"
    assert not work.began.is_set()
