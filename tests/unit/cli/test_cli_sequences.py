"""Sequences from the command line."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("Bio", reason="sequences need the extra `sequences`")

COMPLEMENT = str.maketrans("ACGT", "TGCA")
PROTEIN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAV"


def dna(seed: int, length: int = 600) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def fasta(**records: str) -> str:
    return "".join(f">{name} made up\n{letters}\n" for name, letters in records.items())


@pytest.fixture
def genes(morelike: Any, tmp_path: Path) -> Any:
    """Four genes and one record that is none, in the collection ``g``, which was guessed."""
    records = {f"gene{seed}": dna(seed) for seed in range(4)}
    (tmp_path / "genes.fasta").write_text(fasta(**records, broken="ACGT5ACGT"))
    ran = morelike("add", "g", "genes.fasta")
    assert ran.code == 3, ran.err
    assert "a collection of sequence" in ran.err
    assert "broken is no sequence: '5' at letter 5" in ran.out
    return morelike


def test_letters_are_an_example(genes: Any) -> None:
    """Beside paths and ids, and as --text; either strand finds the gene, with more asked for than there are."""
    for asked in ((dna(2),), ("--text", dna(2)[::-1].translate(COMPLEMENT))):
        found = genes("search", "g", *asked, "-k", "50", "--json")
        assert found.code == 0, found.err
        assert found.json["hits"][0]["source"].endswith("genes.fasta#record=3")
        assert found.json["hits"][0]["unit"]["identity"] == 1
        assert len(found.json["hits"]) == 4


def test_a_part_is_named_in_bases(genes: Any, tmp_path: Path) -> None:
    """--at takes what answers show under *where*; what is no part is refused in a sentence."""
    (tmp_path / "one.fa").write_text(fasta(one=dna(0)[:300] + dna(3)[300:]))

    found = genes("search", "g", "one.fa", "--at", "bases 300–600", "--json")
    assert found.code == 0, found.err
    assert found.json["hits"][0]["source"].endswith("#record=4")
    assert found.json["hits"][0]["unit"]["identity"] == 1

    for wrong in ("600-300", "ten", "1:00-1:10"):
        refused = genes("search", "g", "one.fa", "--at", wrong)
        assert refused.code == 2
        assert "is no part in bases" in refused.err


def test_a_file_is_an_example(genes: Any, tmp_path: Path) -> None:
    """A part of a gene in a packed file of its own; of a file of several it says how many."""
    (tmp_path / "part.fa.gz").write_bytes(gzip.compress(fasta(part=dna(3)[100:400]).encode()))
    found = genes("search", "g", "part.fa.gz", "-k", "1", "--json")
    assert found.code == 0, found.err
    assert found.json["hits"][0]["metadata"]["description"] == "made up"
    assert found.json["hits"][0]["source"].endswith("#record=4")

    (tmp_path / "two.fasta").write_text(fasta(one=dna(0), two=dna(1)))
    several = genes("search", "g", "two.fasta")

    assert several.code == 1
    assert "two.fasta holds 2 sequences" in several.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ACGT5ACGT", "'5' at letter 5"),
        ("ACG", "3 letters, and nowhere 6 plain ones"),
        (PROTEIN, "is a protein"),
        ("a red dress", "words"),
        ("", "no letters"),
    ],
)
def test_what_cannot_be_asked_is_said_on_one_line(genes: Any, text: str, said: str) -> None:
    """The reason is on standard error with a hint, and nothing else is said."""
    ran = genes("search", "g", "--text", text)

    assert ran.code in {1, 2}
    assert said in ran.err
    assert ran.out == ""
    assert len(ran.err.strip().splitlines()) <= 2


def test_ten_megabytes_are_no_trouble(morelike: Any, tmp_path: Path) -> None:
    """A line of 10 MB that is no sequence is one reject; an empty file is another; what is beside them comes in."""
    (tmp_path / "garbage.fasta").write_bytes(b">garbage\n" + b"=" * 10_000_000 + b"\n>fine\n" + dna(1).encode())
    (tmp_path / "empty.fasta").write_bytes(b"")
    ran = morelike("add", "g", "garbage.fasta", "empty.fasta", "--modality", "sequence")

    assert ran.code == 3
    assert "garbage is no sequence: '=' at letter 1" in ran.out
    assert "empty.fasta is empty" in ran.out
    assert morelike("count", "g").out.strip() == "1"


def test_files_that_cannot_be_asked_with(genes: Any, tmp_path: Path) -> None:
    """Empty, or 10 MB of what is no sequence: one sentence each; 10 MB of letters are an example like any other."""
    (tmp_path / "none.fasta").write_bytes(b"")
    (tmp_path / "garbage.fasta").write_bytes(b">garbage\n" + b"=" * 10_000_000)
    (tmp_path / "chromosome.fasta").write_text(fasta(chromosome=dna(2) * 16_667))
    empty, garbage = genes("search", "g", "none.fasta"), genes("search", "g", "garbage.fasta")
    found = genes("search", "g", "chromosome.fasta", "-k", "50", "--json")

    assert (empty.code, garbage.code) == (1, 1)
    assert "none.fasta is empty" in empty.err
    assert "garbage is no sequence: '=' at letter 1" in garbage.err
    assert found.code == 0, found.err
    assert found.json["hits"][0]["source"].endswith("genes.fasta#record=3")
    assert len(found.json["hits"]) == 4


def test_a_genome_has_windows(morelike: Any, tmp_path: Path) -> None:
    """A long sequence is found by a gene of it, which the hit's span holds."""
    genome = dna(9, 60_000)
    (tmp_path / "genome.fna").write_text(fasta(genome=genome))
    assert morelike("add", "g", "genome.fna", "--window", "1000", "--hop", "500").code == 0

    found = morelike("search", "g", genome[40_000:40_700], "-k", "1", "--json").json["hits"][0]

    assert found["span"]["unit"] == "bases"
    assert found["span"]["start"] <= 40_000
    assert found["span"]["end"] >= 40_700


