"""Sequences from Python: what is added and what is asked with, when it is wrong, empty, vast or more than there is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.errors import DecodeError, EncodeError, QueryError
from morelike.settings import Settings
from morelike.types import Blob

pytest.importorskip("Bio", reason="sequences need the extra `sequences`")

PROTEIN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAV"
GARBAGE = b">garbage\n" + b"=" * 10_000_000


def dna(seed: int, length: int = 600) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def fasta(**records: str) -> bytes:
    return "".join(f">{name}\n{letters}\n" for name, letters in records.items()).encode()


@pytest.fixture
def genes(settings: Settings) -> Iterator[OpenCollection]:
    """An empty collection."""
    with morelike.open(settings) as library:
        yield library.collection("genes", modality="sequence")


@pytest.fixture
def four(genes: OpenCollection) -> OpenCollection:
    """With four genes."""
    records = {f"gene{seed}": dna(seed) for seed in range(4)}
    assert genes.add(Blob.from_bytes(fasta(**records), "genes.fasta")).added == 4
    return genes


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "is empty"), (b">b\nACGT5\n", "'5' at letter 5"), (GARBAGE, "'=' at letter 1"), (b"\x00\x01\x02", "")],
    ids=["empty", "invalid", "10-mb", "binary"],
)
def test_a_file_that_is_none_is_one_reject(genes: OpenCollection, tmp_path: Path, data: bytes, said: str) -> None:
    """With its reason in the ledger; what is beside it comes in."""
    (tmp_path / "bad.fasta").write_bytes(data)
    (tmp_path / "good.fasta").write_bytes(fasta(gene=dna(0)))
    report = genes.add(tmp_path / "bad.fasta", tmp_path / "good.fasta")

    assert (report.added, report.rejected) == (1, 1)
    (row,) = genes.rejected()
    assert said in row.reason
    assert row.reason


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("", DecodeError, "no letters"),
        (" \n", DecodeError, "no letters"),
        ("ACGT5ACGT", DecodeError, "'5' at letter 5"),
        ("ACG", EncodeError, "nowhere 6 plain ones"),
        (PROTEIN, EncodeError, "is a protein"),
        ("?" * 10_000_000, DecodeError, "at letter 1"),
    ],
    ids=["empty", "blank", "invalid", "short", "protein", "10-mb"],
)
def test_a_text_that_cannot_be_asked(four: OpenCollection, text: str, error: type[Exception], said: str) -> None:
    """An error with the reason, which does not repeat ten megabytes."""
    with pytest.raises(error, match=said) as caught:
        four.search(text=text)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("data", "said"), [(b"", "is empty"), (b">b\nACGT5\n", "letter 5"), (GARBAGE, "letter 1")], ids=["0", "5", "10-mb"]
)
def test_a_file_that_cannot_be_asked_with(four: OpenCollection, tmp_path: Path, data: bytes, said: str) -> None:
    """Likewise."""
    (tmp_path / "asked.fasta").write_bytes(data)
    with pytest.raises(DecodeError, match=said):
        four.search(tmp_path / "asked.fasta")


def test_more_hits_than_there_are(four: OpenCollection) -> None:
    """k beyond the collection gives all there is, each once, and no further page; k beyond any page is refused."""
    hits = four.search(text=dna(2), k=1000)

    assert hits.hits[0].source.endswith("#record=3")
    assert len({hit.item for hit in hits.hits}) == len(hits.hits) == 4
    assert not hits.more
    with pytest.raises(QueryError, match="k is 0"):
        four.search(text=dna(2), k=0)


def test_ten_megabytes_among_a_few_genes(four: OpenCollection) -> None:
    """A chromosome is added by its windows and asked with as it is; it hides none of the genes, however many of its
    windows are nearer.
    """
    chromosome = dna(9, 10_000_000)
    assert four.add(Blob.from_bytes(fasta(chromosome=chromosome), "chromosome.fasta")).added == 1
    by_all, by_part = four.search(text=chromosome, k=50), four.search(text=chromosome[5_000_000:5_000_600], k=50)

    assert len(by_all.hits) == len(by_part.hits) == 5
    assert by_all.hits[0].source.endswith("chromosome.fasta#record=1")
    assert by_part.hits[0].span.start <= 5_000_000
    assert by_part.hits[0].span.end >= 5_000_600
    assert not by_all.more
