"""``image-engine`` over real HTTP, as its web client and people's scripts ask."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from compat_servers import CompatServers, compat_server
from PIL import Image

from morelike.collection import OpenCollection
from morelike.testing.images import synthetic_image, write_images
from morelike.types import Blob

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
    """One server for all tests; it may fetch, from public addresses."""
    with compat_server(tmp_path_factory.mktemp("engine") / "library", "image-engine", offline=False) as servers:
        yield servers


@pytest.fixture
def client(engine: CompatServers) -> Iterator[httpx.Client]:
    """A client of it; its table is empty."""
    if TABLE in engine.library.names():
        engine.library.drop(TABLE)
    with engine.client("image-engine") as found:
        yield found


def picture(seed: int, form: str = "JPEG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(synthetic_image(seed, 64)).save(stream, form)
    return stream.getvalue()


def upload(
    client: httpx.Client, data: bytes, name: str = "a.jpg", *, path: str = "/meta/image/file", **form: str
) -> httpx.Response:
    return client.post(path, files={"file": (name, data)}, data=form)


def added(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def listed(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/meta/image", params=query)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def found(client: httpx.Client, data: bytes, **form: Any) -> list[dict[str, Any]]:
    answer = client.post("/sample/file", files={"file": ("query.jpg", data)}, data=form)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def counts(client: httpx.Client) -> tuple[int, int]:
    answer = client.get("/meta/image/count").json()
    return answer["image_count"], answer["vector_count"]


def refused(answer: httpx.Response, *statuses: int, data: bool = False) -> str:
    """The sentence of an answer that says no; an upload's has ``data`` too, which is null."""
    assert answer.status_code in statuses, f"{answer.status_code}: {answer.text}"
    body = answer.json()
    assert body == {"succeed": False, "message": body["message"], **({"data": None} if data else {})}
    assert body["message"]
    return str(body["message"])


def table(engine: CompatServers) -> OpenCollection:
    return engine.library.collection(TABLE)


def test_it_says_hello(client: httpx.Client) -> None:
    """What the health check of its compose file asks for."""
    answer = client.get("/")

    assert (answer.status_code, answer.json()) == (200, {"message": "Hello World"})


def test_an_upload_is_answered_as_it_was(client: httpx.Client) -> None:
    """The MD5 is its id where it has no other; the ending of its path comes from its bytes, not from its name."""
    data = picture(1)
    md5 = hashlib.md5(data).hexdigest()

    body = upload(client, data, "photo.png").json()

    assert (body["succeed"], body["message"]) == (True, "母本入库成功")
    assert set(body["data"]) == {"meta_uuid", "hash_code", "milvus_id", "file_name", "file_path"}
    assert body["data"]["meta_uuid"] == body["data"]["hash_code"] == md5
    assert body["data"]["file_name"] == "photo.png"
    assert body["data"]["file_path"] == f"meta/image/{md5}.jpg"
    assert 0 <= body["data"]["milvus_id"] < 2**53


@pytest.mark.parametrize(("form", "ending"), [("PNG", "png"), ("GIF", "gif"), ("WEBP", "webp"), ("TIFF", "tif")])
def test_endings_are_the_usual_ones(client: httpx.Client, form: str, ending: str) -> None:
    """Three or four letters, as people know them; the address with it loads those bytes."""
    data = picture(1, form)
    row = added(upload(client, data))

    assert row["file_path"].rpartition(".")[2] == ending
    assert client.get(f"/image-search-engine/{row['file_path']}").content == data


def test_an_empty_server_has_nothing(client: httpx.Client) -> None:
    """It answers lists and searches before anything was added."""
    whole = client.get("/meta/image").json()

    assert (whole["succeed"], whole["data"], whole["total"]) == (True, [], 0)
    assert counts(client) == (0, 0)
    assert found(client, picture(1)) == []
    refused(client.get("/meta/image/nothing"), 404)


def test_an_upload_is_searched_at_once(client: httpx.Client) -> None:
    """Itself comes first: distance 0, score 100; the score is 100 times the cosine of the others."""
    for seed in (1, 2, 3):
        added(upload(client, picture(seed), f"{seed}.jpg"))

    rows = found(client, picture(2))

    assert rows[0]["file_name"] == "2.jpg"
    assert [set(row) for row in rows] == [META | {"distance", "score"}] * 3
    assert list(rows[0])[:3] == ["id", "distance", "score"]
    assert rows[0]["distance"] == pytest.approx(0, abs=1e-5)
    assert rows[0]["score"] == pytest.approx(100, abs=1e-3)
    assert [row["distance"] for row in rows] == sorted(row["distance"] for row in rows)
    assert all(row["score"] == pytest.approx((2 - row["distance"]) / 2 * 100) for row in rows)


