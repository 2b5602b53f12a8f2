"""Parameters that come empty or null: as good as none, wherever an older server had a default."""

from __future__ import annotations

import io
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
from compat_http import Client, refused
from compat_servers import CompatServers, compat_server
from PIL import Image

from morelike.testing.images import synthetic_image, write_images
from morelike.testing.sounds import write_sounds

NAMES = ("image", "image-objects", "video-objects", "image-engine", "audio")
HOW_MANY = 12
"""More than any default but the image engine's."""
TABLES = {"image": "milvus_img_search", "image-objects": "milvus_obj_det", "video-objects": "video_obj_det"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompatServers]:
    """Each with pictures or sounds in its own table; no test changes these."""
    folder = tmp_path_factory.mktemp("blanks")
    root = folder / "root"
    pictures = write_images(root / "pictures", HOW_MANY, size=48)
    write_sounds(root / "sounds", 3)
    with compat_server(folder / "library", *NAMES, allow_roots=(root,)) as running:
        for name, route in (("image", "/img/load"), ("image-objects", "/img/load"), ("video-objects", "/image/load")):
            assert running.client(name).post(route, json={"File": str(root / "pictures")}).ok
        assert running.client("audio").post("/audio/load", json={"File": str(root / "sounds")}).ok
        for path in pictures:
            answer = running.client("image-engine").post(
                "/meta/image/file", files={"file": (path.name, path.read_bytes())}
            )
            assert answer.ok, answer.text
        yield running


@pytest.fixture(scope="module")
def pictures(servers: CompatServers) -> Client:
    return servers.client("image")


@pytest.fixture(scope="module")
def folder(servers: CompatServers) -> str:
    return str(servers.library.folder.parent / "root" / "pictures")


def picture(seed: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(synthetic_image(seed, 48)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.mark.parametrize("given", [{}, {"topk": ""}, {"table_name": ""}, {"topk": "", "table_name": ""}])
@pytest.mark.parametrize("name", ["image", "image-objects"])
def test_a_search_that_says_nothing(servers: CompatServers, name: str, given: dict[str, str]) -> None:
    """Ten rows, or as many as there are, of the server's own table."""
    query = {key: value for key, value in given.items() if key == "table_name"}
    form = {key: value for key, value in given.items() if key == "topk"}
    answer = servers.client(name).post("/img/search", params=query, data=form, files={"image": ("a.jpg", picture())})
    assert answer.status_code == 200, answer.text
    rows = answer.json()
    assert len({path for path, _ in rows}) == len(rows) >= 10
    assert len(rows) == 10 or name == "image-objects"  # ten for each of its objects


@pytest.mark.parametrize("sent", [{}, {"Num": ""}, {"Table": ""}, {"Num": "", "Table": ""}])
@pytest.mark.parametrize("place", ["data", "params"])
def test_the_oldest_search_that_says_nothing(pictures: Client, place: str, sent: dict[str, str]) -> None:
    """One row of the server's own table, whether form or query says it."""
    answer = pictures.post("/api/v1/search", files={"file": ("a.jpg", picture())}, **{place: sent})
    assert (answer.status_code, len(answer.json())) == (200, 1), answer.text


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"json": {}},
        {"json": {"Table": None}},
        {"json": {"Table": ""}},
        {"data": {"Table": ""}},
        {"params": {"Table": ""}},
        {"params": {"Table": TABLES["image"]}, "json": {"Table": None}},
        {"params": {"Table": TABLES["image"]}, "json": {"Table": ""}},
        {"params": {"Table": TABLES["image"]}, "data": {"Table": ""}},
    ],
)
def test_the_oldest_count_that_says_nothing(pictures: Client, sent: dict[str, Any]) -> None:
    """That of the server's own table; what is empty in one place does not hide what is said in another."""
    answer = pictures.post("/api/v1/count", **sent)
    assert (answer.status_code, answer.text) == (200, str(HOW_MANY))


