"""What a hit found in its item, as the address of the item's page has it: a region, atoms, letters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from morelike.types import Hit

__all__ = ["atoms_of", "found_query", "region_of"]

MOST_ATOMS = 999
REGION = re.compile(r"(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6})")
ATOMS = re.compile(r"\d{1,4}(,\d{1,4}){0,998}")

Region = tuple[int, int, int, int]


def found_query(hit: Hit) -> str:
    """``region=left,top,right,bottom`` in pixels, ``atoms=0,1,5``, ``letters=100-400`` counted from 0, with the
    place on the page; "" of a whole.

    Times and passages have their own.
    """
    asked: dict[str, str] = {}
    if hit.span.box is not None:
        asked["region"] = ",".join(f"{edge:.0f}" for edge in hit.span.box)
    shared = hit.why.get("shared")
    atoms = shared.get("atoms", ()) if isinstance(shared, Mapping) else ()
    if atoms:
        asked["atoms"] = ",".join(map(str, atoms[:MOST_ATOMS]))
    if hit.span.unit == "bases":
        asked["letters"] = f"{hit.span.start:.0f}-{hit.span.end:.0f}"
    return urlencode(asked, safe=",") + ("#here" if "letters" in asked else "")


def region_of(request: Request, info: Mapping[str, Any]) -> Region | None:
    """The region that the address names, cut at the picture's edges; None of what cannot be read, or lies outside."""
    wide, high = info.get("width"), info.get("height")
    found = REGION.fullmatch(request.query_params.get("region", ""))
    if found is None or not (isinstance(wide, int) and isinstance(high, int)):
        return None
    left, top, right, bottom = map(int, found.groups())
    right, bottom = min(right, wide), min(bottom, high)
    return (left, top, right, bottom) if left < right and top < bottom else None


def atoms_of(request: Request) -> str:
    """The atoms that the address names, as a drawing takes them; "" of what cannot be read."""
    text = request.query_params.get("atoms", "")
    return text if ATOMS.fullmatch(text) else ""
