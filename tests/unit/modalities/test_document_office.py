"""Word, PowerPoint, EPUB and web pages: the words that a reader sees, in the order in which they are read."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from morelike.errors import DecodeError
from morelike.modalities.document import DocumentModality
from morelike.settings import Settings
from morelike.testing.documents import docx, epub, pptx, relations, zipped
from morelike.types import WHOLE, Blob, SegmentSpec, Span

pytest.importorskip("pypdfium2_raw", reason="documents need the extra `documents`")

RUN = "<w:r><w:t>{}</w:t></w:r>"


@pytest.fixture
def documents(settings: Settings) -> DocumentModality:
    return DocumentModality(settings)


def words(documents: DocumentModality, data: bytes, name: str) -> str:
    return str(documents.load(Blob.from_bytes(data, name), SegmentSpec("text"), {}))


def paragraph(*texts: str) -> str:
    return f"<w:p>{''.join(RUN.format(text) for text in texts)}</w:p>"


def test_paragraphs_and_facts(documents: DocumentModality) -> None:
    """Paragraphs stand apart; title, author and date come from the file."""
    data = docx("First & foremost.", "Second.", title="A Letter")

    assert words(documents, data, "a.docx") == "First & foremost.\n\nSecond."
    assert dict(documents.describe(Blob.from_bytes(data, "a.docx"))) == {
        "format": "DOCX",
        "title": "A Letter",
        "author": "A. Writer",
        "created": "2024-05-06T07:08:09",
        "words": 3,
        "characters": 26,
    }


def test_runs_are_one_word(documents: DocumentModality) -> None:
    """A word whose letters are set differently stays one; tabs and breaks part what they part on the page."""
    body = f"<w:p>{RUN.format('wo')}{RUN.format('rd')}<w:r><w:tab/><w:t>x</w:t><w:br/><w:t>y</w:t></w:r></w:p>"

    assert words(documents, docx(body=body), "a.docx") == "word\tx\ny"


def test_a_table_is_lines(documents: DocumentModality) -> None:
    """A row is a line, with tabs between its cells, whatever stands in them."""
    rows = "".join(
        f"<w:tr><w:tc>{paragraph(a)}{paragraph('again')}</w:tc><w:tc>{paragraph(b)}</w:tc></w:tr>"
        for a, b in (("bread", "2"), ("milk", "3"))
    )
    data = docx("Shopping", body=f"<w:tbl>{rows}</w:tbl>{paragraph('Done.')}")

    assert words(documents, data, "a.docx") == "Shopping\n\nbread again\t2\nmilk again\t3\n\nDone."


def test_what_is_not_shown_is_left_out(documents: DocumentModality) -> None:
    """Fields' codes, what was deleted or moved away, and the second writing of a text box are no words."""
    box = f"<mc:Choice>{paragraph('in a box')}</mc:Choice><mc:Fallback>{paragraph('in a box')}</mc:Fallback>"
    body = (
        '<w:p xmlns:mc="mc"><w:r><w:instrText>PAGE</w:instrText><w:delText>gone</w:delText></w:r>'
        f"<w:moveFrom>{RUN.format('moved')}</w:moveFrom><mc:AlternateContent>{box}</mc:AlternateContent></w:p>"
    )

    assert words(documents, docx(body=body), "a.docx") == "in a box"


def test_footnotes_come_last(documents: DocumentModality) -> None:
    """And endnotes after them."""
    notes = {f"word/{kind}notes.xml": f'<w:x xmlns:w="w">{paragraph(kind)}</w:x>' for kind in ("end", "foot")}

    assert words(documents, docx("Text.", more=notes), "a.docx") == "Text.\n\nfoot\n\nend"


def test_what_python_docx_writes_is_read(documents: DocumentModality) -> None:
    """Headings, lists, tables and properties of a file that another program made."""
    library = pytest.importorskip("docx")
    made = library.Document()
    made.core_properties.title = "Made elsewhere"
    made.add_heading("A heading", 1)
    made.add_paragraph("An item", style="List Bullet")
    made.add_table(1, 2).cell(0, 1).text = "in a cell"
    stream = io.BytesIO()
    made.save(stream)
    blob = Blob.from_bytes(stream.getvalue(), "made")

    assert documents.sniff(stream.getvalue()[:4096], "made") == 1.0
    assert documents.describe(blob)["title"] == "Made elsewhere"
    assert words(documents, stream.getvalue(), "made").split("\n\n") == ["A heading", "An item", "in a cell"]


