"""`make bench`: measure, write benchmarks/results.json and docs/benchmarks.md.

``python -m benchmarks [PART…]``: ``startup``, ``quality``, ``ingest``, ``memory``; all of them by default. Parts that
were not measured keep their last figures.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import ingest, memory, quality, startup
from benchmarks.machine import machine
from benchmarks.report import written
from morelike.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"


def main() -> None:
    data = Path(os.environ.get("MORELIKE_TEST_DATA", ROOT.parent / "shared"))
    parts = sys.argv[1:] or ["startup", "quality", "ingest", "memory"]
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    results["machine"] = machine()
    results["date"] = datetime.now(UTC).date().isoformat()
    settings = Settings(models=(data / "models",), offline=True)
    clothing = data / "data" / "clothing"
    real = clothing.is_dir()
    for part in parts:
        print(f"measuring {part} …", flush=True)
        if part == "startup":
            results[part] = startup.measure()
        elif part == "memory":
            results[part] = [memory.measure("classic")]
        elif not real:
            print(f"  skipped: no photographs in {clothing} (MORELIKE_TEST_DATA)")
        elif part == "quality":
            names = ("classic", "mobilenet-v1-025", "mobilenet-v2")
            results[part] = [quality.measure(settings, name, clothing) for name in names]
        elif part == "ingest":
            results[part] = [ingest.measure(settings, name, clothing) for name in ("mobilenet-v2", "classic")]
        else:
            sys.exit(f"there is no part {part!r}: startup, quality, ingest, memory")
        print(json.dumps(results.get(part), indent=2), flush=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    (ROOT / "docs" / "benchmarks.md").write_text(written(results))


if __name__ == "__main__":
    main()
