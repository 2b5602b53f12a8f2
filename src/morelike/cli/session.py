"""What the global options chose, and the library that a command works on."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from morelike.cli.text import clean

if TYPE_CHECKING:
    from morelike.library import Library
    from morelike.settings import Settings

__all__ = ["Session", "session_of"]


@dataclass(frozen=True, slots=True)
class Session:
    """The global options of one call."""

    library: Path | None = None
    quiet: bool = False

    def settings(self, **overrides: Any) -> Settings:
        """The settings, with the options that were given put over them. Raises SettingsError."""
        from morelike.settings import load_settings

        given = {name: value for name, value in overrides.items() if value is not None}
        if self.library is not None:
            given["library"] = self.library
        settings = load_settings(**given)
        _log_to_stderr(settings.log_level)
        return settings

    def open(self, **overrides: Any) -> Library:
        """The library, a context manager."""
        from morelike.library import open as open_library

        return open_library(self.settings(**overrides))

    def note(self, sentence: str) -> None:
        """A remark for the person at the terminal, not part of the answer."""
        if not self.quiet:
            sys.stderr.write(clean(sentence) + "\n")
            sys.stderr.flush()


def session_of(context: typer.Context) -> Session:
    """The session that the root command left in the context."""
    return context.find_object(Session) or Session()


def _log_to_stderr(level: str) -> None:
    """Loggers below ``morelike`` write to standard error at the level that the settings name."""
    logger = logging.getLogger("morelike")
    logger.setLevel(level.upper())
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
