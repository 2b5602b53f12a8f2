"""Sources over HTTP: uploads that say where they were found, what is known already, and rows by origin."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from remote_api import content_of, told, upload
from serving_library import PHOTOS, Served, problem_in, running

import morelike
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

UNKNOWN = "f" * 64


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for this module; each test adds pictures of its own."""
    folder = tmp_path_factory.mktemp("sources")
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True, allow_roots=())
    with morelike.open(settings) as library:
        library.collection("photos", modality="image", encoder=ToyEncoder())
        with running(library) as serving:
            yield serving


seeds = count(1000, 10)


@pytest.fixture
def pictures(tmp_path: Path) -> list[bytes]:
    """Three pictures that no other test has."""
    return [path.read_bytes() for path in write_images(tmp_path / "new", 3, seed=next(seeds))]


def known(served: Served, **asked: Any) -> dict[str, Any]:
    answer = served.client.post(f"{PHOTOS}/known", json=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_upload_says_where_it_was_found(served: Served, pictures: list[bytes]) -> None:
    """Uri, origin, time and metadata are the source's; ``upload:`` stands before the places."""
    entry = told("desk/home/me/a.jpg", origin="desk/home/me", modified_ns=1_790_000_000_123_456_789, metadata={"y": 1})

    answer = upload(served, pictures[:1], [entry])

    assert answer.status_code == 201, answer.text
    (source,) = served.client.get(f"{PHOTOS}/items/{answer.json()['files'][0]['item']}").json()["sources"]
    assert (source["uri"], source["origin"]) == ("upload:desk/home/me/a.jpg", "upload:desk/home/me")
    assert (source["modified_ns"], source["metadata"]) == (1_790_000_000_123_456_789, {"y": 1})


def test_places_of_uploads_are_marked_once(served: Served, pictures: list[bytes]) -> None:
    """Whoever sends the uri as items show it means the same source; without an origin there is none."""
    upload(served, pictures[:1], [told("once/a.jpg")])
    upload(served, pictures[:1], [told("upload:once/a.jpg")])

    (found,) = known(served, content=[content_of(pictures[0])])["content"].values()
    sources = served.client.get(f"{PHOTOS}/items/{found['item']}").json()["sources"]
    assert [(source["uri"], source["origin"]) for source in sources] == [("upload:once/a.jpg", "")]


@pytest.mark.parametrize("place", ["/etc/passwd", "s3://bucket/key", "https://example.org/a.jpg", "file:///etc/passwd"])
def test_an_upload_is_no_place_of_the_server(served: Served, pictures: list[bytes], place: str) -> None:
    """Whatever it calls itself: its bytes are kept, and come back as they were sent."""
    item = upload(served, pictures[:1], [told(place, origin=place)]).json()["files"][0]["item"]

    found = served.library.collection("photos").item(item)
    assert (found.sources[0].uri, found.in_place) == (f"upload:{place}", False)
    assert served.client.get(f"{PHOTOS}/items/{item}/content").content == pictures[0]


def test_other_bytes_at_one_uri_are_a_changed_file(served: Served, pictures: list[bytes]) -> None:
    """The source moves to the new item, and the old one, which has no other, goes."""
    before = upload(served, pictures[:1], [told("changed/a.jpg")]).json()["files"][0]["item"]

    report = upload(served, pictures[1:2], [told("changed/a.jpg")]).json()

    assert (report["added"], report["replaced"]) == (1, 1)
    uri = "upload:changed/a.jpg"
    assert known(served, uris=[uri], items=[before])["uris"][uri]["item"] == report["files"][0]["item"]
    problem_in(served.client.get(f"{PHOTOS}/items/{before}"), 404)


def test_an_unchanged_upload_is_the_same(served: Served, pictures: list[bytes]) -> None:
    """Size and time as before: it is passed over, and said to be the same."""
    entry = told("same/a.jpg", modified_ns=7)
    first = upload(served, pictures[:1], [entry]).json()
    again = upload(served, pictures[:1], [entry])

    assert again.status_code == 200
    assert (again.json()["same"], again.json()["files"][0]["item"]) == (1, first["files"][0]["item"])


def test_files_keep_their_order(served: Served, pictures: list[bytes]) -> None:
    """The answer names each file's fate in the order they came, and each has its own entry."""
    each = [told(f"order/{name}", metadata={"name": name}) for name in "cab"]

    files = upload(served, pictures, each).json()["files"]

    assert [file["item"] for file in files] == [content_of(data) for data in pictures]
    names = [served.library.collection("photos").item(file["item"]).sources[0].metadata["name"] for file in files]
    assert names == ["c", "a", "b"]


def test_rejected_uploads_are_tried_again_or_not(served: Served) -> None:
    """As a rule they are; without ``retry`` one that has not changed is passed over, and that is said."""
    bad, entry = b"\xff\xd8\xff broken", told("bad/a.jpg", modified_ns=7)
    upload(served, [bad], [entry])

    passed = upload(served, [bad], [entry], retry="false").json()
    tried = upload(served, [bad], [entry]).json()

    assert (passed["rejected"], passed["rejected_before"]) == (0, 1)
    assert (passed["files"][0]["state"], passed["files"][0]["before"]) == ("rejected", True)
    assert "retry" in passed["files"][0]["reason"]
    assert (tried["rejected"], tried["rejected_before"], tried["files"][0]["before"]) == (1, 0, False)


@pytest.mark.parametrize(
    "each",
    [
        "no JSON",
        {},
        [],
        [told("a"), told("b")],
        [told("")],
        [told("a\0b")],
        [told("x" * 2049)],
        [told("a", origin="x" * 2049)],
        [told("a", modified_ns="now")],
        [told("a", modified_ns=2**63)],
        [told("a", colour="red")],
        [told("a", metadata=[])],
    ],
)
def test_each_is_checked(served: Served, pictures: list[bytes], each: Any) -> None:
    """What does not fit is named, and nothing is added."""
    before = served.library.collection("photos").count()

    problem = problem_in(upload(served, pictures[:1], each), 422)

    assert problem["fields"][0]["field"].startswith("each")
    assert served.library.collection("photos").count() == before


def test_two_files_cannot_have_one_uri(served: Served, pictures: list[bytes]) -> None:
    """Nobody could say which of them the file is."""
    assert "one uri" in problem_in(upload(served, pictures[:2], [told("a"), told("a")]), 422)["detail"]


def test_retry_is_a_truth(served: Served, pictures: list[bytes]) -> None:
    """Any other word is refused, not taken for one of the two."""
    assert "retry" in problem_in(upload(served, pictures[:1], [told("a")], retry="perhaps"), 422)["detail"]


def test_what_is_known_is_said(served: Served, pictures: list[bytes]) -> None:
    """By id, by uri with how the source was, by content; what is not there is left out."""
    entry = told("known/a.jpg", modified_ns=9, metadata={"y": 2})
    item = upload(served, pictures[:1], [entry]).json()["files"][0]["item"]
    uri, digest = "upload:known/a.jpg", content_of(pictures[0])

    found = known(served, items=[item, UNKNOWN], uris=[uri, "upload:nowhere"], content=[digest, UNKNOWN])

    assert found["items"] == {item: "ready"}
    stamp = {"size": len(pictures[0]), "modified_ns": 9, "metadata": {"y": 2}}
    assert found["uris"] == {uri: {"item": item, "state": "ready", **stamp}}
    assert found["content"] == {digest: {"item": item, "state": "ready"}}


def test_nothing_asked_is_nothing_known(served: Served) -> None:
    """Each of the three may be left out."""
    assert known(served) == {"items": {}, "uris": {}, "content": {}}


@pytest.mark.parametrize(
    "asked",
    [
        {"items": ["a"] * 1001},
        {"uris": ["a"] * 1001},
        {"content": [UNKNOWN] * 1001},
        {"content": ["A" * 64]},
        {"x": []},
    ],
)
def test_what_is_asked_of_known_is_bounded(served: Served, asked: dict[str, Any]) -> None:
    """A thousand of each kind at the most, and digests that are some."""
    problem_in(served.client.post(f"{PHOTOS}/known", json=asked), 422)


def test_sources_are_listed_by_origin(served: Served, pictures: list[bytes]) -> None:
    """Those that came through it or lie below it, of items in any state, and no neighbour's."""
    origin = "desk/origin"
    each = [
        told(f"{origin}/a.jpg", origin=origin),
        told("elsewhere/b.jpg", origin=origin),
        told("desk/originals/c.jpg"),
    ]
    upload(served, pictures, each)

    rows = served.client.get(f"{PHOTOS}/sources", params={"origin": f"upload:{origin}"}).json()["sources"]

    assert sorted(row["uri"] for row in rows) == [f"upload:{origin}/a.jpg", "upload:elsewhere/b.jpg"]
    assert {row["blake3"] for row in rows} == {content_of(data) for data in pictures[:2]}
    (first,) = (row for row in rows if row["uri"].endswith("a.jpg"))
    (again,) = served.client.get(f"{PHOTOS}/sources", params={"md5": first["md5"]}).json()["sources"]
    assert again == first


@pytest.mark.parametrize("by", ["offset", "after"])
def test_sources_are_paged(served: Served, pictures: list[bytes], by: str) -> None:
    """Pages join to the whole list, by counting or by the last row's number."""
    upload(served, pictures, [told(f"paged/{by}/{number}") for number in range(3)])
    whole = [row.source.uri for row in served.library.collection("photos").sources(limit=1000)]

    uris: list[str] = []
    more, begin = True, 0
    while more:
        page = served.client.get(f"{PHOTOS}/sources", params={by: begin, "limit": 2}).json()
        uris += [row["uri"] for row in page["sources"]]
        more, begin = page["more"], len(uris) if by == "offset" else page["sources"][-1]["number"]

    assert uris == whole


@pytest.mark.parametrize("asked", [{"limit": 1001}, {"limit": 0}, {"md5": "x"}, {"origin": ""}, {"after": -1}])
def test_what_is_asked_of_sources_is_bounded(served: Served, asked: dict[str, Any]) -> None:
    """Pages of a thousand at the most."""
    problem_in(served.client.get(f"{PHOTOS}/sources", params=asked), 422)


def test_several_items_are_changed(served: Served, pictures: list[bytes]) -> None:
    """Tags come and go and metadata is merged on all of them; one that is named twice counts once."""
    files = upload(served, pictures, [told(f"several/{number}") for number in range(3)]).json()["files"]
    items = [file["item"] for file in files]
    change = {"items": [*items[:2], items[0][:12]], "add_tags": ["t"], "metadata": {"year": 2026}}

    answer = served.client.patch(f"{PHOTOS}/items", json=change)

    assert answer.json() == {"changed": 2}
    opened = served.library.collection("photos")
    assert [opened.item(item).tags for item in items] == [("t",), ("t",), ()]
    assert opened.item(items[1]).sources[0].metadata == {"year": 2026}


def test_one_unknown_item_keeps_all_from_changing(served: Served, pictures: list[bytes]) -> None:
    """It is named, and the others are as they were."""
    item = upload(served, pictures[:1], [told("unchanged/a")]).json()["files"][0]["item"]
    change = {"items": [item, UNKNOWN], "add_tags": ["t"]}

    problem_in(served.client.patch(f"{PHOTOS}/items", json=change), 404)
    problem_in(served.client.post(f"{PHOTOS}/remove", json={"items": [item, UNKNOWN]}), 404)

    assert served.library.collection("photos").item(item).tags == ()


def test_several_items_are_removed(served: Served, pictures: list[bytes]) -> None:
    """By their ids, or the beginnings of them."""
    files = upload(served, pictures[:2], [told("gone/0"), told("gone/1")]).json()["files"]
    items = [file["item"] for file in files]

    assert served.client.post(f"{PHOTOS}/remove", json={"items": [items[0], items[1][:12]]}).json() == {"removed": 2}
    assert known(served, items=items)["items"] == {}


def test_sources_are_removed(served: Served, pictures: list[bytes]) -> None:
    """An item goes with its last source, and stays while it has another."""
    upload(served, pictures[:1], [told("two/places/a")])
    upload(served, pictures[:1], [told("two/places/b")])
    place, digest = f"{PHOTOS}/remove", content_of(pictures[0])

    assert served.client.post(place, json={"sources": ["upload:two/places/a"]}).json() == {"removed": 0}
    assert known(served, content=[digest])["content"]
    assert served.client.post(place, json={"sources": ["upload:two/places/b", "upload:no"]}).json() == {"removed": 1}
    assert known(served, content=[digest])["content"] == {}


@pytest.mark.parametrize(
    "asked", [{}, {"items": []}, {"items": [UNKNOWN], "sources": ["a"]}, {"items": ["a"] * 1001}, {"sources": [""]}]
)
def test_what_is_to_be_removed_is_said(served: Served, asked: dict[str, Any]) -> None:
    """Items or sources, a thousand at the most; an empty request removes nothing."""
    problem_in(served.client.post(f"{PHOTOS}/remove", json=asked), 422)


@pytest.mark.parametrize("asked", [{}, {"items": []}, {"items": ["a" * 8] * 1001}, {"items": ["abcdefgh"], "x": 1}])
def test_what_is_to_be_changed_is_said(served: Served, asked: dict[str, Any]) -> None:
    """Some items, a thousand at the most."""
    problem_in(served.client.patch(f"{PHOTOS}/items", json=asked), 422)


def test_counts_are_those_of_the_library(served: Served, pictures: list[bytes]) -> None:
    """Items with or without a filter, sources and the ledger's rows."""
    item = upload(served, pictures[:1], [told("count/a")]).json()["files"][0]["item"]
    served.client.patch(f"{PHOTOS}/items", json={"items": [item], "add_tags": ["counted"]})
    opened = served.library.collection("photos")
    whole = {"sources": opened.count_sources(), "rejected": opened.rejected_count()}

    assert served.client.get(f"{PHOTOS}/count").json() == {"items": opened.count(), **whole}
    filtered = served.client.get(f"{PHOTOS}/count", params={"filter": "tag = 'counted'"}).json()
    assert filtered == {"items": 1, **whole}
    problem_in(served.client.get(f"{PHOTOS}/count", params={"filter": "width >"}), 400)
