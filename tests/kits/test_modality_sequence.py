"""The modality of sequences through the kit."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np
import pytest

from morelike.protocols import HoldsRecords, Modality, ReadsText
from morelike.registry import MODALITIES
from morelike.settings import Settings
from morelike.testing.kits.modality import ModalityKit, Sample
from morelike.types import Span


def dna(length: int, seed: int = 0) -> str:
    """So many bases."""
    return "".join(np.array(list("ACGT"))[np.random.default_rng(seed).integers(0, 4, length)])


def _genbank() -> bytes:
    letters = dna(130, 5).lower()
    rows = [f"{start + 1:>9} {letters[start : start + 60]}" for start in range(0, len(letters), 60)]
    head = "LOCUS       TOY1  130 bp    DNA     linear   BCT 21-NOV-2026\nDEFINITION  A toy.\nORIGIN"
    return "\n".join([head, *rows, "//", ""]).encode()


class TestSequenceModality(ModalityKit):
    """One record each: FASTA short and long, packed, a protein, FASTQ, GenBank, a table."""

    @pytest.fixture
    def modality(self, settings: Settings) -> Modality:
        """The registered one."""
        return MODALITIES.load("sequence")(settings)

    @pytest.fixture
    def samples(self) -> list[Sample]:
        """Among them one with windows and a genome's sketch."""
        return [
            (f">one a toy\n{dna(70)}\n".encode(), "one.fasta"),
            (f">rna\r\n{dna(90).replace('T', 'u')}\r\n".encode(), "no suffix"),
            (f">long\n{dna(6000)}\n".encode(), "LONG.FNA"),
            (gzip.compress(f">packed\n{dna(200, 3)}\n".encode()), "packed.fa.gz"),
            (b">protein some enzyme\nMKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAV\n", "protein.faa"),
            (f"@read\n{dna(100, 4)}\n+\n{'I' * 100}\n".encode(), "reads.fastq"),
            (_genbank(), "toy.gb"),
            (f"sequence\tclass\n{dna(80, 6)}\t4\n".encode(), "classes.tsv"),
        ]

    @pytest.fixture
    def options(self, modality: Modality) -> dict[str, Any]:
        """Windows of a thousand bases."""
        return dict(modality.settle({"window": 1000, "hop": 500}))

    @pytest.fixture
    def part(self) -> Span:
        """Bases that each of them has."""
        return Span("bases", 5.0, 45.0)

    def test_it_holds_records_and_reads_text(self, modality: Modality, samples: list[Sample]) -> None:
        """Every sample is a file of records, and the one record has the letters that the file has."""
        assert isinstance(modality, ReadsText)
        assert isinstance(modality, HoldsRecords)
        for data, name in samples:
            assert modality.holds(data[:4096], name), name