def test_a_row_leads_to_its_bytes(client: httpx.Client, engine: CompatServers) -> None:
    """``file_url`` loads as it stands, ``file_relative_url`` on this port; both with a type that shows it."""
    data = picture(4)
    row = added(upload(client, data))

    (shown,) = listed(client)

    assert set(shown) == META
    assert shown["file_url"] == f"{engine['image-engine']}/image-search-engine/{row['file_path']}"
    assert shown["file_relative_url"] == f"/image-search-engine/{row['file_path']}"
    for answer in (httpx.get(shown["file_url"]), client.get(shown["file_relative_url"])):
        assert (answer.status_code, answer.content) == (200, data)
        assert answer.headers["content-type"] == "image/jpeg"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", shown["created_at"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", shown["updated_at"])


def test_an_id_of_ones_own_is_kept(client: httpx.Client) -> None:
    """Up to 36 characters; its row is found under it."""
    for chosen in ("x", "商品-1", "a/b c", "6f9619ff-8b86-d011-b42d-00c04fc964ff"):
        assert added(upload(client, picture(5), meta_uuid=chosen))["meta_uuid"] == chosen

        answer = client.get(f"/meta/image/{chosen}")

        assert answer.status_code == 200
        assert set(answer.json()) == {"succeed", "message", "data"}
        assert answer.json()["data"]["meta_uuid"] == chosen


def test_an_id_is_given_once(client: httpx.Client) -> None:
    """The same bytes again, or others under the same id: 500, and the first stays as it was."""
    added(upload(client, picture(1), meta_uuid="one"))
    added(upload(client, picture(2)))

    assert "one is there already" in refused(upload(client, picture(3), meta_uuid="one"), 500, data=True)
    refused(upload(client, picture(2), "b.jpg"), 500, data=True)
    assert counts(client) == (2, 2)
    assert client.get("/meta/image/one").json()["data"]["hash_code"] == hashlib.md5(picture(1)).hexdigest()


@pytest.mark.parametrize(
    "chosen",
    [
        *("x" * 37, "images", "count", "..", " x", "a\nb"),
        *("images?x", "images#x", "%69mages", "x/../images", "./images", "/images", "x\\images"),
    ],
)
def test_an_id_that_cannot_be_is_refused(client: httpx.Client, chosen: str) -> None:
    """Too long; or a word that means something else in an address, where removing one would remove all."""
    refused(upload(client, picture(1), meta_uuid=chosen), 500, data=True)

    assert counts(client) == (0, 0)