def test_a_set_of_reads_finds_its_genome(morelike: Any, tmp_path: Path) -> None:
    """``--mode containment`` with a file of reads: the genome that they are of, though each alone is too short."""
    genomes = {f"g{seed}": dna(seed, 40_000) for seed in range(3)}
    (tmp_path / "genomes.fna").write_text(fasta(**genomes))
    reads = {f"r{at}": genomes["g1"][at : at + 150] for at in range(0, 20_000, 75)}
    (tmp_path / "reads.fasta").write_text(fasta(**reads))
    assert morelike("add", "g", "genomes.fna").code == 0

    ran = morelike("search", "g", "reads.fasta", "--mode", "containment", "--json")

    assert ran.code == 0, ran.err
    (hit,) = ran.json["hits"]
    assert hit["source"].endswith("#record=2")
    assert hit["unit"]["containment"] == 1
    assert hit["unit"]["ani"] == 1


def test_an_alphabet_is_an_option(morelike: Any, tmp_path: Path) -> None:
    """A collection of proteins takes peptides that might be DNA, and gets the encoder that takes them."""
    (tmp_path / "p.faa").write_text(fasta(enzyme=PROTEIN, peptide="GATTACA"))
    asked = ("--modality", "sequence", "--option", "alphabet=protein")

    assert morelike("add", "p", "p.faa", *asked).code == 0

    assert {one["info"]["alphabet"] for one in morelike("ls", "p", "--json").json["items"]} == {"protein"}
    found = morelike("search", "p", PROTEIN[5:45], "-k", "1", "--json")
    assert found.json["hits"][0]["source"].endswith("#record=1")


def test_labels_are_evaluated(morelike: Any, tmp_path: Path) -> None:
    """A table of sequences and classes, as the older server loaded it: how often neighbours share the class."""
    families = {label: dna(label, 300) for label in range(3)}
    rows = [f"{families[label][at:] + 'ACGT' * at}\t{label}" for label in families for at in range(4)]
    (tmp_path / "genes.tsv").write_text("sequence\tclass\n" + "\n".join(rows) + "\n")
    assert morelike("add", "g", "genes.tsv").code == 0

    found = morelike("eval", "g", "--labels", "meta:class", "--json")

    assert found.code == 0, found.err
    assert (found.json["queries"], found.json["p_at_1"]) == (12, 1.0)
