"""What a hit found, in the address of its item's page, and the letters of a sequence that the page shows."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

import morelike
from morelike.library import Library
from morelike.server.app import create_app
from morelike.server.options import ServerOptions
from morelike.server.pages import lettering
from morelike.server.pages.found import atoms_of, region_of
from morelike.server.pages.lettering import rows_of
from morelike.server.pages.view import hit_path
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, Hit, Span

INFO = {"width": 640, "height": 480}
LENGTH = 20_000


def request_with(query: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


def hit(span: Span = WHOLE, **why: object) -> Hit:
    return Hit("ab", "a.png", 0.9, {}, span, {}, why=why)


@pytest.mark.parametrize(
    ("found", "path"),
    [
        (None, "/i/c/ab"),
        (hit(), "/i/c/ab"),
        (hit(Span.region(10, 20, 300, 400)), "/i/c/ab?region=10,20,300,400"),
        (hit(shared={"atoms": (0, 1, 5)}), "/i/c/ab?atoms=0,1,5"),
        (hit(Span("bases", 100.0, 400.0)), "/i/c/ab?letters=100-400#here"),
        (hit(Span("seconds", 3.5, 8.0)), "/i/c/ab?at=3.5-8&t=3.5"),
    ],
)
def test_a_hit_leads_to_what_it_found(found: Hit | None, path: str) -> None:
    """The address of an item's page says where in it the hit lies, in the words of its kind."""
    assert hit_path("c", "ab", found) == path


@pytest.mark.parametrize(
    ("query", "region"),
    [
        ("region=10,20,300,400", (10, 20, 300, 400)),
        ("region=10,20,3000,4000", (10, 20, 640, 480)),
        ("region=700,0,800,10", None),
        ("region=30,0,30,10", None),
        ("region=a,b,c,d", None),
        ("region=-1,0,3,4", None),
        ("region=1,2,3,99999999999999999999", None),
        ("", None),
    ],
)
def test_a_region_lies_inside(query: str, region: object) -> None:
    """A region is cut at the picture's edges; what cannot be read, and of what has no size, there is none."""
    assert region_of(request_with(query), INFO) == region
    assert region_of(request_with(query), {}) is None


@pytest.mark.parametrize(("text", "atoms"), [("0,1,5", "0,1,5"), ("0,,1", ""), ("1;2", ""), ("<b>", ""), ("9" * 9, "")])
def test_atoms_are_numbers(text: str, atoms: str) -> None:
    """Only numbers between commas are passed on to a drawing."""
    assert atoms_of(request_with(f"atoms={text}")) == atoms


@given(st.integers(0, 300), st.integers(0, 5).map(lambda rows: rows * 60), st.integers(0, 400), st.integers(1, 200))
def test_letters_stay_what_they_are(length: int, first: int, start: int, size: int) -> None:
    """Rows hold every letter once, in order; what is marked is the stretch, as far as it is shown."""
    letters = "".join(random.Random(length).choices("ACGT", k=length))
    rows = rows_of(letters, first, (start, start + size))
    runs = [run for row in rows for run in row.runs]

    assert re.sub(" ", "", "".join(run.text for run in runs)) == letters
    assert [row.number for row in rows] == list(range(first + 1, first + length + 1, 60))
    marked = re.sub(" ", "", "".join(run.text for run in runs if run.marked))
    assert marked == letters[max(start - first, 0) : max(start + size - first, 0)]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """``genes``: one of twenty thousand letters."""
    pytest.importorskip("Bio", reason="sequences need the extra `sequences`")
    letters = "".join(random.Random(0).choices("ACGT", k=LENGTH))
    folder = tmp_path_factory.mktemp("found") / "library"
    with morelike.open(Settings(library=folder, offline=True, allow_roots=())) as opened:
        genes = opened.collection("genes", modality="sequence")
        assert genes.add(Blob.from_bytes(f">long\n{letters}\n".encode(), "long.fasta")).added == 1
        yield opened


@pytest.fixture(scope="module")
def client(library: Library) -> Iterator[TestClient]:
    headers = {"Accept": "text/html"}
    with TestClient(create_app(library, ServerOptions()), base_url="http://127.0.0.1", headers=headers) as client:
        yield client


@pytest.fixture
def gene(library: Library) -> str:
    return f"/i/genes/{library.collection('genes').items()[0].id}"


def test_a_long_sequence_is_shown_around_what_was_found(client: TestClient, gene: str) -> None:
    """Of twenty thousand letters the page shows twelve thousand around the stretch, and says what it leaves out."""
    page = client.get(f"{gene}?letters=15000-15060").text
    letters = "".join(random.Random(0).choices("ACGT", k=LENGTH))
    marked = "".join(re.findall(r"<mark[^>]*>([^<]+)</mark>", page)).replace(" ", "")

    assert marked == letters[15_000:15_060]
    assert page.count('id="here"') == 1
    assert "letters before this are left out" in page
    assert page.count("data-number=") <= lettering.SHOWN // 60


@pytest.mark.parametrize(
    "asked", ["", "?letters=", "?letters=99999-100000", "?letters=5-2", "?letters=x", "?atoms=1,2"]
)
def test_what_cannot_be_read_is_passed_over(client: TestClient, gene: str, asked: str) -> None:
    """An address that names no stretch of the sequence shows its beginning."""
    answer = client.get(gene + asked)

    assert answer.status_code == 200
    assert "<mark" not in answer.text
    assert 'data-number="1"' in answer.text


def test_letters_that_do_not_come_are_said(client: TestClient, gene: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file too large to be read for a page leaves a sentence, and the page stands."""
    monkeypatch.setattr(lettering, "MOST_READ", 10)
    answer = client.get(gene)

    assert answer.status_code == 200
    assert "Its letters cannot be shown now." in answer.text
