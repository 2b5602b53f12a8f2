"""PDFs: their words in their places, the pictures of their pages, and what is said of those that cannot be read."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.modalities.document import DocumentModality
from morelike.settings import Settings
from morelike.testing.documents import assembled, pdf, scan, stream
from morelike.types import WHOLE, Blob, Preview, SegmentSpec, Span

pytest.importorskip("pypdfium2_raw", reason="documents need the extra `documents`")

FIRST = "The first page speaks of rivers.\nRivers run to the sea."
THIRD = "The third page speaks of bread."


@pytest.fixture
def documents(settings: Settings) -> DocumentModality:
    return DocumentModality(settings)


@pytest.fixture
def three() -> Blob:
    """Words, a blank page, words."""
    told = {"Title": "On (many) things", "Author": "A. Writer", "CreationDate": "D:20240506070809+02'00'"}
    return Blob.from_bytes(pdf(FIRST, "", THIRD, info=told), "three.pdf")


def texts(documents: DocumentModality, blob: Blob, **options: object) -> list[str]:
    specs = documents.split(blob, documents.settle(options))
    return [documents.load(blob, spec, {}) for spec in specs if spec.kind == "text"]


def yellow(preview: Preview) -> tuple[int, int, int, int]:
    """The box of what is marked: left, top, right, bottom."""
    pixels = np.asarray(Image.open(io.BytesIO(preview.data)).convert("RGB"), dtype=np.int16)
    rows, columns = np.nonzero((pixels[:, :, 0] - pixels[:, :, 2]) > 80)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def test_what_it_says_of_itself(documents: DocumentModality, three: Blob) -> None:
    """Pages, words, and title, author and date as the file has them."""
    assert dict(documents.describe(three)) == {
        "format": "PDF",
        "pages": 3,
        "title": "On (many) things",
        "author": "A. Writer",
        "created": "2024-05-06T07:08:09",
        "words": 17,
        "characters": len(FIRST) + len(THIRD) + 2,
    }


def test_passages_and_pages(documents: DocumentModality, three: Blob) -> None:
    """A passage lies in one page, its place counts in the text of all; a blank page is no segment."""
    whole = documents.load(three, SegmentSpec("text"), {})
    specs = list(documents.split(three, documents.settle({})))

    assert whole == f"{FIRST}\f\f{THIRD}"
    assert specs == [
        SegmentSpec("text", Span("characters", 0, len(FIRST))),
        SegmentSpec("text", Span("characters", len(FIRST) + 2, len(whole))),
        SegmentSpec("image", Span("page", 1, 1)),
        SegmentSpec("image", Span("page", 3, 3)),
    ]


@pytest.mark.parametrize(("pages", "kinds"), [("text", {"text"}), ("images", {"image"}), ("both", {"text", "image"})])
def test_a_collection_may_have_one_kind_alone(settings: Settings, three: Blob, pages: str, kinds: set[str]) -> None:
    """The option ``pages`` leaves out the other segments, and the kinds of which there would be none."""
    documents = DocumentModality(settings)
    options = documents.settle({"pages": pages})
    chosen = documents.configured(options)

    assert {spec.kind for spec in chosen.split(three, options)} == kinds
    assert set(chosen.kinds) - {"terms"} == kinds
    assert ("terms" in chosen.kinds) == ("text" in kinds)


def test_a_part_is_pages_or_characters(documents: DocumentModality, three: Blob) -> None:
    """A page has its passages and its picture, a stretch of characters its words; other parts there are none."""
    options = documents.settle({})
    start = len(FIRST) + 2

    assert list(documents.split(three, options, Span("page", 3, 3))) == [
        SegmentSpec("text", Span("characters", start, start + len(THIRD))),
        SegmentSpec("image", Span("page", 3, 3)),
    ]
    assert list(documents.split(three, options, Span("characters", 4, 9))) == [
        SegmentSpec("text", Span("characters", 4, 9))
    ]
    for part in (Span("page", 4, 4), Span("page", 0, 1), Span("characters", 1e9, 2e9), Span("seconds", 0, 1)):
        with pytest.raises(QueryError, match=r"three\.pdf"):
            list(documents.split(three, options, part))
        with pytest.raises(DecodeError):
            documents.quote(three, part)


def test_words_are_put_together_at_the_end_of_a_line(documents: DocumentModality) -> None:
    """A hyphen at a line's end goes where the word goes on in small letters, and stays in a name of two."""
    (text,) = texts(documents, Blob.from_bytes(pdf("It is an exam-\nple of Baden-\nBaden."), "a.pdf"))

    assert text.split() == ["It", "is", "an", "example", "of", "Baden-Baden."]


