"""One call of ``morelike``: arguments in, an exit code out, and every failure as a sentence."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from morelike.cli.text import clean
from morelike.errors import MorelikeError, UsageError

__all__ = ["INTERRUPTED", "SOME_REJECTED", "run"]

FAILED, WRONG_USAGE, SOME_REJECTED, INTERRUPTED = 1, 2, 3, 130
_GLOBAL_FLAGS = ("--quiet",)
_GLOBAL_VALUES = {"--library": ("a folder", "my-library"), "--server": ("an address", "https://example.org:8000")}


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; nothing but a programming error of the tests escapes."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show must not end a run
    try:
        code = _call(given)
        sys.stdout.flush()
    except BrokenPipeError:
        code = FAILED
    if code == FAILED:
        _drop_broken_output()
    return code


def _call(given: list[str]) -> int:
    try:
        arguments = _globals_first(given)
    except UsageError as error:
        return _fail(error.message, error.hint, code=WRONG_USAGE)
    return _invoke(arguments or ["--help"])


def _invoke(arguments: list[str]) -> int:
    from morelike.cli.app import app

    try:
        result = typer.main.get_command(app).main(arguments, prog_name="morelike", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", code=INTERRUPTED)
    except SystemExit as leaving:  # typer leaves this way where the reader of its output has gone
        return leaving.code if isinstance(leaving.code, int) else FAILED
    except BrokenPipeError:
        raise
    except MorelikeError as error:
        code = WRONG_USAGE if isinstance(error, UsageError) else FAILED
        return _fail(error.message, error.hint, code=code, error=error)
    except Exception as error:  # the last place that can turn it into a sentence
        return _explain(error)
    return result if isinstance(result, int) else 0


def _explain(error: Exception) -> int:
    """Errors that are not our own: typer's about the command line, the system's, and those nobody expected."""
    if hasattr(error, "format_message"):
        return _misused(error, error.format_message())
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return _fail(f"{place}{(error.strerror or str(error)).lower()}", code=FAILED, error=error)
    return _fail(
        f"unexpected {type(error).__name__}: {error}",
        "this is a fault in morelike; MORELIKE_LOG_LEVEL=debug shows where",
        code=FAILED,
        error=error,
    )


def _misused(error: Any, message: str) -> int:
    """Typer's complaint in our form: no capital, no full stop, and how the command is called."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "morelike"
    usage = context.command.collect_usage_pieces(context) if context else []
    hint = f"{' '.join([command, *usage])}; {command} --help says more"
    if getattr(error, "option_name", "").startswith("-") and context is not None and context.parent is not None:
        hint += "; a name that begins with - is written ./-name"
    message = " ".join(message.split()).rstrip(".").replace(": Value error, ", ": ")
    return _fail(f"{message[:1].lower()}{message[1:]}", hint, code=getattr(error, "exit_code", WRONG_USAGE))


def _fail(message: str, hint: str = "", *, code: int, error: Exception | None = None) -> int:
    lines = [f"error: {clean(message)}"] + ([f"hint: {clean(hint)}"] if hint else [])
    with contextlib.suppress(BrokenPipeError):
        if error is not None and _debugging():
            traceback.print_exception(error)
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()
    return code


def _debugging() -> bool:
    from morelike.settings import load_settings

    try:
        return load_settings().log_level.lower() == "debug"
    except MorelikeError:
        return False


def _globals_first(arguments: list[str]) -> list[str]:
    """Global options may stand after the command too: people write them there."""
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            rest += [argument, *waiting]
        elif argument in _GLOBAL_FLAGS or argument.startswith(tuple(f"{name}=" for name in _GLOBAL_VALUES)):
            front.append(argument)
        elif argument in _GLOBAL_VALUES:
            value = next(waiting, "")
            if not value or value.startswith("--"):
                what, example = _GLOBAL_VALUES[argument]
                raise UsageError(f"{argument} needs {what}", hint=f"for example: {argument} {example}")
            front += [argument, value]
        else:
            rest.append(argument)
    return front + rest


def _drop_broken_output() -> None:
    """Where the reader has gone, keep the interpreter from complaining when it closes standard output."""
    try:
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
