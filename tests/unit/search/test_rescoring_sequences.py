"""Sequences are found by their words and ranked by their alignment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("Bio", reason="alignments need biopython (extra sequences)")

import morelike
from morelike.calibration import Scale
from morelike.collection import OpenCollection
from morelike.explained import alignment_lines, units_of
from morelike.rescorers._placing import reverse_complement
from morelike.rescorers.alignment import AlignmentRescorer
from morelike.settings import Settings
from morelike.types import Example, Query

SHARES = (1, 2, 5, 10, 15, 20, 25)
"""Per cent of the letters that were substituted."""


def random_dna(seed: int, length: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def substituted(letters: str, percent: int, seed: int) -> str:
    """So many of a hundred letters are another one."""
    draw = np.random.default_rng(seed)
    changed = list(letters)
    for at in draw.choice(len(letters), len(letters) * percent // 100, replace=False):
        changed[at] = str(draw.choice([base for base in "ACGT" if base != letters[at]]))
    return "".join(changed)


@pytest.fixture(scope="module")
def query() -> str:
    return random_dna(1, 900)


@pytest.fixture(scope="module")
def planted(query: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenCollection]:
    """Strangers, homologues of the query, one of them on the other strand, one in the middle of a long sequence."""
    folder = tmp_path_factory.mktemp("planted")
    records = {f"stranger{seed}": random_dna(100 + seed, 800) for seed in range(60)}
    records |= {f"homologue{share}": substituted(query, share, share) for share in SHARES}
    records["back"] = reverse_complement(substituted(query, 3, 33))
    records["long"] = random_dna(2, 4000) + substituted(query, 4, 44) + random_dna(3, 4000)
    path = folder / "all.fasta"
    path.write_text("".join(f">{name}\n{letters}\n" for name, letters in records.items()))
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True)
    with morelike.open(settings) as library:
        opened = library.collection("planted", modality="sequence")
        assert opened.add(path).added == len(records)
        yield opened


@pytest.fixture(scope="module")
def names(planted: OpenCollection) -> dict[str, str]:
    """Item id to the record's name."""
    return {item.id: item.sources[0].name for item in planted.items(limit=1000)}


def test_homologues_are_found_and_ranked(planted: OpenCollection, names: dict[str, str], query: str) -> None:
    """From 1 to 25 % of substitutions, before any stranger, the closer ones first."""
    hits = planted.search(Query((Example("text", query),), k=len(SHARES) + 2))

    found = [names[hit.item] for hit in hits]
    assert set(found) == {*(f"homologue{share}" for share in SHARES), "back", "long"}
    assert [name for name in found if name.startswith("homologue")] == [f"homologue{share}" for share in SHARES]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize("share", SHARES)
def test_the_figures_are_those_of_the_alignment(
    planted: OpenCollection, names: dict[str, str], query: str, share: int
) -> None:
    """Identity, aligned letters and bits of a substituted copy are what was done to it."""
    hits = planted.search(Query((Example("text", query),), k=20))
    hit = next(hit for hit in hits if names[hit.item] == f"homologue{share}")

    assert hit.unit["bits"] == hit.score == AlignmentRescorer().score(query, substituted(query, share, share))
    assert hit.unit["identity"] == pytest.approx(1 - share / 100, abs=0.02)
    assert hit.unit["length"] == 900
    assert hit.unit["coverage"] == pytest.approx(hit.unit["aligned"] / 900)
    assert hit.unit["coverage"] > 0.95
    assert "cosine" in hit.unit
    assert "of 900 bases" in " ".join(units_of(hit))


def test_the_other_strand_counts_the_same(planted: OpenCollection, names: dict[str, str], query: str) -> None:
    """It says that it is the other strand, and where on the item's own."""
    hits = planted.search(Query((Example("text", query),), k=20, explain=True))
    hit = next(hit for hit in hits if names[hit.item] == "back")

    assert hit.why["alignment"]["strand"] == "-"
    assert hit.unit["identity"] == pytest.approx(0.97, abs=0.01)
    assert "other strand" in units_of(hit)
    lines = alignment_lines(hit).splitlines()
    assert lines[0].split()[0] == "query"
    assert int(lines[2].split()[1]) > int(lines[2].split()[3])


def test_a_part_of_a_long_sequence_is_found_where_it_lies(
    planted: OpenCollection, names: dict[str, str], query: str
) -> None:
    """The alignment may reach over the window that was found; the span counts from the item's beginning."""
    hits = planted.search(Query((Example("text", query),), k=20))
    hit = next(hit for hit in hits if names[hit.item] == "long")

    assert hit.span.unit == "bases"
    assert abs(hit.span.start - 4000) <= 12
    assert abs(hit.span.end - 4900) <= 12
    assert hit.unit["coverage"] > 0.95


def test_an_item_is_an_example_too(planted: OpenCollection, names: dict[str, str]) -> None:
    """By its id; it is left out itself."""
    first = next(item for item, name in names.items() if name == "homologue1")

    hits = planted.search(first, k=3)

    assert first not in {hit.item for hit in hits}
    assert names[hits[0].item] == "homologue2"
    assert hits[0].unit["identity"] > 0.95


def test_it_can_be_left_out(planted: OpenCollection, query: str) -> None:
    """The order of the words alone, which is what an index gives."""
    hits = planted.search(Query((Example("text", query),), options={"rescore": False}))

    assert all(set(hit.unit) == {"cosine"} for hit in hits)
    assert all(hit.score <= 1.0 for hit in hits)


def test_a_short_part_is_not_nothing(planted: OpenCollection, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that an item holds to the letter may be like nothing as a whole; the answer does not say that of it."""
    monkeypatch.setattr(Scale, "nothing_similar", lambda *_: True)
    part = Query((Example("text", query[400:450]),), k=3)

    assert not planted.search(part).nothing_similar
    assert planted.search(replace(part, options={"rescore": False})).nothing_similar
