"""Does one job in a process of its own, and kills itself at a fault point.

``job_driver.py LIBRARY JOB LEASE POINT NTH``: SIGKILL when POINT is reached for the NTH time; POINT ``none`` does the
job to its end and prints it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import morelike
from morelike import faults
from morelike.jobs import FINISHED
from morelike.testing.toys import ToyEncoder


def main() -> None:
    folder, job_id, lease, point, nth = sys.argv[1:6]
    reached = 0

    def handler(name: str) -> None:
        nonlocal reached
        if name == point:
            reached += 1
            if reached == int(nth):
                os.kill(os.getpid(), signal.SIGKILL)

    if point != "none":
        faults.install(handler)
    with morelike.open(library=Path(folder), commit_items=10, look_ahead=20) as library:
        library.collection("photos", modality="image", encoder=ToyEncoder())
        job = library.jobs.get(job_id)
        with library.run_jobs(lease=float(lease)):
            while job.state not in FINISHED:
                job = library.jobs.watch(job_id, 60.0, job)
        print(json.dumps(asdict(job)), flush=True)


if __name__ == "__main__":
    main()
