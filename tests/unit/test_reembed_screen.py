"""Molecules of another encoder: the screen for substructures stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("rdkit", reason="molecules need rdkit (extra molecules)")

import morelike
from morelike.settings import Settings
from morelike.types import Example, Query


def test_a_screen_is_not_made_again(settings: Settings, tmp_path: Path) -> None:
    """Only what is another card is encoded; substructures are found before and after, and on the way back."""
    (tmp_path / "list.smi").write_text("CC(=O)Oc1ccccc1C(=O)O a\nOC(=O)c1ccccc1O b\nCCO c\n")
    part = Query((Example("text", "c1ccccc1"),), mode="substructure")
    with morelike.open(settings) as library:
        opened = library.collection("molecules", modality="molecule")
        opened.add(tmp_path / "list.smi")
        before = [hit.item for hit in opened.search(part)]
        screens = [space.id for space in opened.spaces if space.is_screen]

        report = opened.reembed("maccs")
        after = [hit.item for hit in opened.search(part)]
        names = {space.card.name for space in opened.spaces if space.active}
        opened.rollback()
        back = [hit.item for hit in opened.search(part)]

        assert report.encoded == 3
        assert len(before) == 2
        assert before == after == back
        assert names == {"maccs", "pattern"}
        assert [space.id for space in opened.spaces if space.is_screen] == screens
