"""Sketches of genomes: the hashes that sourmash has, of both strands and of any order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.encoders import _kmer_codes
from morelike.encoders._murmur import hashes_of
from morelike.encoders.minhash import MinHashEncoder
from morelike.errors import EncodeError, ModelError
from morelike.modalities.sequence import SequenceModality
from morelike.models import cards
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, SegmentSpec, Sketch

SETTINGS = Settings(offline=True)
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def made(name: str = "minhash", **options: Any) -> MinHashEncoder:
    card = cards.find(name, SETTINGS)
    return MinHashEncoder(replace(card, options={**card.options, **options}), {}, SETTINGS)


def sketch(letters: str, **options: Any) -> Sketch:
    return made(**options).prepare("genome", letters)


def dna(length: int, seed: int = 0) -> str:
    return "".join(np.array(list("ACGT"))[np.random.default_rng(seed).integers(0, 4, length)])


def naive(letters: str, k: int, scaled: int) -> list[int]:
    """As the definition says, a k-mer at a time."""
    mmh3 = pytest.importorskip("mmh3", reason="mmh3 is not installed")
    kept = set()
    for at in range(len(letters) - k + 1):
        word = letters[at : at + k]
        if set(word) <= set("ACGT"):
            word = min(word, word[::-1].translate(COMPLEMENT))
            kept.add(mmh3.hash64(word.encode(), 42, signed=False)[0])
    return sorted(one for one in kept if one <= min(round(2**64 / scaled), 2**64 - 1))


@given(st.integers(1, 31), st.data())
def test_murmur_is_that_of_the_c_function(k: int, data: st.DataObject) -> None:
    """The hash of each k-mer's text, of any length."""
    mmh3 = pytest.importorskip("mmh3", reason="mmh3 is not installed")
    words = data.draw(st.lists(st.text("ACGT", min_size=k, max_size=k), min_size=1, max_size=20))
    numbers = [sum("ACGT".index(letter) * 4 ** (k - 1 - at) for at, letter in enumerate(word)) for word in words]

    found = hashes_of(np.array(numbers, dtype=np.uint64), k)

    assert found.tolist() == [mmh3.hash64(word.encode(), 42, signed=False)[0] for word in words]


@given(st.text("ACGTN", max_size=300), st.sampled_from([5, 16, 21, 31]), st.sampled_from([1, 4, 50]))
def test_a_sketch_is_what_the_definition_says(letters: str, k: int, scaled: int) -> None:
    """Of all canonical k-mers of plain bases, those whose hash is low enough, each once and ascending."""
    found = sketch(letters, k=k, scaled=scaled)

    assert found.hashes.tolist() == naive(letters, k, scaled)
    assert not found.at.any()


@pytest.mark.parametrize("name", ["minhash", "minhash-31"])
def test_a_sketch_is_sourmash_s(name: str, test_data: Path) -> None:
    """Of a real plasmid the hashes are those that sourmash keeps."""
    sourmash = pytest.importorskip("sourmash", reason="sourmash is not installed")
    path = test_data / "data" / "sequences" / "GCF_000006945.1_ASM694v1_genomic.fna.gz"
    modality = SequenceModality(SETTINGS)
    plasmid = list(modality.records(Blob.from_path(path)))[1]
    letters = modality.load(plasmid, SegmentSpec("genome", WHOLE), {})
    encoder = made(name)
    theirs = sourmash.MinHash(n=0, ksize=encoder.card.options["k"], scaled=1000)
    theirs.add_sequence(letters, force=True)

    assert encoder.prepare("genome", letters).hashes.tolist() == sorted(theirs.hashes)


def test_a_known_sketch_stays() -> None:
    """The hashes of one sequence, written down once: those of other days can be compared."""
    found = sketch("ATGCGTACGTTAGCCTAGGATCCAGTACGATTACAGGCATTAGC" * 2, scaled=4)

    assert found.hashes.tolist() == [
        1472930295008988371,
        1500762674473769302,
        3155244828522433107,
        4322304854673896988,
    ]


def test_strands_and_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reverse complement has the same sketch, however the work is cut."""
    letters = dna(20_000)
    expected = sketch(letters, scaled=20).hashes.tolist()
    monkeypatch.setattr(_kmer_codes, "_BLOCK", 333)

    assert sketch(letters[::-1].translate(COMPLEMENT), scaled=20).hashes.tolist() == expected
    assert 800 < len(expected) < 1200


def test_containment_is_what_was_put_in() -> None:
    """Of a genome that has another one in it all hashes of that one are there, but for the seams."""
    inner, outer = dna(30_000, 1), dna(30_000, 2)
    whole, part = sketch(outer[:15_000] + inner + outer[15_000:], scaled=20), sketch(inner, scaled=20)

    assert np.isin(part.hashes, whole.hashes).all()


def test_proteins_are_refused() -> None:
    """A protein is an EncodeError."""
    with pytest.raises(EncodeError, match="is no DNA"):
        sketch("MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ")


def test_too_short_a_sequence_has_an_empty_sketch() -> None:
    """It shares nothing with anything, and is no error."""
    assert [len(sketch(letters).hashes) for letters in ("", "ACGT", "N" * 100)] == [0, 0, 0]


def test_a_batch_is_its_sketches() -> None:
    """An array of as many sketches, in order."""
    encoder = made(scaled=1)
    sketches = [encoder.prepare("genome", dna(50, seed)) for seed in range(3)]

    found = encoder.encode("genome", sketches)

    assert (found.dtype, list(found)) == (np.dtype(object), sketches)


@pytest.mark.parametrize("options", [{"k": 32}, {"k": 0}, {"scaled": 0}, {"scaled": 1.5}, {"revision": 9}], ids=str)
def test_a_card_that_does_not_fit_is_refused(options: dict[str, Any]) -> None:
    """What is wrong with a card is said when it is loaded."""
    with pytest.raises(ModelError):
        made(**options)
