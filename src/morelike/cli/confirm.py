"""The question before something is lost."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from morelike.cli.text import clean
from morelike.errors import UsageError

__all__ = ["Yes", "confirm"]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def confirm(question: str, *, yes: bool) -> None:
    """Go on only after a yes; where nobody can be asked, only with ``--yes``."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to ask at", hint="--yes does it without asking")
    if not typer.confirm(clean(question), default=False, err=True):
        raise typer.Exit(1)
