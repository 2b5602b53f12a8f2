"""`make bench`: measure, write benchmarks/results.json and docs/benchmarks.md.

``python -m benchmarks [PART…]``: ``startup``, ``quality``, ``ingest``, ``memory``, ``batching``, ``audio``, ``http``;
all of them by default. ``http-million``, ``vectors``, ``molecules`` and ``text`` take many minutes, and are measured
only when they are named; ``words`` needs a sentence encoder.
Parts that were not measured keep their last figures.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import audio, batching, ingest, memory, molecules, quality, startup, text_search, vectors, words
from benchmarks import http as over_http
from benchmarks.machine import machine
from benchmarks.report import written
from morelike.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"


def main() -> None:
    data = Path(os.environ.get("MORELIKE_TEST_DATA", ROOT.parent / "shared"))
    parts = sys.argv[1:] or ["startup", "quality", "ingest", "memory", "batching", "audio", "http"]
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    results["machine"] = machine()
    results["date"] = datetime.now(UTC).date().isoformat()
    settings = Settings(models=(data / "models",), offline=True)
    clothing = data / "data" / "clothing"
    sounds = data / "data" / "esc10"
    heard = {
        "audio": lambda: audio.measure(settings, sounds),
        "words": lambda: words.measure(settings, clothing, sounds),
    }
    slow = {
        "molecules": lambda: molecules.measure(data / "data" / "molecules"),
        "text": lambda: text_search.measure(data / "data" / "text" / "cisi"),
    }
    real = clothing.is_dir() and sounds.is_dir()
    for part in parts:
        print(f"measuring {part} …", flush=True)
        if part == "startup":
            results[part] = startup.measure()
        elif part == "memory":
            results[part] = [memory.measure("classic")]
        elif part == "vectors":
            results[part] = [vectors.measure(rows) for rows in vectors.SIZES]
        elif part in slow:
            results[part] = slow[part]()
        elif part in {"http", "http-million"}:
            sizes = over_http.SIZES if part == "http" else (1_000_000,)
            measured = [over_http.measure(items) for items in sizes]
            kept = [row for row in results.get("http", []) if row["items"] not in sizes]
            results["http"] = sorted([*kept, *measured], key=lambda row: row["items"])
        elif not real:
            print(f"  skipped: no photographs or recordings in {data / 'data'} (MORELIKE_TEST_DATA)")
        elif part == "quality":
            names = ("classic", "mobilenet-v1-025", "mobilenet-v2")
            results[part] = [quality.measure(settings, name, clothing) for name in names]
        elif part == "ingest":
            results[part] = [ingest.measure(settings, name, clothing) for name in ("mobilenet-v2", "classic")]
        elif part == "batching":
            results[part] = [batching.measure(settings, name, clothing) for name in batching.ENCODERS]
        elif part in heard:
            results[part] = heard[part]()
        else:
            known = (
                "startup, quality, ingest, memory, batching, audio, http, http-million, vectors, molecules, text, words"
            )
            sys.exit(f"there is no part {part!r}: {known}")
        print(json.dumps(results.get(part), indent=2), flush=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    (ROOT / "docs" / "benchmarks.md").write_text(written(results))


if __name__ == "__main__":
    main()
