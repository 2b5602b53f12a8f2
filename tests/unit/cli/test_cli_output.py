"""Tables, JSON and progress."""

from __future__ import annotations

import io
import json
import os
import signal
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from morelike.cli.interrupt import stop_on_interrupt
from morelike.cli.output import print_json, table
from morelike.cli.progress import Reporter, describe
from morelike.progress import Progress


def progress(**values: object) -> Progress:
    return Progress(**{
        "done": 12, "same": 0, "rejected": 0, "seen": 12, "total": None, "rate": 3.25, "eta": None, "current": "x.png",
        **values,
    })  # fmt: skip


def test_tables_are_whole_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no terminal reads it, a table holds every path as it is, and no blanks at the ends of lines."""
    path = f"/{'long/' * 60}picture.png"
    table([(1, path), (10, "x.png")], ["#", "source"], right=("#",), long="source")

    assert capsys.readouterr().out == f" #  source\n 1  {path}\n10  x.png\n"


@given(st.lists(st.tuples(st.integers(0, 10**6), st.text(max_size=200)), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_tables_fit_80_columns(rows: list[tuple[int, str]]) -> None:
    """Whatever the cells hold, a table has one line a row and no line longer than the terminal."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        patch.setenv("TERM", "dumb")  # without bold, so that the cells can be counted
        out = Terminal()
        patch.setattr("sys.stdout", out)
        table(rows, ["number", "source"], right=("number",), long="source")

    lines = out.getvalue().splitlines()
    assert len(lines) == len(rows) + 1
    assert max(cell_len(line) for line in lines) <= 80


def test_markup_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Markup, emoji codes and links in a cell are printed, not obeyed."""
    table([("[red]x[/red]", ":smile:", "[link=http://x]y[/link]")], ["a", "b", "c"])

    assert "[red]x[/red]  :smile:  [link=http://x]y[/link]" in capsys.readouterr().out


def test_no_colour(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR is obeyed even where colours were forced."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    table([("x",)], ["a"])

    assert "\x1b[3" not in capsys.readouterr().out


def test_json_survives_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """numpy's numbers become numbers; undecodable names and every script come back as they were, in ASCII."""
    value = {"score": np.float32(0.5), "count": np.int64(3), "name": "\udcff ü 猫 \x1b"}
    print_json(value)
    out = capsys.readouterr().out

    assert out.isascii()
    assert json.loads(out) == {"score": 0.5, "count": 3, "name": "\udcff ü 猫 \x1b"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "12 added, 3.2/s"),
        ({"same": 4, "rejected": 1}, "12 added, 4 there already, 1 rejected, 3.2/s"),
        ({"eta": 75.2}, "12 added, 3.2/s, 1:15 left"),
        ({"note": "waiting for another add"}, "waiting for another add"),
    ],
)
def test_progress_in_words(values: dict[str, object], expected: str) -> None:
    """Progress says what is done, passed over and rejected, how fast, and how long still; or why it waits."""
    assert describe(progress(**values)) == expected


def test_progress_lines_come_seldom(capsys: pytest.CaptureFixture[str]) -> None:
    """Where standard error is no terminal, a line comes at most every few seconds, and none in a short run."""
    with Reporter(quiet=False, every=3600) as slow, Reporter(quiet=False, every=0) as quick:
        slow.ingest(progress())
        quick.ingest(progress())

    assert capsys.readouterr() == ("", "12 added, 3.2/s\n")


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """``--quiet`` leaves out progress and notes."""
    with Reporter(quiet=True, every=0) as reporter:
        reporter.ingest(progress())
        reporter.download("model.onnx", 1, 2)
        reporter.note("a better encoder is there")

    assert capsys.readouterr() == ("", "")


@dataclass
class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def __post_init__(self) -> None:
        super().__init__()

    def isatty(self) -> bool:
        return True


def test_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a bar is drawn; a name with escapes does not reach the screen as such."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with Reporter(quiet=False) as reporter:
        reporter.ingest(progress(total=20, current="\x1b]0;t\x07[bold].png"))
        reporter.note("a note")

    assert "12 added, 3.2/s" in terminal.getvalue()
    assert "\\x1b]0;t\\x07[bold].png" in terminal.getvalue()
    assert "\x1b]0;t" not in terminal.getvalue()


def test_first_interrupt_asks_the_second_insists() -> None:
    """The first Ctrl-C sets the event, the second raises; afterwards the old handler is back."""
    before = signal.getsignal(signal.SIGINT)
    with stop_on_interrupt() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wait(120)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)

    assert signal.getsignal(signal.SIGINT) == before
