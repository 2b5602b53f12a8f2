"""Scanned pages: in which order their lines are read, their words by OCR, and where on the page these stand."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from morelike.errors import DecodeError, MissingExtra
from morelike.modalities import _document_ocr as ocr
from morelike.modalities._document_columns import blocks
from morelike.modalities._document_ocr import _piece
from morelike.modalities.document import DocumentModality
from morelike.settings import Settings
from morelike.testing.documents import pdf, scan
from morelike.types import Blob, SegmentSpec, Span

pytest.importorskip("pypdfium2_raw", reason="documents need the extra `documents`")
needs_ocr = pytest.mark.skipif(not ocr.can_read_scans(), reason="scans need the extra `ocr`")

Box = tuple[float, float, float, float]


def column(left: float, lines: int, *, top: float = 100, width: float = 200, step: float = 30) -> list[Box]:
    """Boxes of lines, 20 high."""
    return [(left, top + number * step, left + width, top + number * step + 20) for number in range(lines)]


def test_columns_are_read_one_after_the_other() -> None:
    """Below a headline that runs over all three, though their lines stand side by side."""
    headline = [(50.0, 20.0, 750.0, 60.0)]
    boxes = headline + column(50, 6) + column(300, 5, top=104) + column(550, 6, top=97)

    assert blocks(boxes) == [[0], list(range(1, 7)), list(range(7, 12)), list(range(12, 18))]
    assert [[17 - at for at in block] for block in blocks(boxes[::-1])] == blocks(boxes)


def test_a_headline_within_the_page_parts_what_is_above_and_below() -> None:
    """Two columns, a headline over both, two columns: the upper ones are read first."""
    upper, lower = column(50, 3) + column(300, 3), column(50, 3, top=300) + column(300, 3, top=300)
    boxes = [*upper, (50.0, 230.0, 500.0, 260.0), *lower]

    assert [at for block in blocks(boxes) for at in block] == list(range(13))


def test_paragraphs_are_blocks() -> None:
    """More white than between lines parts two; lines that touch one another do not."""
    boxes = column(50, 3, step=19) + column(50, 3, top=220, step=19)

    assert blocks(boxes) == [[0, 1, 2], [3, 4, 5]]


def test_boxes_that_are_drawn_generously_are_lines_all_the_same() -> None:
    """Each reaches a quarter, or half, of its height into the next one, and is read before it."""
    for step in (15, 11):
        boxes = column(50, 20, step=step) + column(260, 20, step=step)
        assert [at for block in blocks(boxes) for at in block] == list(range(40))


def test_words_of_a_line_stay_in_it() -> None:
    """Boxes side by side, with less white between them than columns have, are read from left to right."""
    boxes: list[Box] = [(150, 10, 240, 30), (50, 11, 145, 31), (50, 40, 240, 60)]

    assert [at for block in blocks(boxes) for at in block] == [1, 0, 2]


def test_odd_boxes_have_some_order() -> None:
    """Each is named once, whatever lies on whatever; of none there is none."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 100, (2000, 2))
    boxes = [(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners, rng.uniform(0, 30, (2000, 2)), strict=True)]

    assert sorted(at for block in blocks(boxes) for at in block) == list(range(2000))
    assert blocks([]) == []
    assert blocks([(1, 1, 1, 1)] * 3) == [[0, 1, 2]]


def corners_of(boxes: list[Box], turned: float = 0.0) -> np.ndarray[Any, Any]:
    """(n, 4, 2) as the reader gives them, the page turned by so many degrees clockwise about its corner."""
    corners = np.array([[(a, b), (c, b), (c, d), (a, d)] for a, b, c, d in boxes], dtype=np.float64)
    angle = np.deg2rad(turned)
    return corners @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def test_a_word_is_put_together_at_a_lines_end() -> None:
    """Each line knows where in the text it stands, also where its hyphen goes, and where on the page."""
    piece = _piece(["A news-", "paper of Baden-", "Baden"], corners_of(column(100, 3)), (1000, 2000, 3))

    assert piece.text == "A newspaper of Baden-\nBaden"
    assert [piece.text[line.start : line.end] for line in piece.lines] == ["A news", "paper of Baden-", "Baden"]
    assert [(line.left, line.top, line.right, line.bottom) for line in piece.lines[:1]] == [(0.05, 0.1, 0.15, 0.12)]


@pytest.mark.parametrize("turned", [-1.5, -0.5, 0.0, 0.7, 2.0])
def test_a_page_may_lie_askew(turned: float) -> None:
    """Columns with little white between them are read one after the other, however the page lay on the glass."""
    boxes = column(300, 40) + column(518, 40) + column(736, 40)
    piece = _piece([str(number) for number in range(120)], corners_of(boxes, turned), (1400, 1400, 3))

    assert piece.text.split() == [str(number) for number in range(120)]


@pytest.fixture
def scanned(settings: Settings) -> DocumentModality:
    """As of a collection that reads scans."""
    documents = DocumentModality(settings)
    return documents.configured(documents.settle({"ocr": "auto"}))