def test_a_slide_is_a_page(documents: DocumentModality) -> None:
    """In the order in which they are shown, with their notes; numbers of slides are no words."""
    blob = Blob.from_bytes(pptx(("Rivers\nthey run", "say hello"), ("Bread", "")), "talk.pptx")
    text = "Rivers\n\nthey run\n\nsay hello\fBread"

    assert documents.load(blob, SegmentSpec("text"), {}) == text
    assert documents.describe(blob)["pages"] == 2
    assert [spec.span for spec in documents.split(blob, {})] == [
        Span("characters", 0, text.index("\f")),
        Span("characters", text.index("Bread"), len(text)),
    ]
    quote = documents.quote(blob, Span("page", 2, 2))
    assert quote is not None
    assert (quote.text, quote.page) == ("Bread", 2)


def test_what_python_pptx_writes_is_read(documents: DocumentModality) -> None:
    """Titles, bodies and notes."""
    library = pytest.importorskip("pptx")
    made = library.Presentation()
    for number in (1, 2):
        slide = made.slides.add_slide(made.slide_layouts[1])
        slide.shapes.title.text = f"Title {number}"
        slide.placeholders[1].text = f"Body {number}"
        slide.notes_slide.notes_text_frame.text = f"Notes {number}"
    stream = io.BytesIO()
    made.save(stream)

    pages = words(documents, stream.getvalue(), "talk.pptx").split("\f")
    assert [page.split("\n\n") for page in pages] == [[f"Title {n}", f"Body {n}", f"Notes {n}"] for n in (1, 2)]


def test_a_book_is_its_chapters(documents: DocumentModality) -> None:
    """In the order of the spine; no passage reaches over two of them."""
    blob = Blob.from_bytes(epub("<h1>One</h1><p>It rained.</p>", "<p>Then it did not.</p>", "<img/>"), "a.epub")

    assert documents.load(blob, SegmentSpec("text"), {}) == "One\n\nIt rained.\fThen it did not."
    assert len(list(documents.split(blob, {}))) == 2
    info = documents.describe(blob)
    assert (info["title"], info["author"], info["created"], info["chapters"]) == ("A Book", "Jane Doe", "1897", 2)
    quote = documents.quote(blob, WHOLE)
    assert quote is not None
    assert quote.page is None


def test_a_web_page_is_a_document_if_asked(documents: DocumentModality) -> None:
    """Its words and title; surer of it are others."""
    page = b"<!-- saved --><!doctype html><html><title>T</title><script>no()</script><p>Words on a page.</p></html>"

    assert words(documents, page, "a.html") == "Words on a page."
    assert documents.describe(Blob.from_bytes(page, "a.html"))["title"] == "T"
    assert 0 < documents.sniff(page, "a.html") <= 0.1


def test_what_has_no_pages_is_shown_as_a_card(documents: DocumentModality) -> None:
    """A picture of the first words, no larger than asked for."""
    blob = Blob.from_bytes(docx("Some words."), "a.docx")
    preview = documents.preview(blob, Span("characters", 0, 4), 128)

    with Image.open(io.BytesIO(preview.data)) as picture:
        assert max(picture.size) == 128
    with pytest.raises(DecodeError, match="no pages to look at"):
        documents.load(blob, SegmentSpec("image"), {})


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (epub("<p>x</p>", locked=True), "locked.epub", "encrypted"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "locked.docx", "encrypted"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old.doc", "before 2007"),
        (docx("")[:-30], "cut.docx", "damaged"),
        (zipped({"[Content_Types].xml": "", "word/x": ""}), "none.docx", "neither"),
        (
            zipped({"_rels/.rels": relations(a=("officeDocument", "word/gone.xml")), "word/": ""}),
            "a.docx",
            "has no word",
        ),
        (docx(prologue="<"), "bad.docx", "XML cannot be read"),
        (zipped({"mimetype": "application/epub+zip"}, stored=["mimetype"]), "none.epub", "META-INF"),
        (docx(), "empty.docx", "no words"),
        (b"", "empty.pdf", "is empty"),
        (b"<html></html>", "empty.html", "no words"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_used_says_why(documents: DocumentModality, data: bytes, name: str, said: str) -> None:
    """A DecodeError that names the file and the reason."""
    with pytest.raises(DecodeError, match=said) as caught:
        list(documents.split(Blob.from_bytes(data, name), {}))
    assert name in caught.value.message
