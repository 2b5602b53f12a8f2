"""Texts over HTTP: uploaded, searched with words, quoted."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from serving_library import API, Served, problem_in, running

import morelike
from morelike.settings import Settings

pytest.importorskip("markdown_it", reason="Markdown needs the extra `text`")

NOTES = f"{API}/collections/notes"
FLOOD = "The river rose. The bridge held against the water. Nobody was hurt."


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with two notes and two questions, for requests that change nothing."""
    folder = tmp_path_factory.mktemp("notes")
    (folder / "flood.md").write_text(f"# Flood\n\n{FLOOD}")
    (folder / "bread.txt").write_text("Bread needs flour, water and salt.")
    (folder / "faq.jsonl").write_text(
        '{"question": "How do I pay?", "answer": "By card.", "kind": "money"}\n'
        '{"question": "Where is my parcel?", "answer": "Next door.", "kind": "post"}\n'
    )
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True, allow_roots=(folder,))
    with morelike.open(settings) as library:
        library.collection("notes", modality="text", encoder="hashed-text").add(folder, exclude=["library"])
        with running(library) as server:
            yield server


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    """A server with an empty collection of texts."""
    with morelike.open(settings.model_copy(update={"allow_roots": ()})) as library:
        library.collection("notes", modality="text", encoder="hashed-text")
        with running(library) as server:
            yield server


@pytest.mark.parametrize("mode", ["similar", "keyword", "hybrid"])
def test_words_are_a_query(asked: Served, mode: str) -> None:
    """In each mode; k beyond the collection gives all there is; the answer is marked in its words."""
    body = {"examples": [{"text": "which bridge held"}], "mode": mode, "k": 500}
    answer = asked.client.post(f"{NOTES}/search", json=body)

    assert answer.status_code == 200, answer.text
    hits = answer.json()["hits"]
    quote = hits[0]["quote"]
    assert quote["text"] == f"Flood\n\n{FLOOD}"
    assert (quote["start"], quote["page"], quote["reply"]) == (0, None, "")
    marked = [quote["text"][start:end] for start, end in quote["marks"]]
    assert marked == (["bridge", "held"] if mode == "keyword" else ["The bridge held against the water."])
    assert len(hits) == (1 if mode == "keyword" else 4)


def test_a_question_brings_its_answer(asked: Served) -> None:
    """Within a filter on another column."""
    body = {"examples": [{"text": "my parcel"}], "filter": "kind = 'post'"}
    (hit,) = asked.client.post(f"{NOTES}/search", json=body).json()["hits"]

    assert (hit["quote"]["text"], hit["quote"]["reply"]) == ("Where is my parcel?", "Next door.")
    assert hit["metadata"]["answer"] == "Next door."


def test_a_file_is_a_query(asked: Served) -> None:
    """As an upload; one that is no text is the request's fault."""
    found = asked.client.post(f"{NOTES}/search", files={"example": ("a.txt", FLOOD.encode())})
    assert found.json()["hits"][0]["source"].endswith("flood.md")

    refused = asked.client.post(f"{NOTES}/search", files={"example": ("a.txt", bytes(range(256)))})
    assert "a.txt is no text" in problem_in(refused, 422)["detail"]


@pytest.mark.parametrize("mode", ["similar", "keyword"])
@pytest.mark.parametrize("text", ["", "?" * 10_000_000], ids=["empty", "10-mb"])
def test_a_text_that_says_nothing_is_no_failure(asked: Served, text: str, mode: str) -> None:
    """Empty, or ten megabytes of nothing: an answer or a problem, and no failure of the server."""
    answer = asked.client.post(f"{NOTES}/search", json={"examples": [{"text": text}], "mode": mode})

    assert answer.status_code < 500


def test_uploads_are_items_or_rejects(served: Served) -> None:
    """A text, a table of two rows of which one is empty, an empty file, a book of many passages."""
    files = [
        ("files", ("a.md", b"# A\n\nwords")),
        ("files", ("t.csv", b"title,content\nB,more words\n,\n,...\n")),
        ("files", ("empty.txt", b"")),
        ("files", ("book.txt", b"The river rose and the bridge held. " * 2_900)),
    ]
    report = served.client.post(f"{NOTES}/items", files=files)

    assert report.status_code in {200, 201}, report.text
    assert report.json()["added"] == 3
    rejected = served.client.get(f"{NOTES}/items", params={"state": "rejected"})
    assert rejected.status_code < 500
    found = served.client.post(f"{NOTES}/search", json={"examples": [{"text": "bridge river"}], "k": 1}).json()["hits"]
    assert found[0]["source"].endswith("book.txt")
    assert found[0]["span"]["unit"] == "characters"


def test_an_item_shows_itself(asked: Served) -> None:
    """Its bytes, of a row all its fields, and a picture of its words."""
    body = {"examples": [{"text": "parcel"}], "mode": "keyword"}
    item = asked.client.post(f"{NOTES}/search", json=body).json()["hits"][0]["item"]
    content = asked.client.get(f"{NOTES}/items/{item}/content")
    preview = asked.client.get(f"{NOTES}/items/{item}/preview")

    assert json.loads(content.content) == {"question": "Where is my parcel?", "answer": "Next door.", "kind": "post"}
    assert preview.status_code == 200
    assert preview.headers["content-type"].startswith("image/")
