"""Searching with what is written down, as a program reads it: the part of the page that follows the typing."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

import morelike
from morelike.server.app import create_app
from morelike.server.options import ServerOptions
from morelike.settings import Settings
from morelike.types import Blob

pytest.importorskip("rdkit", reason="molecules need the extra `molecules`")
pytest.importorskip("Bio", reason="sequences need the extra `sequences`")

GENES = {"one": "ACGTTGCAAGGCTTAACCGGATATCGCGTA" * 4, "two": "TTTTACACGCGAGAGACCCATTATGGGCCA" * 4}


MOLECULES = "CCO ethanol\nc1ccccc1 benzene\nOc1ccccc1 <b>phenol</b>\n"


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """The collections ``molecules`` and ``genes``."""
    fasta = "".join(f">{name}\n{letters}\n" for name, letters in GENES.items())
    with morelike.open(settings.model_copy(update={"allow_roots": ()})) as library:
        molecules = library.collection("molecules", modality="molecule")
        assert molecules.add(Blob.from_bytes(MOLECULES.encode(), "some.smi")).added == 3
        genes = library.collection("genes", modality="sequence")
        assert genes.add(Blob.from_bytes(fasta.encode(), "some.fasta")).added == 2
        app = create_app(library, ServerOptions())
        with TestClient(app, base_url="http://127.0.0.1", headers={"Accept": "text/html"}) as client:
            yield client


def names(text: str) -> list[str]:
    """What the hits of a page are called, in order."""
    return [html.unescape(name) for name in re.findall(r'<a class="name"[^>]*>([^<]*)</a>', text)]


def test_what_is_written_is_answered_in_part(client: TestClient) -> None:
    """The fragment has the answers and the search's address, and nothing of the page around them."""
    answer = client.get("/c/molecules/written", params={"text": "CCO"}, headers={"HX-Request": "true"})

    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert names(answer.text)[0] == "ethanol"
    assert answer.headers["HX-Push-Url"] == "/c/molecules?text=CCO"


@pytest.mark.parametrize("text", ["c1ccccc", "CC(", "C(C)(C)(C)(C)C", "no molecule"])
def test_what_is_half_written_is_no_failure(client: TestClient, text: str) -> None:
    """It is said in a sentence, with the status 200: a browser complains of others. The whole page says 4xx."""
    answer = client.get("/c/molecules/written", params={"text": text})

    assert answer.status_code == 200
    assert re.search(r'<p id="unread">[^<]{10,}</p>', answer.text)
    assert 'id="answered"' not in answer.text
    assert 400 <= client.get("/c/molecules", params={"text": text}).status_code < 500


def test_a_known_one_is_asked_with_by_its_id(client: TestClient) -> None:
    """An InChIKey that the collection has is that molecule, typed or sent; it is left out of its own answer."""
    key = "UHOVQNZJYSORNB-UHFFFAOYSA-N"  # benzene's
    sent = client.post("/c/molecules/ask", data={"q": key}, follow_redirects=False)

    assert sent.headers["location"] == f"/c/molecules?part=item%3A{key}"
    assert names(client.get("/c/molecules/written", params={"text": key}).text)[0] == "<b>phenol<_b>"


def test_a_collection_that_there_is_not_fails_as_ever(client: TestClient) -> None:
    """Only what is written is treated gently."""
    assert client.get("/c/nowhere/written", params={"text": "CCO"}).status_code == 404


def test_names_of_records_are_text(client: TestClient) -> None:
    """A record's name is shown as it is, and never as HTML."""
    text = client.get("/c/molecules", params={"text": "Oc1ccccc1"}).text

    assert "<b>" not in text
    assert names(text)[0] == "<b>phenol<_b>"


