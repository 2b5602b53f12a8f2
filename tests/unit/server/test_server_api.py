"""The API, over real HTTP: what each route gives, and how each failure is said."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest
from serving_library import API, PHOTOS, Served, pictures_in, problem_in

from morelike.shapes import hit_shape
from morelike.testing.images import write_images


@pytest.fixture
def new(tmp_path: Path) -> list[Path]:
    """Three pictures that the library does not have."""
    return write_images(tmp_path / "new", 3, seed=100)


def test_collections_are_listed(reading: Served) -> None:
    """Every collection comes with what it holds."""
    listed = reading.client.get(f"{API}/collections").json()["collections"]

    assert [(one["name"], one["modality"], one["items"], one["rejected"]) for one in listed] == [
        ("photos", "image", 6, 0)
    ]
    assert reading.client.get(PHOTOS).json() == listed[0]


def test_a_collection_is_made_and_dropped(served: Served) -> None:
    """POST makes it and says where it is; DELETE removes it with all it had."""
    made = served.client.post(f"{API}/collections", json={"name": "more", "encoder": "classic"})

    assert made.status_code == 201
    assert made.headers["location"] == f"{API}/collections/more"
    assert served.client.get(made.headers["location"]).json() == made.json()

    dropped = served.client.delete(f"{API}/collections/more")

    assert dropped.json() == {"dropped": "more", "items": 0}
    problem_in(served.client.get(f"{API}/collections/more"), 404)


def test_a_collection_is_not_made_twice(served: Served) -> None:
    """A name that is taken is a conflict, and the collection stays as it is."""
    problem = problem_in(served.client.post(f"{API}/collections", json={"name": "photos"}), 409)

    assert problem["type"].endswith("collection-exists")
    assert served.client.get(PHOTOS).json()["items"] == 6


def test_an_unknown_collection_names_the_nearest(reading: Served) -> None:
    """The hint names the one that comes near."""
    assert problem_in(reading.client.get(f"{API}/collections/foto"), 404)["hint"] == "did you mean photos?"


def test_items_are_paged(reading: Served) -> None:
    """Pages join to the whole list, and ``more`` is true exactly when there is more."""
    pages, offset, more = [], 0, True
    while more:
        page = reading.client.get(f"{PHOTOS}/items", params={"limit": 4, "offset": offset}).json()
        pages += [item["item"] for item in page["items"]]
        offset, more = offset + 4, page["more"]

    assert pages == [item.id for item in reading.library.collection("photos").items()]
    assert offset == 8


def test_items_are_filtered(served: Served) -> None:
    """A filter leaves those that match; one that cannot be read is a problem that says where."""
    served.client.patch(f"{PHOTOS}/items/{served.item(2)}", json={"add_tags": ["red"]})

    found = served.client.get(f"{PHOTOS}/items", params={"filter": "tag = 'red'"}).json()["items"]

    assert [item["item"] for item in found] == [served.item(2)]
    problem_in(served.client.get(f"{PHOTOS}/items", params={"filter": "width >"}), 400)


def test_an_item_is_tagged_and_annotated(served: Served) -> None:
    """PATCH adds and removes tags and merges metadata; null removes a key."""
    place = f"{PHOTOS}/items/{served.item()}"
    served.client.patch(place, json={"add_tags": ["a", "b"], "metadata": {"year": 2024, "who": "me"}})

    changed = served.client.patch(place, json={"remove_tags": ["a"], "metadata": {"who": None}}).json()

    assert changed["tags"] == ["b"]
    assert changed["sources"][0]["metadata"] == {"year": 2024}
    assert served.client.get(place).json() == changed


def test_an_item_is_removed(served: Served) -> None:
    """DELETE takes it out of every search; its beginning is enough to name it."""
    gone = served.item()

    assert served.client.delete(f"{PHOTOS}/items/{gone[:10]}").json() == {"removed": 1, "items": [gone]}
    problem_in(served.client.get(f"{PHOTOS}/items/{gone}"), 404)
    assert served.client.get(PHOTOS).json()["items"] == 5


def test_an_upload_is_searchable_when_it_is_answered(served: Served, new: list[Path]) -> None:
    """201 comes after the files are durable; each file's part says what became of it."""
    kept = pictures_in(new[0].parent.parent / "pictures")[0].read_bytes()
    files = [("one.jpg", new[0].read_bytes()), ("two.jpg", kept), ("three.jpg", b"no picture")]

    answer = served.upload(*files, tags=["t"], metadata=json.dumps({"year": 2026}))
    report = answer.json()

    assert answer.status_code == 201
    assert (report["added"], report["same"], report["rejected"]) == (1, 1, 1)
    assert [(one["name"], one["state"]) for one in report["files"]] == [
        ("one.jpg", "added"),
        ("two.jpg", "same"),
        ("three.jpg", "rejected"),
    ]
    assert report["files"][2]["reason"]
    item = served.client.get(f"{PHOTOS}/items/{report['files'][0]['item']}").json()
    assert (item["tags"], item["sources"][0]["metadata"]) == (["t"], {"year": 2026})
    with new[0].open("rb") as stream:
        hits = served.client.post(f"{PHOTOS}/search", files={"example": stream}).json()["hits"]
    assert hits[0]["item"] == item["item"]


