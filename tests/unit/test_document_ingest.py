"""Documents from Python: a collection that is searched by words, by meaning, by a picture of a page, and by all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import morelike
from morelike.collection import OpenCollection
from morelike.errors import DecodeError, QueryError
from morelike.modalities.document import DocumentModality
from morelike.settings import Settings
from morelike.testing.documents import docx, epub, pdf, pptx
from morelike.testing.toys import ToyEncoder, ToyWords
from morelike.types import Blob, Span

pytest.importorskip("pypdfium2_raw", reason="documents need the extra `documents`")

WORDS = {
    "rivers": ("Rivers run to the sea.", "A delta is where a river ends."),
    "bread": ("Bread is made of flour.", "Yeast makes the dough rise."),
}


def drawing(seed: int) -> Image.Image:
    """A picture of grey squares that only ``seed`` decides."""
    squares = np.random.default_rng(seed).integers(0, 256, (4, 3), dtype=np.uint8)
    return Image.fromarray(squares).resize((300, 400), Image.Resampling.NEAREST)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two folders of three documents each, and four that are none."""
    folder = tmp_path / "papers"
    for at, (topic, pages) in enumerate(WORDS.items()):
        (folder / topic).mkdir(parents=True)
        (folder / topic / "paper.pdf").write_bytes(pdf(*pages, drawing(at), size=(300, 400)))
        (folder / topic / "letter.docx").write_bytes(docx(*reversed(pages), title=topic))
        (folder / topic / "talk.pptx").write_bytes(pptx(*((page, "") for page in pages)))
    (folder / "locked.pdf").write_bytes(pdf("secret", user=b"secret"))
    (folder / "broken.pdf").write_bytes(pdf("broken")[:150])
    (folder / "empty.pdf").write_bytes(b"")
    (folder / "blank.pdf").write_bytes(pdf(""))
    return folder


@pytest.fixture
def papers(settings: Settings, folder: Path) -> Iterator[OpenCollection]:
    """They, with a space for words and one for pages."""
    with morelike.open(settings) as library:
        opened = library.collection("papers", modality="document", encoder=[ToyWords(), ToyEncoder()])
        report = opened.add(folder)
        assert (report.added, report.rejected) == (6, 4)
        yield opened


def sources(hits: object) -> list[str]:
    return ["/".join(Path(hit.source).parts[-2:]) for hit in hits]  # type: ignore[attr-defined] # of hits


def test_a_folder_of_documents_is_recognised(settings: Settings, folder: Path) -> None:
    """Nobody needs to say what it holds."""
    with morelike.open(settings) as library:
        assert library.guess(folder).modality == "document"


def test_both_spaces_are_active(papers: OpenCollection) -> None:
    """Words and pictures of pages, and a keyword index besides."""
    assert sorted(space.kind for space in papers.spaces if space.active) == ["image", "terms", "text"]


def test_each_reject_says_why(papers: OpenCollection) -> None:
    """In the ledger, with the file's name."""
    reasons = {Path(row.uri).name: row.reason for row in papers.rejected()}

    assert set(reasons) == {"locked.pdf", "broken.pdf", "empty.pdf", "blank.pdf"}
    for name, said in (("locked", "encrypted"), ("broken", "damaged"), ("empty", "empty"), ("blank", "nothing to be")):
        assert said in reasons[f"{name}.pdf"], name


def test_words_find_by_meaning(papers: OpenCollection) -> None:
    """The passage that says the same is first, with its place in its document; more hits than there are is no fault."""
    hits = papers.search(text="Yeast makes the dough rise.", k=500)

    assert set(sources(hits)[:3]) == {"bread/paper.pdf", "bread/letter.docx", "bread/talk.pptx"}
    best = next(hit for hit in hits if hit.source.endswith("paper.pdf"))
    start = len(WORDS["bread"][0]) + 1
    assert best.span == Span("characters", start, start + len(WORDS["bread"][1]))
    assert len(hits) == 6


def test_words_find_by_themselves(papers: OpenCollection) -> None:
    """Keyword search goes over the same passages, filters over what the files say of themselves."""
    assert set(sources(papers.search(text="delta", mode="keyword"))) == {
        "rivers/paper.pdf",
        "rivers/letter.docx",
        "rivers/talk.pptx",
    }
    found = papers.search(text="dough rise", mode="hybrid", filter="pages >= 2 and format = 'PDF'", k=9)
    assert sources(found)[0] == "bread/paper.pdf"
    assert set(sources(found)) == {"bread/paper.pdf", "rivers/paper.pdf"}


def test_a_picture_of_a_page_finds_it(papers: OpenCollection) -> None:
    """The page that looks so, counted from 1; documents without pictures are no answer."""
    best, *others = papers.search(drawing(1), k=10)

    assert sources([best]) == ["bread/paper.pdf"]
    assert (best.kind, best.span) == ("image", Span("page", 3, 3))
    assert sources(others) == ["rivers/paper.pdf"]


