"""What a form of the search page does to a search: parts join it, take one's place, or are refused."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

import morelike
from morelike.search.substructure_query import part_of_text
from morelike.server.app import create_app
from morelike.server.options import ServerOptions
from morelike.server.pages.board import MOST_PARTS, Board, Fields, Part
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyJointEncoder
from morelike.types import Blob


@pytest.fixture
def client(settings: Settings, tmp_path: Path) -> Iterator[TestClient]:
    """Four pictures in ``photos``, whose encoder knows pictures and colour words."""
    pictures = tmp_path / "pictures"
    write_images(pictures, 4, seed=1)
    with morelike.open(settings.model_copy(update={"allow_roots": (pictures,)})) as library:
        library.collection("photos", modality="image", encoder=ToyJointEncoder()).add(pictures)
        app = create_app(library, ServerOptions())
        with TestClient(app, base_url="http://127.0.0.1", headers={"Accept": "text/html"}) as client:
            yield client


def query_of(answer: object) -> dict[str, list[str]]:
    """Of the address that a form leads to."""
    return parse_qs(urlsplit(answer.headers["location"]).query)  # type: ignore[attr-defined]


def test_words_join_a_board() -> None:
    """Further words come behind the first ones; the same ones get the new weight; a board that is full says so."""
    board = Board().plus_words("red").plus_words("blue", -0.5).plus_words("red", 2.0)

    assert board.words == (("blue", -0.5), ("red", 2.0))
    assert not board.full
    assert Board(parts=tuple(Part("item", f"item{number}") for number in range(MOST_PARTS))).full


def test_another_example_takes_the_place() -> None:
    """It has the weight, the crop and the range of the one that was there."""
    board = Board((Part("upload", "old", -0.5, (0.0, 0.0, 0.5, 1.0), (1.0, 2.0)), Part("item", "other")))

    assert board.instead(0, Part("upload", "new")).parts == (
        Part("upload", "new", -0.5, (0.0, 0.0, 0.5, 1.0), (1.0, 2.0)),
        Part("item", "other"),
    )


def test_a_whole_board_round_trips() -> None:
    """Parts, weights, crops, ranges, words, filter, threshold and mode: the address brings back the same board."""
    board = Board(
        (Part("upload", "a", 0.3, (0.1, 0.2, 0.3, 0.4)), Part("item", "b", -2.0, None, (3.5, 8.0))),
        "red",
        0.5,
        (("blue & green", -1.0),),
        "width >= 10",
        0.25,
        30,
        "hybrid",
    )

    assert Board.read(Fields(parse_qs(board.query(), keep_blank_values=True))) == board


def test_what_is_typed_on_the_board_joins_it(client: TestClient) -> None:
    """Words and pictures are added to the search that is kept, and a file may take an example's place."""
    words = client.post("/c/photos/ask", data={"keep": "text=red", "q": "blue"}, follow_redirects=False)
    assert query_of(words)["text"] == ["red", "blue"]

    gone = "part=upload%3Agone&weight=0.5&crop=&text=red"
    picture = {"example": ("x.png", _picture(client), "image/png")}
    again = client.post("/c/photos/ask", data={"keep": gone, "instead": "0"}, files=picture, follow_redirects=False)
    found = query_of(again)
    assert found["weight"] == ["0.5"]
    assert len(found["part"]) == 1
    assert not found["part"][0].endswith("gone")


@pytest.mark.parametrize("place", ["1", "-1", "x", "999"])
def test_a_place_that_there_is_not(client: TestClient, place: str) -> None:
    """It is refused with a sentence."""
    sent = {"keep": "part=upload%3Agone", "instead": place, "q": "http://127.0.0.1/x.png"}
    answer = client.post("/c/photos/ask", data=sent)

    assert answer.status_code == 400
    assert "alert" in answer.text


def test_no_more_than_there_is_room_for(client: TestClient) -> None:
    """A part beyond the sixteenth is refused before anything is fetched or kept; the board stays."""
    kept = "&".join(f"text=red{number}" for number in range(MOST_PARTS))
    answer = client.post("/c/photos/ask", data={"keep": kept, "q": "blue"})

    assert answer.status_code == 400
    assert f"a query takes {MOST_PARTS} parts" in answer.text
    assert answer.text.count('class="part ') == MOST_PARTS


