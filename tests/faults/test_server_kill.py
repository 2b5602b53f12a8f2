"""A server that is killed: what it was doing is taken up by the next one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from morelike.testing.images import write_images

PICTURES = 300
LEASE = 2.0

SERVER = """
import sys
import morelike
from morelike.server.options import ServerOptions
from morelike.server.run import serve

folder, root, lease = sys.argv[1:]
with morelike.open(folder, allow_roots=(root,), commit_items=8, commit_seconds=0.05, offline=True) as library:
    options = ServerOptions(port=0, job_lease=float(lease))
    serve(library, options, ready=lambda address, _: print(address, flush=True))
"""


@contextmanager
def serving(folder: Path, root: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    command = [sys.executable, "-c", SERVER, str(folder), str(root), str(LEASE)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, process.communicate()[1]
        with httpx.Client(base_url=address, timeout=60) as client:
            yield process, client
    finally:
        process.kill()
        process.communicate()


@pytest.mark.timeout(180)
def test_a_job_outlives_its_server(tmp_path: Path) -> None:
    """SIGKILL half-way: the next server finishes the job, every picture is there once, and searches find them."""
    write_images(tmp_path / "pictures", PICTURES, seed=1, size=(64, 48))
    with serving(tmp_path / "library", tmp_path) as (process, client):
        client.post("/api/v1/collections", json={"name": "photos", "encoder": "classic"})
        job = client.post("/api/v1/collections/photos/items", json={"sources": [str(tmp_path / "pictures")]}).json()
        done = 0
        while not 0 < done < PICTURES:
            done = client.get("/api/v1/collections/photos").json()["items"]
            assert done < PICTURES, "it was done before it could be killed"
        process.kill()
        process.wait()

    with serving(tmp_path / "library", tmp_path) as (_, client):
        after = client.get("/api/v1/collections/photos").json()["items"]
        with client.stream("GET", f"/api/v1/jobs/{job['id']}/events") as events:
            events.read()
        finished = client.get(f"/api/v1/jobs/{job['id']}").json()
        items = client.get("/api/v1/collections/photos/items", params={"limit": 1000}).json()["items"]
        example = (tmp_path / "pictures" / "00299.jpg").read_bytes()
        hits = client.post("/api/v1/collections/photos/search", files={"example": example}).json()["hits"]

    assert done <= after < PICTURES
    assert (finished["state"], finished["attempts"]) == ("done", 2)
    assert len({item["source"] for item in items}) == len(items) == PICTURES
    assert hits[0]["source"].endswith("00299.jpg")
