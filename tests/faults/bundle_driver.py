"""Exports or imports a bundle in a process of its own, and kills itself at a fault point.

``bundle_driver.py export|import LIBRARY BUNDLE POINT NTH``: SIGKILL when POINT is reached for the NTH time; POINT
``none`` runs to the end. Pages are small, so that there are several.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import morelike
from morelike import faults
from morelike.bundle import arriving, packs, pages

STEP = 16


def main() -> None:
    what, library_folder, bundle, point, nth = sys.argv[1:]
    reached = 0

    def handler(name: str) -> None:
        nonlocal reached
        if name == point:
            reached += 1
            if reached == int(nth):
                os.kill(os.getpid(), signal.SIGKILL)

    pages.STEP, pages.PAGE_ITEMS, arriving.GROUP_BLOBS = STEP, STEP, 5
    packs.PACK_BYTES = 20_000
    if point != "none":
        faults.install(handler)
    with morelike.open(library=Path(library_folder), offline=True) as library:
        if what == "export":
            exported = library.export(bundle)
            print(json.dumps({"written": exported.written, "same": exported.same}), flush=True)
        else:
            imported = library.import_from(bundle)
            print(json.dumps({"added": imported.added, "same": imported.same}), flush=True)


if __name__ == "__main__":
    main()
