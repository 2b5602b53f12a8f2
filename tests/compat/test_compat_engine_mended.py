"""``image-engine``: what the older server did badly, and does well now."""

from __future__ import annotations

import hashlib

import pytest
from compat_http import Client
from compat_servers import CompatServers
from engine_server import added, counts, found, listed, picture, refused, upload

pytestmark = pytest.mark.xdist_group("port 6200")


@pytest.mark.parametrize(
    "chosen",
    [
        *("x" * 37, "images", "count", "..", " x", "a\nb"),
        *("images?x", "images#x", "%69mages", "x/../images", "./images", "/images", "x\\images"),
    ],
)
def test_an_id_that_cannot_be_is_refused(client: Client, chosen: str) -> None:
    """Too long; or a word that means something else in an address, where removing one would remove all."""
    refused(upload(client, picture(1), meta_uuid=chosen), 500, data=True)

    assert counts(client) == (0, 0)


def test_bad_files_are_refused_and_leave_no_row(client: Client) -> None:
    """With the reason, in the shape that the web client reads; a good file may follow under the same id."""
    whole = picture(6)

    assert "not a picture" in refused(upload(client, b"no picture", meta_uuid="six"), 500, data=True)
    refused(upload(client, whole[: len(whole) // 3], meta_uuid="six"), 500, data=True)
    refused(upload(client, b"", meta_uuid="six"), 500, data=True)
    refused(client.post("/meta/image/file", data={"meta_uuid": "six"}), 422)
    assert counts(client) == (0, 0)
    added(upload(client, whole, meta_uuid="six"))
    assert counts(client) == (1, 1)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\pictures\\cat.jpg", "cat.jpg"),
        ("商品 图片（1）.jpg", "商品 图片（1）.jpg"),
        ("..", None),
    ],
)
def test_names_are_names(client: Client, engine: CompatServers, name: str, kept: str | None) -> None:
    """Folders are cut off, other letters stay; nothing is written under a name that came over the network."""
    row = added(upload(client, picture(7), name))

    assert row["file_name"] == kept if kept is not None else "/" not in row["file_name"]
    assert not [path for path in engine.library.folder.rglob("*") if path.name in {"passwd", "cat.jpg", name}]


def test_a_list_by_digest(client: Client) -> None:
    """What the web client's search field sends and the older server passed over; empty, it means all."""
    for number, seed in enumerate((1, 2, 1)):
        added(upload(client, picture(seed), meta_uuid=f"u{number}"))
    md5 = hashlib.md5(picture(1)).hexdigest()

    answer = client.get("/meta/image", params={"offset": 1, "limit": 10, "hash_code": md5.upper()}).json()

    assert [row["meta_uuid"] for row in answer["data"]] == ["u2"]
    assert answer["total"] == 2
    assert listed(client, hash_code="no digest") == []
    assert len(listed(client, hash_code="")) == 3


@pytest.mark.parametrize(
    "path",
    [
        "/image-search-engine/meta/image/../../catalog.sqlite",
        "/image-search-engine/meta/image/%2e%2e/%2e%2e/catalog.sqlite",
        "/image-search-engine/catalog.sqlite",
        f"/image-search-engine/meta/image/{'0' * 32}.jpg",
        f"/image-search-engine/meta/image/{'0' * 31}.jpg",
        "/image-search-engine/",
    ],
)
def test_no_other_file_is_given_away(client: Client, path: str) -> None:
    """Only pictures that have a row; a path is never opened."""
    added(upload(client, picture(1)))

    refused(client.get(path), 404)


def test_what_anybody_could_call_does_no_harm(client: Client) -> None:
    """The wipe is refused with a sentence, the others answer at once, and all rows stay."""
    added(upload(client, picture(1)))

    assert "DELETE /meta/image/images" in refused(client.post("/dev/init"), 403)
    assert client.post("/dev/flush").json() == {}
    assert client.post("/dev/db_reconnect").json() is None
    assert client.post("/dev/show_mem").json()["peak_bytes"] > 0
    assert counts(client) == (1, 1)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/a.jpg", "http://[::1]/a.jpg", "file:///etc/passwd", "x"])
def test_addresses_inside_are_not_fetched(client: Client, address: str) -> None:
    """A request cannot make the server look around where it stands."""
    answer = client.post("/dev/file_url", data={"image_uri_1": address}, files={"image_2": ("a.jpg", picture(1))})

    refused(answer, 500)


def test_one_row_is_removed(client: Client, engine: CompatServers) -> None:
    """With its vector and its bytes; another row of the same bytes keeps both until it goes, too."""
    for chosen, seed in (("one", 1), ("again", 1), ("two", 2)):
        added(upload(client, picture(seed), meta_uuid=chosen))
    path = client.get("/meta/image/one").json()["data"]["file_relative_url"]
    assert counts(client) == (3, 2)

    removed = client.delete("/meta/image/one")

    assert removed.status_code == 200
    assert set(removed.json()) == {"succeed", "message"}
    assert removed.json()["succeed"] is True
    assert counts(client) == (2, 2)
    assert client.get(path).content == picture(1)
    assert [row["meta_uuid"] for row in found(client, picture(1))] == ["again", "two"]
    refused(client.get("/meta/image/one"), 404)
    refused(client.delete("/meta/image/one"), 404)
    blobs = len(list(engine.library.folder.glob("blobs/**/*")))
    assert client.delete("/meta/image/again").status_code == 200
    assert counts(client) == (1, 1)
    refused(client.get(path), 404)
    assert len([one for one in engine.library.folder.glob("blobs/**/*") if one.is_file()]) < blobs
    assert [row["meta_uuid"] for row in found(client, picture(1))] == ["two"]
    assert engine.library.doctor().findings == []