def test_the_words_of_a_hit(documents: DocumentModality, three: Blob) -> None:
    """A quote is the passage with its place and page; of a page, or of the whole, the first words; of a blank none."""
    start = len(FIRST) + 2
    quote = documents.quote(three, Span("characters", start + 4, start + 9))

    assert quote is not None
    assert (quote.text, quote.start, quote.page) == ("third", start + 4, 3)
    of_page, of_all = documents.quote(three, Span("page", 3, 3)), documents.quote(three, WHOLE)
    assert of_page is not None
    assert of_all is not None
    assert (of_page.text, of_page.page) == (THIRD, 3)
    assert (of_all.text, of_all.page) == (FIRST, 1)
    assert documents.quote(three, Span("page", 2, 2)) is None


def test_the_words_are_marked_on_the_page(documents: DocumentModality, three: Blob) -> None:
    """A preview of a passage is its page with yellow where the words stand, and there alone; of a page without."""
    second_line = FIRST.index("Rivers run")
    preview = documents.preview(three, Span("characters", second_line, second_line + 6), 500)

    left, top, right, bottom = yellow(preview)
    assert (preview.width, preview.height, preview.media_type) == (400, 500, "image/jpeg")
    assert 36 <= left <= 46
    assert 75 <= right <= 95
    assert 60 <= top <= 72
    assert 78 <= bottom <= 90
    with pytest.raises(ValueError, match="zero-size"):
        yellow(documents.preview(three, Span("page", 1, 1), 500))


def test_a_turned_page_is_marked_where_it_is_shown(documents: DocumentModality) -> None:
    """What is turned by a quarter has its first line on the right, the words from the top down."""
    blob = Blob.from_bytes(pdf(FIRST, rotate=90), "turned.pdf")
    preview = documents.preview(blob, Span("characters", 0, 3), 500)

    left, top, right, bottom = yellow(preview)
    assert (preview.width, preview.height) == (500, 400)
    assert left > 410
    assert right < 460
    assert 30 <= top < bottom <= 75


def test_pages_are_drawn_for_the_encoder(documents: DocumentModality) -> None:
    """The shorter side has twice the pixels that the encoder wants; 150 dots an inch where it wants none."""
    blob = Blob.from_bytes(pdf("words"), "a.pdf")
    spec = SegmentSpec("image", Span("page", 1, 1))
    drawn = documents.load(blob, spec, {"side": 32})

    assert drawn.shape == (80, 64, 3)
    assert drawn.flags.writeable
    assert drawn.min() < 200 < drawn.max() == 255
    assert documents.load(blob, spec, {}).shape == (1042, 833, 3)


@pytest.mark.parametrize("size", [(1e6, 1e6), (1e30, 1e30), (1e6, 1), (0, 0), (1e-9, 5), (-5, 100)])
def test_a_page_of_any_size_has_a_picture_of_a_bounded_one(
    documents: DocumentModality, size: tuple[float, float]
) -> None:
    """Whatever a file says of its pages, no side has more than 4096 pixels, or none."""
    blob = Blob.from_bytes(pdf("x", size=size), "odd.pdf")
    for want in ({}, {"side": 2048}):
        height, width, _ = documents.load(blob, SegmentSpec("image"), want).shape
        assert 1 <= min(height, width) <= max(height, width) <= 4096


def test_an_encrypted_file_says_so(documents: DocumentModality) -> None:
    """One that asks for a password is a DecodeError with what to do; one with an empty password opens."""
    with pytest.raises(DecodeError, match=r"locked\.pdf is encrypted") as caught:
        documents.describe(Blob.from_bytes(pdf(FIRST, user=b"secret"), "locked.pdf"))

    assert "password" in caught.value.hint
    assert texts(documents, Blob.from_bytes(pdf(FIRST, user=b""), "open.pdf")) == [FIRST]


def test_a_damaged_file_is_repaired_or_refused(documents: DocumentModality) -> None:
    """With a wrong table of objects, or none, a file is read; cut before its end it is not."""
    data = pdf(FIRST, THIRD)

    for broken in (data.replace(b"xref", b"oops"), data.replace(b"startxref\n", b"startxref\n9")):
        assert texts(documents, Blob.from_bytes(broken, "broken.pdf")) == [FIRST, THIRD]
    for cut in (data[: data.index(b"xref")], data[:200], data[:5]):
        with pytest.raises(DecodeError, match=r"broken\.pdf"):
            documents.describe(Blob.from_bytes(cut, "broken.pdf"))


