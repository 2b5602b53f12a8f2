"""Pages of the web as documents: one part without a picture."""

from __future__ import annotations

from typing import Final

from morelike.errors import DecodeError
from morelike.modalities._document_words import MOST_CHARACTERS, Piece, Words, fact, together
from morelike.modalities._html import html_text

__all__ = ["read_page"]

_LARGEST: Final = 64 << 20


def read_page(data: bytes, name: str) -> Words:
    """Raises DecodeError."""
    if len(data) > _LARGEST:
        raise DecodeError(f"{name} has more than {_LARGEST >> 20} MiB", hint="cut it into several")
    try:
        found = html_text(data)
    except DecodeError as error:
        raise DecodeError(f"{name}: {error.message}", hint=error.hint) from error
    if len(found.text) > MOST_CHARACTERS:
        raise DecodeError(f"{name} has more than {MOST_CHARACTERS:,} letters", hint="cut it into several")
    info = {**fact("title", found.title), **fact("language", found.language)}
    return together([Piece(found.text)], info, paged=False)
