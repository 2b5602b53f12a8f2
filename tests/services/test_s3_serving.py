"""Originals in a bucket over HTTP: as a presigned link, or through the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cut_line import line_to
from fastapi.testclient import TestClient
from radosgw_process import Gateway

import morelike
from morelike.library import Library
from morelike.server.app import create_app
from morelike.testing.images import write_images
from morelike.testing.kits.blob_store import digest_of
from morelike.testing.toys import ToyEncoder
from morelike.types import Blob

ITEMS = "/api/v1/collections/photos/items"


@contextmanager
def serving(gateway: Gateway, folder: Path, *, links: bool, **more: object) -> Iterator[tuple[Library, TestClient]]:
    write_images(folder / "pictures", 2, seed=3)
    settings = gateway.settings(
        f"s3://{gateway.bucket()}/lib", library=folder / "library", s3_links=links, allow_roots=(), **more
    )
    unlimited = settings.model_copy(update={"allow_roots": None})
    with morelike.open(unlimited) as library:
        library.collection("photos", modality="image", encoder=ToyEncoder()).add(folder / "pictures")
    with morelike.open(settings) as library, TestClient(create_app(library), "http://127.0.0.1") as client:
        yield library, client


def first(library: Library) -> tuple[str, bytes]:
    """(an item's id, its bytes)"""
    item = library.collection("photos").items()[0]
    return item.id, Path(item.sources[0].uri).read_bytes()


def followed(link: str, **headers: str) -> httpx.Response:
    return httpx.get(link, headers=headers, timeout=120, trust_env=False)


def test_a_link(gateway: Gateway, tmp_path: Path) -> None:
    """With ``s3_links`` the content is a 307 to the bucket, which gives all bytes, or a range, for minutes."""
    with serving(gateway, tmp_path, links=True) as (library, client):
        item, data = first(library)
        answer = client.get(f"{ITEMS}/{item}/content", follow_redirects=False)
        link = answer.headers["location"]

        assert answer.status_code == 307
        assert answer.content == b""
        assert link.startswith(f"{gateway.endpoint}/")
        assert 0 < int(parse_qs(urlsplit(link).query)["X-Amz-Expires"][0]) <= 900
        whole, part = followed(link), followed(link, Range="bytes=5-9")
        assert (whole.content, part.content, part.status_code) == (data, data[5:10], 206)
        assert whole.headers["content-type"] == "image/jpeg"
        assert whole.headers["content-disposition"].startswith("inline; filename=")
        assert gateway.root.secret_key not in link


def test_a_link_is_for_one_object(gateway: Gateway, tmp_path: Path) -> None:
    """What is signed cannot be turned into another object, another name, another type or a longer life."""
    with serving(gateway, tmp_path, links=True) as (library, client):
        ids = [item.id for item in library.collection("photos").items()]
        places = [f"{ITEMS}/{item}/content" for item in ids]
        one, two = (client.get(place, follow_redirects=False).headers["location"] for place in places)

        changed = [
            re.sub(r"/lib/../[0-9a-f]{62}", re.findall(r"/lib/../[0-9a-f]{62}", two)[0], one),
            one.replace("image%2Fjpeg", "text%2Fhtml"),
            one.replace("inline", "attachment"),
            re.sub("X-Amz-Expires=[0-9]+", "X-Amz-Expires=9999", one),
        ]
        assert one not in changed
        assert [followed(link).status_code for link in changed] == [403] * 4


def test_never_a_link(gateway: Gateway, tmp_path: Path) -> None:
    """HEAD and a client that has the bytes already are answered by the server itself."""
    with serving(gateway, tmp_path, links=True) as (library, client):
        item, data = first(library)
        head = client.head(f"{ITEMS}/{item}/content", follow_redirects=False)
        same = client.get(f"{ITEMS}/{item}/content", headers={"If-None-Match": head.headers["etag"]})

        assert (head.status_code, head.headers["content-length"]) == (200, str(len(data)))
        assert same.status_code == 304


def test_pages_may_show_links(gateway: Gateway, tmp_path: Path) -> None:
    """The page's policy lets pictures and players come from the bucket's address, and nothing else."""
    with serving(gateway, tmp_path, links=True) as (_, client):
        policy = client.get("/").headers["content-security-policy"]

    for one in ("img-src", "media-src"):
        assert f"{one} 'self' {gateway.endpoint}" in policy
    assert "script-src 'self';" in policy
    assert policy.count(gateway.endpoint) == 2


def test_through_the_server(gateway: Gateway, tmp_path: Path) -> None:
    """Without ``s3_links`` the bytes come from the server, ranges too, and no link is made."""
    with serving(gateway, tmp_path, links=False) as (library, client):
        item, data = first(library)
        whole = client.get(f"{ITEMS}/{item}/content", follow_redirects=False)
        part = client.get(f"{ITEMS}/{item}/content", headers={"Range": "bytes=-7"})
        policy = client.get("/").headers["content-security-policy"]

        assert (whole.status_code, whole.content) == (200, data)
        assert (part.status_code, part.content) == (206, data[-7:])
        assert library.collection("photos").link(item) is None
        assert gateway.endpoint not in policy


def test_the_bucket_is_away(gateway: Gateway, tmp_path: Path) -> None:
    """While the bucket does not answer, an original is a 503 that says so, and searches go on."""
    with (
        line_to(gateway.port) as line,
        serving(gateway, tmp_path, links=False, s3_endpoint=line.endpoint) as (library, client),
    ):
        item, data = first(library)
        before = client.get(f"{ITEMS}/{item}/content")
        line.cut()
        answer = client.get(f"{ITEMS}/{item}/content")
        found = library.collection("photos", encoder=ToyEncoder()).search(data)
        line.mend()
        after = client.get(f"{ITEMS}/{item}/content")

    assert (before.content, after.content) == (data, data)
    assert answer.status_code == 503
    assert "does not answer" in answer.json()["detail"] + answer.json()["title"]
    assert next(hit.item for hit in found) == item


def test_in_place_items_have_no_link(gateway: Gateway, tmp_path: Path) -> None:
    """An item whose file stays where it is comes from there."""
    write_images(tmp_path / "more", 1, seed=9)
    with serving(gateway, tmp_path, links=True) as (library, client):
        free = library.settings.model_copy(update={"allow_roots": None})
        with morelike.open(free) as open_library:
            photos = open_library.collection("photos", encoder=ToyEncoder())
            photos.add(tmp_path / "more", in_place=True)
        item = next(item for item in library.collection("photos").items() if item.in_place)
        answer = client.get(f"{ITEMS}/{item.id}/content", follow_redirects=False)

    assert answer.status_code == 200
    assert answer.content == Path(item.sources[0].uri).read_bytes()


@pytest.mark.parametrize(
    ("media_type", "kind", "shown"),
    [
        ("image/png", "image/png", True),
        ("audio/flac", "audio/flac", True),
        ("video/mp4; codecs=x", "video/mp4", True),
        ("text/html", "application/octet-stream", False),
        ("image/svg+xml", "application/octet-stream", False),
        ("image/other+xml", "application/octet-stream", False),
        ("application/pdf", "application/octet-stream", False),
        ("text/plain", "application/octet-stream", False),
        ("image/png\r\nX-Evil: 1", "application/octet-stream", False),
    ],
)
def test_types(gateway: Gateway, tmp_path: Path, media_type: str, kind: str, shown: bool) -> None:
    """From the bucket's address a browser shows pictures, sounds and films, and only downloads everything else."""
    from morelike.stores.s3 import S3BlobStore  # the package may be absent

    settings = gateway.settings(f"s3://{gateway.bucket()}/lib", s3_links=True)
    store = S3BlobStore(tmp_path, settings, "0123456789ab")
    store.put_many([(digest_of(b"x"), Blob.from_bytes(b"x"))])
    name = 'a "b"; ä\r\nX: y/../é.html'
    answer = followed(store.link(digest_of(b"x").blake3, seconds=60, name=name, media_type=media_type) or "")
    store.close()

    assert answer.content == b"x"
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"].startswith("inline" if shown else "attachment")
    assert "x-evil" not in answer.headers
    assert "x" not in answer.headers


def test_links_of_a_role(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the keys are not known here there is no link, and the server hands the bytes out itself."""
    with serving(gateway, tmp_path, links=True) as (library, client):
        monkeypatch.setattr("morelike.stores.s3.find_keys", lambda settings: None)
        item, data = first(library)
        answer = client.get(f"{ITEMS}/{item}/content", follow_redirects=False)

    assert (answer.status_code, answer.content) == (200, data)


def test_not_without_a_key(gateway: Gateway, tmp_path: Path) -> None:
    """A server with keys gives a link to a reader, and none to who has no key."""
    with serving(gateway, tmp_path, links=True) as (library, _):
        key = library.keys.make("someone", "reader")
        item, _ = first(library)
        with TestClient(create_app(library), "http://127.0.0.1") as client:
            place = f"{ITEMS}/{item}/content"
            refused = client.get(place, follow_redirects=False)
            allowed = client.get(place, headers={"Authorization": f"Bearer {key}"}, follow_redirects=False)

    assert (refused.status_code, allowed.status_code) == (401, 307)
    assert "location" not in refused.headers
