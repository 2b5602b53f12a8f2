"""The modes ``substructure`` and ``superstructure``: molecules that hold a part, and molecules that another one holds.

Fingerprints of small patterns rule out most molecules: a molecule that holds the part has all of its bits. What is
left is matched atom by atom, the likeliest first, until the page is full. The order is that of the Tanimoto of these
fingerprints: of what holds the part the molecule with least else, of what is held the one that fills most of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import QueryError
from morelike.search.modes import Asked, Ranked
from morelike.search.packed import Block, best, counted, held, holding, scanned
from morelike.search.rescoring import example_payload
from morelike.search.substructure_query import (
    Crew,
    Part,
    holds,
    is_held,
    matched,
    molecule_of,
    part_of_smiles,
    part_of_text,
)
from morelike.types import Ids, Metadata, Scores, Segment, Space

__all__ = ["substructure", "superstructure"]

SECONDS = 30.0
"""A query that is not answered by then is not answered."""
FIRST, MOST = 64, 2048
"""How many candidates are matched together: few at first, as they may be enough."""
MOST_THREADS = 8


def substructure(asked: Asked, n: int) -> list[Ranked]:
    """Items that hold the part: a SMARTS or SMILES as a text, or a molecule. Raises QueryError, TooBusy."""
    space = _screen(asked)
    part = _part(asked, space)
    stereo = bool(asked.options["stereo"])
    row, count = counted(space, part.bits)

    def may_hold(block: Block) -> tuple[Ids, Scores]:
        keep = holding(block, row)
        return keep, _ratio(np.full(len(keep), count), block.counts[keep])

    def why(smiles: str) -> Metadata:
        molecule = molecule_of(smiles)
        found = matched(molecule, part.molecule, stereo=stereo)
        share = round(len(found["atoms"]) / molecule.GetNumAtoms(), 4)
        return {"shared": {**found, "share": share}, "read": part.read}

    return _found(asked, space, n, scanned(asked, space, may_hold), test=holds(part, stereo=stereo), why=why)


def superstructure(asked: Asked, n: int) -> list[Ranked]:
    """Items that the example, a molecule, holds. Raises QueryError, TooBusy."""
    space = _screen(asked)
    example = asked.query.examples[0]
    smiles = example_payload(asked, example, space.kind)
    if smiles is None:
        raise QueryError("the example is no molecule", hint="give a SMILES, an item or a file")
    part = part_of_smiles(str(smiles), space.card.dim)
    stereo = bool(asked.options["stereo"])
    row, count = counted(space, part.bits)

    def may_be_held(block: Block) -> tuple[Ids, Scores]:
        keep = held(block, row)
        return keep, _ratio(block.counts[keep], np.full(len(keep), count))

    def why(smiles: str) -> Metadata:
        molecule = molecule_of(smiles)
        found = matched(part.molecule, molecule, stereo=stereo)
        share = round(len(found["atoms"]) / part.molecule.GetNumAtoms(), 4)
        own = {"atoms": list(range(molecule.GetNumAtoms())), "bonds": list(range(molecule.GetNumBonds())), "share": 1.0}
        return {"shared": {**own, "query": {**found, "share": share}}}

    return _found(asked, space, n, scanned(asked, space, may_be_held), test=is_held(part, stereo=stereo), why=why)


def _screen(asked: Asked) -> Space:
    name = asked.embedder.collection.name
    space = next((space for space in asked.spaces if space.is_screen and space.card.form == "bits"), None)
    if space is None:
        raise QueryError(f"the collection {name} has no screen for substructures", hint="collections of molecules do")
    if len(asked.query.examples) != 1 or asked.query.examples[0].weight <= 0:
        raise QueryError("a substructure is looked for by one example", hint="leave --plus and --minus out")
    return space


def _part(asked: Asked, space: Space) -> Part:
    example = asked.query.examples[0]
    if example.form == "text":
        return part_of_text(str(example.content), str(asked.options["read"]), space.card.dim)
    smiles = example_payload(asked, example, space.kind)
    if smiles is None:
        raise QueryError("the example is no molecule", hint="give a SMARTS with --text, an item or a file")
    return part_of_smiles(str(smiles), space.card.dim)


def _ratio(few: NDArray[Any], many: NDArray[Any]) -> Scores:
    """Tanimoto where all bits of the one are bits of the other."""
    result: Scores = (few / np.maximum(many, 1)).astype(np.float32)
    return result


def _found(
    asked: Asked,
    space: Space,
    n: int,
    screened: tuple[Ids, Scores],
    *,
    test: Callable[[str], bool],
    why: Callable[[str], Metadata],
) -> list[Ranked]:
    """The first ``n`` of the screened segments that stand the test."""
    threads = min(MOST_THREADS, asked.embedder.stores.settings.workers or os.cpu_count() or 1)
    ids, scores = best(*screened)
    kept: list[int] = []
    looked, step = 0, FIRST
    with asked.clock.stage("match"), Crew(test, threads, SECONDS) as crew:
        while looked < len(ids) and len(kept) < n:
            part = ids[looked : looked + step]
            smiles = _smiles_of(asked, part)
            there = [place for place, identifier in enumerate(part.tolist()) if identifier in smiles]
            answers = crew.over([smiles[int(part[place])] for place in there])
            kept += [looked + place for place, yes in zip(there, answers, strict=True) if yes]
            looked, step = looked + len(part), min(2 * step, MOST)
    asked.explain = _explainer(asked, why)
    everything = looked >= len(ids) and len(kept) <= n
    chosen = np.array(kept[:n], dtype=np.int64)
    return [Ranked(space, ids[chosen], scores[chosen], everything)]


def _explainer(asked: Asked, why: Callable[[str], Metadata]) -> Callable[[Sequence[Segment]], list[Metadata]]:
    def explain(segments: Sequence[Segment]) -> list[Metadata]:
        smiles = _smiles_of(asked, np.array([segment.id for segment in segments], dtype=np.int64))
        if not segments:
            return []
        with Crew(lambda text: why(text) if text else {}, 1, SECONDS) as crew:
            return crew.over([smiles.get(segment.id, "") for segment in segments])

    return explain


def _smiles_of(asked: Asked, ids: Ids) -> Mapping[int, str]:
    """By segment: what the catalog has of the molecule; nothing of one that is not ready."""
    embedder = asked.embedder
    segments = embedder.stores.catalog.segments(embedder.collection, ids)
    shown = embedder.stores.catalog.shown(embedder.collection, [segment.item_id for segment in segments.values()])
    found: dict[int, str] = {}
    for identifier, segment in segments.items():
        item = shown.get(segment.item_id)
        smiles = None if item is None else item.info.get("smiles")
        if isinstance(smiles, str) and smiles:
            found[identifier] = smiles
    return found