def test_what_has_nothing_is_refused(documents: DocumentModality, settings: Settings) -> None:
    """Blank pages are nothing to be searched; scanned ones are no words, and the hint says what reads them."""
    with pytest.raises(DecodeError, match="no words, and nothing to be seen"):
        list(documents.split(Blob.from_bytes(pdf("", ""), "blank.pdf"), {}))
    words_alone = DocumentModality(settings, pages="text")
    with pytest.raises(DecodeError, match=r"its 1 pages? .*pictures?") as caught:
        list(words_alone.split(Blob.from_bytes(pdf(scan("words")), "scan.pdf"), {}))
    assert "morelike[ocr]" in caught.value.hint


def test_a_scan_without_reader_is_its_picture(documents: DocumentModality) -> None:
    """Its page is an image segment, and the item says how many pages are scanned."""
    blob = Blob.from_bytes(pdf(scan("words"), "plain words"), "scan.pdf")

    assert documents.describe(blob)["scanned"] == 1
    assert [(spec.kind, spec.span.start) for spec in documents.split(blob, {})] == [
        ("text", 1.0),
        ("image", 1.0),
        ("image", 2.0),
    ]


def test_too_much_is_refused(documents: DocumentModality, monkeypatch: pytest.MonkeyPatch) -> None:
    """More pages, or more letters, than a document may have are a DecodeError."""
    leaf = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"
    kids = b"<< /Type /Pages /Kids [%s] /Count 5001 >>" % (b"3 0 R " * 5001)
    with pytest.raises(DecodeError, match="too many pages"):
        documents.describe(Blob.from_bytes(assembled([b"<< /Type /Catalog /Pages 2 0 R >>", kids, leaf]), "many.pdf"))
    monkeypatch.setattr("morelike.modalities._document_pdf.MOST_CHARACTERS", 10)
    with pytest.raises(DecodeError, match="more letters"):
        documents.describe(Blob.from_bytes(pdf(FIRST), "long.pdf"))


def test_a_count_that_lies_is_not_believed(documents: DocumentModality) -> None:
    """Two thousand million pages in a header are the one that is there."""
    data = pdf(FIRST).replace(b"/Count 1", b"/Count 2000000000")

    assert documents.describe(Blob.from_bytes(data, "lies.pdf"))["pages"] == 1


@pytest.mark.parametrize("letter", ["\U0001d11e", "é", "\ud834"])
def test_letters_beyond_latin(documents: DocumentModality, letter: str) -> None:
    """A letter of any plane comes as one; half of one, and what is none, is left out."""
    codes = letter.encode("utf-16-be", "surrogatepass").hex().encode()
    mapping = b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <ff> endcodespacerange"
    mapping += b" 1 beginbfchar <41> <%s> endbfchar endcmap end" % codes
    data = pdf("1A2").replace(b"/Encoding /WinAnsiEncoding >>", b"/ToUnicode 4 0 R >>")
    number = data.index(b"4 0 obj\n<<  >>")
    data = data[:number] + b"4 0 obj\n" + stream(mapping) + data[number + len(b"4 0 obj\n<<  >>") :]

    assert texts(documents, Blob.from_bytes(data.replace(b"startxref", b"startxrex"), "a.pdf")) == [
        f"1{letter}2" if letter.isprintable() else "12"
    ]


def test_options_are_checked(documents: DocumentModality) -> None:
    """What is no number of characters, no part and no way of reading scans, is a UsageError that names it."""
    for given in ({"chunk": "many"}, {"overlap": -1}, {"pages": "some"}, {"ocr": "yes"}):
        with pytest.raises(UsageError, match=next(iter(given))):
            documents.settle(given)


def test_many_threads_read_the_same(documents: DocumentModality) -> None:
    """Twenty documents from eight threads give what each gives alone."""
    blobs = [Blob.from_bytes(pdf(f"Number {number}", f"and {number}"), f"{number}.pdf") for number in range(20)]

    def read(blob: Blob) -> tuple[list[str], bytes]:
        return texts(documents, blob), documents.preview(blob, WHOLE, 64).data

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(read, blobs))
    assert together == [read(blob) for blob in blobs]
    assert together[3][0] == ["Number 3", "and 3"]
