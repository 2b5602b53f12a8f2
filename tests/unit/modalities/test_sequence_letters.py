"""What counts as a sequence, of which alphabet it is, and what makes two of them one item."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.errors import DecodeError
from morelike.modalities.sequence import SequenceModality
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, SegmentSpec

MODALITY = SequenceModality(Settings(offline=True))
PROTEIN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"


def fasta(letters: str, name: str = "x") -> Blob:
    return Blob.from_bytes(f">{name}\n{letters}\n".encode(), "x.fasta")


def read(blob: Blob, modality: SequenceModality = MODALITY) -> str:
    return str(modality.load(blob, SegmentSpec("sequence", WHOLE), {}))


@pytest.mark.parametrize(
    ("letters", "alphabet"),
    [
        ("ACGTACGT", "dna"),
        ("ACGUACGU", "dna"),
        ("GTGYCAGCMGCCGCGGTAA", "dna"),
        ("NNNNNNNN", "dna"),
        (PROTEIN, "protein"),
        ("MKVSTRDAGHMKVSTRDAGH", "protein"),
        ("ACDEFGHIKLMNPQRSTVWY", "protein"),
    ],
    ids=["dna", "rna", "primer", "unknown", "protein", "nucleotide letters alone", "all twenty"],
)
def test_letters_say_which_alphabet(letters: str, alphabet: str) -> None:
    """DNA has nucleotide codes alone, most of them bases; everything else is a protein."""
    assert MODALITY.describe(fasta(letters))["alphabet"] == alphabet


def test_rna_is_read_as_dna() -> None:
    """U counts as T in DNA; in a protein it stays what it is."""
    assert read(fasta("acguACGU")) == "ACGTACGT"
    assert "U" in read(fasta(PROTEIN + "U"))


@given(st.text("ACGTN", min_size=1, max_size=300), st.integers(1, 80))
def test_how_it_is_written_does_not_matter(letters: str, width: int) -> None:
    """Line breaks, case, gaps of an alignment, RNA's U, names and FASTQ's marks make no other item."""
    lines = "\n".join(letters[at : at + width] for at in range(0, len(letters), width))
    same = [
        fasta(letters, "other"),
        fasta(lines),
        fasta(letters.lower()),
        fasta("-".join(letters)),
        fasta(letters.replace("T", "U")),
        Blob.from_bytes(f"@q\n{letters}\n+\n{'I' * len(letters)}\n".encode(), "q.fastq"),
    ]

    assert {MODALITY.identity(blob) for blob in same} == {MODALITY.identity(fasta(letters))}


def test_other_letters_are_another_item() -> None:
    """One base makes a difference, and so does the other strand."""
    assert len({MODALITY.identity(fasta(letters)) for letters in ("ACGTA", "ACGTC", "TACGT")}) == 3


@given(st.text("ACGT", min_size=0, max_size=200), st.sampled_from("5!?ß<"), st.text("ACGT", max_size=50))
def test_a_wrong_letter_has_a_place(before: str, wrong: str, after: str) -> None:
    """The first letter that is none is named with its place, counted from 1."""
    with pytest.raises(DecodeError, match=rf"at letter {len(before) + 1:,}: ") as caught:
        MODALITY.of_text(before + wrong + after)

    assert wrong in caught.value.message or "0xc3" in caught.value.message


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "no letters"), ("   \n", "no letters"), (">name only", "no letters"), ("a red dress", "words"), ("-", "no")],
)
def test_texts_that_are_none_are_told(text: str, reason: str) -> None:
    """Nothing, a header alone, and words are no sequence."""
    with pytest.raises(DecodeError, match=reason):
        MODALITY.of_text(text)


def test_too_long_a_text_is_refused() -> None:
    """A text of more than ten million letters is no example; the refusal says so at once."""
    with pytest.raises(DecodeError, match=r"10,000,001 characters"):
        MODALITY.of_text("A" * 10_000_001)


@pytest.mark.parametrize(
    "text", ["acgtacgt", "ACGT ACGT", ">x y\nACGT\nACGT\n", "ACGU\nACGU"], ids=["lower", "blocks", "fasta", "rna"]
)
def test_a_text_is_an_item(text: str) -> None:
    """However it is pasted, it is the item that a file with it is."""
    assert MODALITY.identity(MODALITY.of_text(text)) == MODALITY.identity(fasta("ACGTACGT"))


def test_an_alphabet_can_be_asked_for() -> None:
    """A collection of DNA refuses a protein's letter by its place; one of proteins keeps U and T apart."""
    dna = MODALITY.configured({"alphabet": "dna"})
    protein = MODALITY.configured({"alphabet": "protein"})

    with pytest.raises(DecodeError, match="x is no DNA: 'E' at letter 4"):
        dna.describe(fasta("ACGEACGT"))
    assert protein.describe(fasta("ACGT"))["alphabet"] == "protein"
    assert read(fasta("ACGU"), protein) == "ACGU"


def test_a_description_counts() -> None:
    """GC is a share of the plain bases; letters that stand for several are counted apart."""
    assert MODALITY.describe(fasta("GGCCAATNR")) == {"length": 9, "alphabet": "dna", "gc": 0.5714, "ambiguous": 2}
    assert MODALITY.describe(fasta(PROTEIN + "XB*")) == {"length": 35, "alphabet": "protein", "ambiguous": 2}


def test_several_sequences_are_no_example() -> None:
    """A file of several is refused with how many there are, and what to do."""
    several = Blob.from_bytes(b">a\nACGT\n>b\nACGT\n", "two.fasta")

    with pytest.raises(DecodeError, match=r"two.fasta holds 2 sequences") as caught:
        list(MODALITY.split(several, MODALITY.settle({})))

    assert "one of them" in caught.value.hint
