"""What an item is called, and a line about it; what a hit says in its field's own words is in ``explained``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morelike import explained
from morelike.explained import alignment_lines, alignment_of
from morelike.server.pages.language import N_, _, ngettext
from morelike.types import Hit, Item, Source

__all__ = ["RECORD", "alignment_lines", "alignment_of", "called_of", "facts_of", "record_name", "units_of"]

ENDINGS = (".smi", ".inchi", ".mol")
"""Of names that a record was given for the sake of its bytes."""
RECORD = "#record="
FIGURES = (
    N_("%(count)s of %(length)s bases"),
    N_("%(count)s of %(length)s residues"),
    N_("%(share)s %% identity"),
    N_("%(count)s bits"),
    N_("other strand"),
    N_("not aligned"),
    N_("%(share)s %% contained"),
    N_("ANI %(share)s %%"),
)
"""Those of ``explained``, to be translated."""


def units_of(hit: Hit) -> list[str]:
    """The hit's figures as people of the field write them, in the language that is spoken."""
    return explained.units_of(hit, _)


def record_name(source: Source) -> str:
    """The name of a record of a file; "" of what is a file itself."""
    if RECORD not in source.uri:
        return ""
    name = source.name
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name


def called_of(item: Item) -> str:
    """The name that its first source gives the item, where it is a record of a file; else ""."""
    return record_name(item.sources[0]) if item.sources else ""


def facts_of(modality: str, info: Mapping[str, Any]) -> str:
    """A line about an item that is no picture: a molecule's formula, a sequence's length."""
    if modality == "molecule":
        return str(info.get("formula") or "")
    length = info.get("length")
    if modality == "sequence" and isinstance(length, int | float):
        count = round(length)
        if info.get("alphabet") == "protein":
            return ngettext("%(count)s residue", "%(count)s residues", count, count=_count(length))
        return ngettext("%(count)s base", "%(count)s bases", count, count=_count(length))
    return ""


def _count(value: float) -> str:
    return f"{value:,.0f}".replace(",", "\u2009")
