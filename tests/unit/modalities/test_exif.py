"""EXIF facts, from honest and from hostile blocks."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import saved
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from morelike.modalities._exif import Exif, printable, read_exif
from morelike.modalities.image import ImageModality
from morelike.settings import Settings
from morelike.types import Blob


def _camera() -> Image.Exif:
    exif = Image.Exif()
    exif.update(
        {0x010F: "Maker Inc.", 0x0110: "Model 1", 0x0112: 1, 0x0131: "Darkroom 3.1", 0x0132: "2025:01:01 00:00:00"}
    )
    exif[0x8769] = {
        0x829A: IFDRational(1, 125),
        0x829D: IFDRational(28, 10),
        0x8827: 400,
        0x9003: "2024:05:01 12:30:45",
        0x9011: "+02:00",
        0x920A: IFDRational(50, 1),
        0xA434: "50mm f/1.8",
    }
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 36.0), 3: "W", 4: (13.0, 24.0, 0.0)}
    return exif


EXPECTED = {
    "taken": "2024-05-01T12:30:45+02:00",
    "camera_make": "Maker Inc.",
    "camera_model": "Model 1",
    "lens": "50mm f/1.8",
    "iso": 400,
    "f_number": 2.8,
    "exposure_s": 0.008,
    "focal_mm": 50.0,
    "latitude": 52.51,
    "longitude": -13.4,
    "software": "Darkroom 3.1",
}


@pytest.mark.parametrize("format", ["AVIF", "JPEG", "PNG", "TIFF", "WEBP"])
def test_facts_of_a_camera(format: str, settings: Settings) -> None:
    """Date, camera, exposure and place are found in every format that carries EXIF."""
    info = ImageModality(settings).describe(Blob.from_bytes(saved(format, exif=_camera().tobytes()), "x"))

    assert {name: info.get(name) for name in EXPECTED} == EXPECTED


@pytest.mark.parametrize("prefix", [b"", b"Exif\x00\x00", b"Exif\x00\x00Exif\x00\x00"])
def test_a_block_may_have_its_jpeg_prefix(prefix: bytes) -> None:
    """A block is read with, without and with a doubled ``Exif`` marker."""
    block = _camera().tobytes().removeprefix(b"Exif\x00\x00")

    assert read_exif(io.BytesIO(prefix + block)).facts == EXPECTED


def _block(entries: list[tuple[int, int, int, bytes]], order: str = "<", rest: bytes = b"") -> io.BytesIO:
    """A TIFF header and one directory of (tag, type, count, four bytes), then ``rest`` at offset 14 + 12 n."""
    directory = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        directory += struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\x00")
    head = (b"II*\x00" if order == "<" else b"MM\x00*") + struct.pack(order + "I", 8)
    return io.BytesIO(head + directory + bytes(4) + rest)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("value", "expected"), [(6, 6), (8, 8), (0, 1), (9, 1), (65535, 1)])
def test_orientation_is_one_to_eight(order: str, value: int, expected: int) -> None:
    """In both byte orders; anything outside 1 to 8 counts as 1."""
    assert expected == read_exif(_block([(0x0112, 3, 1, struct.pack(order + "H", value))], order)).orientation


@pytest.mark.parametrize(
    ("rational", "expected"),
    [
        ((28, 10), 2.8),
        ((1, 3), 0.333333),
        ((1, 0), None),
        ((0, 0), None),
        ((0, 5), None),
        ((2**32 - 1, 1), 4294970000.0),
    ],
)
def test_odd_fractions_are_left_out(rational: tuple[int, int], expected: float | None) -> None:
    """A zero or missing denominator gives no fact, never infinity; six digits are kept."""
    at = struct.pack("<I", 26)
    inner = struct.pack("<H", 1) + struct.pack("<HHI", 0x829D, 5, 1) + struct.pack("<I", 44) + bytes(4)
    block = _block([(0x8769, 4, 1, at)], rest=inner + struct.pack("<II", *rational))

    assert expected == read_exif(block).facts.get("f_number")


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (b"2024:05:01 12:30:45\x00", "2024-05-01T12:30:45"),
        (b"2024-05-01T12:30:45Z\x00", "2024-05-01T12:30:45"),
        (b"0000:00:00 00:00:00\x00", None),
        (b"2024:13:41 25:61:61\x00", None),
        (b"    :  :     :  :  \x00", None),
        (b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe", None),
    ],
)
def test_dates_are_real_or_left_out(date: bytes, expected: str | None) -> None:
    """A blank or impossible date gives no ``taken``."""
    block = _block([(0x0132, 2, len(date), struct.pack("<I", 26))], rest=date)

    assert expected == read_exif(block).facts.get("taken")


def test_text_is_one_bounded_line() -> None:
    """Control characters go, white space is joined, and a long value is cut."""
    text = b"Ma\x1b[31mker\r\n\t Inc. " + "ü".encode() + b" x" * 5000
    facts = read_exif(_block([(0x010F, 2, len(text), struct.pack("<I", 26))], rest=text)).facts

    assert str(facts["camera_make"]).startswith("Ma [31mker Inc. ü x x")
    assert len(str(facts["camera_make"])) <= 200


def test_a_huge_claim_costs_nothing() -> None:
    """Sixty thousand entries that each claim 4 GB are read within a kilobyte each."""

    class Counting(io.BytesIO):
        total = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            Counting.total += len(data)
            return data

    entries = [(0x010F + i % 4, 5, 2**32 - 1, struct.pack("<I", 8)) for i in range(60_000)]
    read_exif(Counting(_block(entries).getvalue()))

    assert Counting.total < 100_000


def test_a_directory_that_points_at_itself_ends() -> None:
    """EXIF and GPS directories that are the main one again are read once each."""
    here = struct.pack("<I", 8)
    block = _block([(0x8769, 4, 1, here), (0x8825, 4, 1, here), (0x0112, 3, 1, b"\x03\x00")])

    assert read_exif(block).orientation == 3


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_error(data: bytes) -> None:
    """Whatever follows a TIFF header, reading never raises and gives JSON values."""
    for head in (b"", b"II*\x00\x08\x00\x00\x00", b"MM\x00*\x00\x00\x00\x08"):
        exif = read_exif(io.BytesIO(head + data))
        assert 1 <= exif.orientation <= 8
        assert exif.facts == json.loads(json.dumps(exif.facts, allow_nan=False))


@given(damage=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_block_is_read_without_error(damage: list[tuple[int, int]]) -> None:
    """A camera's block with some bytes changed gives what is left of it."""
    block: Any = bytearray(_camera().tobytes())
    for position, value in damage:
        block[position % len(block)] = value

    exif = read_exif(io.BytesIO(block))

    assert isinstance(exif, Exif)
    assert exif.facts == json.loads(json.dumps(exif.facts, allow_nan=False))


@given(st.text(), st.integers(1, 50))
def test_printable_is_one_bounded_line(text: str, limit: int) -> None:
    """Any text becomes one line that a terminal can show."""
    shown = printable(text, limit)

    assert shown.isprintable()
    assert len(shown) <= limit
