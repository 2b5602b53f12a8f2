"""The command line in a process of its own, which kills itself at a fault point.

``journey_driver.py POINT NTH WORDS…``: ``morelike WORDS…``, and SIGKILL when POINT is reached for the NTH time; POINT
``none`` runs to the end. Pages are small, so that there are several.
"""

from __future__ import annotations

import os
import signal
import sys

from morelike import faults
from morelike.bundle import arriving, packs, pages
from morelike.cli import main

STEP = 16


def run() -> None:
    point, nth = sys.argv[1], int(sys.argv[2])
    reached = 0

    def handler(name: str) -> None:
        nonlocal reached
        reached += name == point
        if name == point and reached == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    pages.STEP, pages.PAGE_ITEMS, arriving.GROUP_BLOBS = STEP, STEP, 5
    packs.PACK_BYTES = 100_000
    if point != "none":
        faults.install(handler)
    main(sys.argv[3:])


if __name__ == "__main__":
    run()
