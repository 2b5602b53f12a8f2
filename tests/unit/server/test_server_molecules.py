"""Molecules over HTTP and on the page: uploaded, searched by what is written down, shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_library import API, Served, problem_in, running

import morelike
from morelike.settings import Settings

MOLECULES = f"{API}/collections/molecules"
ETHANOL = "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"
LIST = b"CCO ethanol\nc1ccccc1 benzene\nc1ccccc broken\nCC(=O)O vinegar\n"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with three molecules in ``molecules``, for requests that change nothing."""
    folder = tmp_path_factory.mktemp("molecules")
    (folder / "list.smi").write_bytes(LIST)
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True, allow_roots=(folder,))
    with morelike.open(settings) as library:
        library.collection("molecules", modality="molecule").add(folder / "list.smi")
        with running(library) as server:
            yield server


@pytest.fixture
def served(settings: Settings, tmp_path: Path) -> Iterator[Served]:
    """A server with an empty collection of molecules, and a folder that it may add from."""
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "assay.csv").write_text("smiles,active\nCCO,1\nCCN,0\n")
    with morelike.open(settings.model_copy(update={"allow_roots": (tmp_path / "sources",)})) as library:
        library.collection("molecules", modality="molecule")
        with running(library) as server:
            yield server


def upload(served: Served, name: str, data: bytes) -> dict:
    answer = served.client.post(f"{MOLECULES}/items", files=[("files", (name, data))])
    assert answer.status_code in {200, 201}, answer.text
    body: dict = answer.json()
    return body


def test_a_smiles_is_a_query(asked: Served) -> None:
    """As the text of a JSON query; k beyond the collection gives all there is."""
    answer = asked.client.post(f"{MOLECULES}/search", json={"examples": [{"text": "OCC"}], "k": 500})
    assert answer.status_code == 200, answer.text
    hits = answer.json()["hits"]
    assert [hits[0]["item"], hits[0]["unit"]] == [ETHANOL, {"tanimoto": 1.0}]
    assert len(hits) == 3


def test_a_file_is_a_query(asked: Served) -> None:
    """One molecule in a file, as SMILES; of a file of several the answer says so."""
    answer = asked.client.post(f"{MOLECULES}/search", files={"example": ("a.smi", b"OCC")})
    assert answer.json()["hits"][0]["item"] == ETHANOL
    several = asked.client.post(f"{MOLECULES}/search", files={"example": ("a.smi", LIST)})
    assert "no single molecule" in problem_in(several, 422)["detail"]


@pytest.mark.parametrize(("text", "said"), [("c1ccc", "at character 2: c1ccc"), ("CC(C)(C)(C)C", "more bonds")])
def test_an_impossible_smiles_is_the_requests_fault(asked: Served, text: str, said: str) -> None:
    """A problem with the reason and the place."""
    answer = asked.client.post(f"{MOLECULES}/search", json={"examples": [{"text": text}]})
    assert said in problem_in(answer, 422)["detail"]


@pytest.mark.parametrize("text", ["", "C" * 10_000_000], ids=["empty", "10-mb"])
def test_a_text_that_cannot_be_one_is_refused(asked: Served, text: str) -> None:
    """Empty or far too long: a problem, and no failure of the server."""
    answer = asked.client.post(f"{MOLECULES}/search", json={"examples": [{"text": text}]})
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("data", "said"), [(b"", "a.mol is empty"), (b"C" * 10_000_000, "no single molecule")], ids=["empty", "10-mb"]
)
def test_a_file_that_is_no_molecule_is_no_example(asked: Served, data: bytes, said: str) -> None:
    """An empty file and one of 10 MB are refused with a sentence."""
    answer = asked.client.post(f"{MOLECULES}/search", files={"example": ("a.mol", data)})
    assert said in problem_in(answer, 422)["detail"]


def test_it_is_shown(asked: Served) -> None:
    """An item by its InChIKey: its figures, its picture, its own bytes, its page."""
    item = asked.client.get(f"{MOLECULES}/items/{ETHANOL}").json()
    assert item["info"]["formula"] == "C2H6O"
    preview = asked.client.get(f"{MOLECULES}/items/{ETHANOL}/preview", params={"side": 256})
    assert preview.headers["content-type"] == "image/png"
    assert asked.client.get(f"{MOLECULES}/items/{ETHANOL}/content").content == b"CCO ethanol\n"
    page = asked.client.get(f"/i/molecules/{ETHANOL}")
    assert page.status_code == 200
    assert "C2H6O" in page.text


def test_a_molecule_is_drawn(asked: Served) -> None:
    """As an inert SVG with the atoms marked that a hit shares with what was asked, kept by whoever has it."""
    query = {"examples": [{"text": "CCN"}], "explain": True, "k": 1}
    found = asked.client.post(f"{MOLECULES}/search", json=query).json()["hits"][0]
    shared = ",".join(map(str, found["why"]["shared"]["atoms"]))
    address = f"{MOLECULES}/items/{found['item']}/drawing"
    plain, marked = asked.client.get(address), asked.client.get(address, params={"atoms": shared})

    assert marked.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in marked.headers["content-security-policy"]
    assert marked.text.count("<path") > plain.text.count("<path")
    again = asked.client.get(address, params={"atoms": shared}, headers={"If-None-Match": marked.headers["etag"]})
    assert again.status_code == 304
    assert asked.client.get(f"{MOLECULES}/items/nothing/drawing").status_code == 404


