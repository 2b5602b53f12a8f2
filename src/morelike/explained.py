"""What a hit says in its field's own words: a Tanimoto, an identity with its stretch, an alignment in three lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from morelike.times import clock
from morelike.types import Hit

__all__ = ["FIGURES", "alignment_lines", "alignment_of", "shared_line", "units_of", "where_of"]

THIN_SPACE = "\u2009"
_ALIGNED = {"bases": "%(count)s of %(length)s bases", "residues": "%(count)s of %(length)s residues"}
_IDENTITY, _BITS, _BACK, _APART = "%(share)s %% identity", "%(count)s bits", "other strand", "not aligned"
_CONTAINED, _ANI = "%(share)s %% contained", "ANI %(share)s %%"
FIGURES = (*_ALIGNED.values(), _IDENTITY, _BITS, _BACK, _APART, _CONTAINED, _ANI)
"""What is said of figures, for who says it in another language."""


def _plain(sentence: str, **values: str) -> str:
    return sentence % values if values else sentence


def units_of(hit: Hit, say: Callable[..., str] = _plain) -> list[str]:
    """The hit's figures as people of the field write them; none where its score says all.

    ``say``: puts one of ``FIGURES`` into a language, with the values of its ``%(names)s``.
    """
    unit = hit.unit
    if "identity" in unit:
        return _aligned(hit, say)
    if "containment" in unit:
        ani = [say(_ANI, share=f"{100 * unit['ani']:.1f}")] if unit.get("ani") else []
        return [say(_CONTAINED, share=f"{100 * unit['containment']:.1f}"), *ani]
    return [f"{name.capitalize()} {unit[name]:.3f}" for name in ("tversky", "tanimoto") if name in unit]


def where_of(hit: Hit) -> str:
    """Where in its item a hit lies: ``0:12.0–0:14.5``, ``(0, 0)–(320, 240)``; empty for a whole."""
    span = hit.span
    if span.box is not None:
        return "({}, {})–({}, {})".format(*span.box)
    if span.unit == "whole":
        return ""
    if span.unit == "seconds":
        return f"{clock(span.start)}–{clock(span.end)}"
    if span.unit in {"bases", "characters"}:
        return f"{span.unit} {span.start:,.0f}–{span.end:,.0f}"
    return f"{span.unit} {span.start:g}" + (f"-{span.end:g}" if span.end > span.start else "")


def alignment_of(hit: Hit) -> Mapping[str, Any]:
    """As the rescorer explained it; empty where none did."""
    found = hit.why.get("alignment")
    return found if isinstance(found, Mapping) else {}


def alignment_lines(hit: Hit) -> str:
    """Query, bars and hit, a block after another, with the places of each line's ends, counted from 1; "" without."""
    alignment = alignment_of(hit)
    back = alignment.get("strand") == "-"
    rows = [_block(block, back=back) for block in alignment.get("blocks") or ()]
    width = max((len(str(place)) for row in rows for place in row[:4]), default=1)
    lines = []
    for first, last, its_first, its_last, block in rows:
        lines += [
            f"query {first:>{width}} {block['query']} {last}",
            f"      {'':>{width}} {block['bars']}".rstrip(),
            f"hit   {its_first:>{width}} {block['hit']} {its_last}",
            "",
        ]
    left = int(alignment.get("columns", 0)) - sum(len(row[4]["bars"]) for row in rows)
    if rows and left > 0:
        lines.append(f"… and {left:,} more columns".replace(",", THIN_SPACE))
    return "\n".join(lines).rstrip()


def shared_line(hit: Hit) -> str:
    """``atoms 2-11 (71 %); of the example 1, 2, 4-11 (77 %)``; "" where nothing says so."""
    shared = hit.why.get("shared")
    if not isinstance(shared, Mapping):
        return ""
    words = [f"atoms {_atoms(shared)}"]
    if isinstance(shared.get("query"), Mapping):
        words.append(f"of the example {_atoms(shared['query'])}")
    return "; ".join(words)


def _atoms(part: Mapping[str, Any]) -> str:
    runs: list[list[int]] = []
    for atom in part.get("atoms", ()):
        if runs and atom == runs[-1][-1] + 1:
            runs[-1].append(atom)
        else:
            runs.append([atom])
    said = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)
    return f"{said or 'none'} ({100 * part.get('share', 0.0):.0f} %)"


def _aligned(hit: Hit, say: Callable[..., str]) -> list[str]:
    unit, alignment = hit.unit, alignment_of(hit)
    if not unit["identity"]:
        return [say(_APART)]
    letters = "residues" if alignment.get("alphabet") == "protein" else "bases"
    words = [say(_IDENTITY, share=f"{100 * unit['identity']:.1f}")]
    if unit.get("aligned") and unit.get("length"):
        words.append(say(_ALIGNED[letters], count=_count(unit["aligned"]), length=_count(unit["length"])))
    if "bits" in unit:
        words.append(say(_BITS, count=_count(unit["bits"])))
    if alignment.get("strand") == "-":
        words.append(say(_BACK))
    return words


def _block(block: Mapping[str, Any], *, back: bool) -> tuple[int, int, int, int, Mapping[str, Any]]:
    ours = len(block["query"]) - block["query"].count("-")
    theirs = len(block["hit"]) - block["hit"].count("-")
    first, its_first = int(block["query_at"]) + 1, int(block["hit_at"]) + 1
    last = first + max(ours - 1, 0)
    its_last = its_first - max(theirs - 1, 0) if back else its_first + max(theirs - 1, 0)
    return first, last, its_first, its_last, block


def _count(value: float) -> str:
    return f"{value:,.0f}".replace(",", THIN_SPACE)
