"""The older server ``image-engine`` on its own port, and what its clients do with it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from compat_http import Answer, Client
from compat_servers import CompatServers, compat_server
from PIL import Image

from morelike.collection import OpenCollection
from morelike.testing.images import synthetic_image

TABLE = "image_search_engine"
META = {
    "id",
    "meta_uuid",
    "hash_code",
    "milvus_id",
    "file_name",
    "file_path",
    "created_at",
    "updated_at",
    "file_url",
    "file_relative_url",
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompatServers]:
    """One server for all tests of a module, on its own port: they say ``xdist_group("port 6200")``. It may fetch, from
    public addresses.
    """
    folder = tmp_path_factory.mktemp("engine") / "library"
    with compat_server(folder, "image-engine", offline=False, real="image-engine") as servers:
        yield servers


@pytest.fixture
def client(engine: CompatServers) -> Client:
    """A client of it; its table is empty."""
    if TABLE in engine.library.names():
        engine.library.drop(TABLE)
    return engine.client("image-engine")


def picture(seed: int, form: str = "JPEG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(synthetic_image(seed, 64)).save(stream, form)
    return stream.getvalue()


def upload(client: Client, data: bytes, name: str = "a.jpg", *, path: str = "/meta/image/file", **form: str) -> Answer:
    return client.post(path, files={"file": (name, data)}, data=form)


def added(answer: Answer) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def listed(client: Client, **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/meta/image", params=query)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def found(client: Client, data: bytes, **form: Any) -> list[dict[str, Any]]:
    answer = client.post("/sample/file", files={"file": ("query.jpg", data)}, data=form)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def counts(client: Client) -> tuple[int, int]:
    answer = client.get("/meta/image/count").json()
    return answer["image_count"], answer["vector_count"]


def refused(answer: Answer, *statuses: int, data: bool = False) -> str:
    """The sentence of an answer that says no; an upload's has ``data`` too, which is null."""
    assert answer.status_code in statuses, f"{answer.status_code}: {answer.text}"
    body = answer.json()
    assert body == {"succeed": False, "message": body["message"], **({"data": None} if data else {})}
    assert body["message"]
    return str(body["message"])


def table(engine: CompatServers) -> OpenCollection:
    return engine.library.collection(TABLE)
