"""The command line in a process of its own, which kills itself at a fault point.

``journey_driver.py POINT NTH WORDS…``: ``morelike WORDS…``, and SIGKILL when POINT is reached for the NTH time; POINT
``none`` runs to the end. With ``stopped`` in its place a job stands still after NTH groups of items until it is asked
to stop. Pages are small, so that there are several; with ``plain`` nothing is other than it always is.
"""

from __future__ import annotations

import os
import signal
import sys
from threading import Event

from morelike import faults, tasks
from morelike.bundle import arriving, packs, pages
from morelike.cli import main as morelike
from morelike.jobs import Report
from morelike.library import Library
from morelike.records import Job
from morelike.types import Metadata

STEP = 16


def main() -> None:
    point, nth = sys.argv[1], int(sys.argv[2])
    if point == "plain":
        morelike(sys.argv[3:])
    reached = 0
    stops: list[Event] = []
    perform = tasks.perform

    def noted(library: Library, job: Job, report: Report, stop: Event) -> Metadata:
        stops.append(stop)
        return perform(library, job, report, stop)

    def handler(name: str) -> None:
        nonlocal reached
        reached += name == ("catalog.finished" if point == "stopped" else point)
        if name == point and reached == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        if point == "stopped" and reached >= nth and stops:
            stops[-1].wait()

    pages.STEP, pages.PAGE_ITEMS, arriving.GROUP_BLOBS = STEP, STEP, 5
    packs.PACK_BYTES = 100_000
    if point != "none":
        faults.install(handler)
    tasks.perform = noted
    morelike(sys.argv[3:])


if __name__ == "__main__":
    main()