def test_a_document_is_an_example(papers: OpenCollection, tmp_path: Path) -> None:
    """With its words and its pages, fused; a page or some characters of it alone where one is named."""
    asked = Blob.from_bytes(pdf(WORDS["rivers"][1], drawing(0), size=(300, 400)), "asked.pdf")

    assert sources(papers.search(asked, k=6))[0] == "rivers/paper.pdf"
    assert sources(papers.search(asked, at=Span("page", 2, 2), k=6)) == ["rivers/paper.pdf", "bread/paper.pdf"]
    assert sources(papers.search(asked, at=Span("characters", 0, 30), k=1))[0].startswith("rivers")
    with pytest.raises(QueryError, match=r"asked\.pdf has"):
        papers.search(asked, at=Span("page", 7, 7))
    with pytest.raises(DecodeError, match="encrypted"):
        papers.search(Blob.from_bytes(pdf("x", user=b"secret"), "locked.pdf"))


def test_an_item_is_an_example(papers: OpenCollection) -> None:
    """By its id, in both spaces; it is left out of its own answer."""
    item = next(item for item in papers.items() if item.sources[0].uri.endswith("bread/paper.pdf"))
    found = sources(papers.search(item.id, k=9))

    assert len(found) == 5
    assert "bread/paper.pdf" not in found
    assert found[0] == "rivers/paper.pdf"  # the only other one with pages that are pictures


def test_folders_are_labels(papers: OpenCollection) -> None:
    """``evaluate`` by folder: documents on one subject find one another."""
    found = papers.evaluate(labels="parent-folder")

    assert (found.queries, found.items) == (6, 6)
    assert found.p_at_1 == 1.0


def test_a_hit_is_shown_on_its_page(papers: OpenCollection) -> None:
    """A preview of its span is another one than that of its document, whose words are not marked."""
    hit = next(hit for hit in papers.search(text="Rivers run to the sea.", k=6) if hit.source.endswith(".pdf"))
    marked, plain = papers.preview(hit.item, 256, hit.span), papers.preview(hit.item, 256)

    assert marked.media_type == plain.media_type == "image/jpeg"
    assert max(marked.width, marked.height) == 256
    assert marked.data != plain.data


def test_a_run_reads_a_document_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many passages it has, and though other documents are on their way too."""
    from morelike.modalities import document

    read: list[str] = []
    whole = DocumentModality._read_words

    def counted(self: DocumentModality, known: object, data: bytes, name: str) -> object:
        read.append(name)
        return whole(self, known, data, name)  # type: ignore[arg-type]

    monkeypatch.setattr(document.DocumentModality, "_read_words", counted)
    blobs = [
        Blob.from_bytes(pdf(*(f"Page {page} of document {number}." for page in range(40))), f"{number}.pdf")
        for number in range(12)
    ]
    with morelike.open(settings) as library:
        papers = library.collection("papers", modality="document", encoder=ToyWords())
        assert papers.add(*blobs).added == 12

    assert sorted(read) == sorted(f"{number}.pdf" for number in range(12))


def test_large_and_small(settings: Settings) -> None:
    """A book of three megabytes of words and a document of one are both found, ten megabytes of nothing are not."""
    long = epub(*(f"<p>Chapter {number}. {'It went on and on, as it does. ' * 500}</p>" for number in range(200)))
    noise = np.random.default_rng(0).bytes(10_000_000)
    with morelike.open(settings) as library:
        papers = library.collection("papers", modality="document", encoder=ToyWords())
        report = papers.add(
            Blob.from_bytes(long, "long.epub"),
            Blob.from_bytes(pdf("x"), "short.pdf"),
            Blob.from_bytes(b"%PDF-1.7\n" + noise, "noise.pdf"),
            Blob.from_bytes(b"PK\x03\x04" + bytes(26) + b"word/" + noise, "noise.docx"),
        )

        assert (report.added, report.rejected) == (2, 2)
        assert {row.reason.split(" is ")[0] for row in papers.rejected()} == {"noise.pdf", "noise.docx"}
        (hit,) = papers.search(text="chapter 7", mode="keyword", k=1)
        assert hit.source.endswith("long.epub")


def test_one_kind_alone_needs_one_encoder(settings: Settings) -> None:
    """With ``pages=text`` there is no space for pictures, and none is asked for."""
    said: list[str] = []
    with morelike.open(settings) as library:
        papers = library.collection(
            "papers", modality="document", encoder=ToyWords(), options={"pages": "text"}, notify=said.append
        )
        papers.add(Blob.from_bytes(pdf("some words"), "a.pdf"))

        assert sorted(space.kind for space in papers.spaces) == ["terms", "text"]
        assert said == []
        assert papers.count() == 1