def test_a_molecule_is_drawn_with_its_shared_part(client: TestClient) -> None:
    """A hit's picture is an SVG of shapes alone, in which what it shares is marked; it is sent once."""
    page = client.get("/c/molecules", params={"text": "Oc1ccccc1", "mode": "similar"}).text
    address = html.unescape(re.findall(r'<img src="(/i/[^"]*atoms=[^"]*)"', page)[0])
    answer = client.get(address)

    assert answer.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.text.count("<path") > client.get(address.partition("?")[0]).text.count("<path")
    assert not re.search(r"<script|<a\b|href|<foreignObject", answer.text)
    assert client.get(address, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("address", "status"),
    [("/i/molecules/LFQSCWFLJHTTHZ-UHFFFAOYSA-N/drawing?atoms=1,x", 422), ("/i/molecules/nothing/drawing", 404)],
)
def test_a_drawing_that_cannot_be(client: TestClient, address: str, status: int) -> None:
    """Atoms that are no numbers, and an item that there is not, are refused; atoms that it has not are passed over."""
    assert client.get(address).status_code == status
    assert client.get("/i/molecules/LFQSCWFLJHTTHZ-UHFFFAOYSA-N/drawing?atoms=1,999").status_code == 200


def test_a_sequence_is_not_drawn_as_a_molecule(client: TestClient) -> None:
    """Only molecules are."""
    item = re.findall(r'data-item="([^"]+)"', client.get("/c/genes/items").text)[0]

    assert client.get(f"/i/genes/{item}/drawing").status_code == 404


def test_only_the_pages_of_molecules_have_the_editor(client: TestClient) -> None:
    """No other page has the elements that fetch it."""
    assert "<molecule-drawing" in client.get("/c/molecules").text
    assert "<molecule-drawing" not in client.get("/c/genes").text
    assert "written-search" not in client.get("/c/genes").text


def test_lines_are_kept_as_a_file(client: TestClient) -> None:
    """One line stands in the address; FASTA with its lines becomes an example of its own, under its name."""
    plain = client.post("/c/genes/ask", data={"q": GENES["two"]}, follow_redirects=False)
    fasta = client.post("/c/genes/ask", data={"q": f">mine\n{GENES['one']}\n"}, follow_redirects=False)

    assert plain.headers["location"] == f"/c/genes?text={GENES['two']}"
    assert re.fullmatch(r"/c/genes\?part=upload%3A[\w-]+", fasta.headers["location"])
    assert names(client.get(plain.headers["location"]).text)[0] == "two"
    page = client.get(fasta.headers["location"]).text
    assert names(page)[0] == "one"
    assert 'title="mine"' in page


def test_the_mode_comes_with_the_field(client: TestClient) -> None:
    """A browser without scripts sends the mode with what is written; one that there is not is said."""
    asked = {"q": "c1ccccc1", "mode": "substructure"}
    answer = client.post("/c/molecules/ask", data=asked, follow_redirects=False)

    assert answer.headers["location"] == "/c/molecules?text=c1ccccc1&mode=substructure"
    assert set(names(client.get(answer.headers["location"]).text)) == {"benzene", "<b>phenol<_b>"}
    wrong = client.post("/c/molecules/ask", data={**asked, "mode": "nonsense"})
    assert wrong.status_code == 400
    assert 'role="alert"' in wrong.text


def test_what_cannot_be_read_stays_in_the_field(client: TestClient) -> None:
    """Whoever pasted pages of letters with one wrong among them does not lose them."""
    answer = client.post("/c/genes/ask", data={"q": ">mine\nACGT!\nACGT"})

    assert answer.status_code == 422
    assert ">mine\nACGT!\nACGT</textarea>" in html.unescape(answer.text)


def test_a_collection_of_molecules_is_made_on_the_page(client: TestClient) -> None:
    """The start page offers molecules with their encoders; what the modes need besides comes by itself."""
    assert 'name="encoder-molecule" value="maccs"' in client.get("/").text
    asked = {"name": "made", "modality": "molecule", "encoder-molecule": "maccs"}
    answer = client.post("/collections", data=asked, follow_redirects=False)

    assert answer.headers["location"] == "/c/made/add"
    begin = client.get("/c/made/written", params={"text": "CCO", "mode": "substructure"})
    assert 'id="answered"' in begin.text
