"""Trains a small network in a process of its own, and kills itself at a fault point.

``train_driver.py RUN POINT NTH``: SIGKILL when POINT is reached for the NTH time; POINT ``none`` runs to the end. It
prints the iteration that it came to.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from morelike import faults
from morelike.testing.triplets import ToyTriplets
from morelike.training.composed import data
from morelike.training.composed.loop import train


def main() -> None:
    run, point, nth = sys.argv[1:]
    reached = 0

    def handler(name: str) -> None:
        nonlocal reached
        if name == point:
            reached += 1
            if reached == int(nth):
                os.kill(os.getpid(), signal.SIGKILL)

    if point != "none":
        faults.install(handler)
    triplets = ToyTriplets()
    data.read_triplets = lambda settings, split: (triplets, triplets)
    print(train(Path(run)).iteration, flush=True)


if __name__ == "__main__":
    main()
