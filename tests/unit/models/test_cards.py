"""Cards: read, written, found, told apart."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.errors import ModelError, SpaceMismatch, UnknownName
from morelike.models import cards
from morelike.registry import COMPOSITES, ENCODERS
from morelike.settings import Settings
from morelike.types import Card, WeightsFile

MINE = Card(
    name="mine",
    family="onnx",
    form="dense",
    dim=8,
    metric="cosine",
    inputs={"image": {"side": 32, "mean": [0.5, 0.25, 1.0], "layout": "nchw"}},
    options={"deep": {"list": [1, "two"]}},
    weights=(WeightsFile("m.onnx", "hub:o/r@main/m.onnx", "a" * 64, 5),),
    licence="MIT",
)


@pytest.mark.parametrize("card", cards.built_in(), ids=lambda card: card.name)
def test_built_in_cards_are_complete(card: Card) -> None:
    """Every shipped card says its licence, where it comes from and what it is for, and names a known family."""
    assert card.licence
    assert card.source
    assert card.description
    assert card.family in (COMPOSITES if card.parts else ENCODERS) or card.form == "terms"
    assert card.fingerprint == cards.fingerprint(card)


@pytest.mark.parametrize("card", cards.built_in(), ids=lambda card: card.name)
def test_pullable_cards_are_pinned(card: Card) -> None:
    """What is fetched from the hub is fetched at one commit, with its digest and its size known beforehand."""
    for weights in card.weights:
        if weights.url:
            assert len(weights.url.partition("@")[2].partition("/")[0]) == 40
            assert len(weights.sha256) == 64
            assert weights.size > 0


@pytest.mark.parametrize("card", [*cards.built_in(), cards.sealed(MINE)], ids=lambda card: card.name)
def test_a_card_survives_its_file(card: Card, tmp_path: Path) -> None:
    """Written as TOML and read again, a card is the same."""
    cards.write(card, tmp_path / "card.toml")
    assert cards.read(tmp_path / "card.toml").to_dict() == card.to_dict()


CHANGES: dict[str, Any] = {
    "dim": 9,
    "family": "other",
    "form": "bits",
    "inputs": {"image": {"side": 33}},
    "metric": "l2",
    "options": {"deep": {"list": [1, "three"]}},
    "parts": ("a@b",),
    "weights": (WeightsFile("m.onnx", sha256="b" * 64),),
}


@pytest.mark.parametrize("field", sorted(CHANGES))
def test_what_changes_a_vector_changes_the_fingerprint(field: str) -> None:
    """Preprocessing, weights, width, metric: each is part of the identity."""
    assert cards.fingerprint(replace(MINE, **{field: CHANGES[field]})) != cards.fingerprint(MINE)


def test_what_changes_no_vector_changes_no_fingerprint() -> None:
    """Licence, source, description, address and name are not part of it; 1 and 1.0 are the same number."""
    weights = (replace(MINE.weights[0], url="https://x/m.onnx", size=6),)
    other = replace(MINE, name="x", licence="BSD", source="s", description="d", run_here="r", weights=weights)
    other = replace(other, inputs={"image": {"layout": "nchw", "side": 32.0, "mean": (0.5, 0.25, 1)}})
    assert cards.fingerprint(other) == cards.fingerprint(MINE)


@pytest.mark.parametrize("name", ["../up", "/etc/x", ".hidden", "a\\b", "a..b", "x" * 101, "a\nb", "C:x"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    """Neither a card nor its files can be named so that they lie outside their folder."""
    for card in (replace(MINE, name=name), replace(MINE, weights=(WeightsFile(name),))):
        with pytest.raises(ModelError, match="cannot be named"):
            cards.from_text(cards.to_text(card), "x.toml")


@pytest.mark.parametrize("name", ["card.toml", "m.onnx.part", "a/b/c/d/e"])
def test_a_weights_name_that_is_taken_is_refused(name: str) -> None:
    """Names that the models cache needs itself are no weights' names."""
    with pytest.raises(ModelError, match="cannot be named"):
        cards.from_text(cards.to_text(replace(MINE, weights=(WeightsFile(name),))), "x.toml")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("name = ", "not a card"),
        ('name = "x"', "missing"),
        ("x = [" + "[" * 5000, "not a card"),
        (cards.to_text(MINE).replace('form = "dense"', 'form = "round"'), "round"),
        (cards.to_text(MINE).replace("dim = 8", "dim = -1"), "dim = -1"),
        (cards.to_text(MINE).replace("dim = 8", 'dim = "8"'), "dim = '8'"),
        (cards.to_text(MINE).replace("a" * 64, "abc"), "sha256"),
        (cards.to_text(MINE).replace("hub:o", "file:///o"), "url"),
        (cards.to_text(MINE).replace("licence", "license"), "license"),
        (cards.to_text(MINE).replace("side = 32", "side = 1979-05-27"), "numbers, texts"),
        (cards.to_text(MINE).replace("side = 32", "side = nan"), "numbers, texts"),
        (cards.to_text(MINE) + "#" * 300_000, "larger"),
    ],
)
def test_a_faulty_card_is_refused_with_its_fault(text: str, word: str, tmp_path: Path) -> None:
    """A card file that cannot be used says which of its lines is wrong."""
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(ModelError, match=word):
        cards.read(tmp_path / "x.toml")


