"""How bytes of people's own are handed to a browser: under which type, and whether it may show them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

__all__ = ["disposition", "harmless", "played"]

_SHOWN: Final = frozenset({"application/pdf", "text/plain"})
_UNSAFE_IMAGES: Final = frozenset({"image/svg+xml"})
_PLAIN: Final = re.compile(r"(image|audio|video)/[a-z0-9][a-z0-9.+-]{0,80}")


def harmless(media_type: str) -> tuple[bool, str]:
    """(whether a browser may show it, the type to say): what could run as a page is only ever downloaded."""
    plain = media_type.partition(";")[0].strip().lower()
    family = plain.partition("/")[0]
    if plain in _UNSAFE_IMAGES or not (family in ("image", "audio", "video") or plain in _SHOWN):
        return False, "application/octet-stream"
    return True, "text/plain; charset=utf-8" if plain == "text/plain" else plain


def played(media_type: str) -> tuple[bool, str]:
    """The same where no header of ours can seal a page: pictures, sounds and films only."""
    shown, kind = harmless(media_type)
    if not shown or not _PLAIN.fullmatch(kind) or kind.endswith("+xml"):
        return False, "application/octet-stream"
    return True, kind


def disposition(name: str, *, shown: bool) -> str:
    """Content-Disposition with a plain name, and the real one beside it (RFC 6266)."""
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", name) or "content"
    quoted = quote(name, safe="", errors="replace")  # a file's name need not be text
    return f"{'inline' if shown else 'attachment'}; filename=\"{plain}\"; filename*=UTF-8''{quoted}"
