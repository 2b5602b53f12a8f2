"""The command line. One command a file, imported when it is called; ``main`` is the console script."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``morelike`` and leave the process with its exit code."""
    from morelike.cli.run import run

    raise SystemExit(run(arguments))