def test_a_gone_example_keeps_its_crop(client: TestClient) -> None:
    """The board has a form that puts it in again, and loses nothing that was set of it meanwhile."""
    answer = client.get("/c/photos", params={"part": "upload:gone", "crop": "0,0,0.5,1", "at": "1-2", "weight": "2"})

    assert 'id="again-1"' in answer.text
    assert 'name="crop" value="0,0,0.5,1"' in answer.text
    assert 'name="at" value="1-2"' in answer.text


class TestPickedParts:
    """What is picked of a molecule, over HTTP."""

    @pytest.fixture
    def molecules(self, settings: Settings) -> Iterator[TestClient]:
        """The collection ``molecules``."""
        pytest.importorskip("rdkit", reason="molecules need the extra `molecules`")
        with morelike.open(settings.model_copy(update={"allow_roots": ()})) as library:
            library.collection("molecules", modality="molecule").add(Blob.from_bytes(b"CCO ethanol\n", "some.smi"))
            app = create_app(library, ServerOptions())
            with TestClient(app, base_url="http://127.0.0.1", headers={"Accept": "text/html"}) as client:
                yield client

    def test_atoms_stand_in_the_drawing(self, molecules: TestClient) -> None:
        """Each has a symbol and a place inside of the drawing that the board shows; bonds name their atoms."""
        plan = molecules.get("/c/molecules/atoms", params={"smiles": "CCO"}).json()

        assert [atom["symbol"] for atom in plan["atoms"]] == ["C", "C", "O"]
        assert all(0 < atom["x"] < plan["width"] and 0 < atom["y"] < plan["height"] for atom in plan["atoms"])
        assert plan["bonds"] == [[0, 1], [1, 2]]

    @pytest.mark.parametrize(
        ("smiles", "atoms"), [("CC(=O)Oc1ccccc1C(=O)O", "1,2,3"), ("CC(=O)Oc1ccccc1C(=O)O", "4,5,6"), ("C[NH3+]", "1")]
    )
    def test_a_part_is_in_its_molecule(self, molecules: TestClient, smiles: str, atoms: str) -> None:
        """What is written of it matches the molecule, also where it is some atoms of a ring."""
        from rdkit import Chem

        part = molecules.get("/c/molecules/fragment", params={"smiles": smiles, "atoms": atoms}).json()["part"]
        pattern = part_of_text(part, "auto", 2048).molecule

        assert pattern.GetNumAtoms() == atoms.count(",") + 1
        assert Chem.MolFromSmiles(smiles).HasSubstructMatch(pattern)
        found = molecules.get("/c/molecules", params={"text": part, "mode": "substructure"})
        assert found.status_code == 200

    @pytest.mark.parametrize(
        ("smiles", "atoms", "problem"),
        [
            ("CCO", "", "no atom is picked"),
            ("CCO", "0,2", "do not hang together"),
            ("CCO", "7", "3 atoms"),
            ("C(", "0", "no SMILES"),
        ],
    )
    def test_what_is_no_part_is_said(self, molecules: TestClient, smiles: str, atoms: str, problem: str) -> None:
        """With the status 200, as somebody is picking still."""
        answer = molecules.get("/c/molecules/fragment", params={"smiles": smiles, "atoms": atoms})

        assert answer.status_code == 200
        assert problem in answer.json()["problem"]

    def test_the_board_of_one_example_at_a_time(self, molecules: TestClient) -> None:
        """Where an encoder joins no examples the board says so, instead of offering what would fail."""
        answer = molecules.get("/c/molecules", params={"text": "CCO"})

        assert "one example at a time" in html.unescape(answer.text)
        assert not re.search(r'class="slot"', answer.text)


def _picture(client: TestClient) -> bytes:
    item = re.search(r'data-item="([0-9a-f]+)"', client.get("/c/photos").text)
    assert item is not None
    return client.get(f"/api/v1/collections/photos/items/{item[1]}/content").content
