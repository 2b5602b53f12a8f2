"""Adds pictures to a library in a process of its own, and kills itself at a fault point.

``driver.py LIBRARY PICTURES POINT NTH [ITEMS]``: SIGKILL when POINT is reached for the NTH time; POINT ``none`` runs
to the end. After ITEMS the run is asked to stop; ``halfway`` in place of POINT says so after NTH items, and goes on
when it is sent a line. The index snapshot is written after each run, however small it is.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from threading import Event

import morelike
from morelike import faults
from morelike.progress import Progress
from morelike.stores.vectors import faiss
from morelike.testing.toys import ToyEncoder


def main() -> None:
    library_folder, pictures, point, nth = sys.argv[1:5]
    reached = 0

    def handler(name: str) -> None:
        nonlocal reached
        if name == point:
            reached += 1
            if reached == int(nth):
                os.kill(os.getpid(), signal.SIGKILL)

    faiss._FIRST_SNAPSHOT, faiss._MANY_CHANGES = 1, 0
    if point != "none":
        faults.install(handler)
    items = int(sys.argv[5]) if len(sys.argv) > 5 else None
    stop = Event()

    def told(progress: Progress) -> None:
        nonlocal reached
        if items is not None and progress.done >= items:
            stop.set()
        if point == "halfway" and not reached and progress.done >= int(nth):
            reached = 1
            print("halfway", flush=True)
            sys.stdin.readline()

    with morelike.open(library=Path(library_folder), commit_items=3, look_ahead=8) as library:
        collection = library.collection("photos", modality="image", encoder=ToyEncoder())
        report = collection.add(Path(pictures), progress=told, stop=stop)
        print(json.dumps({"added": report.added, "same": report.same, "rejected": report.rejected}), flush=True)


if __name__ == "__main__":
    main()
