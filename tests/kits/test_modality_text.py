"""The modality of texts through the kit."""

from __future__ import annotations

from typing import Any

import pytest

from morelike.protocols import HoldsRecords, LoadsRuns, Modality, Quotes, ReadsText
from morelike.registry import MODALITIES
from morelike.settings import Settings
from morelike.testing.kits.modality import ModalityKit, Sample
from morelike.types import Blob, Span

LONG = "It rained for a week, and the river rose. " * 60
GERMAN = "Der Fluß trat über die Ufer; die Brücke hielt. Für die Häuser am Ufer galt das nicht."
JAPANESE = "川が氾濫した。橋は流されなかった。家は水につかった。" * 2


class TestTextModality(ModalityKit):
    """Every form, some encodings, and a text of many passages."""

    @pytest.fixture
    def modality(self, settings: Settings) -> Modality:
        """The registered one."""
        return MODALITIES.load("text")(settings)

    @pytest.fixture
    def samples(self) -> list[Sample]:
        """Each has 45 characters or more."""
        return [
            (LONG.encode(), "long.txt"),
            (GERMAN.encode("cp1252"), "german.txt"),
            (GERMAN.encode("utf-16"), "wide.txt"),
            (JAPANESE.encode(), "japanese.rst"),
            (f"---\ntitle: A flood\n---\n# Rain\n\n{LONG}\n\n- one\n- two\n".encode(), "notes.md"),
            (f"<!doctype html><title>A flood</title><p>{LONG}<script>no()</script>".encode(), "page.html"),
            (f'{{"title": "A flood", "content": "{LONG}", "year": 1953}}'.encode(), "A flood"),
            (f'{{"question": "{GERMAN}", "answer": "The bridge held."}}'.encode(), "What? Really.md"),
            (LONG.encode(), "without a suffix"),
        ]

    @pytest.fixture
    def garbage(self) -> list[Sample]:
        """No text at all, nothing in it, a broken record, and tables."""
        noise = bytes(range(256)) * 8
        return [
            (noise, "noise.txt"),
            (noise, "noise"),
            (b"", "empty.md"),
            (b" \n\t", "blank.txt"),
            (b"... --- !!!", "no words.txt"),
            (b"<script>let words = 1</script>", "script.html"),
            (b'{"title": ', "broken"),
            (b'{"x": 1, "y": 2}', "numbers"),
            (b"title,content\na,b\n", "table.csv"),
        ]

    @pytest.fixture
    def options(self, modality: Modality) -> dict[str, Any]:
        """Short passages."""
        return dict(modality.settle({"chunk": 200, "overlap": 50}))

    @pytest.fixture
    def part(self) -> Span:
        """Characters that each of them has."""
        return Span("characters", 5.0, 45.0)

    def test_it_follows_the_other_seams(self, modality: Modality) -> None:
        """Tables are records, words are an item, and hits show theirs."""
        assert isinstance(modality, HoldsRecords)
        assert isinstance(modality, ReadsText)
        assert isinstance(modality, LoadsRuns)
        assert isinstance(modality, Quotes)

    def test_what_is_quoted_is_what_was_loaded(
        self, modality: Modality, samples: list[Sample], options: dict[str, Any]
    ) -> None:
        """A quote has the passage's own characters, from where its span says."""
        assert isinstance(modality, Quotes)
        for data, name in samples:
            blob = Blob.from_bytes(data, name)
            for spec in modality.split(blob, options):
                quote = modality.quote(blob, spec.span)
                assert quote is not None
                assert quote.text == modality.load(blob, spec, {}), name
                assert quote.start == int(spec.span.start), name
