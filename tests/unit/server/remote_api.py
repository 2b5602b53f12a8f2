"""What the tests of the routes for a remote library share: a small served library that changes, keys, finished jobs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import blake3
import httpx
from serving_library import API, PHOTOS, Served

from morelike.jobs import FINISHED

SOON = 60.0


def finished(served: Served, answer: httpx.Response) -> dict[str, Any]:
    """The job that a 202 named, when it has ended; its row as the API shows it."""
    assert answer.status_code == 202, answer.text
    job = served.library.jobs.get(answer.json()["id"])
    while job.state not in FINISHED:
        job = served.library.jobs.watch(job.id, SOON, job)
    found: dict[str, Any] = served.client.get(f"{API}/jobs/{job.id}").json()
    return found


def told(uri: str, **more: Any) -> dict[str, Any]:
    """An entry of ``each``."""
    return {"uri": uri, **more}


def upload(served: Served, files: Sequence[bytes], each: Any, **fields: str) -> httpx.Response:
    """Files into ``photos``, with ``each``."""
    parts = [("files", (f"{number}.jpg", data)) for number, data in enumerate(files)]
    return served.client.post(f"{PHOTOS}/items", files=parts, data={"each": json.dumps(each), **fields})


def content_of(data: bytes) -> str:
    return blake3.blake3(data).hexdigest()
