"""Sequences by their k-mers: counted as a naive loop counts them, both strands alike."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.encoders import _kmer_codes
from morelike.encoders.kmers import KmerEncoder
from morelike.errors import EncodeError, ModelError
from morelike.models import cards
from morelike.settings import Settings
from morelike.types import Card

SETTINGS = Settings(offline=True)
COMPLEMENT = str.maketrans("ACGT", "TGCA")
PROTEIN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAV"
DNA_CARDS = ("dna-kmers", "dna-kmers-7", "dna-kmers-768")


def made(name: str = "dna-kmers", **options: Any) -> KmerEncoder:
    card = cards.find(name, SETTINGS)
    dim = options.pop("dim", card.dim)
    return KmerEncoder(replace(card, dim=dim, options={**card.options, **options}), {}, SETTINGS)


def vector(letters: str, name: str = "dna-kmers") -> Any:
    encoder = made(name)
    return encoder.encode("sequence", [encoder.prepare("sequence", letters)])[0]


def reverse_complement(letters: str) -> str:
    return letters[::-1].translate(COMPLEMENT)


def counted(letters: str, k: int) -> dict[str, int]:
    """How often each canonical k-mer is there, in alphabetical order; those that are not there too."""
    words = ("".join(word) for word in product("ACGT", repeat=k))
    found = {word: 0 for word in words if word <= reverse_complement(word)}
    for at in range(len(letters) - k + 1):
        word = letters[at : at + k]
        if set(word) <= set("ACGT"):
            found[min(word, reverse_complement(word))] += 1
    return found


@given(st.text("ACGTN", max_size=400), st.integers(1, 6))
def test_dna_is_counted_as_a_loop_counts(letters: str, k: int) -> None:
    """Each k-mer of plain bases counts once, for itself or for its reverse complement: the root of how many they are,
    less that of how many they would be by chance.
    """
    columns = {1: 2, 2: 10, 3: 32, 4: 136, 5: 512, 6: 2080}[k]
    encoder = made(k=k, dim=columns)
    counts = counted(letters, k)
    number = sum(counts.values())
    if not number:
        with pytest.raises(EncodeError, match="plain ones in a row"):
            encoder.prepare("sequence", letters)
        return

    found = encoder.prepare("sequence", letters)

    chances = [(1 if word == reverse_complement(word) else 2) / 4**k for word in counts]
    expected = [math.sqrt(count) - math.sqrt(number * p) for count, p in zip(counts.values(), chances, strict=True)]
    assert found.shape == (columns,)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@given(st.text("ACDEFGHIKLMNPQRSTVWYX", min_size=31, max_size=200).filter(lambda text: "E" in text or "L" in text))
def test_proteins_are_counted_as_a_loop_counts(letters: str) -> None:
    """Each k-mer of known amino acids counts once."""
    encoder = made("protein-kmers", k=2, dim=400, hashed=False)
    words = [letters[at : at + 2] for at in range(len(letters) - 1)]
    counts = Counter(word for word in words if "X" not in word)
    if not counts:
        return

    found = encoder.prepare("sequence", letters)

    pairs = ["".join(word) for word in product("ACDEFGHIKLMNPQRSTVWY", repeat=2)]
    assert found.tolist() == [counts[pair] for pair in pairs]


@pytest.mark.parametrize("name", DNA_CARDS)
@given(letters=st.text("ACGTNRY", max_size=200))
def test_both_strands_are_alike(name: str, letters: str) -> None:
    """The reverse complement has the same vector."""
    encoder = made(name)
    codes = str.maketrans("ACGTRY", "TGCAYR")
    try:
        expected = encoder.prepare("sequence", letters)
    except EncodeError:
        return

    assert (encoder.prepare("sequence", letters[::-1].translate(codes)) == expected).all()


def test_long_sequences_are_counted_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks that a long sequence is worked on in have each k-mer once."""
    letters = "".join(np.array(list("ACGTN"))[np.random.default_rng(0).integers(0, 5, 5000)])
    expected = made().prepare("sequence", letters)
    monkeypatch.setattr(_kmer_codes, "_BLOCK", 37)

    assert (made().prepare("sequence", letters) == expected).all()


@pytest.mark.parametrize("name", [*DNA_CARDS, "protein-kmers"])
def test_homologues_are_near(name: str) -> None:
    """A sequence with a tenth of its letters changed is nearer than one that has nothing to do with it."""
    letters = np.array(list("ACGT" if name in DNA_CARDS else "ACDEFGHIKLMNPQRSTVWY"))
    rng = np.random.default_rng(0)
    one, other = ("".join(letters[rng.integers(0, len(letters), 600)]) for _ in range(2))
    changed = "".join(letter if rng.random() > 0.1 else str(rng.choice(letters)) for letter in one)

    assert vector(changed, name) @ vector(one, name) > vector(changed, name) @ vector(other, name) + 0.2


def test_hashing_is_of_its_revision() -> None:
    """The columns and signs of hashed k-mers are those that they were: vectors of other days can be compared."""
    column, sign = _kmer_codes.hashed_columns(6, 768)

    assert column.tolist() == [175, 244, 591, 492, 667, 746]
    assert sign.tolist() == [-1, 1, 1, -1, 1, 1]


def test_the_other_alphabet_is_refused() -> None:
    """A protein given to a card of DNA, and DNA given to one of proteins, are EncodeErrors that name the other card."""
    with pytest.raises(EncodeError, match="is a protein") as caught:
        made().prepare("sequence", PROTEIN)
    assert "protein-kmers" in caught.value.hint
    with pytest.raises(EncodeError, match="is DNA") as caught:
        made("protein-kmers").prepare("sequence", "ACGT" * 20)
    assert "dna-kmers" in caught.value.hint


@pytest.mark.parametrize("letters", ["A", "ACGTA", "NNNNNNNNNNNN", "ACGNACGNACGN"])
def test_too_short_a_sequence_is_refused(letters: str) -> None:
    """Fewer letters than a k-mer has, or none of them plain in a row, are an EncodeError with the number."""
    with pytest.raises(EncodeError, match=rf"{len(letters)} letters, and nowhere 6 plain ones"):
        made().prepare("sequence", letters)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"alphabet": "rna"}, "alphabet"),
        ({"k": 0}, "options.k"),
        ({"k": 13}, "options.k"),
        ({"k": "6"}, "options.k"),
        ({"weight": "log"}, "weight"),
        ({"bananas": 1}, "options.bananas"),
        ({"dim": 2081}, "dim = 2081"),
        ({"revision": 99}, "revision 99"),
    ],
    ids=str,
)
def test_a_card_that_does_not_fit_is_refused(options: dict[str, Any], reason: str) -> None:
    """What is wrong with a card is said when it is loaded."""
    with pytest.raises(ModelError, match=reason):
        made(**options)


def test_the_card_is_the_public_one() -> None:
    """The encoder answers with the card that it was made of."""
    card: Card = cards.find("dna-kmers", SETTINGS)

    assert KmerEncoder(card, {}, SETTINGS).card == card
