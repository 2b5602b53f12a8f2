"""``add`` where the modality is guessed, and the options that a new collection is cut by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from morelike.registry import MODALITIES, Row
from morelike.testing.toys import toy_film


@pytest.fixture(autouse=True)
def _films(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"film": Row("morelike.testing.toys:ToyFilm"), "image": Row("morelike.modalities.image:ImageModality")}
    monkeypatch.setattr(MODALITIES, "_all", rows, raising=False)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for number, colours in enumerate((["red", "green", "blue"], ["black", "white", "red"])):
        (folder / f"{number}.film").write_bytes(toy_film(colours * 4))
    return folder


def test_the_modality_is_guessed_and_said(morelike: Any, films: Path) -> None:
    """A new collection is what its first files are."""
    ran = morelike("add", "films", films, "--encoder", "classic")

    assert ran.code == 0, ran.err
    assert "a collection of film: 2 of the 2 first files are" in ran.err
    assert morelike("ls", "--json").json["collections"][0]["modality"] == "film"


def test_nothing_recognised_is_wrong_usage(morelike: Any, tmp_path: Path) -> None:
    """No collection is made of files that nobody knows; the option that helps is named."""
    (tmp_path / "notes.md").write_text("nothing")

    ran = morelike("add", "notes", tmp_path / "notes.md")

    assert ran.code == 2
    assert "--modality" in ran.err
    assert morelike("ls", "--json").json["collections"] == []


def test_nothing_at_all_makes_no_collection(morelike: Any, tmp_path: Path) -> None:
    """An empty folder adds nothing and leaves nothing, here and in a dry run."""
    (tmp_path / "empty").mkdir()

    ran = morelike("add", "films", tmp_path / "empty", "--json")

    assert (ran.code, ran.json["added"]) == (0, 0)
    assert morelike("add", "films", tmp_path / "empty", "--dry-run").code == 2
    assert morelike("ls", "--json").json["collections"] == []


def test_every_is_a_length_of_time(morelike: Any, films: Path) -> None:
    """It is kept with the collection: a later run may repeat it, and not change it."""
    add = ("add", "films", films, "--encoder", "classic")

    assert morelike(*add, "--every", "1m30s").code == 0
    assert morelike(*add, "--every", "1:30").code == 0
    assert morelike(*add).code == 0
    changed = morelike(*add, "--every", "2s")
    assert changed.code == 2
    assert "made with every 90.0" in changed.err


@pytest.mark.parametrize(
    ("option", "value", "said"), [("--every", "soon", "no length of time"), ("--window", "2s", "no window")]
)
def test_options_that_cannot_be(morelike: Any, films: Path, option: str, value: str, said: str) -> None:
    """They are wrong usage, and no collection is made."""
    ran = morelike("add", "films", films, "--encoder", "classic", option, value)

    assert ran.code == 2
    assert said in ran.err
    assert morelike("ls", "--json").json["collections"] == []


def test_a_dry_run_guesses_too(morelike: Any, films: Path) -> None:
    """And leaves nothing."""
    ran = morelike("add", "films", films, "--encoder", "classic", "--dry-run", "--json")

    assert ran.code == 0, ran.err
    assert (ran.json["files"], ran.json["rejected"]) == (2, [])
    assert morelike("ls", "--json").json["collections"] == []
