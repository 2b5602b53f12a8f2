"""A film of two hours needs no more memory than a short one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from morelike.testing.films import film, looped

HOURS = 2
MOST = 120 * 1024  # KiB above what the imports take
PROGRAM = """
import sys
from pathlib import Path
import av, numpy
from morelike.modalities.video import VideoModality
from morelike.settings import Settings
from morelike.types import Blob

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

before = peak()
video, blob = VideoModality(Settings()), Blob.from_path(Path(sys.argv[1]))
specs = [spec for spec in video.split(blob, {"every": 10.0})]
shots = sum(1 for _ in video.split(blob, {}))
loaded = 0
for start in range(0, len(specs), 16):
    loaded += sum(1 for _ in video.load_run(blob, specs[start:start + 16], {"side": 224}))
print(len(specs), shots, loaded, peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_two_hours_in_flat_memory(tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    """Cutting a film of two hours both ways and loading all its frames takes less than 120 MB above the imports."""
    path = tmp_path / "long.mp4"
    looped(film(1, scenes=(20.0, 11.0, 29.0), fps=2, size=(320, 240), options={"g": "20"}), HOURS * 3600, path)

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    segments, shots, loaded, grown = (int(word) for word in done.stdout.split())

    record_property("a film of two hours, KiB above the imports", grown)
    assert segments == loaded == HOURS * 360
    assert shots > HOURS * 60
    assert grown < MOST
