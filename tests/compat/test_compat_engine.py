"""``image-engine`` as its web client and people's scripts ask it, over real HTTP on its own port."""

from __future__ import annotations

import hashlib
import re

import pytest
from compat_http import Client, get
from compat_servers import CompatServers
from engine_server import META, added, counts, found, listed, picture, refused, upload

pytestmark = pytest.mark.xdist_group("port 6200")


def test_it_says_hello(client: Client) -> None:
    """What the health check of its compose file asks for."""
    answer = client.get("/")

    assert (answer.status_code, answer.json()) == (200, {"message": "Hello World"})


def test_an_upload_is_answered_as_it_was(client: Client) -> None:
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
def test_endings_are_the_usual_ones(client: Client, form: str, ending: str) -> None:
    """Three or four letters, as people know them; the address with it loads those bytes."""
    data = picture(1, form)
    row = added(upload(client, data))

    assert row["file_path"].rpartition(".")[2] == ending
    assert client.get(f"/image-search-engine/{row['file_path']}").content == data


def test_an_empty_server_has_nothing(client: Client) -> None:
    """It answers lists and searches before anything was added."""
    whole = client.get("/meta/image").json()

    assert (whole["succeed"], whole["data"], whole["total"]) == (True, [], 0)
    assert counts(client) == (0, 0)
    assert found(client, picture(1)) == []
    refused(client.get("/meta/image/nothing"), 404)


def test_an_upload_is_searched_at_once(client: Client) -> None:
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


def test_a_row_leads_to_its_bytes(client: Client, engine: CompatServers) -> None:
    """``file_url`` loads as it stands, ``file_relative_url`` on this port; both with a type that shows it."""
    data = picture(4)
    row = added(upload(client, data))

    (shown,) = listed(client)

    assert set(shown) == META
    assert shown["file_url"] == f"{engine['image-engine']}/image-search-engine/{row['file_path']}"
    assert shown["file_relative_url"] == f"/image-search-engine/{row['file_path']}"
    for answer in (get(shown["file_url"]), client.get(shown["file_relative_url"])):
        assert (answer.status_code, answer.content) == (200, data)
        assert answer.headers["content-type"] == "image/jpeg"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", shown["created_at"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", shown["updated_at"])


def test_an_id_of_ones_own_is_kept(client: Client) -> None:
    """Up to 36 characters; its row is found under it."""
    for chosen in ("x", "商品-1", "a/b c", "6f9619ff-8b86-d011-b42d-00c04fc964ff"):
        assert added(upload(client, picture(5), meta_uuid=chosen))["meta_uuid"] == chosen

        answer = client.get(f"/meta/image/{chosen}")

        assert answer.status_code == 200
        assert set(answer.json()) == {"succeed", "message", "data"}
        assert answer.json()["data"]["meta_uuid"] == chosen


def test_an_id_is_given_once(client: Client) -> None:
    """The same bytes again, or others under the same id: 500, and the first stays as it was."""
    added(upload(client, picture(1), meta_uuid="one"))
    added(upload(client, picture(2)))

    assert "one is there already" in refused(upload(client, picture(3), meta_uuid="one"), 500, data=True)
    refused(upload(client, picture(2), "b.jpg"), 500, data=True)
    assert counts(client) == (2, 2)
    assert client.get("/meta/image/one").json()["data"]["hash_code"] == hashlib.md5(picture(1)).hexdigest()


def test_a_bad_sample_is_refused(client: Client) -> None:
    """500, as the older server had it."""
    added(upload(client, picture(1)))

    assert "not a picture" in refused(client.post("/sample/file", files={"file": ("a.jpg", b"none")}), 500)
    refused(client.post("/sample/file"), 422)


def test_pages_join(client: Client) -> None:
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


def test_pages_of_a_search_join(client: Client) -> None:
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


@pytest.mark.parametrize("query", ["", "?recreate_table=true", "?recreate_table=false"])
def test_all_rows_are_removed(client: Client, query: str) -> None:
    """And new ones can be added at once."""
    for seed in (1, 2):
        added(upload(client, picture(seed)))

    answer = client.delete(f"/meta/image/images{query}")

    assert answer.status_code == 200
    assert set(answer.json()) == {"succeed", "message"}
    assert (counts(client), listed(client)) == ((0, 0), [])
    added(upload(client, picture(1)))
    assert counts(client) == (1, 1)


def test_the_web_clients_own_addresses_answer(client: Client) -> None:
    """Below ``/api`` as its nginx passed them on, so that its files and this port behind one address are enough."""
    added(upload(client, picture(1), path="/api/meta/image/file"))
    query = {"limit": 10, "offset": 0, "hash_code": ""}

    assert client.get("/api/").json() == {"message": "Hello World"}
    assert client.get("/api/meta/image", params=query).json() == client.get("/meta/image", params=query).json()
    (row,) = client.post("/api/sample/file", files={"file": ("q.jpg", picture(1))}).json()["data"]
    assert client.get(row["file_relative_url"]).content == picture(1)
    assert client.delete(f"/api/meta/image/{row['meta_uuid']}").status_code == 200


def test_any_page_may_ask(client: Client) -> None:
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


def test_it_is_described(client: Client) -> None:
    """``/docs`` from its own files, ``/redoc`` leads there; the document has the older title and each route once."""
    document = client.get("/openapi.json").json()

    assert document["info"]["title"] == "「以图搜图」接口"
    assert {"/meta/image/file", "/meta/image", "/sample/file", "/dev/file_url"} <= set(document["paths"])
    assert not [path for path in document["paths"] if path.startswith("/api")]
    assert client.get("/redoc").headers["location"] == "/docs"
    page = client.get("/docs").text
    for script in re.findall(r'src="(/static/[^"]+\.js)"', page):
        assert client.get(script).status_code == 200


def test_a_part_that_is_not_there_is_refused(client: Client) -> None:
    """As everything else that cannot be, with the picture's size beside it."""
    data = picture(1)
    path = added(upload(client, data))["file_path"]

    answer = client.get(f"/image-search-engine/{path}", headers={"Range": f"bytes={len(data)}-"})

    assert str(len(data)) in refused(answer, 416)
    assert answer.headers["content-range"] == f"bytes */{len(data)}"
