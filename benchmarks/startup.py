"""What a person waits for before anything happens."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 15


def _median_seconds(command: list[str]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def measure() -> dict[str, float]:
    """Median seconds of whole processes; ``python -c pass`` is what an empty one takes."""
    script = Path(sys.executable).with_name("morelike")
    empty = _median_seconds([sys.executable, "-c", "pass"])
    return {
        "empty_process_s": empty,
        "import_morelike_s": _median_seconds([sys.executable, "-c", "import morelike"]) - empty,
        "morelike_help_s": _median_seconds([str(script), "--help"]),
    }
