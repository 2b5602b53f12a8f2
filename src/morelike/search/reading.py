"""How an example's bytes are read: by the collection's own modality, or by another whose payloads it indexes too."""

from __future__ import annotations

from collections.abc import Collection as Container
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from morelike.errors import DecodeError, MorelikeError, UnknownMedia, UsageError
from morelike.prepare import decoding, example_specs, recognise
from morelike.protocols import LoadsRuns, Modality
from morelike.registry import MODALITIES
from morelike.settings import Settings
from morelike.types import Blob, Kind, SegmentSpec, Span

__all__ = ["MOST_FRAMES", "MOST_SEGMENTS", "cut", "readers", "spread"]

T = TypeVar("T")

HEAD = 4096
SURE = 0.5
"""Another modality than the collection's own must be surer than this, where any is that sure."""
MOST_SEGMENTS = 256
"""So many of an example's segments speak for it, evenly spread: a three-hour recording is no 10 000 queries."""
FRAMES = 24
"""Into so many frames an example in time is cut …"""
MOST_FRAMES = 64
"""… or into this many, where they would be further apart than ``WIDEST``."""
NARROWEST, WIDEST = 0.25, 1.0
"""Seconds between two frames of an example."""


def readers(own: Modality, settings: Settings, blob: Blob, kinds: Container[Kind]) -> list[Modality]:
    """The modalities that may read an example, the likeliest first: the collection's own wherever it knows the bytes.

    Others are asked for a picture of a film, a sound of a film, a film of a picture: where they give payloads of
    ``kinds``. Of what nobody knows for sure, as a plain text is, the surest of these is taken. Raises UnknownMedia,
    SourceError.
    """
    with decoding(blob):
        head = blob.read(HEAD)
    sure = own.sniff(head, blob.name)
    found = [own] if sure > 0 else []
    if sure > SURE:
        return found
    others = []
    for name in MODALITIES:
        other = None if name == own.name else _loaded(name, settings)
        if other is not None and (confidence := other.sniff(head, blob.name)) > sure:
            others.append((confidence, other))
    others.sort(key=lambda pair: -pair[0])
    able = [(confidence, other) for confidence, other in others if any(kind in kinds for kind in other.kinds)]
    found += [other for confidence, other in able if confidence > SURE]
    if found:
        return found
    if others and others[0][0] > SURE:
        raise UnknownMedia(
            f"{blob.name or blob.uri} is of the modality {others[0][1].name}",
            hint=f"what is searched here is compared by: {', '.join(sorted(kinds)) or 'nothing yet'}",
        )
    if able:
        return [able[0][1]]
    recognise(blob, own)  # says what it is
    return [own]


def _loaded(name: str, settings: Settings) -> Modality | None:
    try:
        modality: Modality = MODALITIES.load(name)(settings)
    except (MorelikeError, ImportError):  # what is not installed recognises nothing
        return None
    return modality


def cut(
    modality: Modality, blob: Blob, at: Span | None, options: Mapping[str, Any], kind: Kind
) -> tuple[list[SegmentSpec], bool]:
    """An example's segments of one kind, and whether they are frames in time.

    A film is cut evenly, and more finely than a collection would be: its own cuts would have to be looked for, and
    where they lie says nothing of a clip. A picture is asked with as a whole, whatever regions the collection's have:
    who means a part of it says which. Raises DecodeError, QueryError.
    """
    known = _known_options(modality, options)
    in_time = isinstance(modality, LoadsRuns) and "image" in modality.kinds
    if in_time and (kind == "image" or "every" not in known):  # its sound is cut as a collection's is
        with decoding(blob):
            length = _length(modality, blob, at)
        if length > 0:
            step = max(min(max(length / FRAMES, NARROWEST), WIDEST), length / MOST_FRAMES)
            known = {**known, "every": step}
    with decoding(blob):
        specs = example_specs(modality, blob, at, known, kind)
    frames = in_time and kind == "image" and all(spec.span.unit == "seconds" for spec in specs)
    return spread(specs, MOST_FRAMES if frames else MOST_SEGMENTS), frames


def _known_options(modality: Modality, options: Mapping[str, Any]) -> dict[str, Any]:
    """The collection's options, as far as this modality has them too; its defaults for the rest."""
    try:
        return dict(modality.settle(options))
    except UsageError:  # they are another modality's
        known = dict(modality.settle({}))
        return {**known, **{name: value for name, value in options.items() if name in known}}


def _length(modality: Modality, blob: Blob, at: Span | None) -> float:
    """Seconds; 0 where it is not said."""
    if at is not None and at.unit == "seconds":
        return at.end - at.start
    try:
        found = modality.describe(blob).get("duration")
    except DecodeError:  # whoever cuts it will say so
        return 0.0
    return float(found) if isinstance(found, int | float) and np.isfinite(found) else 0.0


def spread(things: Sequence[T], most: int) -> list[T]:
    """All, or ``most`` of them, evenly spread, the first and the last among them."""
    if len(things) <= most:
        return list(things)
    return [things[at] for at in np.linspace(0, len(things) - 1, most).round().astype(int).tolist()]