@pytest.mark.parametrize(
    ("name", "method", "path", "many"),
    [
        ("image", "POST", "/img/count", HOW_MANY),
        ("image-objects", "POST", "/img/count", HOW_MANY),
        ("video-objects", "POST", "/image/count", HOW_MANY),
        ("audio", "GET", "/audio/count", 3),
    ],
)
def test_a_count_that_says_nothing(servers: CompatServers, name: str, method: str, path: str, many: int) -> None:
    """That of the server's own table."""
    client = servers.client(name)
    ask = client.get if method == "GET" else client.post
    assert ask(path).json() == ask(path, params={"table_name": ""}).json() == many


@pytest.mark.parametrize("table", [{}, {"Table": None}, {"Table": ""}])
@pytest.mark.parametrize(("name", "route"), [("image", "/img/load"), ("video-objects", "/image/load")])
def test_a_load_that_names_no_table(
    servers: CompatServers, folder: str, name: str, route: str, table: dict[str, Any]
) -> None:
    """Goes into the server's own; no table of another name comes to be."""
    before = set(servers.library.names())
    assert servers.client(name).post(route, json={**table, "File": folder}).ok
    assert set(servers.library.names()) == before
    assert servers.library.collection(TABLES[name]).count_sources() == HOW_MANY


@pytest.mark.parametrize("body", [{}, {"File": None}, {"File": ""}, {"File": "  "}, {"Table": "", "File": ""}])
def test_a_load_that_names_no_folder(pictures: Client, body: dict[str, Any]) -> None:
    """Is refused with the same sentence, however it leaves it out."""
    assert "names no folder" in refused(pictures.post("/img/load", json=body), 400)


def test_an_upload_with_an_empty_url(pictures: Client) -> None:
    """The file counts; without one it is as if neither had been sent."""
    given = {"url": "", "table_name": "uploads"}
    answer = pictures.post("/img/upload", params=given, files={"image": ("a.jpg", picture(7))})
    assert answer.json().startswith("Successfully loaded data: "), answer.text
    assert refused(pictures.post("/img/upload", params=given), 400) == "Image and url are required"


@pytest.mark.parametrize("form", [{}, {"audio": ""}])
def test_an_audio_search_without_a_sound(servers: CompatServers, form: dict[str, str]) -> None:
    """A part that is empty is none; nor does an empty ``Audio`` name a file."""
    client = servers.client("audio")
    assert "no file named audio" in refused(client.post("/audio/search", data=form), 400)
    assert "names no sound" in refused(client.post("/audio/search", params={"Audio": ""}), 400)


@pytest.mark.parametrize(
    "query",
    [{}, {"offset": ""}, {"limit": ""}, {"hash_code": ""}, {"limit": "", "offset": "", "hash_code": ""}],
)
def test_a_list_that_says_nothing(servers: CompatServers, query: dict[str, str]) -> None:
    """The first page of all, as the web client asks for it before anybody has typed."""
    answer = servers.client("image-engine").get("/meta/image", params=query)
    assert answer.status_code == 200, answer.text
    assert (len(answer.json()["data"]), answer.json()["total"]) == (HOW_MANY, HOW_MANY)


@pytest.mark.parametrize("form", [{}, {"offset": ""}, {"limit": ""}, {"offset": "", "limit": ""}])
def test_a_sample_that_says_nothing(servers: CompatServers, form: dict[str, str]) -> None:
    """From the nearest on, up to a hundred."""
    answer = servers.client("image-engine").post("/sample/file", data=form, files={"file": ("a.jpg", picture())})
    assert (answer.status_code, len(answer.json()["data"])) == (200, HOW_MANY), answer.text


def test_an_upload_with_an_empty_id(servers: CompatServers, tmp_path: Path) -> None:
    """Its id is its MD5, as without one."""
    with compat_server(tmp_path / "library", "image-engine") as own:
        client, data = own.client("image-engine"), picture(9)
        answer = client.post("/meta/image/file", data={"meta_uuid": ""}, files={"file": ("a.jpg", data)})
        assert answer.json()["data"]["meta_uuid"] == md5(data, usedforsecurity=False).hexdigest()
        assert client.delete("/meta/image/images", params={"recreate_table": ""}).status_code == 200
        assert client.get("/meta/image/count").json()["image_count"] == 0
