"""The modes ``substructure`` and ``superstructure`` beside a plain loop over all molecules."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rdkit", reason="molecules need rdkit (extra molecules)")

from molecule_library import SMILES, all_of, asked, molecules, sample

from morelike.collection import OpenCollection
from morelike.errors import QueryError, TooBusy
from morelike.search import substructure_query
from morelike.search.filter import parse_filter
from morelike.search.substructure_query import Crew, part_of_text
from morelike.settings import Settings
from morelike.types import Example, Query

PARTS = (
    "c1ccccc1",
    "[OH]",
    "C(=O)O",
    "[#6]~[#7]",
    "Cl",
    "c1ccc2ccccc2c1",
    "[R2]",
    "C=C",
    "[NX3;H2]",
    "[$([OH]c),$([OH]C=O)]",
    "C1CCCCC1",
    "[!#6;!#1]",
    "*",
    "CC(C)(C)C",
    "[Au]",
)


@pytest.fixture(scope="module")
def real(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenCollection]:
    """Some 280 molecules of the Delaney set."""
    folder = tmp_path_factory.mktemp("real")
    with molecules(
        Settings(library=folder / "library", models_cache=folder / "models", offline=True),
        folder,
        sample(test_data, 280),
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenCollection]:
    folder = tmp_path_factory.mktemp("few")
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True)
    with molecules(settings, folder, SMILES) as opened:
        yield opened


def caffeine(few: OpenCollection) -> str:
    """As it is written here."""
    return next(smiles for smiles in all_of(few) if smiles.count("n") == 4)


def pattern(text: str) -> Any:
    """What a person means by it: a SMILES whose valences are full, else SMARTS."""
    return part_of_text(text, "auto", 2048).molecule


@pytest.mark.parametrize("text", PARTS)
def test_substructures_are_those_of_a_plain_loop(real: OpenCollection, text: str) -> None:
    """Every molecule that RDKit matches is found, and no other: the screen leaves none out."""
    from rdkit import Chem

    part = pattern(text)
    expected = [smiles for smiles in all_of(real) if Chem.MolFromSmiles(smiles).HasSubstructMatch(part)]

    assert sorted(asked(real, text, "substructure")) == sorted(expected)


@pytest.mark.parametrize("text", ["CC(=O)Oc1ccccc1C(=O)O", "CCCCCCCC", "OC(=O)c1ccccc1Cl", "C"])
def test_superstructures_are_those_of_a_plain_loop(real: OpenCollection, text: str) -> None:
    """Every molecule that the example holds is found, and no other."""
    from rdkit import Chem

    whole = Chem.MolFromSmiles(text)
    expected = [smiles for smiles in all_of(real) if whole.HasSubstructMatch(Chem.MolFromSmiles(smiles))]

    assert sorted(asked(real, text, "superstructure")) == sorted(expected)


def test_the_least_else_comes_first(few: OpenCollection) -> None:
    """The score is the Tanimoto of the patterns: 1 for the part itself, less the more else there is."""
    hits = few.search(Query((Example("text", "c1ccccc1"),), mode="substructure"))

    assert hits[0].metadata["smiles"] == "c1ccccc1"
    assert hits[0].score == pytest.approx(1.0)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(dict(hit.unit) == {"tanimoto": pytest.approx(hit.score)} for hit in hits)
    assert all(hit.percentile is None for hit in hits)


def test_pages_join(real: OpenCollection) -> None:
    """Page by page is the same list as all at once, and the last page says that it is the last."""
    whole = asked(real, "C", "substructure")
    pages: list[str] = []
    more = True
    while more:
        hits = real.search(Query((Example("text", "C"),), mode="substructure", k=37, offset=len(pages)))
        pages += [hit.metadata["smiles"] for hit in hits]
        more = hits.more

    assert len(whole) > 100
    assert pages == whole


def test_a_filter_holds(real: OpenCollection) -> None:
    """Only what matches both."""
    heavy = asked(real, "c1ccccc1", "substructure", filter=parse_filter("weight >= 200"))
    light = asked(real, "c1ccccc1", "substructure", filter=parse_filter("weight < 200"))

    assert heavy
    assert light
    assert sorted(heavy + light) == sorted(asked(real, "c1ccccc1", "substructure"))
    assert asked(real, "c1ccccc1", "substructure", filter=parse_filter("weight < 0")) == []


def test_an_item_may_be_the_part(few: OpenCollection) -> None:
    """By its id; it is left out of the answer. The same with its file's bytes as the example, where it is in."""
    benzene = next(item for item in few.items() if item.info["smiles"] == "c1ccccc1")

    by_id = {hit.metadata["smiles"] for hit in few.search(benzene.id, mode="substructure")}

    assert by_id == {"CC(=O)Oc1ccccc1C(=O)O", "O=C(O)c1ccccc1O", "Cc1ccccc1"}
    assert set(asked(few, "c1ccccc1", "substructure")) == by_id | {"c1ccccc1"}


def test_stereo_counts_where_it_is_asked_for(few: OpenCollection) -> None:
    """Left alone both hands are found; with ``stereo`` the one that was drawn."""
    drawn = SMILES["l-alanine"]

    assert len(asked(few, drawn, "substructure")) == 2
    assert asked(few, drawn, "substructure", options={"stereo": True}) == ["C[C@H](N)C(=O)O"]
    assert asked(few, drawn, "superstructure", options={"stereo": "yes"})[0] == "C[C@H](N)C(=O)O"


