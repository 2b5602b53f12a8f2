"""Text for a terminal: names come from strangers, so nothing that steers a terminal gets through."""

from __future__ import annotations

import os
import re
from pathlib import Path

from morelike.errors import UsageError

__all__ = ["clean", "human_size", "near", "parse_metadata", "shorten_middle"]

HEAD = 6
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")  # "007" is a name
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")


def clean(text: object) -> str:
    """Every character that is not printable (escapes, line ends, direction marks, undecodable bytes) as ``\\xNN``."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in str(text)
    )


def shorten_middle(text: str, width: int) -> str:
    """At most ``width`` terminal cells, the middle left out: a path's ends say the most."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    name_width = cell_len(text[text.rfind("/", 0, -1) :])  # a name that fits is kept whole
    tail_width = max((width - 1) * 2 // 3, min(name_width, width - 1 - HEAD))
    head_width = width - 1 - tail_width
    start = len(text)
    while start and cell_len(text[start - 1 :]) <= tail_width:
        start -= 1
    return f"{set_cell_size(text, max(head_width, 0)).rstrip()}…{text[start:]}"


def near(source: str) -> str:
    """A path below the current folder as it is called from here; anything else as it is."""
    return source.removeprefix(f"{Path.cwd()}{os.sep}")


def human_size(size: float) -> str:
    """Bytes as a person reads them: ``512 B``, ``1.4 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def parse_metadata(pairs: list[str], example: str = "--meta year=2024") -> dict[str, object]:
    """``KEY=VALUE`` to a mapping: numbers, true and false as such, an empty value as None, the rest as text."""
    metadata: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{pair!r} is not KEY=VALUE", hint=f"for example: {example}")
        metadata[key.strip()] = _scalar(value)
    return metadata


def _scalar(value: str) -> object:
    if value in ("true", "false"):
        return value == "true"
    if _INTEGER.fullmatch(value):
        return int(value)
    if _DECIMAL.fullmatch(value):
        return float(value)
    return value or None
