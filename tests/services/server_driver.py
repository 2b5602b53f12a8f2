"""Adds pictures to a library whose catalog is on a server, in a process of its own.

``server_driver.py LIBRARY CATALOG BLOBS PICTURES [ITEMS]``: prints a line at each group, and last one of JSON, the
report or the error. After ITEMS it goes on when it is sent a line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import morelike
from morelike.errors import MorelikeError
from morelike.progress import Progress
from morelike.testing.toys import ToyEncoder


def main() -> None:
    library_folder, catalog, blobs, pictures, *more = sys.argv[1:]
    waits = [int(items) for items in more]
    told = 0

    def tell(progress: Progress) -> None:
        nonlocal told
        if progress.done > told:
            told = progress.done
            print(f"done {told}", flush=True)
            if waits and told >= waits[0]:
                waits.clear()
                sys.stdin.readline()

    try:
        with morelike.open(
            library=Path(library_folder), catalog=catalog, blobs=blobs, commit_items=5, look_ahead=8, lock_timeout=600
        ) as library:
            collection = library.collection("photos", modality="image", encoder=ToyEncoder())
            report = collection.add(Path(pictures), progress=tell)
            said = {"added": report.added, "same": report.same, "rejected": report.rejected}
    except MorelikeError as error:
        said = {"error": type(error).__name__, "said": str(error)}
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