def test_open_valences_are_a_pattern(few: OpenCollection) -> None:
    """``[OH]`` means a hydroxyl; as a SMILES it would be a radical, which no molecule here is."""
    hydroxyls = set(asked(few, "[OH]", "substructure"))

    assert hydroxyls == {s for s in all_of(few) if s not in {"c1ccccc1", "Cc1ccccc1", "c1cc[nH]c1", caffeine(few)}}
    assert asked(few, "[OH]", "substructure", options={"read": "smarts"}) == asked(few, "[OH]", "substructure")
    assert asked(few, "[OH]", "substructure", options={"read": "smiles"}) == []
    with pytest.raises(QueryError, match="no SMILES"):
        asked(few, "[$(C)]", "substructure", options={"read": "smiles"})


def test_hydrogens_that_are_written_count(few: OpenCollection) -> None:
    """``[OH]`` in a SMILES is a hydroxyl, too; ``[nH]`` and ``[C@H]``, which have to be written, ask for nothing."""
    assert asked(few, "c1ccccc1[OH]", "substructure") == ["O=C(O)c1ccccc1O"]
    assert len(asked(few, "c1ccccc1O", "substructure")) == 2
    assert asked(few, "C[NH3+]", "substructure") == []
    assert len(asked(few, "C[C@H](N)C", "substructure")) == 2


def test_each_hit_says_where_the_part_lies(few: OpenCollection) -> None:
    """The atoms and bonds of the hit that are matched; of the example, where that is the larger one."""
    hits = few.search(Query((Example("text", "c1ccccc1"),), mode="substructure", explain=True))
    toluene = next(hit for hit in hits if hit.metadata["smiles"] == "Cc1ccccc1")
    inside = few.search(Query((Example("text", "Cc1ccccc1"),), mode="superstructure", explain=True))
    benzene = next(hit for hit in inside if hit.metadata["smiles"] == "c1ccccc1")

    assert toluene.why["shared"]["atoms"] == [1, 2, 3, 4, 5, 6]
    assert len(toluene.why["shared"]["bonds"]) == 6
    assert toluene.why["read"] == "smiles"
    assert benzene.why["shared"]["query"]["atoms"] == [1, 2, 3, 4, 5, 6]
    assert benzene.why["shared"]["atoms"] == [0, 1, 2, 3, 4, 5]


def test_what_went_is_not_found(settings: Settings, tmp_path: Path) -> None:
    """An item that was removed or added since the last query is gone or there."""
    with molecules(settings, tmp_path, SMILES) as opened:
        before = set(asked(opened, "c1ccccc1", "substructure"))
        toluene = next(item for item in opened.items() if item.info["smiles"] == "Cc1ccccc1")
        opened.remove([toluene.id])
        (tmp_path / "more.smi").write_text("CCc1ccccc1 ethylbenzene\n")
        opened.add(tmp_path / "more.smi")
        after = set(asked(opened, "c1ccccc1", "substructure"))

    assert before - after == {"Cc1ccccc1"}
    assert after - before == {"CCc1ccccc1"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("c1cc(C", "neither SMILES nor SMARTS: extra open parentheses, at letter 5: c1cc"),
        ("[#6", "at letter 3"),
        ("nonsense", "neither SMILES nor SMARTS"),
        ("   ", "empty"),
        ("C" * 2001, "2,001 letters"),
        ("(" * 60, "more than 40 deep"),
        ("[$(C)]" * 21, "more than 20 recursive"),
        ("C" * 300, "300 atoms"),
    ],
)
def test_what_cannot_be_looked_for_is_said(
    few: OpenCollection, text: str, sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """In a sentence with the place, and RDKit prints nothing."""
    with pytest.raises(QueryError, match=sentence):
        asked(few, text, "substructure")
    assert capfd.readouterr() == ("", "")


def test_several_examples_are_no_part(few: OpenCollection) -> None:
    """One is looked for; options that there are not are named; a vector is no molecule."""
    two = (Example("text", "C"), Example("text", "N"))
    with pytest.raises(QueryError, match="one example"):
        few.search(Query(two, mode="substructure"))
    with pytest.raises(QueryError, match="no option 'chiral'"):
        few.search(Query(two[:1], mode="substructure", options={"chiral": True}))
    with pytest.raises(QueryError, match="cannot be 'inchi'"):
        few.search(Query(two[:1], mode="substructure", options={"read": "inchi"}))
    with pytest.raises(QueryError, match="no molecule"):
        few.search(Query((Example("payload", np.zeros(256, dtype=np.uint8)),), mode="substructure"))


def test_a_match_without_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its seconds a query ends with a sentence; while several such still run, no other begins."""
    monkeypatch.setattr(substructure_query, "_stuck", [])
    over = threading.Event()
    crews = 0
    try:
        for _ in range(substructure_query.MOST_STUCK):
            with pytest.raises(QueryError, match="more special"), Crew(lambda _: over.wait(), 1, 0.01) as crew:
                crew.over(["C"])
            crews += 1
        with pytest.raises(TooBusy, match="still at it"):
            Crew(lambda _: True, 1, 1.0)
    finally:
        over.set()
    for thread in list(substructure_query._stuck):
        thread.join()
    with Crew(lambda text: text * 2, 2, 60.0) as crew:
        assert crew.over(["a", "b", "c"]) == ["aa", "bb", "cc"]
    assert crews == substructure_query.MOST_STUCK


def test_what_a_test_raises_is_raised() -> None:
    """A failure inside a thread is not lost."""

    def fails(_: str) -> bool:
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"), Crew(fails, 1, 60.0) as crew:
        crew.over(["C"])
