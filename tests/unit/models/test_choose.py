"""`--encoder auto`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hub_server import HubServer

from morelike.errors import UnknownName
from morelike.models import cards, choose
from morelike.settings import Settings


def with_files(settings: Settings, folder: Path, *names: str) -> Settings:
    """As if the weights of these cards lay in the folder (auto looks at names only)."""
    for name in names:
        for weights in cards.find(name, settings).weights:
            path = folder / name / weights.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    return settings.model_copy(update={"models": (folder,)})


def never() -> bool:
    raise AssertionError("the hub was asked")


def test_the_best_that_is_here_is_chosen(settings: Settings, tmp_path: Path) -> None:
    """Among the cards whose weights are here the best ranked wins, and the hub is not asked."""
    settings = with_files(settings, tmp_path, "mobilenet-v1-025", "mobilenet-v2")
    choice = choose.auto(("image",), settings, hub_answers=never)
    assert choice.card.name == "mobilenet-v2"
    assert not choice.pull
    assert "morelike models pull" in choice.better


def test_the_very_best_has_no_better(settings: Settings, tmp_path: Path) -> None:
    """Where the best card there is lies here, nothing is advised."""
    settings = with_files(settings, tmp_path, choose.RANKS["image"][0])
    assert choose.auto(("image",), settings, hub_answers=never).better == ""


def test_offline_takes_classic_and_says_why(settings: Settings) -> None:
    """With nothing here and no network, `classic`, with the reason and the way to a better one."""
    choice = choose.auto(("image",), settings, hub_answers=never)
    assert choice.card == cards.find("classic", settings)
    assert "MORELIKE_OFFLINE" in choice.why
    assert "MORELIKE_MODELS" in choice.better


def test_a_hub_that_answers_is_used(settings: Settings) -> None:
    """With nothing here and a hub that answers, its card is to be pulled; size and licence are told first."""
    choice = choose.auto(("image",), settings.model_copy(update={"offline": False}), hub_answers=lambda: True)
    assert choice.pull
    assert choice.card.name == "dinov2-small"
    assert "89 MB" in choice.why
    assert "Apache-2.0" in choice.why


def test_a_hub_that_does_not_answer_is_not_waited_for(settings: Settings) -> None:
    """With nothing here and no hub, `classic`."""
    choice = choose.auto(("image",), settings.model_copy(update={"offline": False}), hub_answers=lambda: False)
    assert choice.card.name == "classic"
    assert "does not answer" in choice.why


def test_the_hub_is_asked_over_http(settings: Settings) -> None:
    """Whether the hub answers is found out from the hub that the settings name."""
    with HubServer(status=200) as hub:
        there = settings.model_copy(update={"offline": False, "hub": hub.address})
        assert choose.auto(("image",), there).pull
    assert not choose.auto(("image",), there).pull


def test_the_first_kind_that_has_a_card_counts(settings: Settings) -> None:
    """A modality of several kinds gets the card of the first that any card takes."""
    assert choose.auto(("no-such-kind", "image"), settings).card.name == "classic"


def test_sounds_are_heard_by_the_best_card_that_is_here(settings: Settings, tmp_path: Path) -> None:
    """For sounds too the best ranked card here wins; the better one that the hub has is told with its size."""
    settings = with_files(settings, tmp_path, "yamnet", "speech-embedding")
    choice = choose.auto(("audio",), settings, hub_answers=never)
    assert choice.card.name == "yamnet"
    assert "models pull clap-htsat` (621 MB)" in choice.better


def test_nothing_large_is_fetched_unasked(settings: Settings) -> None:
    """With nothing here, sounds get `classic-audio`, network or not: what the hub has for them is large."""
    choice = choose.auto(("audio",), settings.model_copy(update={"offline": False}), hub_answers=never)
    assert choice.card.name == "classic-audio"
    assert not choice.pull
    assert "unasked" in choice.why


def test_what_only_a_person_can_want_is_not_chosen(settings: Settings, tmp_path: Path) -> None:
    """`speech-embedding` hears words, not sounds: it is used where it is named."""
    settings = with_files(settings, tmp_path, "speech-embedding")
    assert choose.auto(("audio",), settings, hub_answers=never).card.name == "classic-audio"


def test_texts_are_read_by_a_sentence_encoder_that_is_here(settings: Settings, tmp_path: Path) -> None:
    """A sentence encoder here beats `hashed-text`, and nothing is asked of the hub."""
    settings = with_files(settings, tmp_path, "all-minilm-l6-v2")
    choice = choose.auto(("text", "terms"), settings, hub_answers=never)
    assert choice.card.name == "all-minilm-l6-v2"
    assert not choice.pull


def test_texts_need_no_weights(settings: Settings) -> None:
    """With nothing here, texts get `hashed-text`, network or not; the smallest sentence encoder is advised."""
    choice = choose.auto(("text", "terms"), settings.model_copy(update={"offline": False}), hub_answers=never)
    assert choice.card.name == "hashed-text"
    assert not choice.pull
    assert "models pull all-minilm-l6-v2` (91 MB)" in choice.better


def test_recordings_need_no_weights(settings: Settings) -> None:
    """The fingerprint is the best there is: no better one is advised, no missing weights are lamented."""
    choice = choose.auto(("recording",), settings, hub_answers=never)
    assert (choice.card.name, choice.why, choice.better) == ("landmarks", "landmarks, which needs no weights", "")


def test_a_kind_without_cards_is_said(settings: Settings) -> None:
    """Where no card takes the kind, the sentence names it."""
    with pytest.raises(UnknownName, match="no-such-kind"):
        choose.auto(("no-such-kind",), settings)