def test_bad_files_are_refused_and_leave_no_row(client: httpx.Client) -> None:
    """With the reason, in the shape that the web client reads; a good file may follow under the same id."""
    whole = picture(6)

    assert "not a picture" in refused(upload(client, b"no picture", meta_uuid="six"), 500, data=True)
    refused(upload(client, whole[: len(whole) // 3], meta_uuid="six"), 500, data=True)
    refused(upload(client, b"", meta_uuid="six"), 500, data=True)
    refused(client.post("/meta/image/file", data={"meta_uuid": "six"}), 422)
    assert counts(client) == (0, 0)
    added(upload(client, whole, meta_uuid="six"))
    assert counts(client) == (1, 1)


def test_a_bad_sample_is_refused(client: httpx.Client) -> None:
    """500, as the older server had it."""
    added(upload(client, picture(1)))

    assert "not a picture" in refused(client.post("/sample/file", files={"file": ("a.jpg", b"none")}), 500)
    refused(client.post("/sample/file"), 422)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\pictures\\cat.jpg", "cat.jpg"),
        ("商品 图片（1）.jpg", "商品 图片（1）.jpg"),
        ("..", None),
    ],
)
def test_names_are_names(client: httpx.Client, engine: CompatServers, name: str, kept: str | None) -> None:
    """Folders are cut off, other letters stay; nothing is written under a name that came over the network."""
    row = added(upload(client, picture(7), name))

    assert row["file_name"] == kept if kept is not None else "/" not in row["file_name"]
    assert not [path for path in engine.library.folder.rglob("*") if path.name in {"passwd", "cat.jpg", name}]


def test_pages_join(client: httpx.Client) -> None:
    """By id, the least first: every row once, rows of the same bytes too; ``total`` counts them all."""
    for seed in (1, 2, 3, 1, 4):
        added(upload(client, picture(seed), f"{seed}.jpg", meta_uuid=f"u{len(listed(client))}"))

    pages = [listed(client, offset=offset, limit=2) for offset in (0, 2, 4, 6)]

    assert [len(page) for page in pages] == [2, 2, 1, 0]
    joined = [row["meta_uuid"] for page in pages for row in page]
    assert joined == ["u0", "u1", "u2", "u3", "u4"]
    numbers = [row["id"] for page in pages for row in page]
    assert numbers == sorted(set(numbers))
    assert client.get("/meta/image", params={"limit": 0}).json()["total"] == 5
    assert [row["meta_uuid"] for row in listed(client)] == joined
    refused(client.get("/meta/image", params={"offset": -1}), 422)
    refused(client.get("/meta/image", params={"limit": "many"}), 422)


def test_a_list_by_digest(client: httpx.Client) -> None:
    """What the web client's search field sends and the older server passed over; empty, it means all."""
    for number, seed in enumerate((1, 2, 1)):
        added(upload(client, picture(seed), meta_uuid=f"u{number}"))
    md5 = hashlib.md5(picture(1)).hexdigest()

    answer = client.get("/meta/image", params={"offset": 1, "limit": 10, "hash_code": md5.upper()}).json()

    assert [row["meta_uuid"] for row in answer["data"]] == ["u2"]
    assert answer["total"] == 2
    assert listed(client, hash_code="no digest") == []
    assert len(listed(client, hash_code="")) == 3


def test_pages_of_a_search_join(client: httpx.Client) -> None:
    """Also in the middle of the rows of one picture."""
    for number, seed in enumerate((1, 2, 1, 3, 1)):
        added(upload(client, picture(seed), meta_uuid=f"u{number}"))
    whole = [row["meta_uuid"] for row in found(client, picture(1))]

    joined = [
        row["meta_uuid"] for offset in range(0, 6, 2) for row in found(client, picture(1), offset=offset, limit=2)
    ]

    assert whole[:3] == ["u0", "u2", "u4"]
    assert joined == whole
    assert len(whole) == 5
    refused(client.post("/sample/file", files={"file": ("q", picture(1))}, data={"offset": 9_999, "limit": 9}), 500)


def test_one_row_is_removed(client: httpx.Client, engine: CompatServers) -> None:
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


@pytest.mark.parametrize("query", ["", "?recreate_table=true", "?recreate_table=false"])
def test_all_rows_are_removed(client: httpx.Client, query: str) -> None:
    """And new ones can be added at once."""
    for seed in (1, 2):
        added(upload(client, picture(seed)))

    answer = client.delete(f"/meta/image/images{query}")

    assert answer.status_code == 200
    assert set(answer.json()) == {"succeed", "message"}
    assert (counts(client), listed(client)) == ((0, 0), [])
    added(upload(client, picture(1)))
    assert counts(client) == (1, 1)


def test_twenty_uploads_at_once(client: httpx.Client, engine: CompatServers) -> None:
    """The web client sends a request a file, all of them at once: each is there afterwards, once."""

    def send(seed: int) -> int:
        with httpx.Client(base_url=engine["image-engine"], timeout=60) as own:
            return upload(own, picture(100 + seed), f"{seed}.jpg", path="/api/meta/image/file").status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(send, range(20)))

    assert statuses == [200] * 20
    assert counts(client) == (20, 20)
    assert {row["file_name"] for row in listed(client)} == {f"{seed}.jpg" for seed in range(20)}


def test_one_id_at_once_is_given_once(client: httpx.Client, engine: CompatServers) -> None:
    """Of several uploads under it, whatever their bytes, one is kept; the others are told."""

    def send(seed: int) -> httpx.Response:
        with httpx.Client(base_url=engine["image-engine"], timeout=60) as own:
            return upload(own, picture(200 + seed), meta_uuid="same")

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(6)))

    (kept,) = [answer for answer in answers if answer.status_code == 200]
    for answer in answers:
        if answer is not kept:
            refused(answer, 500, data=True)
    assert counts(client) == (1, 1)
    assert client.get("/meta/image/same").json()["data"]["hash_code"] == added(kept)["hash_code"]


