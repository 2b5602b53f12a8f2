"""Pictures in a terminal."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from morelike.display import contact_sheet, picture_protocol, terminal_picture


def png(colour: tuple[int, int, int], size: tuple[int, int] = (40, 20)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "screen-256color", "TERM_PROGRAM": "iTerm.app"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux"}, None),
        ({}, None),
    ],
)
def test_what_a_terminal_can(environment: dict[str, str], expected: str | None) -> None:
    """The protocol follows from what the terminal says of itself; tmux and screen pass nothing on."""
    assert picture_protocol(environment) == expected


def test_contact_sheet() -> None:
    """Pictures stand in reading order in their proportions; what cannot be read leaves a grey tile."""
    data = contact_sheet([png((255, 0, 0)), None, b"no picture", png((0, 0, 255))], columns=2, tile=100)
    sheet = np.asarray(Image.open(io.BytesIO(data)))

    assert sheet.shape == (208, 208, 3)
    assert sheet[50, 50].tolist() == [255, 0, 0]
    assert sheet[90, 50].tolist() == [32, 32, 32]
    assert sheet[50, 158].tolist() == sheet[158, 50].tolist() == [96, 96, 96]
    assert sheet[158, 158].tolist() == [0, 0, 255]


def test_half_blocks() -> None:
    """Any terminal shows two pixels a character, at most as wide as asked for."""
    lines = terminal_picture(png((10, 20, 30)), "blocks", columns=8).split("\n")

    assert len(lines) == 2
    assert all(line == "\x1b[38;2;10;20;30;48;2;10;20;30m▀" * 8 + "\x1b[0m" for line in lines)


def test_kitty_chunks() -> None:
    """kitty gets base64 in chunks of 4096 of which all but the last announce another."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    text = terminal_picture(stream.getvalue(), "kitty")
    chunks = re.findall(r"\x1b_G(?:a=T,f=100,)?m=([01]);([^\x1b]*)\x1b\\", text)

    assert [more for more, _ in chunks] == ["1"] * (len(chunks) - 1) + ["0"]
    assert max(len(part) for _, part in chunks) <= 4096
    assert base64.b64decode("".join(part for _, part in chunks)) == stream.getvalue()


def test_iterm2() -> None:
    """iTerm2 gets one escape with the size and the whole file."""
    data = png((1, 2, 3))
    text = terminal_picture(data, "iterm2")

    assert text.startswith(f"\x1b]1337;File=inline=1;size={len(data)};")
    assert base64.b64decode(text.rpartition(":")[2].rstrip("\a")) == data
