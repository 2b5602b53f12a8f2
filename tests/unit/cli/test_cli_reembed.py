"""``morelike reembed``, and what scores mean in ``morelike search``."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from morelike.cli.progress import Reporter
from morelike.progress import Progress

CARD = """
name = "other"
family = "classic"
form = "dense"
dim = 1145
metric = "l2"

[inputs.image]
side = 128
"""


@pytest.fixture
def filled(filled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Six pictures under ``classic``, and a second card to change to."""
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "other.toml").write_text(CARD)
    monkeypatch.setenv("MORELIKE_MODELS", str(tmp_path / "cards"))
    return filled


def encoders(filled: Any) -> dict[str, bool]:
    """Name to whether its space is the one that is searched."""
    spaces = filled("reembed", "photos", "--json").json["spaces"]
    return {space["encoder"].partition("@")[0]: space["active"] for space in spaces}


def test_reembed_and_back(filled: Any, pictures: Path) -> None:
    """It says what it did and the way back, which is one; searches are in the new space's unit in between."""
    there = filled("reembed", "photos", "--encoder", "other", "--json").json
    unit = filled("search", "photos", pictures / "a" / "0.png", "--json").json["hits"][0]["unit"]
    back = filled("reembed", "photos", "--rollback")

    assert (there["encoded"], there["missing"], there["switched"], there["interrupted"]) == (6, 0, True, False)
    assert list(unit) == ["squared_l2"]
    assert (back.code, encoders(filled)) == (0, {"classic": True, "other": False})
    assert "photos is searched with classic now" in back.out
    assert "morelike reembed photos --rollback" in back.out


def test_reembed_lists_the_spaces(filled: Any) -> None:
    """Without an option: each encoder, how many vectors it has, and which one is searched."""
    filled("reembed", "photos", "--encoder", "other")

    lines = filled("reembed", "photos").out.splitlines()

    assert ["classic@" in lines[1], "other@" in lines[2]] == [True, True]
    assert [line.split()[-3:] for line in lines[1:]] == [["image", "1145", "6"]] * 2
    assert [line.startswith("*") for line in lines[1:]] == [False, True]


def test_drop_old_asks_and_drops(filled: Any) -> None:
    """Only with a yes; what is searched stays."""
    filled("reembed", "photos", "--encoder", "other")

    asked = filled("reembed", "photos", "--drop-old")
    dropped = filled("reembed", "photos", "--drop-old", "--yes", "--json")

    assert (asked.code, "--yes" in asked.err) == (2, True)
    assert [name.partition("@")[0] for name in dropped.json["dropped"]] == ["classic"]
    assert encoders(filled) == {"other": True}


def test_the_same_encoder_is_said(filled: Any) -> None:
    """Nothing is done, in a sentence."""
    ran = filled("reembed", "photos", "--encoder", "classic")

    assert ran.code == 0
    assert "photos is made with classic already" in ran.out


def test_missing_originals_are_exit_code_3(filled: Any, tmp_path: Path, draw: Callable[[Path, int], Path]) -> None:
    """They are named, nothing is switched, and --allow-missing does it all the same."""
    folder = tmp_path / "others"
    folder.mkdir()
    for seed in range(50, 54):
        draw(folder / f"{seed}.png", seed)
    filled("add", "here", folder, "--encoder", "classic", "--in-place")
    (folder / "51.png").unlink()

    first = filled("reembed", "here", "--encoder", "other")
    second = filled("reembed", "here", "--encoder", "other", "--allow-missing", "--json")

    assert (first.code, second.code) == (3, 3)
    assert "51.png" in first.out
    assert "searched as before" in first.out
    assert (second.json["switched"], second.json["missing"]) == (True, 1)
    assert [Path(row["source"]).name for row in second.json["rejections"]] == ["51.png"]


def test_interrupted_it_goes_on(
    filled: Any, pictures: Path, draw: Callable[[Path, int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends it with 130 and says that nothing has changed yet; the same command does the rest."""
    for seed in range(100, 160):
        draw(pictures / f"{seed}.png", seed)
    filled("add", "photos", pictures)
    for setting, value in {"COMMIT_ITEMS": "1", "LOOK_AHEAD": "8", "WORKERS": "1"}.items():
        monkeypatch.setenv(f"MORELIKE_{setting}", value)
    monkeypatch.setattr("morelike.batches.BATCH", 4)
    told: list[int] = []

    def interrupt_once(reporter: Reporter, progress: Progress) -> None:
        assert reporter
        if progress.done and not told:
            told.append(progress.done)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Reporter, "reembed", interrupt_once)

    first = filled("reembed", "photos", "--encoder", "other", "--json")
    between = encoders(filled)
    second = filled("reembed", "photos", "--encoder", "other", "--json")

    assert (first.code, second.code) == (130, 0)
    assert "searched as before" in first.err
    assert between == {"classic": True, "other": False}
    assert 0 < first.json["encoded"] < 66
    assert (second.json["same"], second.json["encoded"]) == (first.json["encoded"], 66 - first.json["encoded"])


@pytest.mark.parametrize("options", [("--encoder", "other", "--rollback"), ("--allow-missing",)])
def test_options_that_do_not_go_together(filled: Any, options: tuple[str, ...]) -> None:
    """Exit code 2, and a sentence."""
    assert filled("reembed", "photos", *options).code == 2


def test_percentiles_are_shown_where_they_are_known(
    filled: Any, pictures: Path, draw: Callable[[Path, int], Path]
) -> None:
    """Six items say nothing; once there are enough, a picture's own copy is beyond all random pairs."""
    few = filled("search", "photos", pictures / "a" / "0.png", "--json").json
    for seed in range(100, 130):
        draw(pictures / f"{seed}.png", seed)
    filled("add", "photos", pictures)

    many = filled("search", "photos", pictures / "a" / "0.png", "--json").json
    text = filled("search", "photos", pictures / "a" / "0.png").out

    assert {hit["percentile"] for hit in few["hits"]} == {None}
    assert many["hits"][0]["percentile"] == 100.0
    assert [hit["percentile"] for hit in many["hits"]] == sorted(
        (hit["percentile"] for hit in many["hits"]), reverse=True
    )
    assert many["nothing_similar"] is False
    assert text.splitlines()[0].split()[:3] == ["#", "score", "%"]
    assert " 100.00 " in text.splitlines()[1]


def test_nothing_similar_is_said(filled: Any, pictures: Path, draw: Callable[[Path, int], Path]) -> None:
    """An example that is like no item is answered with hits, and with the remark that they mean nothing."""
    from PIL import Image

    for seed in range(100, 160):
        draw(pictures / f"{seed}.png", seed)
    filled("add", "photos", pictures)
    strange = pictures.parent / "strange.png"
    Image.linear_gradient("L").save(strange)

    ran = filled("search", "photos", strange)

    assert ran.code == 0
    assert "nothing similar here: " in ran.err
    assert len(ran.out.splitlines()) == 11
    assert filled("search", "photos", strange, "--json").json["nothing_similar"] is True
