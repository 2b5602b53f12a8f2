"""Documents over HTTP: uploaded, searched by words, by a document, by a picture of a page, and shown."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from serving_library import API, Served, problem_in, running

import morelike
from morelike.settings import Settings
from morelike.testing.documents import docx, pdf
from morelike.testing.toys import ToyEncoder, ToyWords

pytest.importorskip("pypdfium2_raw", reason="documents need the extra `documents`")

PAPERS = f"{API}/collections/papers"
RIVERS = pdf("Rivers run to the sea.", "A delta is where a river ends.")
BREAD = docx("Bread is made of flour.", title="On bread")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with a PDF and a letter, for requests that change nothing."""
    folder = tmp_path_factory.mktemp("papers")
    (folder / "rivers.pdf").write_bytes(RIVERS)
    (folder / "bread.docx").write_bytes(BREAD)
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True, allow_roots=(folder,))
    with morelike.open(settings) as library:
        papers = library.collection("papers", modality="document", encoder=[ToyWords(), ToyEncoder()])
        papers.add(folder / "rivers.pdf", folder / "bread.docx")
        with running(library) as server:
            yield server


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    """A server with an empty collection of documents."""
    with morelike.open(settings.model_copy(update={"allow_roots": ()})) as library:
        library.collection("papers", modality="document", encoder=[ToyWords(), ToyEncoder()])
        with running(library) as server:
            yield server


def test_words_are_a_query(asked: Served) -> None:
    """A hit has its span and its words; k beyond the collection gives all there is."""
    for mode, text in (("similar", "A delta is where a river ends."), ("keyword", "delta")):
        answer = asked.client.post(f"{PAPERS}/search", json={"examples": [{"text": text}], "mode": mode, "k": 500})

        assert answer.status_code == 200, answer.text
        hits = answer.json()["hits"]
        assert len(hits) == (2 if mode == "similar" else 1)
        assert hits[0]["source"].endswith("rivers.pdf")
        assert hits[0]["span"] == {"unit": "characters", "start": 23, "end": 53}
        assert hits[0]["quote"]["page"] == 2


def test_a_document_and_a_picture_are_queries(asked: Served) -> None:
    """Uploaded with the request; a page of it where one is named."""
    letter = {"example": ("letter.docx", docx("Bread is made of flour."))}
    found = asked.client.post(f"{PAPERS}/search", files=letter).json()["hits"]
    assert found[0]["source"].endswith("bread.docx")

    buffer = io.BytesIO()
    Image.fromarray(np.full((40, 30, 3), 255, dtype=np.uint8)).save(buffer, "PNG")
    found = asked.client.post(f"{PAPERS}/search", files={"example": ("page.png", buffer.getvalue())}).json()["hits"]
    assert [(hit["kind"], hit["span"]["unit"]) for hit in found] == [("image", "page")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pdf("x", user=b"x"), "encrypted"),
        (b"%PDF-1.4", "damaged"),
        (b"", ""),
        (b"%PDF-1.7" + bytes(10_000_000), "damaged"),
    ],
    ids=["locked", "broken", "empty", "10-mb"],
)
def test_what_cannot_be_asked_is_the_requests_fault(asked: Served, data: bytes, said: str) -> None:
    """A problem with the reason, and no failure of the server."""
    answer = asked.client.post(f"{PAPERS}/search", files={"example": ("asked.pdf", data)})

    assert 400 <= answer.status_code < 500
    assert said in problem_in(answer, answer.status_code)["detail"]


def test_uploads_come_in_or_are_rejected(served: Served) -> None:
    """Each file by itself: two documents, and the reasons of those that are none."""
    files = [
        ("files", ("rivers.pdf", RIVERS)),
        ("files", ("bread.docx", BREAD)),
        ("files", ("locked.pdf", pdf("x", user=b"x"))),
        ("files", ("huge.pdf", b"%PDF-1.7\n" + bytes(10_000_000))),
    ]
    answer = served.client.post(f"{PAPERS}/items", files=files)

    assert answer.status_code in {200, 201, 207}, answer.text
    assert served.library.collection("papers").count() == 2
    reasons = " ".join(row.reason for row in served.library.collection("papers").rejected())
    assert "locked.pdf is encrypted" in reasons
    assert "huge.pdf is damaged" in reasons


def test_it_is_shown(asked: Served) -> None:
    """An item has its facts, a picture of its page with the words of a hit marked, and its own bytes."""
    hit = asked.client.post(f"{PAPERS}/search", json={"examples": [{"text": "delta"}], "mode": "keyword"}).json()[
        "hits"
    ][0]
    item = f"{PAPERS}/items/{hit['item']}"
    info = asked.client.get(item).json()["info"]
    assert (info["format"], info["pages"]) == ("PDF", 2)
    span = f"{hit['span']['start']:.0f}-{hit['span']['end']:.0f}"
    asked_for: list[dict[str, str]] = [{}, {"page": "2"}, {"characters": span}]
    shown = [asked.client.get(f"{item}/preview", params={"side": "256", **what}) for what in asked_for]
    assert [one.headers["content-type"] for one in shown] == ["image/jpeg"] * 3
    assert len({one.content for one in shown}) == 3
    problem_in(asked.client.get(f"{item}/preview", params={"page": "3"}), 422)
    content = asked.client.get(f"{item}/content")
    assert content.content == RIVERS
    assert content.headers["content-type"] == "application/pdf"
