"""Sounds, which are cut into pieces and have waveforms: on this machine and behind a server."""

from __future__ import annotations

from typing import Any

import pytest

from morelike.testing.sounds import write_sounds
from morelike.testing.toys import ToySounds
from morelike.types import Span

pytestmark = pytest.mark.xdist_group("library suite")


@pytest.fixture(scope="module")
def sounds(both: Any) -> Any:
    """Three recordings of five seconds."""
    folder = both.root / "sounds"
    write_sounds(folder, 3, seed=1, seconds=5, rate=8000)
    made = both.local.collection("sounds", modality="audio", encoder=ToySounds(), options={"window": 1, "hop": 1})
    assert made.add(folder).added == 3
    return lambda side: side.library.collection("sounds")


def test_a_part_of_a_recording_is_an_example(side: Any, here: Any, sounds: Any) -> None:
    """In seconds, of a file, of an item; the hits are those of the library itself."""
    item = sounds(here).items()[1]

    for example in (item.id, item.sources[0].uri):
        ours = sounds(here).search(example, at=(1, 2), k=3)
        other = sounds(side).search(example, at=Span("seconds", 1, 2), k=3)
        assert other.hits == ours.hits
        assert other[0].span.unit == "seconds"


def test_its_parts_and_its_waveform_are_told(side: Any, here: Any, sounds: Any) -> None:
    """Segments with their ids; peaks of the whole and of a part; what it sounds like."""
    item = sounds(here).items()[0].id
    ours, other = sounds(here), sounds(side)

    assert len(ours.segments(item)) > 4
    assert other.segments(item) == ours.segments(item)
    assert other.peaks(item, 64) == pytest.approx(ours.peaks(item, 64), abs=1e-3)
    part = Span("seconds", 1.0, 2.5)
    assert other.peaks(item, 32, part) == pytest.approx(ours.peaks(item, 32, part), abs=1e-3)
    assert other.preview(item, 128, part).media_type.startswith("image/")
    assert other.playable(item, part).media_type == "audio/mpeg"
    assert other.options == ours.options
