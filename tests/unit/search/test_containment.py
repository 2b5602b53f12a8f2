"""``--mode containment``: which genomes share what with the example, counted by hashes."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

import morelike
from morelike.collection import OpenCollection
from morelike.errors import QueryError
from morelike.modalities import _sequence_cuts
from morelike.search.filter import parse_filter
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.types import Answer, Blob, Example, Query, Span

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def dna(seed: int, length: int = 60_000) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def mutated(letters: str, share: float) -> str:
    chance = random.Random(7)
    return "".join(chance.choice("ACGT".replace(one, "")) if chance.random() < share else one for one in letters)


PLASMID = dna(100, 30_000)
GENOMES = {
    "first": dna(1),
    "second": dna(2),
    "host": dna(3, 50_000) + PLASMID + dna(4, 50_000),
    "plasmid": PLASMID,
    "relative": mutated(dna(1), 0.03),
    "gene": dna(5, 700),
}


def fasta(records: dict[str, str]) -> Blob:
    text = "".join(f">{name}\n{letters}\n" for name, letters in records.items())
    return Blob.from_bytes(text.encode(), "asked.fasta")


@pytest.fixture(scope="module")
def genomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenCollection]:
    folder = tmp_path_factory.mktemp("genomes")
    (folder / "genomes.fna").write_bytes(fasta(GENOMES).read())
    with morelike.open(Settings(library=folder / "library", offline=True)) as library:
        collection = library.collection("genomes", modality="sequence")
        assert collection.add(folder / "genomes.fna").added == len(GENOMES)
        yield collection


def asked(collection: OpenCollection, example: Example, **wishes: object) -> Answer:
    return collection.search(Query((example,), mode="containment", **wishes))  # type: ignore[arg-type]  # Query's own


def names(answer: Answer) -> list[str]:
    order = list(GENOMES)
    return [order[int(hit.source.rpartition("=")[2]) - 1] for hit in answer.hits]


def test_a_plasmid_is_found_in_its_host(genomes: OpenCollection) -> None:
    """A part of a genome is contained in it wholly; Jaccard tells the two apart. Either strand will do."""
    itself, host = asked(genomes, Example("blob", fasta({"p": PLASMID[::-1].translate(COMPLEMENT)}))).hits

    assert names(asked(genomes, Example("blob", fasta({"p": PLASMID})))) == ["plasmid", "host"]
    assert (itself.score, itself.unit["jaccard"]) == (1.0, 1.0)
    assert host.score == 1.0
    assert host.unit["jaccard"] == pytest.approx(30 / 130, abs=0.08)


def test_of_says_whose_share_is_the_score(genomes: OpenCollection) -> None:
    """Of the query, of the item, or of the one of which it is more; what else is said is refused."""
    shares = {
        of: asked(genomes, Example("text", GENOMES["host"]), options={"of": of}).hits[1].score
        for of in ("query", "item", "either")
    }

    assert shares["query"] == pytest.approx(30 / 130, abs=0.08)
    assert shares["item"] == shares["either"] == 1.0
    with pytest.raises(QueryError, match="'both'"):
        asked(genomes, Example("text", PLASMID), options={"of": "both"})


def test_identity_is_estimated(genomes: OpenCollection) -> None:
    """A genome with 3 % of its bases substituted is estimated at 97 % average nucleotide identity."""
    itself, relative = asked(genomes, Example("blob", fasta({"q": GENOMES["first"]}))).hits

    assert (itself.unit["ani"], names(asked(genomes, Example("text", GENOMES["first"])))) == (
        1.0,
        ["first", "relative"],
    )
    assert relative.unit["ani"] == pytest.approx(0.97, abs=0.01)


def test_an_item_is_an_example(genomes: OpenCollection) -> None:
    """By what ``add`` made of it, without itself; one that is too short for a sketch says so."""
    by_name = dict(zip(GENOMES, genomes.items(), strict=True))

    assert names(asked(genomes, Example("item", by_name["plasmid"].id))) == ["host"]
    with pytest.raises(QueryError, match="has no genome to look for"):
        asked(genomes, Example("item", by_name["gene"].id))


def test_a_set_of_reads_is_one_example(genomes: OpenCollection) -> None:
    """Short reads of two genomes find both, each by its own share."""
    reads = {
        f"{name}{at}": GENOMES[name][at : at + 200] for name in ("second", "plasmid") for at in range(0, 29_800, 100)
    }

    found = asked(genomes, Example("blob", fasta(reads)))

    assert set(names(found)) == {"second", "plasmid", "host"}
    assert all(hit.score == pytest.approx(0.5, abs=0.15) for hit in found.hits)


def test_pieces_are_counted_together(
    genomes: OpenCollection, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A genome that is cut into several pieces, as an item and as an example, shares what it would share whole."""
    monkeypatch.setattr(_sequence_cuts, "GENOME_PIECE", 20_000)
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "host.fna").write_bytes(fasta({"host": GENOMES["host"]}).read())
    with morelike.open(Settings(library=folder / "library", offline=True)) as library:
        collection = library.collection("pieces", modality="sequence")
        collection.add(folder / "host.fna")
        whole, part = (
            asked(collection, Example("blob", fasta({"q": letters}))).hits[0] for letters in (GENOMES["host"], PLASMID)
        )

    assert whole.score == 1.0
    assert part.score == pytest.approx(1.0, abs=0.08)  # but for the k-mers across a cut


def test_a_part_and_a_filter_are_kept_to(genomes: OpenCollection) -> None:
    """A range of bases of the example counts alone; items that the filter leaves out are not answered."""
    host = Example("blob", fasta({"q": GENOMES["host"]}), at=Span("bases", 52_000, 78_000))

    assert set(names(asked(genomes, host))) == {"host", "plasmid"}
    assert names(asked(genomes, host, filter=parse_filter("length < 50000"))) == ["plasmid"]


def test_nothing_is_found_where_nothing_is_shared(genomes: OpenCollection) -> None:
    """A strange genome has no hits, and a page beyond the last is empty."""
    assert asked(genomes, Example("blob", fasta({"q": dna(999)}))).hits == ()
    assert asked(genomes, Example("text", PLASMID), offset=10).hits == ()


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        (Example("text", "ACGT" * 100), "no genome to look for"),
        (Example("text", "MKLVEF" * 2000), "no genome to look for"),
        (Example("text", "ACGT" * 2000), "too short"),
        (Example("text", "ACGT", weight=-1.0), "one example"),
    ],
    ids=["short", "protein", "repeats", "negative"],
)
def test_what_cannot_be_looked_for_is_said(genomes: OpenCollection, example: Example, reason: str) -> None:
    """With a hint what else to do."""
    with pytest.raises(QueryError, match=reason) as caught:
        asked(genomes, example)

    assert caught.value.hint


def test_pictures_have_no_genomes(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A collection without such an index says what has one."""
    folder = tmp_path_factory.mktemp("pictures")
    write_images(folder / "pictures", 1)
    with morelike.open(Settings(library=folder / "library", offline=True)) as library:
        collection = library.collection("pictures", modality="image", encoder="classic")
        with pytest.raises(QueryError, match="no index of genomes"):
            asked(collection, Example("text", PLASMID))
