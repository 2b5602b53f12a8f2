"""``morelike search`` in films and recordings: where in them, and a part of the example."""

from __future__ import annotations

from pathlib import Path

import pytest

from morelike.cli.search import print_hits
from morelike.testing.films import film
from morelike.types import Hit, Span

pytest.importorskip("av")


@pytest.fixture
def films(morelike, tmp_path: Path) -> Path:
    """Two films of four scenes, in the collection ``films``."""
    folder = tmp_path / "films"
    folder.mkdir()
    for seed in range(2):
        data = film(seed, scenes=(2.0, 2.0, 2.0, 2.0), fps=10)
        (folder / f"{seed}.mp4").write_bytes(data)
    added = morelike("add", "films", folder, "--modality", "video", "--encoder", "classic", "--every", "0.5", "--quiet")
    assert added.code == 0, added.err
    return folder


def test_where_is_a_column(morelike, films: Path) -> None:
    """Minutes, seconds and tenths; in JSON the span in seconds, what was compared, and why."""
    table = morelike("search", "films", films / "1.mp4", "--at", "2-6")
    answer = morelike("search", "films", films / "1.mp4", "--at", "0:02-0:06", "--json", "--explain").json

    assert "where" in table.out.splitlines()[0]
    assert "0:02." in table.out.splitlines()[1] or "0:01." in table.out.splitlines()[1]
    best = answer["hits"][0]
    assert best["source"] == str(films / "1.mp4")
    assert best["kind"] == "image"
    assert (best["span"]["start"], best["span"]["end"]) == (pytest.approx(2.0, abs=0.5), pytest.approx(6.0, abs=0.5))
    assert set(best["why"]["aligned"]) == {"example", "item", "speed", "frames", "of"}


def test_why_is_said_on_a_line(morelike, films: Path) -> None:
    """``--explain`` says how a clip was laid over a film, with its parts in brackets."""
    said = morelike("search", "films", films / "1.mp4", "--at", "2-6", "--explain").out

    assert "aligned: (example: [" in said
    assert "align " in said.splitlines()[-1]


@pytest.mark.parametrize("at", ["3", "8-3", "a-b", "3-", "-3", ""])
def test_a_bad_part_is_a_usage_error(morelike, films: Path, at: str) -> None:
    """It says how a part is written."""
    ran = morelike("search", "films", films / "1.mp4", f"--at={at}")

    assert ran.code == 2
    assert "--at" in ran.err


def test_hours_are_shown_where_needed(capsys: pytest.CaptureFixture[str]) -> None:
    """A place in a long recording."""
    print_hits(
        [Hit("i" * 12, "long.flac", 0.5, {"containment": 0.5}, Span("seconds", 3723.5, 3730.0), {}, "recording")]
    )

    assert "1:02:03.5–1:02:10.0" in capsys.readouterr().out
