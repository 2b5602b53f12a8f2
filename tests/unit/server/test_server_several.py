"""One query to several collections, and tags by labels, over HTTP."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from serving_library import API, PHOTOS, Served, bearer, pictures_in, problem_in, running

from morelike.jobs import FINISHED
from morelike.library import Library
from morelike.testing.toys import COLOURS, ToyEncoder, ToyJointEncoder

SEVERAL = f"{API}/search"


@pytest.fixture
def several(library: Library, pictures: Path) -> Iterator[Served]:
    """Beside ``photos``: ``paintings`` that know words too, and ``sketches`` that do not."""
    library.collection("paintings", modality="image", encoder=ToyJointEncoder("toy-paint")).add(
        *(plain(name) for name in ("red", "green", "blue"))
    )
    library.collection("sketches", modality="image", encoder=ToyEncoder()).add(plain("white"))
    with running(library) as serving:
        yield serving


def plain(colour: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((16, 16, 3), COLOURS[colour], dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def asked(served: Served, **query: Any) -> dict[str, Any]:
    answer = served.client.post(SEVERAL, json=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_hits_are_grouped_and_fused(several: Served) -> None:
    """One list by rank, one by modality, one a collection; and the collection that knows no words says so."""
    found = asked(several, examples=[{"text": "red"}], k=4)

    assert len(found["fused"]) == 4
    assert {one["collection"] for one in found["fused"]} == {"photos", "paintings"}
    assert [one["rrf"] for one in found["fused"]] == sorted((one["rrf"] for one in found["fused"]), reverse=True)
    assert [(group["modality"], group["collections"]) for group in found["groups"]] == [
        ("image", ["paintings", "photos"])
    ]
    assert found["groups"][0]["hits"] == found["fused"]
    assert [(one["collection"], one["modality"]) for one in found["silent"]] == [("sketches", "image")]
    assert "reembed sketches" in found["silent"][0]["hint"]
    assert [answer["collection"] for answer in found["answers"]] == ["paintings", "photos", "sketches"]
    for answer in found["answers"][:2]:
        alone = several.client.post(
            f"{API}/collections/{answer['collection']}/search", json={"examples": [{"text": "red"}], "k": 4}
        ).json()
        assert answer == {"collection": answer["collection"], "modality": "image", **alone}
    assert found["answers"][2]["problem"]["status"] == 400
    assert found["more"] is True


def test_it_is_what_python_says(several: Served) -> None:
    """The same query through the library gives the same hits in the same order."""
    found = asked(several, examples=[{"text": "green"}], k=5)

    here = several.library.search(text="green", k=5)

    assert [(one["collection"], one["item"]) for one in found["fused"]] == [
        (one.collection, one.hit.item) for one in here
    ]


def test_a_file_goes_to_all(several: Served) -> None:
    """A picture beside the query as multipart; globs name the collections."""
    answer = several.client.post(
        SEVERAL,
        files=[("example", ("red.png", plain("red")))],
        data={"query": json.dumps({"collections": ["p*"], "k": 1})},
    )

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [one["collection"] for one in found["answers"]] == ["paintings", "photos"]
    assert found["answers"][0]["hits"][0]["score"] == pytest.approx(1.0, abs=1e-4)


def test_an_item_is_looked_for_elsewhere(several: Served) -> None:
    """Other collections get its bytes, not an id that they do not know."""
    red = several.library.collection("paintings").search(text="red", k=1)[0].item

    found = asked(several, examples=[{"item": red[:12]}], k=2)

    assert found["silent"] == []
    assert red not in {hit["item"] for hit in found["answers"][0]["hits"]}
    assert len(found["answers"][1]["hits"]) == 2


def test_pages_of_the_list_join(several: Served) -> None:
    """``offset`` goes through the fused list; each page's collections have their own page, too."""
    whole = asked(several, examples=[{"text": "red"}], k=9)["fused"]
    pages = [asked(several, examples=[{"text": "red"}], k=3, offset=at) for at in (0, 3, 6)]

    assert [one for page in pages for one in page["fused"]] == whole
    assert [page["more"] for page in pages] == [True, True, False]
    assert [len(page["answers"][0]["hits"]) for page in pages] == [3, 0, 0]


