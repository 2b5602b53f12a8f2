"""Hard inputs over HTTP: texts, documents and 3D models that are empty, invalid or huge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hard_inputs import HARD, given_of
from serving_library import API, Served, problem_in, running

import morelike
from morelike.settings import Settings
from morelike.types import Blob

MODALITIES = ["text", "document", "mesh"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with a collection of two good files a modality, named like it. What is added here is refused, or goes to
    a collection of its own.
    """
    folder = tmp_path_factory.mktemp("inputs")
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True, allow_roots=())
    with morelike.open(settings) as library:
        for modality in MODALITIES:
            with suppress(pytest.skip.Exception):  # the tests of that one skip
                given = given_of(modality)
                opened = library.collection(modality, modality=modality, encoder=given.encoder)
                opened.add(*(Blob.from_bytes(data, name) for name, data in given.good.items()))
                library.collection(f"{modality}-huge", modality=modality, encoder=given.encoder)
        with running(library) as server:
            yield server


@pytest.mark.parametrize("modality", MODALITIES)
def test_more_hits_than_there_are(served: Served, modality: str) -> None:
    """All come, the nearest first, and there are no more; an empty collection has none."""
    given = given_of(modality)
    for name, number in ((modality, 2), (f"{modality}-huge", served.library.collection(f"{modality}-huge").count())):
        address = f"{API}/collections/{name}/search"
        answer = served.client.post(address, files={"example": given.example}, data={"query": json.dumps({"k": 500})})

        assert answer.status_code == 200, answer.text
        assert len(answer.json()["hits"]) == number
        if number == 2:
            assert answer.json()["hits"][0]["source"].endswith(next(iter(given.good)))


@pytest.mark.parametrize(("modality", "what"), HARD)
def test_what_cannot_be_used_is_said(served: Served, modality: str, what: str) -> None:
    """Uploaded, it is rejected with its reason; as an example it is a problem of the request."""
    bad = given_of(modality).bad[what]
    file = (bad.name, bad.data)
    report = served.client.post(f"{API}/collections/{modality}/items", files=[("files", file)]).json()
    answer = served.client.post(f"{API}/collections/{modality}/search", files={"example": file})

    assert (report["added"], report["rejected"]) == (0, 1)
    assert bad.said in report["files"][0]["reason"]
    assert bad.said in problem_in(answer, 422)["detail"]


@pytest.mark.parametrize("modality", MODALITIES)
def test_ten_megabytes_are_no_trouble(served: Served, modality: str) -> None:
    """A good file of that size is an example, and comes in."""
    given = given_of(modality)
    answer = served.client.post(f"{API}/collections/{modality}/search", files={"example": given.huge})
    report = served.client.post(f"{API}/collections/{modality}-huge/items", files=[("files", given.huge)]).json()

    assert answer.status_code == 200, answer.text
    assert answer.json()["hits"][0]["source"].endswith(next(iter(given.good)))
    assert (report["added"], report["rejected"]) == (1, 0)


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("words", ["...", "\U0001f642", "?" * 8000], ids=["dots", "picture", "8-kb"])
def test_words_that_are_none_are_refused(served: Served, modality: str, words: str) -> None:
    """A problem, with the reason; of a 3D model the same as for any words."""
    given_of(modality)
    answer = served.client.post(f"{API}/collections/{modality}/search", json={"examples": [{"text": words}]})

    said = "cannot be searched with words" if modality == "mesh" else "has no words to search for"
    assert said in problem_in(answer, 400)["detail"]


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("words", ["", "?" * 10_000_000], ids=["empty", "10-mb"])
def test_a_text_that_cannot_be_one_is_refused(served: Served, modality: str, words: str) -> None:
    """Empty, or larger than a request may be: a problem, and no failure of the server."""
    given_of(modality)
    answer = served.client.post(f"{API}/collections/{modality}/search", json={"examples": [{"text": words}]})

    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_text_file_asks_for_documents(served: Served) -> None:
    """It is none itself, and its words are looked for."""
    given_of("document")
    answer = served.client.post(f"{API}/collections/document/search", files={"example": ("a.txt", b"The bridge held.")})

    assert answer.status_code == 200, answer.text
    assert answer.json()["hits"][0]["source"].endswith("rivers.pdf")
