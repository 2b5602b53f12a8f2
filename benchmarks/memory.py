"""Peak memory of `add`, each size in a process of its own: it must follow the window, not the collection."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import morelike
from morelike.dryrun import peak_memory
from morelike.testing.images import write_images

SIZES = (1_000, 10_000)


def _one(pictures: str, library_folder: str, encoder: str) -> None:
    with morelike.open(library=library_folder) as library:
        collection = library.collection("bench", modality="image", encoder=encoder)
        report = collection.add(pictures)
        dim = collection.spaces[0].card.dim
    print(json.dumps({"items": report.added, "seconds": report.seconds, "peak_bytes": peak_memory(), "dim": dim}))


def measure(encoder: str) -> dict[str, Any]:
    """Peaks at 1 k and 10 k synthetic pictures, and what of the difference is not the index's own bytes."""
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for size in SIZES:
            pictures = Path(scratch) / f"pictures-{size}"
            write_images(pictures, size, seed=0)
            command = [sys.executable, "-m", "benchmarks.memory", str(pictures), f"{scratch}/library-{size}", encoder]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            results.append(json.loads(out.splitlines()[-1]))
    small, large = results
    index_bytes = large["items"] * (large["dim"] * 4 + 8)  # the smaller run writes no snapshot, so it loads no index
    return {
        "encoder": encoder,
        "runs": results,
        "difference_bytes": large["peak_bytes"] - small["peak_bytes"],
        "index_bytes": index_bytes,
        "beyond_index_mb": (large["peak_bytes"] - small["peak_bytes"] - index_bytes) / 1e6,
    }


if __name__ == "__main__":
    _one(*sys.argv[1:4])