def test_explained_on_request(several: Served) -> None:
    """Where the time went, by collection."""
    found = asked(several, examples=[{"text": "red"}], k=1, explain=True)

    assert all(answer["timings"] for answer in found["answers"] if "hits" in answer)
    assert "why" in found["fused"][0]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 422),
        ({"examples": []}, 422),
        ({"examples": [{"text": ""}]}, 422),
        ({"examples": [{"text": "red"}], "k": 0}, 422),
        ({"examples": [{"text": "red"}], "k": 1001}, 422),
        ({"examples": [{"text": "red"}], "k": 1000, "offset": 10_000}, 400),
        ({"examples": [{"text": "red"}], "mode": "simlar"}, 422),
        ({"examples": [{"text": "red"}], "filter": "width >"}, 400),
        ({"examples": [{"text": "red"}], "collections": []}, 422),
        ({"examples": [{"text": "red"}], "collections": ["z*"]}, 400),
        ({"examples": [{"text": "red"}], "colours": 3}, 422),
        ({"examples": [{"text": "x" * 9000}]}, 422),
    ],
)
def test_what_cannot_be_asked(reading: Served, query: dict[str, Any], status: int) -> None:
    """Each is one problem of the request, not one of every collection."""
    problem_in(reading.client.post(SEVERAL, json=query), status)


def test_too_much_is_refused(reading: Served) -> None:
    """Ten megabytes of JSON are not read; ten megabytes that are no picture are said to be none."""
    problem_in(reading.client.post(SEVERAL, json={"examples": [{"text": "x" * 10_000_000}]}), 413)
    answer = reading.client.post(SEVERAL, files=[("example", ("x.png", b"x" * 10_000_000))])

    assert answer.status_code == 200
    assert [one["collection"] for one in answer.json()["silent"]] == ["photos"]


def test_readers_may_search(several: Served, library: Library) -> None:
    """A reader's key is enough; none is too little where there are keys."""
    key = library.keys.make("one", "reader")

    problem_in(several.client.post(SEVERAL, json={"examples": [{"text": "red"}]}), 401)
    assert several.client.post(SEVERAL, json={"examples": [{"text": "red"}]}, headers=bearer(key)).status_code == 200


def finished(served: Served, job: str) -> dict[str, Any]:
    seen = served.library.jobs.get(job)
    while seen.state not in FINISHED:
        seen = served.library.jobs.watch(job, 60.0, seen)
    found: dict[str, Any] = served.client.get(f"{API}/jobs/{job}").json()
    return found


def test_tags_by_labels_are_a_job(several: Served) -> None:
    """It tags, and its result says what it did; a dry run only says it."""
    route = f"{API}/collections/paintings/tags/auto"
    dry = several.client.post(route, json={"labels": ["red", "blue"], "threshold": 50, "dry_run": True})
    assert dry.status_code == 202, dry.text
    assert finished(several, dry.json()["id"])["result"]["labels"] == {"red": 1, "blue": 1}
    assert several.library.collection("paintings").count(filter="tag = 'red'") == 0

    done = several.client.post(route, json={"labels": ["red", "blue"], "threshold": 50, "prefix": "c:"})

    job = finished(several, done.json()["id"])
    assert (job["state"], job["result"]["tagged"], job["result"]["items"]) == ("done", 2, 3)
    assert several.library.collection("paintings").count(filter="tag = 'c:red'") == 1


@pytest.mark.parametrize(
    ("asked_for", "status"),
    [
        ({}, 422),
        ({"labels": []}, 422),
        ({"labels": ["x" * 201]}, 422),
        ({"labels": ["red"], "wording": "no place"}, 422),
        ({"labels": ["red"], "top": 0}, 422),
        ({"labels": ["red"], "threshold": "high"}, 422),
        ({"labels": [str(number) for number in range(1001)]}, 422),
        ({"labels": ["red"], "colour": 1}, 422),
    ],
)
def test_labels_that_cannot_be(reading: Served, asked_for: dict[str, Any], status: int) -> None:
    """Refused before there is a job."""
    problem_in(reading.client.post(f"{PHOTOS}/tags/auto", json=asked_for), status)


def test_no_such_collection_no_job(reading: Served) -> None:
    """404 at once."""
    problem_in(reading.client.post(f"{API}/collections/nowhere/tags/auto", json={"labels": ["red"]}), 404)


def test_a_collection_without_words_fails_in_its_job(several: Served) -> None:
    """The job says which encoder it is, and what to do."""
    made = several.client.post(f"{API}/collections/sketches/tags/auto", json={"labels": ["red"]})

    job = finished(several, made.json()["id"])

    assert job["state"] == "failed"
    assert "takes no words" in job["error"]
    assert "reembed sketches" in job["hint"]


def test_readers_may_not_tag(several: Served, library: Library, pictures: Path) -> None:
    """A writer's role is needed."""
    assert pictures_in(pictures)
    reader = library.keys.make("one", "reader")
    writer = library.keys.make("two", "writer")
    route, body = f"{PHOTOS}/tags/auto", {"labels": ["red"]}

    problem_in(several.client.post(route, json=body, headers=bearer(reader)), 403)
    assert several.client.post(route, json=body, headers=bearer(writer)).status_code == 202
