"""An ``add`` that is killed again and again loses nothing, doubles nothing, and ends as if it never had been."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from forking import Run

import morelike
from morelike import faults
from morelike.collection import OpenCollection
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

PICTURES = 900
KILLS = 60


def _contents(collection: OpenCollection) -> dict[str, tuple[object, ...]]:
    """Everything of every item that does not depend on when it was added."""
    stores, record = collection._stores, collection._record
    items = stores.catalog.items(record, limit=10_000)
    segments = stores.catalog.segments_of(record, [item.id for item in items])
    everything = {}
    for item in items:
        own = segments[item.id]
        _, vectors = stores.vectors.fetch(collection.spaces[0], np.array([segment.id for segment in own]))
        everything[item.id] = (
            item.digest,
            tuple(sorted(source.uri for source in item.sources)),
            tuple(own),
            vectors.tobytes(),
            collection.content(item.id),
        )
    return everything


@pytest.mark.timeout(900)
def test_killed_at_every_fault_point_and_run_to_the_end(
    tmp_path: Path, run_driver: Run, record_property: Callable[[str, object], None]
) -> None:
    """Item by item and vector by vector equal to a run never interrupted; ``doctor`` finds nothing."""
    pictures = tmp_path / "pictures"
    write_images(pictures, PICTURES, seed=7)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run_driver("driver", whole, pictures, "none", 0).returncode == 0

    killed: Counter[str] = Counter()
    acknowledged = 0
    for attempt in range(KILLS * 2):
        point = faults.POINTS[attempt % len(faults.POINTS)]
        once = point.startswith("snapshot")  # at the end of a run, which is a short one therefore
        nth = 1 if once else 1 + attempt // len(faults.POINTS) % 3
        result = run_driver("driver", broken, pictures, point, nth, 1)
        if result.returncode == -signal.SIGKILL:
            killed[point] += 1
        else:
            assert result.returncode == 0, result.stderr
        with morelike.open(library=broken) as library:
            count = library.collection("photos", modality="image", encoder=ToyEncoder()).count()
            assert count >= acknowledged
            acknowledged = count
        if sum(killed.values()) >= KILLS:
            break
    unfinished = acknowledged < PICTURES
    last = run_driver("driver", broken, pictures, "none", 0)
    assert last.returncode == 0, last.stderr
    histogram = ", ".join(f"{point} {killed[point]}" for point in faults.POINTS)
    record_property("kills", f"{sum(killed.values())}: {histogram}")

    with morelike.open(library=whole) as one, morelike.open(library=broken) as other:
        expected, found = (_contents(each.collection("photos", encoder=ToyEncoder())) for each in (one, other))
        report = other.doctor()

    assert unfinished
    assert set(killed) == set(faults.POINTS)
    assert sum(killed.values()) >= 50
    assert expected.keys() == found.keys()
    assert expected == found
    assert report.findings == []
    assert json.loads(last.stdout)["rejected"] == 0