def test_the_web_clients_own_addresses_answer(client: httpx.Client) -> None:
    """Below ``/api`` as its nginx passed them on, so that its files and this port behind one address are enough."""
    added(upload(client, picture(1), path="/api/meta/image/file"))
    query = {"limit": 10, "offset": 0, "hash_code": ""}

    assert client.get("/api/").json() == {"message": "Hello World"}
    assert client.get("/api/meta/image", params=query).json() == client.get("/meta/image", params=query).json()
    (row,) = client.post("/api/sample/file", files={"file": ("q.jpg", picture(1))}).json()["data"]
    assert client.get(row["file_relative_url"]).content == picture(1)
    assert client.delete(f"/api/meta/image/{row['meta_uuid']}").status_code == 200


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
def test_no_other_file_is_given_away(client: httpx.Client, path: str) -> None:
    """Only pictures that have a row; a path is never opened."""
    added(upload(client, picture(1)))

    refused(client.get(path), 404)


def test_any_page_may_ask(client: httpx.Client) -> None:
    """CORS as the older server had it: reading, sending, and removing from another origin."""
    origin = {"Origin": "http://example.org"}
    ask = {**origin, "Access-Control-Request-Method": "DELETE"}

    assert client.get("/meta/image", headers=origin).headers["access-control-allow-origin"] == "*"
    assert upload(client, b"no picture").status_code == 500
    refusal = client.post("/meta/image/file", files={"file": ("a", b"no")}, headers=origin)
    assert refusal.headers["access-control-allow-origin"] == "*"
    preflight = client.options("/meta/image/x", headers=ask)
    assert preflight.status_code == 200
    assert "DELETE" in preflight.headers["access-control-allow-methods"]


def test_what_anybody_could_call_does_no_harm(client: httpx.Client) -> None:
    """The wipe is refused with a sentence, the others answer at once, and all rows stay."""
    added(upload(client, picture(1)))

    assert "DELETE /meta/image/images" in refused(client.post("/dev/init"), 403)
    assert client.post("/dev/flush").json() == {}
    assert client.post("/dev/db_reconnect").json() is None
    assert client.post("/dev/show_mem").json()["peak_bytes"] > 0
    assert counts(client) == (1, 1)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/a.jpg", "http://[::1]/a.jpg", "file:///etc/passwd", "x"])
def test_addresses_inside_are_not_fetched(client: httpx.Client, address: str) -> None:
    """A request cannot make the server look around where it stands."""
    answer = client.post("/dev/file_url", data={"image_uri_1": address}, files={"image_2": ("a.jpg", picture(1))})

    refused(answer, 500)


def test_two_pictures_are_compared(tmp_path: Path) -> None:
    """One behind an address, one uploaded: the same numbers as a search's; neither is kept."""
    with (
        compat_server(tmp_path / "library", "image-engine", offline=False, allow_private_urls=True) as servers,
        servers.client("image-engine") as client,
    ):
        added(upload(client, picture(1), meta_uuid="one"))
        (row,) = found(client, picture(2))
        address = {"image_uri_1": row["file_url"]}

        told = [
            client.post("/dev/file_url", data=address, files={"image_2": ("b.jpg", picture(seed))}).json()
            for seed in (1, 2)
        ]

        assert told[0] == {"distance": pytest.approx(0, abs=1e-5), "score": pytest.approx(100, abs=1e-3)}
        assert told[1]["distance"] == pytest.approx(row["distance"], abs=1e-5)
        assert told[1]["score"] == pytest.approx(row["score"], abs=1e-3)
        assert counts(client) == (1, 1)


def test_rows_stay_the_same_after_a_restart(tmp_path: Path) -> None:
    """Their ids and times; and an address that was given out before loads."""
    with compat_server(tmp_path / "library", "image-engine") as servers, servers.client("image-engine") as client:
        for chosen, seed in (("one", 1), ("two", 2)):
            added(upload(client, picture(seed), meta_uuid=chosen))
        before = listed(client)
    with compat_server(tmp_path / "library", "image-engine") as servers, servers.client("image-engine") as client:
        assert client.get(before[1]["file_relative_url"]).content == picture(2)
        after = listed(client)

    same = META - {"file_url"}  # the port is another one
    assert [{name: row[name] for name in same} for row in after] == [
        {name: row[name] for name in same} for row in before
    ]


def test_pictures_that_came_another_way_have_rows(client: httpx.Client, engine: CompatServers, tmp_path: Path) -> None:
    """What ``morelike add`` put into the table is listed, found, shown and removed; a file in place stays."""
    added(upload(client, picture(1)))
    (path,) = write_images(tmp_path / "own", 1, seed=9)
    table(engine).add(Blob.from_path(path), in_place=True)

    mine = listed(client)[1]

    assert mine["file_name"] == path.name
    assert len(mine["meta_uuid"]) <= 36
    assert client.get(mine["file_relative_url"]).content == path.read_bytes()
    assert client.get(f"/meta/image/{mine['meta_uuid']}").json()["data"] == mine
    assert [row["id"] for row in found(client, path.read_bytes(), limit=1)] == [mine["id"]]
    assert client.delete(f"/meta/image/{mine['meta_uuid']}").status_code == 200
    assert counts(client) == (1, 1)
    assert path.is_file()