@given(st.binary(max_size=200))
def test_no_bytes_make_a_card_reader_fail_otherwise(data: bytes) -> None:
    """Any bytes are a card or a ModelError."""
    with pytest.raises(ModelError):
        cards.from_text(data.decode("utf-8", "replace"), "x.toml")


@pytest.mark.parametrize("place", ["mine/card.toml", "mine.toml"])
def test_cards_in_folders_are_found(place: str, tmp_path: Path, settings: Settings) -> None:
    """A card lies in a folder of MORELIKE_MODELS as <name>/card.toml or <name>.toml."""
    cards.write(MINE, tmp_path / "extra" / place)
    settings = settings.model_copy(update={"models": (tmp_path / "none", tmp_path / "extra")})
    assert cards.find("mine", settings) == cards.sealed(MINE)
    assert "mine" in [card.name for card in cards.all_cards(settings)]


def test_a_folders_card_beats_a_built_in_one(tmp_path: Path, settings: Settings) -> None:
    """A person's own card of the same name is the one that counts."""
    own = replace(MINE, name="dinov2-small")
    cards.write(own, tmp_path / "dinov2-small.toml")
    settings = settings.model_copy(update={"models": (tmp_path,)})
    assert cards.find("dinov2-small", settings).dim == 8


def test_a_stale_record_does_not_hide_a_built_in_card(settings: Settings) -> None:
    """What an older morelike wrote into the cache never replaces a newer built-in card."""
    stale = replace(cards.find("dinov2-small", settings), inputs={"image": {"side": 1}})
    cards.write(stale, settings.models_cache / "dinov2-small" / "card.toml")
    assert cards.find("dinov2-small", settings).inputs["image"]["side"] == 256


def test_a_faulty_file_is_passed_over_but_said_by_name(tmp_path: Path, settings: Settings) -> None:
    """One bad card file hides no other card; asked for by name, it says its fault."""
    (tmp_path / "bad.toml").write_text("name = 3")
    settings = settings.model_copy(update={"models": (tmp_path,)})
    assert "classic" in [card.name for card in cards.all_cards(settings)]
    with pytest.raises(ModelError, match=r"bad\.toml"):
        cards.find("bad", settings)


def test_an_unknown_name_gets_near_ones(settings: Settings) -> None:
    """A misspelt name is answered with what was probably meant."""
    with pytest.raises(UnknownName, match="did you mean mobilenet-v2"):
        cards.find("mobilnet-v2", settings)


def test_a_fingerprint_is_held_to(settings: Settings) -> None:
    """``name@fingerprint`` finds that very card, and refuses another of the same name."""
    card = cards.find("classic", settings)
    assert cards.find(card.id, settings) == card
    with pytest.raises(SpaceMismatch, match="000000000000"):
        cards.find("classic@000000000000", settings)


def test_a_packages_cards_are_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package adds cards through the entry point group morelike.cards; a broken one takes none away."""
    points = [
        EntryPoint("broken", "no.such.module:cards", "morelike.cards"),
        EntryPoint("mine", f"{__name__}:cards_of_a_package", "morelike.cards"),
    ]
    monkeypatch.setattr(cards, "entry_points", lambda group: points if group == "morelike.cards" else [])
    assert cards.find("of-a-package", settings).dim == 8
    assert "classic" in [card.name for card in cards.all_cards(settings)]


def cards_of_a_package() -> list[Card]:
    """What a package's entry point returns."""
    return [replace(MINE, name="of-a-package")]
