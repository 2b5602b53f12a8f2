"""One call of the command line: exit codes, errors as sentences, global options."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer

from morelike import __version__
from morelike.cli import session
from morelike.cli.app import COMMANDS, app
from morelike.cli.run import run
from morelike.errors import DecodeError, StoreBusy, UsageError


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make every command fail where it opens the library."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(session.Session, "open", fail)


def test_nothing_shows_the_help(morelike) -> None:
    """``morelike`` alone prints the help and succeeds."""
    assert morelike() == morelike("--help")
    assert morelike().code == 0


def test_version(morelike) -> None:
    """``--version`` prints it."""
    assert morelike("--version").out == f"morelike {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command(morelike, name: str) -> None:
    """Each command explains itself, takes --json, and says in its first sentence what the list of commands says."""
    ran = morelike(name, "--help")
    words = " ".join(ran.out.split())

    assert ran.code == 0
    assert COMMANDS[name][1] in words
    assert "--json" in words or name in {"keys", "models", "train"}


@pytest.mark.parametrize(
    ("group", "below"),
    [
        ("keys", ("add", "ls", "rm")),
        ("models", ("list", "pull", "import", "convert", "verify")),
        ("train", ("data", "composed", "export")),
    ],
)
def test_commands_of_groups_take_json(morelike, group: str, below: tuple[str, ...]) -> None:
    """So do the commands below ``keys``, ``models`` and ``train``."""
    assert all("--json" in morelike(group, name, "--help").out for name in below)


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError("no such thing", hint="do that"), 2), (DecodeError("cut short"), 1), (StoreBusy("busy"), 1)],
)
def test_our_errors_are_sentences(morelike, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int) -> None:
    """An error of ours is one line and its hint, without a traceback; wrong usage is 2, the rest 1."""
    raising(monkeypatch, error)

    ran = morelike("count", "photos")

    hint = f"hint: {error.hint}\n" if error.hint else ""
    assert (ran.code, ran.err, ran.out) == (code, f"error: {error.message}\n{hint}", "")


def test_unexpected_errors_are_sentences_too(morelike, monkeypatch: pytest.MonkeyPatch) -> None:
    """A programming error names itself and where to look, without a traceback."""
    raising(monkeypatch, ZeroDivisionError("by zero"))

    ran = morelike("count", "photos")

    assert ran.code == 1
    assert ran.err.startswith("error: unexpected ZeroDivisionError: by zero\nhint: ")
    assert "Traceback" not in ran.err


def test_debug_shows_the_traceback(morelike, monkeypatch: pytest.MonkeyPatch) -> None:
    """MORELIKE_LOG_LEVEL=debug adds the traceback before the sentence."""
    raising(monkeypatch, StoreBusy("busy"))
    monkeypatch.setenv("MORELIKE_LOG_LEVEL", "debug")

    assert "Traceback" in morelike("count", "photos").err


def test_interrupt(morelike, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in any command is 130, a word, and no traceback."""
    raising(monkeypatch, KeyboardInterrupt())

    ran = morelike("count", "photos")

    assert ran.code == 130
    assert ran.err == "error: interrupted\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serach"], "did you mean search?"),
        (["search"], "missing argument"),
        (["ls", "--nope"], "--nope"),
        (["ls", "--limit", "many"], "--limit"),
        (["models"], "missing command"),
        (["models", "lst"], "did you mean list?"),
        (["ls", "--library"], "--library needs a folder"),
        (["ls", "--library", "--json"], "--library needs a folder"),
    ],
)
def test_wrong_usage(morelike, arguments: list[str], said: str) -> None:
    """A wrong command line is 2, one sentence, and where to read on."""
    ran = morelike(*arguments)

    assert ran.code == 2
    assert ran.err.startswith("error: ")
    assert said in ran.err
    assert "\nhint: " in ran.err


def test_bad_setting(morelike, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that cannot be used is named."""
    monkeypatch.setenv("MORELIKE_WORKERS", "several")

    ran = morelike("ls")

    assert ran.code == 2
    assert "workers" in ran.err


@pytest.mark.parametrize("place", ["before", "after", "equals"])
def test_library_stands_anywhere(morelike, tmp_path: Path, place: str) -> None:
    """``--library`` may stand before or after the command."""
    folder = tmp_path / "elsewhere"
    arguments = {
        "before": ["--library", folder, "count", "photos"],
        "after": ["count", "photos", "--library", folder],
        "equals": ["count", "photos", f"--library={folder}"],
    }

    ran = morelike(*arguments[place])

    assert f"there is no library in {folder}" in ran.err


def test_options_after_two_dashes_are_arguments(filled) -> None:
    """Behind ``--`` everything is an argument, even what looks like a global option."""
    ran = filled("count", "--", "--quiet")

    assert ran.code == 2
    assert "--quiet" in ran.err


def test_reader_that_goes_away(tmp_path: Path) -> None:
    """A reader that closes the pipe early causes no noise."""
    command = f"{sys.executable} -m morelike --library {tmp_path} encoders --json | head -c 1"

    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)

    assert (ran.stdout, ran.stderr) == ("{", "")


def test_errors_are_cleaned(morelike, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file name in an error cannot steer the terminal."""
    raising(monkeypatch, DecodeError("\x1b[31mred.jpg is cut short"))

    assert morelike("count", "photos").err == "error: \\x1b[31mred.jpg is cut short\n"


def test_no_option_is_idle() -> None:
    """Every option of every command is used in its function's body."""
    idle = []
    for name, (module, _) in COMMANDS.items():
        loaded: ModuleType = __import__(module, fromlist=["app"])
        for command in loaded.app.registered_commands:
            body = inspect.getsource(command.callback).partition('"""')[2]
            idle += [f"{name} {one}" for one in inspect.signature(command.callback).parameters if one not in body]

    assert idle == []


def test_completion_knows_the_commands() -> None:
    """The shell's completion is given every command."""
    root = typer.main.get_command(app)
    names = [item.value for item in root.shell_complete(typer.Context(root), "")]

    assert set(COMMANDS) <= set(names)


def test_run_returns_a_code() -> None:
    """``run`` returns what ``main`` leaves the process with."""
    assert run(["--version"]) == 0


def test_a_wrong_log_level_is_named(morelike, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log level that does not exist is wrong usage, not a fault of ours."""
    monkeypatch.setenv("MORELIKE_LOG_LEVEL", "loud")

    ran = morelike("ls")

    assert ran.code == 2
    assert "log_level" in ran.err


@pytest.mark.parametrize("command", [["ls"], ["count", "photos"], ["doctor"], ["add", "photos", "--retry"]])
def test_looking_makes_nothing(morelike, tmp_path: Path, command: list[str]) -> None:
    """A mistyped ``--library`` makes no folder, unless something is added to it."""
    morelike(*command, "--library", tmp_path / "typo")

    assert not (tmp_path / "typo").exists()


def test_help_ends_with_examples(morelike) -> None:
    """Every command's help shows its arguments by plain names, and examples last."""
    below = {
        "keys": ("add", "ls", "rm"),
        "models": ("list", "pull", "import", "convert", "verify"),
        "train": ("data", "composed", "export"),
    }
    calls = [[name, *more] for name in COMMANDS for more in ([[one] for one in below.get(name, ())] or [[]])]
    texts = [morelike(*call, "--help").out for call in calls]

    assert all("Examples:\n  morelike " in text and "<" not in text for text in texts)