def test_an_upload_of_what_is_there_adds_nothing(served: Served, pictures: Path) -> None:
    """200, not 201: every file was known."""
    answer = served.upload(("again.jpg", pictures_in(pictures)[0].read_bytes()))

    assert answer.status_code == 200
    assert answer.json()["same"] == 1


def test_uploads_of_one_name_are_two_items(served: Served, new: list[Path]) -> None:
    """Two cameras both call a picture IMG_0001.jpg: the second does not replace the first."""
    for path in new[:2]:
        assert served.upload(("IMG_0001.jpg", path.read_bytes())).json()["added"] == 1

    assert served.client.get(PHOTOS).json()["items"] == 8


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\temp\\x.jpg", "/abs/x.jpg", "..", "a\x01b\n.jpg", "x" * 900])
def test_names_of_uploads_are_only_names(served: Served, new: list[Path], name: str) -> None:
    """Nothing of a folder, no control characters and no endless name comes into the library."""
    file = served.upload((name, new[0].read_bytes())).json()["files"][0]
    source = served.client.get(f"{PHOTOS}/items/{file['item']}").json()["sources"][0]

    assert file["state"] == "added"
    assert source["name"] == file["name"]
    assert not set(file["name"]) & set("/\\\n\x01")
    assert file["name"] != ".."
    assert len(file["name"]) <= 200


def test_a_large_upload_goes_through_a_temporary_file(served: Served, tmp_path: Path) -> None:
    """A picture of several megabytes arrives as it is."""
    path = write_images(tmp_path / "large", 1, seed=7, size=(1500, 1200), suffix=".bmp")[0]
    assert path.stat().st_size > 5_000_000

    file = served.upload((path.name, path.read_bytes())).json()["files"][0]

    assert served.client.get(f"{PHOTOS}/items/{file['item']}/content").content == path.read_bytes()


def test_the_ledger_is_listed(served: Served) -> None:
    """What could not be added is there with its reason."""
    served.upload(("broken.jpg", b"\xff\xd8\xff broken"))

    rows = served.client.get(f"{PHOTOS}/rejected").json()["rejected"]

    assert [row["source"].rpartition("/")[2] for row in rows] == ["broken.jpg"]
    assert rows[0]["reason"]
    assert rows[0]["stage"] in {"sniff", "decode"}


def test_an_upload_that_was_mended_leaves_the_ledger(served: Served, new: list[Path]) -> None:
    """The same rejected bytes are tried again each time; their row counts the attempts."""
    for _ in range(2):
        served.upload(("broken.jpg", b"\xff\xd8\xff broken"))

    rows = served.client.get(f"{PHOTOS}/rejected").json()["rejected"]

    assert [row["attempts"] for row in rows] == [2]


def test_search_gives_what_the_library_gives(served: Served, pictures: Path) -> None:
    """The hits over HTTP are those of Python, in the shape of the command line."""
    path = pictures_in(pictures)[3]
    expected = served.library.collection("photos").search(path, k=4)

    with path.open("rb") as stream:
        answer = served.client.post(
            f"{PHOTOS}/search", files={"example": stream}, data={"query": json.dumps({"k": 4})}
        ).json()

    assert answer["hits"] == json.loads(json.dumps([hit_shape(hit) for hit in expected]))
    assert answer["more"] is True
    assert answer["nothing_similar"] is False
    assert "timings" not in answer


