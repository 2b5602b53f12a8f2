"""Where sequences are cut, and what is drawn of them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.modalities import _sequence_cuts
from morelike.modalities.sequence import SequenceModality
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, Metadata, SegmentSpec, Span

MODALITY = SequenceModality(Settings(offline=True))


def dna(length: int, seed: int = 0) -> str:
    return "".join(np.array(list("ACGT"))[np.random.default_rng(seed).integers(0, 4, length)])


def fasta(letters: str) -> Blob:
    return Blob.from_bytes(f">x\n{letters}\n".encode(), "x.fasta")


def spans(letters: str, given: Metadata, at: Span = WHOLE, kind: str = "sequence") -> list[Span]:
    specs = MODALITY.split(fasta(letters), MODALITY.settle(given), at)
    return [spec.span for spec in specs if spec.kind == kind]


@given(st.integers(1, 3000), st.integers(20, 400), st.data())
def test_windows_cover_everything(length: int, window: int, data: st.DataObject) -> None:
    """Each letter is in a window, all windows are of one length, and none is there twice."""
    hop = data.draw(st.integers(-(-window // 100), window))
    found = spans(dna(length), {"window": window, "hop": hop})

    if length <= window + hop:
        assert found == [WHOLE]
        return
    covered = np.zeros(length, dtype=bool)
    for span in found:
        assert span.end - span.start == window
        covered[int(span.start) : int(span.end)] = True
    assert covered.all()
    assert len(set(found)) == len(found)


def test_a_window_s_letters_are_its_own() -> None:
    """What a window loads as is that part of the sequence, alone and in a run."""
    letters = dna(9000)
    specs = [spec for spec in MODALITY.split(fasta(letters), MODALITY.settle({})) if spec.kind == "sequence"]

    parts = [letters[int(spec.span.start) : int(spec.span.end)] for spec in specs]

    assert [MODALITY.load(fasta(letters), spec, {}) for spec in specs] == parts
    assert list(MODALITY.load_run(fasta(letters), specs, {})) == parts


def test_gaps_of_an_assembly_are_left_out() -> None:
    """A window of which hardly a base is known is no segment; the others are."""
    letters = dna(5000) + "N" * 10_000 + dna(5000, 1)

    found = spans(letters, {"window": 1000, "hop": 500})

    assert found[0].start == 0
    assert found[-1].end == 20_000
    assert not [span for span in found if span.start >= 5000 and span.end <= 15_000]


def test_a_sequence_of_gaps_keeps_a_window() -> None:
    """Of N alone one window is left, for the encoder to say why nothing can be made of it."""
    assert len(spans("N" * 9000, {})) == 1


def test_a_part_is_cut_as_such() -> None:
    """A range of bases is one segment, or windows where it is long; a range beyond the end is refused."""
    letters = dna(9000)

    assert spans(letters, {}, Span("bases", 100, 700)) == [Span("bases", 100, 700)]
    assert spans(letters, {}, Span("bases", 1000, 9999))[-1] == Span("bases", 7000, 9000)
    with pytest.raises(QueryError, match="9,000 letters"):
        spans(letters, {}, Span("bases", 9000, 9100))
    with pytest.raises(QueryError, match="no seconds"):
        spans(letters, {}, Span("seconds", 0, 1))


def test_too_many_windows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal says with which hop it could be used."""
    monkeypatch.setattr(_sequence_cuts, "_MOST", 10)

    with pytest.raises(DecodeError, match=r"9,000 letters: that is 18 windows") as caught:
        spans(dna(9000), {"window": 1000, "hop": 500})

    assert "hop of 900" in caught.value.hint


@pytest.mark.parametrize(
    "given",
    [
        {"alphabet": "rna"},
        {"window": 5},
        {"window": "10"},
        {"window": float("nan")},
        {"window": True},
        {"window": 100.5},
        {"window": 1000, "hop": 5},
        {"window": 1000, "hop": 1001},
        {"every": 3},
    ],
    ids=str,
)
def test_impossible_options_are_refused(given: dict[str, object]) -> None:
    """An option that is none, or that would leave parts out, is a UsageError with a hint."""
    with pytest.raises(UsageError) as caught:
        MODALITY.settle(given)

    assert caught.value.hint


def test_a_genome_has_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNA of 5 000 bases is whole for its sketch, a longer one has several pieces, proteins and less have none."""
    assert spans(dna(5000), {}, kind="genome") == [WHOLE]
    assert spans(dna(4999), {}, kind="genome") == []
    assert spans("MKLVEF" * 1000, {}, kind="genome") == []
    monkeypatch.setattr(_sequence_cuts, "GENOME_PIECE", 4000)
    assert [(span.start, span.end) for span in spans(dna(9000), {}, kind="genome")] == [
        (0, 4000),
        (4000, 8000),
        (8000, 9000),
    ]


def test_reads_are_one_genome_together() -> None:
    """Of a file of many reads the genome is all of them, with a letter between two that no k-mer crosses."""
    reads = [dna(150, seed) for seed in range(60)]
    blob = Blob.from_bytes("".join(f">r{n}\n{read}\n" for n, read in enumerate(reads)).encode(), "reads.fa")

    spec = next(iter(MODALITY.split(blob, MODALITY.settle({}))))

    assert spec == SegmentSpec("genome", WHOLE)
    assert MODALITY.load(blob, spec, {}) == "N".join(reads)


@given(st.text("ACGTN", min_size=1, max_size=400) | st.text("MKLVEFX", min_size=1, max_size=50), st.integers(1, 300))
def test_a_picture_keeps_to_its_side(letters: str, side: int) -> None:
    """Whatever the sequence's length, the picture is a PNG within the side."""
    preview = MODALITY.preview(fasta(letters), WHOLE, side)
    picture = Image.open(io.BytesIO(preview.data))

    assert picture.size == (preview.width, preview.height)
    assert max(picture.size) <= side


def test_a_picture_shows_the_letters() -> None:
    """A is of another colour than C, and a stretch of A in a long sequence than one of C."""
    short = np.asarray(Image.open(io.BytesIO(MODALITY.preview(fasta("AC" * 4), WHOLE, 64).data)))
    long = np.asarray(Image.open(io.BytesIO(MODALITY.preview(fasta("A" * 5000 + "C" * 5000), WHOLE, 100).data)))

    assert (short[0, 0] != short[0, short.shape[1] // 8]).any()
    assert (long[10, 10] != long[10, 90]).any()
    assert (long[10, 10] == long[10, 40]).all()
