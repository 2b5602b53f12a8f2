"""Which one of a group stays."""

from __future__ import annotations

from typing import Any

import pytest

from morelike.dedup.keeping import lacking, order
from morelike.types import ContentDigest, Item, Source


def recording(name: str, *, size: int = 1000, **info: Any) -> Item:
    digest, source = ContentDigest(name, "", size), Source(name, name, size, modified_ns=1)
    return Item(name, "ready", digest, "audio/x", info, (), (source,), in_place=False, added_at="", updated_at="")


MP3 = recording("mp3", duration=60.06, codec="mp3", bit_rate=320_000)
POOR = recording("poor", duration=60.0, codec="mp3", bit_rate=64_000, size=9000)
FLAC = recording("flac", duration=60.0, codec="flac", bit_rate=200_000)
CUT = recording("cut", duration=59.0, codec="pcm_s16le", bit_rate=700_000)


@pytest.mark.parametrize(
    ("items", "kept"),
    [
        ((MP3, POOR), "mp3"),  # more bits a second, though the file is smaller
        ((MP3, POOR, FLAC), "flac"),  # what an encoder pads makes nothing longer
        ((MP3, CUT), "mp3"),  # longer
        ((recording("silent", duration=5.0), recording("sound", duration=5.0, has_sound=True, size=10)), "sound"),
        ((recording("small", width=10, height=10, has_sound=True), recording("large", width=20, height=20)), "large"),
    ],
)
def test_the_best_recording_stays(items: tuple[Item, ...], kept: str) -> None:
    """Pixels, length, sound, no loss, bits a second, bytes: in this order."""
    pairs = [(one.id, other.id) for one in items for other in items if one.id < other.id]
    lacks = lacking(items, pairs)

    assert min(items, key=lambda item: order(item, "best", lacks[item.id])).id == kept