@needs_ocr
def test_the_words_of_a_scan(
    scanned: DocumentModality, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """They are read, in columns, with their places; nothing is printed, logged or fetched."""
    picture = Image.new("L", (1000, 500), 245)
    picture.paste(scan("Rivers run\nto the sea", (500, 500)).crop((40, 0, 500, 500)), (0, 0))
    picture.paste(scan("Bread is\nmade of flour", (500, 500)).crop((40, 0, 500, 500)), (540, 0))
    blob = Blob.from_bytes(pdf("A plain page.", picture, size=(500, 250)), "scan.pdf")
    with caplog.at_level(logging.DEBUG):
        (plain, words, *pages) = scanned.split(blob, scanned.settle({}))
    text = str(scanned.load(blob, words, {}))

    assert scanned.load(blob, plain, {}) == "A plain page."
    assert text.split() == ["Rivers", "run", "to", "the", "sea", "Bread", "is", "made", "of", "flour"]
    assert [page.kind for page in pages] == ["image", "image"]
    assert scanned.describe(blob)["scanned"] == 1
    assert (capfd.readouterr(), caplog.records) == (("", ""), [])

    at = int(words.span.start) + text.index("flour")
    quote = scanned.quote(blob, Span("characters", at, at + 5))
    assert quote is not None
    assert (quote.text, quote.page) == ("flour", 2)
    preview = scanned.preview(blob, Span("characters", at, at + 5), 1000)
    pixels = np.asarray(Image.open(io.BytesIO(preview.data)), dtype=np.int16)
    rows, columns = np.nonzero(pixels[:, :, 0] - pixels[:, :, 2] > 60)
    assert 110 < rows.min() < rows.max() < 160
    assert 650 < columns.min() < columns.max() < 800


@needs_ocr
def test_all_pages_may_be_read_anew(settings: Settings) -> None:
    """With ``ocr`` always what stands on the page counts, not what the file says that it is; never, the reverse."""
    data = pdf(scan("seen", (300, 200)), size=(300, 200))
    hidden = b"q 300.000000 0 0 200.000000 0 0 cm /I Do Q"
    lied = data.replace(hidden, hidden + b" BT 3 Tr /A 9 Tf 9 9 Td (told) Tj ET").replace(
        b"/Length 42 ", b"/Length 78 "
    )
    blob = Blob.from_bytes(lied, "layer.pdf")
    documents = DocumentModality(settings)
    said = {
        how: documents.configured({"ocr": how}).load(blob, SegmentSpec("text"), {})
        for how in ("always", "auto", "never")
    }

    assert said == {"always": "seen", "auto": "told", "never": "told"}


@needs_ocr
def test_an_empty_page_has_no_words(scanned: DocumentModality) -> None:
    """A scan of nothing is its picture alone."""
    blob = Blob.from_bytes(pdf(scan("", (300, 300))), "empty.pdf")

    assert [spec.kind for spec in scanned.split(blob, {})] == ["image"]


@needs_ocr
def test_models_come_from_the_wheel_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they are not there nothing is fetched: a page is refused."""
    monkeypatch.setattr(ocr, "_MODELS", {"Det": "*.gone"})
    monkeypatch.setattr(ocr, "_reader", ocr._reader.__wrapped__)

    with pytest.raises(DecodeError, match=r"a\.pdf has a page whose letters cannot be read"):
        ocr.read_scan(np.zeros((8, 8, 3), dtype=np.uint8), "a.pdf", 1)


def _without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    from importlib.util import find_spec

    def find(name: str) -> Any:
        return None if name == package else find_spec(name)

    for module in ("document", "_document_ocr"):
        monkeypatch.setattr(f"morelike.modalities.{module}.find_spec", find)


def test_without_the_extra_scans_are_left_as_they_are(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new collection says so in its options; to ask for more is an error that says what to install; a collection
    that reads scans refuses them here, as the words behind them would lie elsewhere."""
    _without(monkeypatch, "rapidocr")
    documents = DocumentModality(settings)
    blob = Blob.from_bytes(pdf("plain", scan("seen")), "scan.pdf")

    assert documents.settle({})["ocr"] == "never"
    with pytest.raises(MissingExtra, match="rapidocr") as caught:
        documents.settle({"ocr": "always"})
    assert "morelike[ocr]" in caught.value.hint
    reading = documents.configured({"ocr": "auto"})
    with pytest.raises(DecodeError, match="scanned pages") as refused:
        list(reading.split(blob, {}))
    assert "morelike[ocr]" in refused.value.hint
    assert reading.describe(Blob.from_bytes(pdf("plain words"), "plain.pdf"))["words"] == 2


def test_without_pdfium_there_are_no_documents(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the error says what to install."""
    _without(monkeypatch, "pypdfium2_raw")

    with pytest.raises(MissingExtra, match="pypdfium2") as caught:
        DocumentModality(settings)
    assert "morelike[documents]" in caught.value.hint


def test_nothing_heavy_is_loaded_to_recognise_a_document() -> None:
    """The reader of scans and PDFium are not in this process until they are needed, PDFium never."""
    program = """
import sys
from morelike.modalities.document import DocumentModality
from morelike.settings import Settings
from morelike.testing.documents import pdf
from morelike.types import Blob
documents = DocumentModality(Settings(offline=True))
documents.preview(Blob.from_bytes(pdf("words"), "a.pdf"), __import__("morelike.types").types.WHOLE, 64)
print(sorted({"rapidocr", "cv2", "onnxruntime", "pypdfium2_raw", "pypdfium2", "docx", "lxml"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True)

    assert done.stdout == "[]\n"