def test_search_by_item_leaves_it_out(reading: Served) -> None:
    """More like this does not mean this."""
    answer = reading.search(examples=[{"item": reading.item()[:12]}]).json()

    assert len(answer["hits"]) == 5
    assert reading.item() not in {hit["item"] for hit in answer["hits"]}


def test_search_by_text_and_weights(reading: Served) -> None:
    """Words pull and push as in Python."""
    parts = [{"text": "red"}, {"item": reading.item(), "weight": 0.5}, {"text": "blue", "weight": -0.3}]
    from morelike.types import Example, Query

    expected = reading.library.collection("photos").search(
        Query((Example("text", "red"), Example("item", reading.item(), 0.5), Example("text", "blue", -0.3)))
    )

    hits = reading.search(examples=parts).json()["hits"]

    assert [(hit["item"], hit["score"]) for hit in hits] == [(hit.item, pytest.approx(hit.score)) for hit in expected]


def test_crop_and_page_and_threshold(served: Served, pictures: Path) -> None:
    """A crop changes the answer; pages join; the threshold cuts."""
    path = pictures_in(pictures)[0]

    def ask(**query: object) -> list[tuple[str, float]]:
        with path.open("rb") as stream:
            answer = served.client.post(
                f"{PHOTOS}/search", files={"example": stream}, data={"query": json.dumps(query)}
            )
        return [(hit["item"], hit["score"]) for hit in answer.json()["hits"]]

    whole = ask(k=6)

    assert ask(k=6, examples=[{"file": 0, "crop": [0, 0, 0.4, 0.4]}]) != whole
    assert ask(k=3) + ask(k=3, offset=3) == whole
    assert ask(k=6, threshold=whole[2][1] - 1e-6) == whole[:3]


def test_filter_in_a_search(served: Served) -> None:
    """Only items that match are hits."""
    for number in (1, 4):
        served.client.patch(f"{PHOTOS}/items/{served.item(number)}", json={"add_tags": ["wanted"]})

    hits = served.search(examples=[{"item": served.item()}], filter="tag = 'wanted'").json()["hits"]

    assert {hit["item"] for hit in hits} == {served.item(1), served.item(4)}


def test_explain_says_where_the_time_went(reading: Served) -> None:
    """Seconds by stage, only where asked for."""
    timings = reading.search(examples=[{"item": reading.item()}], explain=True).json()["timings"]

    assert timings
    assert all(seconds >= 0 for seconds in timings.values())


def test_a_batch_answers_each_query(reading: Served) -> None:
    """One answer a query, in order; one that fails is a problem in its place, and no harm to the others."""
    ids = [reading.item(number) for number in range(3)]
    queries = [{"examples": [{"item": one}], "k": 2} for one in ids]
    queries[1:1] = [{"examples": [{"item": "no-such-item"}]}]

    answers = reading.search(queries=queries).json()["answers"]

    assert answers[1]["problem"]["status"] == 404
    for one, answer in zip(ids, [answers[0], *answers[2:]], strict=True):
        assert answer == reading.search(examples=[{"item": one}], k=2).json()


def test_several_collections_answer_each(served: Served) -> None:
    """The answer of each is its own; a collection that cannot answer says why."""
    served.library.collection("other", modality="image", encoder="classic")
    query = {"examples": [{"text": "red"}], "k": 2}

    answers = served.client.post(f"{API}/search", json=query).json()["answers"]

    assert [answer["collection"] for answer in answers] == ["other", "photos"]
    assert answers[0]["problem"]["status"] == 400  # its encoder knows no words
    assert answers[1]["hits"] == served.search(**query).json()["hits"]
    named = served.client.post(f"{API}/search", json={**query, "collections": ["photos", "nope"]}).json()["answers"]
    assert [answer.get("problem", {}).get("status") for answer in named] == [None, 404]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 422),
        ({"examples": []}, 422),
        ({"examples": [{}]}, 422),
        ({"examples": [{"item": "abcdef", "text": "both"}]}, 422),
        ({"examples": [{"file": 0}]}, 400),
        ({"examples": [{"item": "abcdef"}], "k": 0}, 422),
        ({"examples": [{"item": "abcdef"}], "k": 1_000_000}, 422),
        ({"examples": [{"item": "abcdef"}], "colour": "red"}, 422),
        ({"examples": [{"text": "red"}], "mode": "no-such-mode"}, 422),
        ({"examples": [{"text": "red"}], "explain": 1}, 422),
        ({"examples": [{"text": "red", "weight": -1}]}, 400),
        ({"examples": [{"text": "red", "crop": [0, 0, 1, 1]}]}, 422),
        ({"examples": [{"item": "abcdef", "crop": [1, 1, 0, 0]}]}, 400),
        ({"queries": [{"examples": [{"text": "red"}]}], "k": 3}, 422),
        ({"queries": []}, 422),
        ({"examples": [{"item": "abcdef"}]}, 404),
    ],
)
def test_a_query_that_cannot_work_says_why(reading: Served, query: dict[str, object], status: int) -> None:
    """Each wrong field is named; nothing of it is a fault of the server."""
    problem = problem_in(reading.search(**query), status)

    assert "fields" in problem or status != 422


