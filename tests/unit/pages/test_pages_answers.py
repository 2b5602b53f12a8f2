"""Answers: the spread behind the slider, what a hit's item says in a line, why it is there, who may do what with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import morelike
from morelike.calibration import percentile
from morelike.library import Library
from morelike.search.filter import parse_filter
from morelike.server.app import create_app
from morelike.server.options import ServerOptions
from morelike.server.pages.answers import BARS, spread_of
from morelike.server.pages.board import Board, Part
from morelike.server.pages.explaining import said_of
from morelike.server.pages.figures import figures_of, place_words, tags_of, why_query
from morelike.server.pages.nouns import FILTERS, example_filter
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.types import Span

PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Thirty pictures, and what their scores mean; and five, of which that cannot be told."""
    folder = tmp_path_factory.mktemp("answers")
    write_images(folder / "many", 30, seed=1)
    write_images(folder / "few", 5, seed=2)
    with morelike.open(Settings(library=folder / "library", offline=True, allow_roots=(folder,))) as opened:
        many = opened.collection("many", modality="image", encoder="classic")
        many.add(folder / "many")
        many.calibrate()
        opened.collection("few", modality="image", encoder="classic").add(folder / "few")
        yield opened


def test_the_spread_of_what_was_measured(library: Library) -> None:
    """The bars add up to where the pairs lie; each level is a score that so many of the pairs are below."""
    many = library.collection("many")
    hits = many.search(many.items()[0].id, k=10).hits

    spread = spread_of(many, hits, (0.0, 1.0))

    assert len(spread.bars) == BARS
    assert max(spread.bars) == 1.0
    assert min(spread.bars) >= 0.0
    assert len(spread.marks) == len(hits)
    assert all(0 <= mark <= BARS for mark in spread.marks)
    scores, shares = zip(*spread.levels, strict=True)
    assert list(scores) == sorted(scores)
    assert list(shares) == sorted(shares)
    known = many.calibration(many.spaces[0])
    assert known is not None
    for score, share in spread.levels:
        assert percentile(known, score - 1e-6) <= share <= percentile(known, score + 1e-6) + 0.01
    assert spread.area.startswith("M0 100V")
    assert spread.ticks.count("M") == len(hits)


def test_the_spread_of_the_hits_alone(library: Library) -> None:
    """Where nothing was measured, the bars are the hits' own, and there is no percentile to say."""
    few = library.collection("few")
    hits = few.search(few.items()[0].id, k=10).hits

    spread = spread_of(few, hits, (0.0, 1.0))

    assert sum(bar > 0 for bar in spread.bars) <= len(hits) == len(spread.marks)
    assert spread.levels == ()
    assert spread_of(few, [], (0.0, 1.0)).bars == ()
    assert spread_of(few, hits, (0.5, 0.5)).bars == ()


def test_figures_are_what_is_known() -> None:
    """Sizes and formats; of what a stranger wrote only what is of the right kind, and not all of it."""
    assert figures_of({"width": 640, "height": 480, "format": "JPEG"}) == ["640 × 480", "JPEG"]
    assert figures_of({"sample_rate": 44100, "faces": 1200}) == ["44.1 kHz", "1\u2009200 faces"]
    assert figures_of({"width": "640", "height": -1, "format": 7, "faces": float("nan")}) == []
    assert len(figures_of({"camera": "x" * 500})[0]) <= 60
    assert tags_of({"tags": [f"tag {number}" for number in range(50)]})[:2] == ["tag 0", "tag 1"]
    assert len(tags_of({"tags": [str(number) for number in range(50)]})) == 12
    assert tags_of({"tags": "one"}) == []
    assert place_words("folder/table.csv#record=7") == "folder/table.csv, row 7"
    assert place_words("folder/a.png") == "folder/a.png"
    assert why_query(Board(parts=(Part("item", "abc"),)), "d&e") == "part=item%3Aabc&item=d%26e"


@pytest.fixture
def client(library: Library) -> Iterator[TestClient]:
    with TestClient(create_app(library, ServerOptions()), base_url="http://127.0.0.1", headers=PAGE) as client:
        yield client


def test_why_says_what_there_is(library: Library, client: TestClient) -> None:
    """As a page of its own, or the part alone; each part of the search with its weight; an example that is gone too."""
    first, second, third = library.collection("many").items()[:3]
    asked = f"/c/many/why?part=item:{first.id}&weight=1&part=item:{second.id}&weight=-0.5"
    hits = client.get(asked.replace("/why", "")).text
    there = next(one for one in library.collection("many").items() if one.id not in {first.id, second.id})
    assert there.id in hits

    whole = client.get(f"{asked}&item={there.id}")
    part = client.get(f"{asked}&item={there.id}", headers={"HX-Request": "true"})

    assert whole.status_code == part.status_code == 200
    assert "<html" in whole.text
    assert "<html" not in part.text
    for text in (whole.text, part.text):
        assert "Each part of the search alone" in text
        assert "− 0.5×" in text
        assert "Cosine" in text
    gone = client.get(f"{asked}&item={first.id}", headers={"HX-Request": "true"})
    assert gone.status_code == 404
    assert "no hit of that search" in gone.text
    assert client.get(f"{asked}&item=none").status_code == 404
    assert third.id


