"""Adds toy films to a library in a process of its own, and kills itself at a fault point.

``timed_driver.py LIBRARY FILMS POINT NTH``: SIGKILL when POINT is reached for the NTH time; ``none`` runs to the end.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import morelike
from morelike import faults
from morelike.registry import MODALITIES, Row
from morelike.testing.toys import ToyEncoder, ToySketches


def main() -> None:
    library_folder, films, point, nth = sys.argv[1:5]
    reached = 0

    def handler(name: str) -> None:
        nonlocal reached
        reached += name == point
        if name == point and reached == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)

    MODALITIES._all["film"] = Row("morelike.testing.toys:ToyFilm")
    if point != "none":
        faults.install(handler)
    with morelike.open(library=Path(library_folder)) as library:
        collection = library.collection("films", modality="film", encoder=[ToyEncoder(), ToySketches()])
        collection.add(Path(films))


if __name__ == "__main__":
    main()
