"""Re-embeds a collection in a process of its own, and kills itself at a fault point.

``reembed_driver.py LIBRARY POINT NTH``: SIGKILL when POINT is reached for the NTH time; POINT ``none`` runs to the
end. It prints how many vectors the encoder was asked for, a line for each batch, so that a killed run is counted too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import morelike
from morelike import faults
from morelike.testing.toys import ToyEncoder
from morelike.types import Card, Kind, Payload

GROUP = 8


class Corners:
    """A picture to the colours of its corners: 12 numbers."""

    card = Card(
        "corners", family="toy", form="dense", dim=12, metric="ip", inputs={"image": {"side": 32}}, fingerprint="2" * 12
    )

    def prepare(self, kind: Kind, payload: Payload) -> Any:
        assert kind == "image"
        return payload[[0, 0, -1, -1], [0, -1, 0, -1]].ravel().astype(np.float32) / 255

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Any:
        assert kind == "image"
        print(len(batch), flush=True)
        return np.stack(batch)


def main() -> None:
    library_folder, point, nth = sys.argv[1:]
    reached = 0

    def handler(name: str) -> None:
        nonlocal reached
        if name == point:
            reached += 1
            if reached == int(nth):
                os.kill(os.getpid(), signal.SIGKILL)

    if point != "none":
        faults.install(handler)
    with morelike.open(library=Path(library_folder), commit_items=GROUP, look_ahead=8) as library:
        report = library.collection("photos", encoder=ToyEncoder()).reembed(Corners())
        print(json.dumps({"encoded": report.encoded, "same": report.same, "switched": report.switched}), flush=True)


if __name__ == "__main__":
    main()
