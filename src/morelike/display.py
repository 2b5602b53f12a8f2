"""Pictures in a terminal: a contact sheet of hits, by the terminal's own protocol or in coloured blocks."""

from __future__ import annotations

import base64
import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Protocol", "contact_sheet", "picture_protocol", "terminal_picture"]

Protocol = Literal["iterm2", "kitty", "blocks"]
"""How a terminal takes pictures: its own protocol, or coloured half blocks, which every terminal shows."""

SHEET_COLUMNS = 5
TILE = 192  # pixels a side
GAP = 8
KITTY_CHUNK = 4096  # the protocol's own limit
BLOCK_COLUMNS = 80


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