def test_places_are_said(library: Library) -> None:
    """Where the best part lies: a region, a stretch of time, a page, letters; and the atoms that are shared."""
    hit = library.collection("many").search(library.collection("many").items()[0].id, k=1)[0]
    spans = {
        "(1, 2, 3, 4)": Span.region(1, 2, 3, 4),
        "0:01.0–0:02.0": Span("seconds", 1, 2),
        "page 3": Span("page", 3, 3),
        "101 to 200": Span("bases", 100, 200),
    }
    for words, span in spans.items():
        (sentence, values), *_ = said_of(replace(hit, span=span))
        assert words in sentence % values
    told = said_of(replace(hit, why={"shared": {"atoms": [0, 1], "share": 0.5}}))
    assert any("atoms 0, 1 (50 %)" in sentence % values for sentence, values in told)
    aligned = {"aligned": {"frames": 4, "of": 5, "speed": 1.5, "example": [0, 1], "item": [0, 1]}}
    assert any("4 of 5 frames" in sentence % values for sentence, values in said_of(replace(hit, why=aligned)))


def test_a_further_page_that_cannot_be_had(library: Library, client: TestClient) -> None:
    """Stands in the list with its reason, and a link that tries again."""
    item = library.collection("many").items()[0].id

    answer = client.get(f"/c/many/results?part=item:{item}&filter=nothing+=&offset=30", headers={"HX-Request": "true"})

    assert answer.status_code == 400
    assert answer.text.count("<li") == 1
    assert "data-again" in answer.text


def test_why_there_is_no_chance_level(library: Library, client: TestClient) -> None:
    """The line below the slider says what is behind it: chance, or that it was not measured, or that it says nothing of
    this search.
    """
    many, few = library.collection("many").items()[:2], library.collection("few").items()[0]
    weighed = f"part=item:{many[0].id}&weight=1&part=item:{many[1].id}"

    def said(address: str) -> str:
        text = client.get(address).text.partition('id="spread-said">')[2]
        return text.partition("</p>")[0]

    assert said(f"/c/many?{weighed}&weight=0.5").startswith("The hill:")
    assert said(f"/c/few?part=item:{few.id}").startswith("Not calibrated:")
    assert said(f"/c/many?{weighed}&weight=-0.5").startswith("A search against something has no chance level:")


def test_a_filter_is_suggested_of_what_there_is() -> None:
    """Seconds of sounds, a tag that some have, numbers to two digits; without items one that fits the modality."""
    sounds = [{"duration": 7.43, "tags": ["birds' own"]}, {"duration": 12.6}, {"duration": 31.0}]
    assert example_filter("audio", sounds) == r"duration >= 13 and tag = 'birds\' own'"
    assert example_filter("video", [{"duration": 0.052, "width": 1234}]) == "duration >= 0.052 and width >= 1200"
    assert example_filter("image", [{"width": 1000000}]) == "width >= 1000000"
    assert example_filter("image", [{"width": "wide"}, {"width": True}, {"width": float("nan")}, {}]) == (
        example_filter("image")
    )
    assert "width" not in example_filter("audio") + example_filter("video")
    for modality in FILTERS:
        parse_filter(example_filter(modality))
    parse_filter(example_filter("audio", sounds))


def test_what_compares_one_at_a_time_offers_no_second(tmp_path: Path) -> None:
    """Neither + nor − beside its hits or for what is picked; an encoder that joins examples offers both."""
    pytest.importorskip("rdkit", reason="molecules need the extra `molecules`")
    write_images(tmp_path / "pictures", 3, seed=3)
    (tmp_path / "some.smi").write_text("CC(=O)Oc1ccccc1C(=O)O aspirin\nOC(=O)c1ccccc1O salicylic\nCCO ethanol\n")
    settings = Settings(library=tmp_path / "library", offline=True, allow_roots=(tmp_path,))
    with morelike.open(settings) as library:
        molecules = library.collection("molecules", modality="molecule")
        molecules.add(tmp_path / "some.smi")
        pictures = library.collection("pictures", modality="image", encoder="classic")
        pictures.add(tmp_path / "pictures")
        app = create_app(library, ServerOptions())
        with TestClient(app, base_url="http://127.0.0.1", headers=PAGE) as client:
            for opened, offered in ((molecules, False), (pictures, True)):
                text = client.get(f"/c/{opened.name}?part=item:{opened.items()[0].id}").text

                assert 'class="steering why"' in text
                assert ('class="steering plus"' in text) is offered
                assert ('class="steering minus"' in text) is offered
                assert ("data-steer" in text) is offered