def test_rows_that_were_moved_here_keep_their_times(client: httpx.Client, engine: CompatServers) -> None:
    """As the older server's table had them; what is no time is passed over."""
    added(upload(client, picture(1), meta_uuid="one"))
    for name, at in (("moved", "2023-10-13 12:00:01"), ("odd", "yesterday")):
        blob = Blob.from_bytes(picture(2), "a.jpg", uri=f"meta:{name}")
        table(engine).add(blob, metadata={"meta_uuid": name, "created_at": at, "updated_at": at})

    moved, odd = (client.get(f"/meta/image/{name}").json()["data"] for name in ("moved", "odd"))

    assert (moved["meta_uuid"], moved["created_at"], moved["updated_at"]) == ("moved", *["2023-10-13T12:00:01"] * 2)
    assert odd["created_at"] > "2023-10-13T12:00:01"


def test_the_library_knows_the_ids(client: httpx.Client, engine: CompatServers) -> None:
    """A filter finds what was uploaded by its ``meta_uuid``."""
    added(upload(client, picture(1), meta_uuid="one"))
    added(upload(client, picture(2), meta_uuid="two"))

    (item,) = table(engine).items(filter="meta.meta_uuid = 'two'")

    assert item.digest.md5 == hashlib.md5(picture(2)).hexdigest()


def test_it_is_described(client: httpx.Client) -> None:
    """``/docs`` from its own files, ``/redoc`` leads there; the document has the older title and each route once."""
    document = client.get("/openapi.json").json()

    assert document["info"]["title"] == "「以图搜图」接口"
    assert {"/meta/image/file", "/meta/image", "/sample/file", "/dev/file_url"} <= set(document["paths"])
    assert not [path for path in document["paths"] if path.startswith("/api")]
    assert client.get("/redoc").headers["location"] == "/docs"
    page = client.get("/docs").text
    for script in re.findall(r'src="(/static/[^"]+\.js)"', page):
        assert client.get(script).status_code == 200


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_it_starts_with_the_older_servers_own_file(tmp_path: Path) -> None:
    """``config.yaml`` gives the port and the table; ours come first, and no password is printed."""
    port = free_port()
    (tmp_path / "config.yaml").write_text(
        "docker:\n"
        "  mysql: {host: mysql8, port: 3306, username: root, password: s3cret, database_name: x}\n"
        "  milvus: {host: standalone, port: 19530, collection: {name: shop}}\n"
        "  minio: {access_key: k3y, secret_key: s3cret, end_point: 'minio:9000', bucket: image-search-engine}\n"
        f"  api: {{bind_port: {port}}}\n"
    )
    ours = {"MORELIKE_CATALOG": "sqlite", "MORELIKE_VECTORS": "faiss", "MORELIKE_BLOBS": "folder"}
    place = {"MORELIKE_LIBRARY": str(tmp_path / "library"), "MORELIKE_MODELS_CACHE": str(tmp_path / "models")}
    command = [sys.executable, "-m", "morelike", "serve", "--port", "0", "--compat", "image-engine", "--json"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, **ours, **place, "RUN_MODE": "Docker", "MORELIKE_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while lines[-1] not in {"}\n", ""}:
            lines.append(process.stdout.readline())
        said = "".join(lines)
        assert said, process.communicate(timeout=60)
        address = json.loads(said)["compat"]["image-engine"]
        assert httpx.URL(address).port == port
        with httpx.Client(base_url=address, timeout=60) as client:
            added(upload(client, picture(1)))
        collections = httpx.get(json.loads(said)["url"] + "/api/v1/collections").json()["collections"]
        assert [one["name"] for one in collections] == ["shop"]
    finally:
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)
    assert not [text for text in (said, *rest) if "s3cret" in text or "k3y" in text]


def test_a_part_that_is_not_there_is_refused(client: httpx.Client) -> None:
    """As everything else that cannot be, with the picture's size beside it."""
    data = picture(1)
    path = added(upload(client, data))["file_path"]

    answer = client.get(f"/image-search-engine/{path}", headers={"Range": f"bytes={len(data)}-"})

    assert str(len(data)) in refused(answer, 416)
    assert answer.headers["content-range"] == f"bytes */{len(data)}"
