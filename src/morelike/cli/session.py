"""What the global options chose, and the library that a command works on."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import typer

from morelike.cli.text import clean
from morelike.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from morelike.collection import OpenCollection
    from morelike.library import Library
    from morelike.remote.collection import RemoteCollection
    from morelike.remote.library import RemoteLibrary
    from morelike.settings import Settings

    AnyLibrary = Library | RemoteLibrary
    AnyCollection = OpenCollection | RemoteCollection

__all__ = ["HERE", "Session", "embedded", "may_exist", "session_of"]

HERE = frozenset({"demo", "export", "import", "keys", "models", "serve", "train"})
"""Commands that need the library itself, or this machine: a server cannot do them for somebody else."""


@dataclass(frozen=True, slots=True)
class Session:
    """The global options of one call."""

    library: Path | None = None
    quiet: bool = False
    server: str | None = None
    command: str = ""

    def settings(self, **overrides: Any) -> Settings:
        """The settings, with the options that were given put over them. Raises SettingsError, and UsageError where a
        server is named and the command does not work on one.
        """
        from morelike.settings import load_settings

        given = {name: value for name, value in overrides.items() if value is not None}
        if self.server is not None:
            given["server"] = self.server
        if self.library is not None:
            given |= {"library": self.library, "server": ""}
        settings = load_settings(**given)
        if settings.server:
            self.check_here()
        _log_to_stderr(settings.log_level)
        return settings

    def check_here(self) -> None:
        """Raises UsageError where the command does not work on a server."""
        if self.command in HERE:
            raise UsageError(
                f"`morelike {self.command}` does not work over HTTP",
                hint="run it on the server's machine, or for a library of this one: without --server and "
                "MORELIKE_SERVER, or with --library DIR",
            )

    def open(self, *, make: bool = False, **overrides: Any) -> AnyLibrary:
        """The library, or the one behind a server: a context manager. Raises UsageError where there is none and
        ``make`` is not set, or where what answers is no server.
        """
        settings = self.settings(**overrides)
        if not settings.server:
            return self.open_here(make=make, **overrides)
        from morelike.remote.library import RemoteLibrary

        return RemoteLibrary(settings)

    def open_here(self, *, make: bool = False, **overrides: Any) -> Library:
        """The library of this machine. Raises UsageError where there is none and ``make`` is not set."""
        from morelike.library import open as open_library

        settings = self.settings(**overrides)
        if not make and not may_exist(settings):
            raise UsageError(
                f"there is no library in {settings.library}",
                hint="`morelike add COLLECTION SOURCE` makes one; --library DIR names another",
            )
        return open_library(settings)

    def call(self, words: str) -> str:
        """``morelike words`` as it has to be called again to reach the same library."""
        library = f" --library {quote(str(self.library))}" if self.library is not None else ""
        return f"morelike {words}{library}" + (f" --server {quote(self.server)}" if self.server is not None else "")

    def note(self, sentence: str) -> None:
        """A remark for the person at the terminal, not part of the answer."""
        if sentence and not self.quiet:
            sys.stderr.write(clean(sentence) + "\n")
            sys.stderr.flush()


def may_exist(settings: Settings) -> bool:
    """Whether there is a library, as far as can be told without opening it: a server may know it before its folder."""
    return bool(settings.server) or settings.library.exists() or "://" in settings.catalog


def embedded(settings: Settings, folder: Path) -> Settings:
    """The same for a library of its own in ``folder``: nothing reaches the servers."""
    return settings.model_copy(update={"library": folder, "catalog": "sqlite", "vectors": "faiss", "blobs": "folder"})


def session_of(context: typer.Context) -> Session:
    """The session that the root command left in the context."""
    return context.find_object(Session) or Session()


def _log_to_stderr(level: str) -> None:
    """Loggers below ``morelike`` write to standard error at the level that the settings name."""
    logger = logging.getLogger("morelike")
    known = logging.getLevelNamesMapping()
    if level.upper() not in known:
        raise SettingsError(
            f"the setting 'log_level' cannot be {level!r}", hint="debug, info, warning, error or critical"
        )
    logger.setLevel(known[level.upper()])
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
