"""Sequences over HTTP and on the page: uploaded, searched by their letters, shown."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from serving_library import API, Served, problem_in, running

import morelike
from morelike.settings import Settings

pytest.importorskip("Bio", reason="sequences need the extra `sequences`")

GENES = f"{API}/collections/genes"
PROTEIN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAV"


def dna(seed: int, length: int = 600) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def fasta(letters: dict[str, str]) -> bytes:
    return "".join(f">{name} made up\n{body}\n" for name, body in letters.items()).encode()


LIST = fasta({**{f"gene{seed}": dna(seed) for seed in range(3)}, "broken": "ACGT5ACGT"})


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with three genes in ``genes``, for requests that change nothing."""
    folder = tmp_path_factory.mktemp("genes")
    (folder / "list.fasta").write_bytes(LIST)
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True, allow_roots=(folder,))
    with morelike.open(settings) as library:
        library.collection("genes", modality="sequence").add(folder / "list.fasta")
        with running(library) as server:
            yield server


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    """A server with an empty collection of sequences."""
    with morelike.open(settings.model_copy(update={"allow_roots": ()})) as library:
        library.collection("genes", modality="sequence")
        with running(library) as server:
            yield server


def test_letters_are_a_query(asked: Served) -> None:
    """As the text of a JSON query; k beyond the collection gives all there is."""
    answer = asked.client.post(f"{GENES}/search", json={"examples": [{"text": dna(1).lower()}], "k": 500})

    assert answer.status_code == 200, answer.text
    hits = answer.json()["hits"]
    assert hits[0]["source"].endswith("#record=2")
    assert hits[0]["unit"]["identity"] == 1
    assert len(hits) == 3


def test_a_part_of_a_file_is_a_query(asked: Served) -> None:
    """One record in a file; of a file of several the answer says how many."""
    one = asked.client.post(f"{GENES}/search", files={"example": ("a.fasta", fasta({"q": dna(2)[50:350]}))})
    assert one.json()["hits"][0]["source"].endswith("#record=3")

    several = asked.client.post(f"{GENES}/search", files={"example": ("a.fasta", fasta({"a": dna(0), "b": dna(1)}))})

    assert "a.fasta holds 2 sequences" in problem_in(several, 422)["detail"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("ACGT5", "'5' at letter 5"), ("ACG", "nowhere 6 plain ones"), (PROTEIN, "is a protein"), ("red dress", "words")],
)
def test_what_cannot_be_asked_is_the_requests_fault(asked: Served, text: str, said: str) -> None:
    """A problem with the reason."""
    answer = asked.client.post(f"{GENES}/search", json={"examples": [{"text": text}]})

    assert said in problem_in(answer, 422)["detail"]


@pytest.mark.parametrize("text", ["", "?" * 10_000_000], ids=["empty", "10-mb"])
def test_a_text_that_cannot_be_one_is_refused(asked: Served, text: str) -> None:
    """Empty, or ten megabytes of nothing: a problem, and no failure of the server."""
    answer = asked.client.post(f"{GENES}/search", json={"examples": [{"text": text}]})

    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("empty.fasta", b"", "is empty"),
        ("broken.fasta", b">b\nACGT5\n", "'5' at letter 5"),
        ("garbage.fasta", b">g\n" + b"=" * 10_000_000, "'=' at letter 1"),
    ],
    ids=["empty", "invalid", "10-mb"],
)
def test_a_file_that_is_no_sequence_is_no_example(asked: Served, name: str, data: bytes, said: str) -> None:
    """A problem with the reason, however much of it there is."""
    answer = asked.client.post(f"{GENES}/search", files={"example": (name, data)})

    assert said in problem_in(answer, 422)["detail"]


def test_ten_megabytes_are_an_example(asked: Served) -> None:
    """A file of a chromosome is asked with; the gene that it begins with comes first."""
    chromosome = dna(1) * 16_667

    answer = asked.client.post(f"{GENES}/search", files={"example": ("c.fasta", fasta({"c": chromosome}))})

    assert answer.status_code == 200, answer.text
    assert answer.json()["hits"][0]["source"].endswith("#record=2")


def test_it_is_shown(asked: Served) -> None:
    """An item has its figures, its picture, its own bytes, its page."""
    (hit,) = asked.client.post(f"{GENES}/search", json={"examples": [{"text": dna(0)}], "k": 1}).json()["hits"]
    item = asked.client.get(f"{GENES}/items/{hit['item']}").json()
    assert (item["info"]["length"], item["info"]["alphabet"]) == (600, "dna")
    preview = asked.client.get(f"{GENES}/items/{hit['item']}/preview", params={"side": 256})
    assert preview.headers["content-type"] in {"image/png", "image/jpeg"}
    assert asked.client.get(f"{GENES}/items/{hit['item']}/content").content == fasta({"gene0": dna(0)})
    page = asked.client.get(f"/i/genes/{hit['item']}")
    assert page.status_code == 200
    assert "600" in page.text


