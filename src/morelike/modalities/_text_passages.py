"""Which passages a text is cut into, as a collection's options say; documents are cut so too."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.modalities._text_columns import AUTO, checked_column
from morelike.sentences import passages
from morelike.types import WHOLE, Metadata, Span

__all__ = ["characters_of", "passages_of", "settled_passages"]

_CHUNK: Final = 800
"""Sentence encoders read 256 word pieces and leave out the rest: of 800 characters of English prose none is left out,
of 1 000 characters of technical notes half of the passages would lose their ends."""
_OVERLAP: Final = 120
_SHORTEST, _LONGEST = 40, 20_000


def settled_passages(given: Metadata, plural: str, *, column: bool = False) -> dict[str, Any]:
    """``chunk`` and ``overlap`` in characters, and ``column`` where that is asked for. Raises UsageError."""
    known = {"chunk": _CHUNK, "overlap": _OVERLAP, **({"column": AUTO} if column else {})}
    if unknown := sorted(set(given) - set(known)):
        raise UsageError(f"{plural} have no {', '.join(unknown)}", hint=f"they have {', '.join(known)}")
    chunk = _characters("chunk", given.get("chunk", _CHUNK))
    overlap = _characters("overlap", given.get("overlap", min(_OVERLAP, chunk // 4)))
    if not _SHORTEST <= chunk <= _LONGEST:
        raise UsageError(f"chunk is {chunk:,}", hint=f"from {_SHORTEST} to {_LONGEST:,} characters")
    if overlap > chunk // 2:
        raise UsageError(f"an overlap of {overlap:,} is too much", hint="at most half of chunk")
    found: dict[str, Any] = {"chunk": chunk, "overlap": overlap}
    return {**found, "column": checked_column(given.get("column", AUTO))} if column else found


def _characters(name: str, given: Any) -> int:
    number = given if isinstance(given, int | float) and not isinstance(given, bool) else math.nan
    if not (math.isfinite(number) and number == int(number) and number >= 0):
        raise UsageError(f"{name} cannot be {given!r}"[:200], hint=f"a number of characters: {name}={_CHUNK}")
    return int(number)


def passages_of(text: str, options: Metadata, at: Span, label: str) -> Iterator[Span]:
    """Spans in characters of the text, those of the part ``at`` alone; one passage of a whole text is ``WHOLE``.

    Raises QueryError where the text has no such part, DecodeError where there are no words in it.
    """
    first, last = 0, len(text)
    if at != WHOLE:
        if at.unit != "characters":
            raise QueryError(f"{label} is a text: it has no {at.unit}", hint="leave --at out")
        if not 0 <= at.start < min(at.end, len(text)):
            raise QueryError(f"{label} has {len(text):,} characters, and no {at.start:g} to {at.end:g}")
        first, last = characters_of(len(text), at)
    found = passages(text[first:last], options["chunk"], options["overlap"])
    if not found:
        raise DecodeError(f"{label} has no words there")
    if len(found) == 1 and at == WHOLE:
        yield WHOLE
        return
    for start, end in found:
        yield Span("characters", float(first + start), float(first + end))


def characters_of(length: int, span: Span) -> tuple[int, int]:
    """(from, to) in a text of that length; of a whole one all of it."""
    if span.unit != "characters":
        return 0, length
    return max(int(span.start), 0), min(math.ceil(span.end), length)