def test_an_upload_of_many_says_what_became_of_it(served: Served) -> None:
    """One entry a file, with how many molecules it held and why the first bad one was refused; the sums count them."""
    report = upload(served, "list.smi", LIST)
    assert (report["added"], report["same"], report["rejected"]) == (3, 0, 1)
    (entry,) = report["files"]
    assert (entry["name"], entry["state"], entry["records"]) == ("list.smi", "added", 4)
    assert "1 of 4 were rejected" in entry["reason"]
    assert "character 2" in entry["reason"]
    again = upload(served, "list.smi", LIST)
    assert (again["added"], again["same"], again["files"][0]["state"]) == (0, 3, "same")


def test_an_upload_of_one_that_is_there_is_the_same(served: Served) -> None:
    """Written otherwise and under another name, it is the item that is there."""
    upload(served, "list.smi", LIST)
    report = upload(served, "alcohol.mol", b"InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3")
    assert (report["added"], report["same"]) == (0, 1)
    assert report["files"][0]["item"] == ETHANOL


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [("a.smi", b"", "no molecules"), ("a.smi", b"C" * 10_000_000, "longer than"), ("a.mol", b"\0" * 64, "a.mol")],
    ids=["empty", "10-mb", "zeros"],
)
def test_an_upload_that_is_none_is_rejected(served: Served, name: str, data: bytes, said: str) -> None:
    """It is put down with its reason, and the request is answered."""
    report = upload(served, name, data)
    assert (report["added"], report["rejected"]) == (0, 1)
    assert said in report["files"][0]["reason"]


def test_a_table_of_the_servers_is_added_by_a_job(served: Served, tmp_path: Path) -> None:
    """A CSV file with a column of SMILES is no list of files here, and its other columns are metadata."""
    table = str(tmp_path / "sources" / "assay.csv")
    answer = served.client.post(f"{MOLECULES}/items", json={"sources": [table]})
    assert answer.status_code == 202, answer.text
    runner = served.library.run_jobs()
    try:
        job = answer.json()["id"]
        with served.client.stream("GET", f"{API}/jobs/{job}/events") as events:
            assert any('"done"' in line or "event: done" in line for line in events.iter_lines())
    finally:
        runner.close()
    listed = served.client.get(f"{MOLECULES}/items", params={"filter": "active = 1"}).json()["items"]
    assert [one["item"] for one in listed] == [ETHANOL]


def test_the_page_searches_what_is_typed(asked: Served) -> None:
    """A SMILES in the field is a search; k beyond the collection shows all there is."""
    page = asked.client.post("/c/molecules/ask", data={"q": "OCC", "k": "500"}, follow_redirects=True)
    assert page.status_code == 200
    assert f'data-item="{ETHANOL}"' in page.text
    assert page.text.count("data-item=") == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [("c1ccc", "at character 2"), ("", "nothing to search for"), ("C" * 1_000_000, "")],
    ids=["ring", "empty", "1-mb"],
)
def test_the_page_says_what_is_wrong(asked: Served, text: str, said: str) -> None:
    """Half-typed, empty or endless: the page stands, with a sentence."""
    page = asked.client.post("/c/molecules/ask", data={"q": text}, follow_redirects=True)
    assert 400 <= page.status_code < 500
    assert said in page.text


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [(b"", 400, "a.mol is empty"), (b"c1ccc", 422, "at character 2"), (b"C" * 10_000_000, 422, "no single molecule")],
    ids=["empty", "ring", "10-mb"],
)
def test_the_page_refuses_a_file(asked: Served, data: bytes, status: int, said: str) -> None:
    """An empty one, half a molecule and 10 MB are none: the page stands, with a sentence."""
    page = asked.client.post("/c/molecules/ask", files={"example": ("a.mol", data)}, follow_redirects=True)
    assert page.status_code == status
    assert said in page.text


def test_the_page_refuses_ten_megabytes_of_text(asked: Served) -> None:
    """A browser sends a multipart form: its endless field is answered with a page that says what to do instead."""
    page = asked.client.post("/c/molecules/ask", files={"q": (None, "C" * 10_000_000)})
    assert page.status_code == 413
    assert page.headers["content-type"].startswith("text/html")
    assert "larger than 1 MB" in page.text
    assert "save it as a file" in page.text


def test_the_page_takes_a_file(served: Served) -> None:
    """A list that is uploaded from the form: how many are in, and that one is not."""
    page = served.client.post("/c/molecules/upload", files=[("files", ("list.smi", LIST))])
    assert page.status_code == 200
    assert "3\u00a0items added" in page.text
    assert "could not be used" in page.text


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "holds no molecules"), (b"c1ccccc\n", "at character 2"), (b"C" * 10_000_000, "longer than")],
    ids=["empty", "ring", "10-mb"],
)
def test_the_page_says_why_a_file_was_not_taken(served: Served, data: bytes, said: str) -> None:
    """The answer counts it, and the page of what could not be used has the reason."""
    page = served.client.post("/c/molecules/upload", files=[("files", ("a.smi", data))])
    assert page.status_code == 200
    assert "1 could not be used" in page.text
    assert said in served.client.get("/c/molecules/rejected").text
