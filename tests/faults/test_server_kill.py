"""A server that is killed: what it was doing is taken up by the next one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from sqlalchemy import update

import morelike
from morelike.stores.catalog.schema import jobs
from morelike.testing.images import write_images

PICTURES = 300
LEASE = 3600
"""Seconds: no server here stands still for so long that its job is another one's."""

SERVER = """
import sys
import threading
import morelike
from morelike import faults
from morelike.server.options import ServerOptions
from morelike.server.run import serve

folder, root, lease, groups = sys.argv[1:]
left = [int(groups)]

def handler(point):
    left[0] -= point == "catalog.finished"
    if left[0] == 0:
        threading.Event().wait()

if left[0]:
    faults.install(handler)
with morelike.open(folder, allow_roots=(root,), commit_items=8, offline=True) as library:
    options = ServerOptions(port=0, job_lease=float(lease))
    serve(library, options, ready=lambda address, _: print(address, flush=True))
"""


@contextmanager
def serving(folder: Path, root: Path, groups: int = 0) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """``groups``: how many of items it adds before it stands still; 0: it never does."""
    command = [sys.executable, "-c", SERVER, str(folder), str(root), str(LEASE), str(groups)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, process.communicate()[1]
        with httpx.Client(base_url=address, timeout=300) as client:
            yield process, client
    finally:
        process.kill()
        process.communicate()


def test_a_job_outlives_its_server(tmp_path: Path) -> None:
    """SIGKILL half-way: the next server finishes the job, every picture is there once, and searches find them."""
    write_images(tmp_path / "pictures", PICTURES, seed=1, size=(64, 48))
    with serving(tmp_path / "library", tmp_path, groups=5) as (process, client):
        client.post("/api/v1/collections", json={"name": "photos", "encoder": "classic"})
        job = client.post("/api/v1/collections/photos/items", json={"sources": [str(tmp_path / "pictures")]}).json()
        done = 0
        while not done:
            done = client.get("/api/v1/collections/photos").json()["items"]
        process.kill()
        process.wait()
    with morelike.open(tmp_path / "library", offline=True) as library:
        after = library.collection("photos").count()
        with library._stores.catalog._writing() as connection:  # its lease runs out
            connection.execute(update(jobs).values(lease_until=1.0))

    with serving(tmp_path / "library", tmp_path) as (_, client):
        with client.stream("GET", f"/api/v1/jobs/{job['id']}/events") as events:
            events.read()
        finished = client.get(f"/api/v1/jobs/{job['id']}").json()
        items = client.get("/api/v1/collections/photos/items", params={"limit": 1000}).json()["items"]
        example = (tmp_path / "pictures" / "00299.jpg").read_bytes()
        hits = client.post("/api/v1/collections/photos/search", files={"example": example}).json()["hits"]

    assert 0 < done <= after < PICTURES
    assert (finished["state"], finished["attempts"]) == ("done", 2)
    assert len({item["source"] for item in items}) == len(items) == PICTURES
    assert hits[0]["source"].endswith("00299.jpg")