@pytest.mark.parametrize("place", ["/etc/passwd", "file:///etc/passwd", "~/x.jpg", "urls:/etc/passwd", "ftp://x/y"])
def test_a_query_never_opens_a_path(reading: Served, place: str) -> None:
    """A path is neither an item nor a URL, wherever it stands in a query."""
    assert problem_in(reading.search(examples=[{"item": place}]), 404)
    assert problem_in(reading.search(examples=[{"url": place}]), 422)


def test_an_example_that_is_no_picture(reading: Served) -> None:
    """It is said of the example, as a client's mistake."""
    answer = reading.client.post(f"{PHOTOS}/search", files={"example": b"not a picture"})

    assert problem_in(answer, 422)["type"].endswith(("unknown-media", "decode-error"))


def test_encoders_are_listed(reading: Served) -> None:
    """Those that can be used at once say so."""
    found = {one["name"]: one for one in reading.client.get(f"{API}/encoders").json()["encoders"]}

    assert found["classic"]["here"] is True
    assert any(not one["here"] and one["size"] for one in found.values())


def test_storage_adds_up(served: Served) -> None:
    """The total is that of the parts; small pictures count once they are kept."""
    before = served.client.get(f"{API}/storage").json()
    served.client.get(f"{PHOTOS}/items/{served.item()}/preview")
    after = served.client.get(f"{API}/storage").json()

    assert before["total"] == sum(before["parts"].values())
    assert before["parts"]["blobs"] > 0
    assert after["parts"]["previews"] > before["parts"]["previews"] == 0


def test_a_misspelt_form_field_is_refused(reading: Served) -> None:
    """A filter beside the query, where nobody reads it, is named instead of passed over."""
    answer = reading.client.post(f"{PHOTOS}/search", files={"example": b"any"}, data={"filter": "width > 1"})

    assert "filter" in json.dumps(problem_in(answer, 422))


def test_unknown_routes_and_methods(reading: Served) -> None:
    """The router's own failures are problem documents too."""
    problem_in(reading.client.get("/nope"), 404)
    answer = reading.client.put(PHOTOS)
    problem_in(answer, 405)
    assert set(answer.headers["allow"].split(", ")) == {"DELETE", "GET"}


def test_head_is_a_get_without_its_body(reading: Served) -> None:
    """HEAD has the headers of GET."""
    place = f"{PHOTOS}/items/{reading.item()}/content"
    got, head = reading.client.get(place), reading.client.head(place)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.headers["etag"] == got.headers["etag"]


def test_uploads_and_searches_side_by_side(served: Served, tmp_path: Path) -> None:
    """Eight clients search while others add: every answer is whole, and everything added is there at the end."""
    paths = write_images(tmp_path / "many", 12, seed=300)
    stop = Event()

    def search() -> list[int]:
        codes = []
        with httpx.Client(base_url=served.url, timeout=120) as client:
            while not stop.is_set():
                answer = client.post(f"{PHOTOS}/search", json={"examples": [{"item": served.item()}], "k": 3})
                codes.append(answer.status_code if len(answer.json()["hits"]) == 3 else 0)
        return codes

    def add(path: Path) -> int:
        with httpx.Client(base_url=served.url, timeout=120) as client:
            return client.post(f"{PHOTOS}/items", files={"files": (path.name, path.read_bytes())}).status_code

    with ThreadPoolExecutor(10) as pool:
        searches = [pool.submit(search) for _ in range(8)]
        added = [pool.submit(add, path) for path in paths]
        codes = [future.result() for future in added]
        stop.set()
        seen = [code for future in searches for code in future.result()]

    assert set(codes) == {201}
    assert set(seen) == {200}
    assert served.client.get(PHOTOS).json()["items"] == 18