def test_an_upload_of_many_says_what_became_of_it(served: Served) -> None:
    """One entry a file, with how many records it held and why the bad one was refused."""
    answer = served.client.post(f"{GENES}/items", files=[("files", ("list.fasta", LIST))])

    report = answer.json()
    assert (report["added"], report["same"], report["rejected"]) == (3, 0, 1)
    assert "'5' at letter 5" in report["files"][0]["reason"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("empty.fasta", b"", "is empty"),
        ("garbage.fasta", b">g\n" + b"=" * 10_000_000, "'=' at letter 1"),
        ("picture.png", b"\x89PNG\r\n\x1a\n", "PNG"),
    ],
    ids=["empty", "10-mb", "picture"],
)
def test_an_upload_that_is_none_is_a_reject(served: Served, name: str, data: bytes, said: str) -> None:
    """With its reason, and the server goes on."""
    report = served.client.post(f"{GENES}/items", files=[("files", (name, data))]).json()

    assert (report["added"], report["rejected"]) == (0, 1)
    assert said in report["files"][0]["reason"]


def test_the_page_searches_what_is_typed(asked: Served) -> None:
    """Letters in the field are a search; a page has room for more than there is, and there is no further one."""
    page = asked.client.post("/c/genes/ask", data={"q": dna(1)}, follow_redirects=True)

    assert page.status_code == 200
    assert page.text.count("data-item=") == 3
    assert "offset=" not in page.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "nothing to search for"),
        ("ACGT5", "at letter 5"),
        (PROTEIN, "is a protein"),
        ("?" * 900_000, "at letter 1"),
    ],
    ids=["empty", "invalid", "protein", "1-mb"],
)
def test_the_page_says_what_is_wrong(asked: Served, text: str, said: str) -> None:
    """What is no sequence of this collection: the page stands, with a sentence."""
    page = asked.client.post("/c/genes/ask", files={"q": (None, text)}, follow_redirects=True)

    assert 400 <= page.status_code < 500
    assert said in page.text


def test_the_page_refuses_ten_megabytes_of_text(asked: Served) -> None:
    """It says what to do instead: the same as a file is well."""
    chromosome = dna(1) * 16_667
    pasted = asked.client.post("/c/genes/ask", files={"q": (None, chromosome)})
    chosen = {"example": ("c.fasta", fasta({"c": chromosome}))}
    page = asked.client.post("/c/genes/ask", files=chosen, follow_redirects=True)

    assert pasted.status_code == 413
    assert pasted.headers["content-type"].startswith("text/html")
    assert "save it as a file" in pasted.text
    assert page.status_code == 200
    assert page.text.count("data-item=") == 3


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"", 400, "a.fasta is empty"),
        (b">b\nACGT5\n", 422, "at letter 5"),
        (b">g\n" + b"=" * 10_000_000, 422, "at letter 1"),
    ],
    ids=["empty", "invalid", "10-mb"],
)
def test_the_page_refuses_a_file(asked: Served, data: bytes, status: int, said: str) -> None:
    """An empty one, one with a wrong letter, ten megabytes of nothing: the page stands, with a sentence."""
    page = asked.client.post("/c/genes/ask", files={"example": ("a.fasta", data)}, follow_redirects=True)

    assert page.status_code == status
    assert said in page.text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "a.fasta is empty"),
        (b">b\nACGT5\n", "at letter 5"),
        (b">g\n" + b"=" * 10_000_000, "at letter 1"),
    ],
    ids=["empty", "invalid", "10-mb"],
)
def test_the_page_says_why_a_file_was_not_taken(served: Served, data: bytes, said: str) -> None:
    """The answer counts it, and the page of what could not be used has the reason."""
    page = served.client.post("/c/genes/upload", files=[("files", ("a.fasta", data))])

    assert page.status_code == 200
    assert "1 could not be used" in page.text
    assert said in served.client.get("/c/genes/rejected").text


def test_records_of_an_upload_keep_its_place(served: Served) -> None:
    """Each is listed by the origin of its file, and the file sent again unchanged is all the same."""
    each = json.dumps([{"uri": "desk/list.fasta", "origin": "desk", "modified_ns": 7, "metadata": {"year": 2026}}])

    def send() -> dict[str, Any]:
        files = {"files": ("list.fasta", LIST)}
        found: dict[str, Any] = served.client.post(
            f"{GENES}/items", files=files, data={"each": each, "retry": "false"}
        ).json()
        return found

    first, again = send(), send()

    rows = served.client.get(f"{GENES}/sources", params={"origin": "upload:desk"}).json()["sources"]
    assert [row["uri"] for row in rows if row["state"] == "ready"] == [
        f"upload:desk/list.fasta#record={number}" for number in (1, 2, 3)
    ]
    assert {(row["origin"], row["modified_ns"]) for row in rows} == {("upload:desk", 7)}
    assert all(row["metadata"]["year"] == 2026 for row in rows)
    assert (first["added"], first["rejected"], first["files"][0]["state"]) == (3, 1, "added")
    assert (again["added"], again["same"], again["rejected"], again["rejected_before"]) == (0, 3, 0, 1)
