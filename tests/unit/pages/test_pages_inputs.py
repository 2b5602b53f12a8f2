"""Hard inputs on the page: texts, documents and 3D models that are empty, invalid or huge, chosen, dropped or typed."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hard_inputs import HARD, given_of
from starlette.testclient import TestClient

import morelike
from morelike.server.app import create_app
from morelike.server.options import ServerOptions
from morelike.settings import Settings
from morelike.types import Blob

MODALITIES = ["text", "document", "mesh"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The pages of a collection of two good files a modality, named like it, and of an empty one for what is huge."""
    folder = tmp_path_factory.mktemp("inputs")
    with morelike.open(Settings(library=folder / "library", offline=True, allow_roots=())) as library:
        for modality in MODALITIES:
            with suppress(pytest.skip.Exception):  # the tests of that one skip
                given = given_of(modality)
                opened = library.collection(modality, modality=modality, encoder=given.encoder)
                opened.add(*(Blob.from_bytes(data, name) for name, data in given.good.items()))
                library.collection(f"{modality}-huge", modality=modality, encoder=given.encoder)
        app = create_app(library, ServerOptions())
        with TestClient(app, base_url="http://127.0.0.1", headers={"Accept": "text/html"}) as client:
            yield client


def shown(text: str) -> list[str]:
    """The ids of the items of a page, each once, in order."""
    return list(dict.fromkeys(re.findall(r'data-item="([0-9a-f]+)"', text)))


def alert(text: str) -> str:
    """What the page says that is wrong."""
    found = re.search(r'role="alert">(.*?)</div></div>', text, re.DOTALL)
    assert found, text
    return html.unescape(re.sub(r"<[^>]*>", "", found[1]))


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_page_has_room_for_more_than_there_are(client: TestClient, modality: str) -> None:
    """All hits come and there is no further page; behind the last hit there are none, and it is no failure."""
    page = client.post(f"/c/{modality}/ask", files={"example": given_of(modality).example})
    beyond = client.get(f"{page.url}&offset=90")

    assert page.status_code == beyond.status_code == 200
    assert len(shown(page.text)) == 2
    assert "offset=" not in page.text
    assert shown(beyond.text) == []


@pytest.mark.parametrize(("modality", "what"), HARD)
def test_a_file_that_cannot_be_used_is_said(client: TestClient, modality: str, what: str) -> None:
    """As an example the page stands, with a sentence; chosen to be added it is counted, and listed with its reason."""
    bad = given_of(modality).bad[what]
    asked = client.post(f"/c/{modality}/ask", files={"example": (bad.name, bad.data)})
    added = client.post(f"/c/{modality}/upload", files=[("files", (bad.name, bad.data))])

    assert 400 <= asked.status_code < 500
    assert bad.said in alert(asked.text)
    assert added.status_code == 200
    assert "1 could not be used" in added.text
    assert bad.said in html.unescape(client.get(f"/c/{modality}/rejected").text)


@pytest.mark.parametrize("modality", MODALITIES)
def test_ten_megabytes_are_no_trouble(client: TestClient, modality: str) -> None:
    """A good file of that size is searched with, and added; its page stands."""
    given = given_of(modality)
    asked = client.post(f"/c/{modality}/ask", files={"example": given.huge})
    added = client.post(f"/c/{modality}-huge/upload", files=[("files", given.huge)])
    (item,) = shown(client.get(f"/c/{modality}-huge/items").text)

    assert asked.status_code == added.status_code == 200
    assert len(shown(asked.text)) == 2
    assert re.search(r"\d could not be used", added.text) is None
    assert client.get(f"/i/{modality}-huge/{item}").status_code == 200


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("words", ["", " \n"], ids=["empty", "blank"])
def test_nothing_is_asked(client: TestClient, modality: str, words: str) -> None:
    """An empty field is answered with a sentence."""
    given_of(modality)
    page = client.post(f"/c/{modality}/ask", data={"q": words})

    assert page.status_code == 400
    assert "nothing to search for" in alert(page.text)


@pytest.mark.parametrize("modality", ["text", "document"])
@pytest.mark.parametrize("words", ["...", "\U0001f642", "?" * 90_000], ids=["dots", "picture", "90-kb"])
def test_words_that_are_none_are_refused(client: TestClient, modality: str, words: str) -> None:
    """Without a letter or a digit, however long: a sentence, and the field stays."""
    given_of(modality)
    page = client.post(f"/c/{modality}/ask", files={"q": (None, words)})

    assert 400 <= page.status_code < 500
    assert "has no words" in alert(page.text)
    assert '<textarea id="q"' in page.text


@pytest.mark.parametrize("modality", MODALITIES)
def test_ten_megabytes_of_words_are_refused(client: TestClient, modality: str) -> None:
    """It says what to do instead."""
    given_of(modality)
    page = client.post(f"/c/{modality}/ask", files={"q": (None, "a river rose " * 800_000)})

    assert page.status_code == 413
    assert "save it as a file" in page.text


@pytest.mark.parametrize("words", ["a box", "..."])
def test_models_are_not_asked_for_with_words(client: TestClient, words: str) -> None:
    """It says what is possible."""
    page = client.post("/c/mesh/ask", data={"q": words})

    assert 400 <= page.status_code < 500
    assert alert(page.text)


def test_a_text_file_asks_for_documents(client: TestClient) -> None:
    """It is none itself; its words are looked for, and stand on the board."""
    given_of("document")
    page = client.post("/c/document/ask", files={"example": ("a.txt", b"The bridge held.")})

    assert page.status_code == 200
    assert len(shown(page.text)) == 2
    assert "The bridge held." in page.text
