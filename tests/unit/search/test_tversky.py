"""The mode ``tversky`` beside plain arithmetic over every fingerprint, and the bits that it keeps in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rdkit", reason="molecules need rdkit (extra molecules)")

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from molecule_library import SMILES, all_of, asked, molecules

from morelike.collection import OpenCollection
from morelike.errors import QueryError
from morelike.search import packed
from morelike.search.filter import parse_filter
from morelike.settings import Settings
from morelike.types import Example, Query


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenCollection]:
    folder = tmp_path_factory.mktemp("few")
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True)
    with molecules(settings, folder, SMILES) as opened:
        yield opened


def bits(smiles: str) -> set[int]:
    from rdkit import Chem
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return set(generator.GetFingerprint(Chem.MolFromSmiles(smiles)).GetOnBits())


def plain(query: str, smiles: str, alpha: float, beta: float) -> float:
    one, other = bits(query), bits(smiles)
    common = len(one & other)
    return common / (alpha * (len(one) - common) + beta * (len(other) - common) + common) if common else 0.0


@hypothesis_settings(max_examples=40)
@given(
    st.sampled_from([*SMILES.values(), "CCCCN", "[Na+]"]),
    st.floats(0, 3, allow_subnormal=False),
    st.floats(0, 3, allow_subnormal=False),
)
def test_every_score_is_the_plain_one(few: OpenCollection, query: str, alpha: float, beta: float) -> None:
    """Of all items, best first."""
    hits = few.search(Query((Example("text", query),), mode="tversky", k=50, options={"alpha": alpha, "beta": beta}))

    found = {hit.metadata["smiles"]: hit.score for hit in hits}
    expected = {smiles: plain(query, smiles, alpha, beta) for smiles in all_of(few)}
    assert found == pytest.approx(expected, rel=1e-6)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(dict(hit.unit) == {"tversky": pytest.approx(hit.score)} for hit in hits)


def test_one_and_one_is_tanimoto(few: OpenCollection) -> None:
    """The same scores in the same order as ``similar``."""
    query = SMILES["aspirin"]

    one = few.search(Query((Example("text", query),), mode="tversky", options={"alpha": 1, "beta": "1"}))
    other = few.search(Query((Example("text", query),)))

    assert [(hit.item, hit.score) for hit in one] == [(hit.item, pytest.approx(hit.score)) for hit in other]


def test_alpha_near_one_finds_what_holds_the_example(few: OpenCollection) -> None:
    """Usually: alpha counts what the item lacks, beta what it has besides."""
    holds = asked(few, SMILES["salicylic acid"], "tversky", k=2)
    held = asked(few, SMILES["salicylic acid"], "tversky", k=9, options={"alpha": 0.0, "beta": 1.0})

    assert holds == ["O=C(O)c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O"]
    assert held.index("c1ccccc1") < held.index("CC(=O)Oc1ccccc1C(=O)O")


def test_pages_join_and_filters_hold(few: OpenCollection) -> None:
    """Page by page is the whole; a filter leaves its own."""
    query = SMILES["aspirin"]
    whole = asked(few, query, "tversky")
    pages = [smiles for start in range(0, len(whole), 2) for smiles in asked(few, query, "tversky", 2, offset=start)]

    assert len(whole) == len(SMILES)
    assert pages == whole
    light = parse_filter("weight < 100")
    assert asked(few, query, "tversky", filter=light) == [
        s for s in whole if s in asked(few, "C", "tversky", filter=light)
    ]


def test_several_weights_cannot_be(few: OpenCollection) -> None:
    """Numbers from 0 to 1000, and options that there are."""
    for options in ({"alpha": -1}, {"beta": 1e9}, {"alpha": "much"}, {"gamma": 1}, {"alpha": True}):
        with pytest.raises(QueryError, match=r"alpha|beta|gamma"):
            asked(few, "CCO", "tversky", options=options)


def test_a_space_too_large_to_keep_is_read_block_by_block(few: OpenCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is the same."""
    kept = asked(few, SMILES["toluene"], "tversky")
    monkeypatch.setattr(packed, "HELD_BYTES", 0)
    monkeypatch.setattr(packed, "BLOCK", 2)

    assert asked(few, SMILES["toluene"], "tversky") == kept


def test_what_is_kept_follows_the_collection(settings: Settings, tmp_path: Path) -> None:
    """Without reading all of it again: what changed is read, and what went is not found."""
    with molecules(settings, tmp_path, SMILES) as opened:
        assert len(asked(opened, "CCO", "tversky")) == len(SMILES)
        read: list[Any] = []
        whole = packed._made

        def counting(*told: Any) -> Any:
            read.append(told)
            return whole(*told)

        packed_made = pytest.MonkeyPatch()
        with packed_made.context() as patch:
            patch.setattr(packed, "_made", counting)
            (tmp_path / "more.smi").write_text("CCCO propanol\n")
            opened.add(tmp_path / "more.smi")
            grown = asked(opened, "CCO", "tversky")
            opened.remove([opened.items()[0].id])
            shrunk = asked(opened, "CCO", "tversky")

    assert "CCCO" in grown
    assert len(grown) == len(SMILES) + 1
    assert len(shrunk) == len(SMILES)
    assert read == []


def test_the_best_of_many_is_that_of_sorting_all() -> None:
    """Ties by ascending id, whatever n."""
    draw = np.random.default_rng(0)
    ids = draw.permutation(500).astype(np.int64)
    scores = draw.integers(0, 20, 500).astype(np.float32)
    order = np.lexsort((ids, -scores))

    for n in (0, 1, 7, 100, 499, 500, 1000):
        found, best = packed.best(ids, scores, n)
        assert found.tolist() == ids[order][:n].tolist()
        assert best.tolist() == scores[order][:n].tolist()
