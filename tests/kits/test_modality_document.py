"""The modality of documents through the kit."""

from __future__ import annotations

from typing import Any

import pytest

from morelike.protocols import Configured, LoadsRuns, Modality, Quotes
from morelike.registry import MODALITIES
from morelike.settings import Settings
from morelike.testing.documents import docx, epub, pdf, pptx
from morelike.testing.kits.modality import ModalityKit, Sample
from morelike.types import Blob, Span

pytest.importorskip("pypdfium2_raw", reason="documents need the extra `documents`")


class TestDocumentModality(ModalityKit):
    """PDF, DOCX of several passages, PPTX, EPUB and HTML."""

    @pytest.fixture
    def modality(self, settings: Settings) -> Modality:
        """The registered one."""
        return MODALITIES.load("document")(settings)

    @pytest.fixture
    def samples(self) -> list[Sample]:
        """PDFs, of which one begins late, have pages that are drawn; the others have words alone."""
        letter = [f"Sentence {number} of a letter." for number in range(40)]
        return [
            (pdf("Whoever reads this knows that it is", "the first of two pages."), "page.pdf"),
            (b"\n" * 900 + pdf("This one begins some hundred bytes late."), "no suffix"),
            (docx(*letter), "letter.docx"),
            (pptx(("A slide and all that it has to say", "And its notes")), "talk.pptx"),
            (epub("<h1>One</h1><p>It was a dark and stormy night, as it often is.</p>"), "book.epub"),
            (b"<!DOCTYPE html><title>T</title><p>A page of the web, which has some words in it.</p>", "page.html"),
        ]

    @pytest.fixture
    def options(self, modality: Modality) -> dict[str, Any]:
        """Short passages."""
        return dict(modality.settle({"chunk": 300, "overlap": 50}))

    @pytest.fixture
    def part(self) -> Span:
        """Characters that each of them has."""
        return Span("characters", 5.0, 30.0)

    def test_it_quotes(self, modality: Modality, samples: list[Sample], options: dict[str, Any]) -> None:
        """The words of a passage are those that its segment has, in their place."""
        assert isinstance(modality, Quotes)
        assert isinstance(modality, Configured)
        assert isinstance(modality, LoadsRuns)
        for data, name in samples:
            blob = Blob.from_bytes(data, name)
            spec = next(spec for spec in modality.split(blob, options) if spec.kind == "text")
            quote = modality.quote(blob, spec.span)
            assert quote is not None
            assert quote.text == modality.load(blob, spec, {})
            assert quote.start == spec.span.start
