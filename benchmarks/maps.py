"""How well a map keeps neighbourhoods, beside the two principal components.

``python -m benchmarks.maps [ENCODER…]`` maps the photographs of clothes and prints a line a card: the share of the ten
nearest items that are among the ten nearest on the map, trustworthiness at 10 (Venna & Kaski 2001), and the time.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from threading import Event
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray

import morelike
from morelike.project.gather import Gatherer
from morelike.project.neighbours import principal
from morelike.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
NEAR = 10


def main() -> None:
    data = Path(os.environ.get("MORELIKE_TEST_DATA", ROOT.parent / "shared"))
    for encoder in sys.argv[1:] or ["mobilenet-v1-025", "classic"]:
        with tempfile.TemporaryDirectory() as scratch:
            settings = Settings(library=Path(scratch) / "library", models=(data / "models",), offline=True)
            with morelike.open(settings) as library:
                clothes = library.collection("clothes", modality="image", encoder=encoder)
                clothes.add(data / "data" / "clothing", in_place=True)
                began, spent = perf_counter(), process_time()
                found = clothes.map(stop=Event())
                took, cpu = perf_counter() - began, process_time() - spent
                gatherer = Gatherer(clothes._stores, clothes._record, clothes.spaces[0])
                rows = np.concatenate([block for _, block in gatherer.blocks(found.items)])
            print(f"{encoder}: {len(found.items)} items, {took:.1f} s, {cpu:.1f} s of CPU")
            for name, points in (("map", found.points), ("principal components", principal(rows))):
                kept, trust = measured(rows, points)
                print(f"  {name}: {kept:.3f} of the nearest {NEAR} kept, trustworthiness {trust:.3f}", flush=True)


def measured(rows: NDArray[np.float32], points: NDArray[np.float32]) -> tuple[float, float]:
    """Neighbourhood preservation and trustworthiness at ``NEAR``."""
    true, shown = _ranks(rows), _ranks(points)
    count = len(rows)
    near = shown < NEAR
    kept = float((near & (true < NEAR)).sum() / (count * NEAR))
    intruders = np.where(near, np.maximum(true - NEAR + 1, 0), 0).sum()
    return kept, 1 - 2 * float(intruders) / (count * NEAR * (2 * count - 3 * NEAR - 1))


def _ranks(rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """(n, n): of each row, which place every other one has among its neighbours, from 0; itself stands last."""
    squares = (rows**2).sum(axis=1)
    far = squares[:, None] + squares - 2 * rows @ rows.T
    np.fill_diagonal(far, np.inf)
    return far.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")


if __name__ == "__main__":
    main()
