"""Which one of a group stays, and how an item shows itself in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from morelike.dedup.groups import Member, Pair
from morelike.dedup.looking import duration_of
from morelike.types import Item

__all__ = ["Keep", "lacking", "member", "order"]

Keep = Literal["best", "largest", "oldest", "newest"]
"""Which of a group stays. ``best``: most pixels, then the longer one, then the one with sound, then what was recorded
without loss or at more bits a second, then the larger file, then the oldest."""

_LOSSLESS = frozenset({"image/png", "image/tiff", "image/bmp", "image/x-portable-anymap", "image/x-portable-pixmap"})
_LOSSLESS_SOUND = ("pcm_", "flac", "alac", "ape", "wavpack", "tta", "truehd", "mlp")
PADDING = 0.3
"""Seconds that encoders add: a copy is no longer for that."""
_Order = tuple[object, ...]


def lacking(items: Iterable[Item], pairs: Iterable[Pair]) -> dict[str, float]:
    """By id: how many seconds an item is shorter than the longest that it was paired with."""
    lengths = {item.id: duration_of(item) for item in items}
    longest = dict(lengths)
    for one, other in pairs:
        longest[one] = max(longest[one], lengths[other])
        longest[other] = max(longest[other], lengths[one])
    return {item_id: round(max(longest[item_id] - own - PADDING, 0.0), 1) for item_id, own in lengths.items()}


def member(item: Item) -> Member:
    source = item.sources[0].uri if item.sources else ""
    width, height = item.info.get("width"), item.info.get("height")
    seconds = duration_of(item) or None
    return Member(item.id, source, item.digest.size, item.media_type, width, height, seconds)


def order(item: Item, keep: Keep, lacks: float) -> _Order:
    """The least is kept. ``lacks``: see ``lacking``."""
    size, moment = item.digest.size, _moment(item)
    pixels = int(item.info.get("width") or 0) * int(item.info.get("height") or 0)
    best: _Order = (-pixels, lacks, *_sound(item), -size, item.media_type not in _LOSSLESS, moment)
    if keep == "largest":
        return (-size, *best)
    if keep == "oldest":
        return (moment, *best)
    if keep == "newest":
        return (_Reversed(moment), *best)
    return best


def _sound(item: Item) -> _Order:
    """Of films and recordings: those with sound first, then those without loss, then those of more bits a second."""
    codec, bits = item.info.get("codec"), item.info.get("bit_rate")
    lossy = not (isinstance(codec, str) and codec.startswith(_LOSSLESS_SOUND))
    return not item.info.get("has_sound", False), lossy, -bits if isinstance(bits, int | float) else 0


def _moment(item: Item) -> str:
    """When it was taken, as far as the picture says so; else when its file was last changed; else when it was added."""
    taken = item.info.get("taken")
    if isinstance(taken, str) and taken:
        return taken
    changed = [source.modified_ns for source in item.sources if source.modified_ns is not None]
    return _iso(min(changed)) if changed else item.added_at


def _iso(nanoseconds: int) -> str:
    return str(np.datetime64(nanoseconds // 1000, "us"))


@dataclass(frozen=True, slots=True)
class _Reversed:
    text: str

    def __lt__(self, other: _Reversed) -> bool:
        return self.text > other.text
