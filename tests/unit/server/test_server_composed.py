"""A picture and words over HTTP and on the page, where the encoder composes the two."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

import morelike
from morelike.library import Library
from morelike.server.app import create_app
from morelike.server.options import ServerOptions
from morelike.settings import Settings
from morelike.testing.tiny_onnx import composer_pack

SEARCH = "/api/v1/collections/scenes/search"
COLOURS = {"red": (250, 20, 20), "blue": (20, 20, 250), "grey": (128, 128, 128)}


def drawn(name: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (30, 20), COLOURS[name]).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def library(settings: Settings, tmp_path: Path) -> Iterator[Library]:
    composer_pack(tmp_path / "packs")
    (tmp_path / "pictures").mkdir()
    for name in COLOURS:
        (tmp_path / "pictures" / f"{name}.png").write_bytes(drawn(name))
    changed = {"models": (tmp_path / "packs",), "allow_roots": (tmp_path / "pictures",)}
    with morelike.open(settings.model_copy(update=changed)) as opened:
        opened.collection("scenes", modality="image", encoder="tiny-composer").add(tmp_path / "pictures")
        yield opened


@pytest.fixture
def client(library: Library) -> Iterator[TestClient]:
    with TestClient(create_app(library, ServerOptions()), base_url="http://127.0.0.1") as client:
        yield client


def item(library: Library, name: str) -> str:
    return next(one.id for one in library.collection("scenes").items() if one.sources[0].name == f"{name}.png")


def first(answer: dict[str, Any]) -> str:
    return Path(answer["hits"][0]["source"]).stem


def test_a_file_and_words(client: TestClient) -> None:
    """Multipart: the example file is what the words change."""
    query = {"examples": [{"file": 0}, {"text": "make it blue"}]}
    sent = client.post(SEARCH, files={"example": ("a.png", drawn("grey"))}, data={"query": json.dumps(query)})
    assert sent.status_code == 200, sent.text
    assert first(sent.json()) == "blue"
    assert "unknown_words" not in sent.json()


def test_an_item_and_words(client: TestClient, library: Library) -> None:
    """JSON: an item of the collection; what the encoder does not know is in the answer."""
    parts = [{"item": item(library, "grey")}, {"text": "make it purplish red, please", "weight": 0.9}]
    sent = client.post(SEARCH, json={"examples": parts})
    assert first(sent.json()) == "red"
    assert sent.json()["unknown_words"] == ["purplish"]
    several = client.post("/api/v1/search", json={"examples": parts}).json()
    assert several["answers"][0]["unknown_words"] == ["purplish"]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([{"text": "make it red"}], "give a picture too"),
        ([{"item": "ITEM"}, {"text": "red", "weight": -1.0}], "cannot push away"),
        ([{"item": "ITEM"}, {"text": "red", "weight": 2.0}], "the weight 2"),
        ([{"item": "ITEM"}, {"text": "purplish"}], "knows none of the words"),
        ([{"item": "ITEM"}, {"text": "red " * 65}], "more than 64"),
    ],
)
def test_what_cannot_be_composed_is_a_problem(
    client: TestClient, library: Library, parts: list[dict[str, Any]], said: str
) -> None:
    """A problem document says what is wrong with the query."""
    named = [{**part, "item": item(library, "grey")} if "item" in part else part for part in parts]
    sent = client.post(SEARCH, json={"examples": named})
    assert sent.status_code == 400
    assert said in sent.json()["detail"]


def test_of_several_queries_each_has_its_own_words(client: TestClient, library: Library) -> None:
    """One request, three queries: two are composed, one is refused in its place."""
    grey = {"item": item(library, "grey")}
    texts = [[{"text": "red"}], [{"text": "blue mauve"}], [{"text": "mauve"}]]
    sent = client.post(SEARCH, json={"queries": [{"examples": [grey, *text]} for text in texts]}).json()["answers"]
    assert [first(one) for one in sent[:2]] == ["red", "blue"]
    assert [one.get("unknown_words") for one in sent[:2]] == [None, ["mauve"]]
    assert "knows none" in sent[2]["problem"]["detail"]


def test_the_page_composes(client: TestClient, library: Library) -> None:
    """The board's picture and its words together: the changed picture first, and what is not known on a line."""
    page = client.get("/c/scenes", params={"part": f"item:{item(library, 'grey')}", "text": "make it <mauve> blue"})
    assert page.status_code == 200
    assert re.findall(r'data-item="([0-9a-f]+)"', page.text)[0] == item(library, "blue")
    assert "Not known to tiny-composer, left out: “mauve”" in page.text
    assert 'name="text"' in page.text


def test_the_page_asks_for_a_picture(client: TestClient) -> None:
    """Words alone stay in the address and in their field, beside a slot for the picture that they are to change."""
    asked = client.post("/c/scenes/ask", data={"q": "make it blue"}, follow_redirects=False)
    assert (asked.status_code, asked.headers["location"]) == (303, "/c/scenes?text=make+it+blue")
    page = client.get(asked.headers["location"])
    assert page.status_code == 400
    assert "give a picture too" in page.text
    assert 'value="make it blue"' in page.text
    files = {"example": ("a.png", drawn("grey"))}
    added = client.post("/c/scenes/ask", data={"keep": "text=make+it+blue"}, files=files)
    assert re.search(r'data-item="([0-9a-f]+)"', added.text)
    assert "give a picture too" not in added.text


def test_another_encoder_takes_the_words_away(client: TestClient, library: Library) -> None:
    """A collection that was embedded anew by an encoder without words has no field for them, until it is taken back."""
    asked = {"part": f"item:{item(library, 'grey')}"}
    pages = [client.get("/c/scenes", params=asked).text]
    library.collection("scenes").reembed("classic")
    pages.append(client.get("/c/scenes", params=asked).text)
    library.collection("scenes").rollback()
    pages.append(client.get("/c/scenes", params=asked).text)

    assert ['name="text"' in page for page in pages] == [True, False, True]
    assert ["Words, an address or an item" in page for page in pages] == [True, False, True]


def test_the_encoder_is_listed(client: TestClient) -> None:
    """`GET /encoders` says that it composes."""
    found = {one["name"]: one for one in client.get("/api/v1/encoders").json()["encoders"]}
    assert found["tiny-composer"]["kinds"] == ["image", "composed"]
    assert found["tiny-composer"]["here"]
