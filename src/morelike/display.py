"""Hits as pictures or words: a grid for notebooks, a contact sheet for terminals."""

from __future__ import annotations

import base64
import io
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Literal

from morelike.errors import MorelikeError
from morelike.types import Hit, Preview, Quote, Span

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Protocol", "contact_sheet", "grid_html", "picture_protocol", "terminal_picture"]

Protocol = Literal["iterm2", "kitty", "blocks"]
"""How a terminal takes pictures: its own protocol, or coloured half blocks, which every terminal shows."""

SHEET_COLUMNS = 5
TILE = 192  # pixels a side
GAP = 8
KITTY_CHUNK = 4096  # the protocol's own limit
BLOCK_COLUMNS = 80
SHOWN_IN_NOTEBOOKS = ("image/png", "image/jpeg", "image/webp", "image/gif")


def picture_protocol(environment: Mapping[str, str] | None = None) -> Protocol | None:
    """The protocol that the terminal announces, or None. Says nothing of whether output goes to a terminal."""
    variables = os.environ if environment is None else environment
    term, program = variables.get("TERM", ""), variables.get("TERM_PROGRAM", "")
    if variables.get("TMUX") or term.startswith(("screen", "tmux")):  # neither passes pictures on
        return None
    if "kitty" in term or "ghostty" in term or program.lower() == "ghostty":
        return "kitty"
    if program in ("iTerm.app", "WezTerm"):
        return "iterm2"
    return None


def contact_sheet(pictures: Sequence[bytes | None], *, columns: int = SHEET_COLUMNS, tile: int = TILE) -> bytes:
    """One PNG with the pictures in reading order, numbered from 1; None, or what cannot be read, leaves a grey tile."""
    from PIL import Image, ImageDraw

    columns = max(1, min(columns, len(pictures)))
    rows = max(1, math.ceil(len(pictures) / columns))
    sheet = Image.new("RGB", (columns * (tile + GAP) - GAP, rows * (tile + GAP) - GAP), (32, 32, 32))
    draw = ImageDraw.Draw(sheet)
    for place, data in enumerate(pictures):
        left, top = (place % columns) * (tile + GAP), (place // columns) * (tile + GAP)
        picture = _read(data)
        if picture is None:
            draw.rectangle((left, top, left + tile - 1, top + tile - 1), fill=(96, 96, 96))
        else:
            picture.thumbnail((tile, tile))
            sheet.paste(picture, (left + (tile - picture.width) // 2, top + (tile - picture.height) // 2))
        draw.rectangle((left, top, left + 22, top + 16), fill=(0, 0, 0))
        draw.text((left + 4, top + 3), str(place + 1), fill=(255, 255, 255))
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()


def _read(data: bytes | None) -> Image.Image | None:
    from PIL import Image, UnidentifiedImageError

    if data is None:
        return None
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return None


def terminal_picture(png: bytes, protocol: Protocol, *, columns: int = BLOCK_COLUMNS) -> str:
    """The text that makes a terminal show ``png``, at most ``columns`` wide where it is made of blocks."""
    if protocol == "kitty":
        return "".join(_kitty(png))
    if protocol == "iterm2":
        encoded = base64.b64encode(png).decode()
        return f"\x1b]1337;File=inline=1;size={len(png)};width=100%;preserveAspectRatio=1:{encoded}\a"
    return "\n".join(_half_blocks(png, columns))


def _kitty(png: bytes) -> Iterator[str]:
    """The kitty graphics protocol: base64 in chunks; ``m`` says whether another one follows."""
    encoded = base64.b64encode(png).decode()
    for start in range(0, len(encoded), KITTY_CHUNK):
        control = "a=T,f=100," if start == 0 else ""
        more = int(start + KITTY_CHUNK < len(encoded))
        yield f"\x1b_G{control}m={more};{encoded[start : start + KITTY_CHUNK]}\x1b\\"


def _half_blocks(png: bytes, columns: int) -> Iterator[str]:
    """Two pixels a character: the upper half block in one colour on a ground of the other."""
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        width = min(columns, picture.width)
        height = max(2, round(picture.height * width / picture.width / 2) * 2)
        pixels = np.asarray(picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))
    for upper, lower in zip(pixels[0::2], pixels[1::2], strict=True):
        cells = (f"\x1b[38;2;{r};{g};{b};48;2;{R};{G};{B}m▀" for (r, g, b), (R, G, B) in zip(upper, lower, strict=True))
        yield "".join(cells) + "\x1b[0m"


def grid_html(hits: Sequence[Hit], preview: Callable[[str, int, Span], Preview]) -> str:
    """A notebook's view of hits: words with what answers marked, else pictures inline; score and source below.
    Everything foreign is escaped.

    ``preview`` is called with (item id, side in pixels, span).
    """
    if not hits:
        return "<p>no hits</p>"
    cells = "".join(
        _words(place, hit, hit.quote) if hit.quote is not None else _cell(place, hit, _preview(hit, preview))
        for place, hit in enumerate(hits, start=1)
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:12px">{cells}</div>'


def _preview(hit: Hit, preview: Callable[[str, int, Span], Preview]) -> Preview | None:
    try:
        return preview(hit.item, TILE, hit.span)
    except MorelikeError:  # a file that was added in place may be gone; the hit is shown all the same
        return None


def _words(place: int, hit: Hit, quote: Quote) -> str:
    said, at = [], 0
    for start, end in quote.marks:
        said += [escape(quote.text[at:start]), f"<mark>{escape(quote.text[start:end])}</mark>"]
        at = end
    said.append(escape(quote.text[at:]))
    reply = f'<div style="white-space:pre-wrap">→ {escape(quote.reply)}</div>' if quote.reply else ""
    return (
        '<figure style="margin:0;width:100%;font:13px sans-serif">'
        f'<div style="white-space:pre-wrap;max-height:160px;overflow:auto">{"".join(said)}</div>{reply}'
        f"{_caption(place, hit)}</figure>"
    )


def _cell(place: int, hit: Hit, preview: Preview | None) -> str:
    name = _name(hit)
    if preview is not None and preview.media_type in SHOWN_IN_NOTEBOOKS:
        data = base64.b64encode(preview.data).decode()
        picture = (
            f'<img src="data:{preview.media_type};base64,{data}" alt="{escape(name)}" '
            'style="max-width:160px;max-height:160px">'
        )
    else:
        picture = '<div style="width:160px;height:120px;background:#ddd"></div>'
    return f'<figure style="margin:0;width:160px;font:12px sans-serif">{picture}{_caption(place, hit)}</figure>'


def _caption(place: int, hit: Hit) -> str:
    return (
        f"<figcaption>{place}. {hit.score:.3f}<br>"
        f'<span title="{escape(hit.source)}" style="overflow-wrap:anywhere">{escape(_name(hit))}</span></figcaption>'
    )


def _name(hit: Hit) -> str:
    return hit.source.rstrip("/").rpartition("/")[2] or hit.source
