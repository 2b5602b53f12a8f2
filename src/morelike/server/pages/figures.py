"""What a hit's item says of itself in a line, and the address of why it is there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from morelike.server.pages.board import Board
from morelike.server.pages.language import _, ngettext

__all__ = ["figures_of", "place_words", "quoted_words", "tags_in", "tags_of", "why_query"]

MOST_TAGS = 12
LONGEST = 60


def figures_of(info: Mapping[str, Any]) -> list[str]:
    """Of a picture, a sound, a film or a model: its size, its format, how many faces; what is known of it."""
    width, height, rate, faces = (_count(info.get(name)) for name in ("width", "height", "sample_rate", "faces"))
    said = [f"{width} × {height}"] if width and height else []
    if rate:
        said.append(_("%(rate)s kHz", rate=f"{rate / 1000:g}"))
    if faces:
        said.append(ngettext("%(count)s face", "%(count)s faces", faces, count=f"{faces:,}".replace(",", "\u2009")))
    said += [str(info[name])[:LONGEST] for name in ("format", "camera", "taken") if isinstance(info.get(name), str)]
    return [one for one in said if one]


def tags_of(info: Mapping[str, Any]) -> list[str]:
    """The first of a hit's tags."""
    tags = info.get("tags")
    return [str(tag) for tag in tags[:MOST_TAGS]] if isinstance(tags, list | tuple) else []


def tags_in(text: str) -> list[str]:
    """Tags as they are typed: between commas, the Chinese ones too."""
    return [tag.strip() for tag in re.split("[,，、]", text) if tag.strip()]


def place_words(place: str) -> str:
    """Where an item lies; of a record of a file, in which row."""
    file, mark, row = place.partition("#record=")
    return _("%(file)s, row %(row)s", file=file, row=row) if mark else place


def quoted_words(words: Sequence[str]) -> str:
    """``“one”, “two”``"""
    return ", ".join(_("“%(word)s”", word=word) for word in words)


def why_query(board: Board, item: str) -> str:
    """A search, and the hit of it that is asked about."""
    return f"{board.query()}&{urlencode({'item': item})}"


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 < value < 2**53 else 0
