"""How often an answer says "nothing similar here": where it should, and where it should not.

``python -m benchmarks.novelty [ENCODER…]`` makes a collection of four fifths of the photographs of clothes and searches
it with the rest, with photographs of other things, and with drawings; then one without shoes, searched with shoes.
It prints a table a card, and what measuring a space costs.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

import morelike
from morelike.collection import OpenCollection
from morelike.demo import PHOTOGRAPHS
from morelike.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DRAWINGS = 200


def main() -> None:
    data = Path(os.environ.get("MORELIKE_TEST_DATA", ROOT.parent / "shared"))
    for encoder in sys.argv[1:] or ["mobilenet-v2", "mobilenet-v1-025", "classic"]:
        with tempfile.TemporaryDirectory() as scratch:
            settings = Settings(library=Path(scratch) / "library", models=(data / "models",), offline=True)
            print(f"\n{encoder}\n" + "\n".join(_measured(settings, encoder, data / "data", Path(scratch))), flush=True)


def _measured(settings: Settings, encoder: str, data: Path, scratch: Path) -> list[str]:
    clothes = sorted(path for path in (data / "clothing").rglob("*") if path.is_file())
    order = np.random.default_rng(0).permutation(len(clothes))
    held_out = [clothes[at] for at in order[: len(clothes) // 5]]
    shoes = [path for path in clothes if path.parent.name == "shoes"]
    drawings = _drawings(data / "nlvr" / "dev.tar.xz", scratch)
    lines = []
    with morelike.open(settings) as library:
        collection = library.collection("clothes", modality="image", encoder=encoder)
        collection.add(*(clothes[at] for at in order[len(clothes) // 5 :]), in_place=True)
        began = perf_counter()
        collection.calibrate()
        cost = perf_counter() - began
        lines.append(_rate("photographs of clothes, held out", collection, held_out))
        lines.append(_rate("photographs of other things", collection, _photographs()))
        lines.append(_rate("drawings of shapes", collection, drawings))
        lines.append(f"  measuring the space of {collection.count()} items: {cost * 1000:.0f} ms")
        without = library.collection("no-shoes", modality="image", encoder=encoder)
        without.add(*(path for path in clothes if path.parent.name != "shoes"), in_place=True)
        lines.append(_rate("shoes, where there are none", without, shoes))
    return lines


def _rate(what: str, collection: OpenCollection, queries: Sequence[Path]) -> str:
    answers = [collection.search(path, k=1) for path in queries]
    said = sum(hits.nothing_similar for hits in answers)
    median = np.median([hits[0].percentile or 0.0 for hits in answers])
    return f"  {what}: {said} of {len(queries)} ({said / len(queries):.1%}), median percentile {median:.2f}"


def _photographs() -> list[Path]:
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return [Path(spec.origin).parent / "data" / name for name in PHOTOGRAPHS]


def _drawings(archive: Path, scratch: Path) -> list[Path]:
    with tarfile.open(archive) as opened:
        members = sorted((one for one in opened if one.name.endswith(".png")), key=lambda one: one.name)
        chosen = members[:: max(len(members) // DRAWINGS, 1)][:DRAWINGS]
        opened.extractall(scratch / "drawings", chosen, filter="data")
    return [scratch / "drawings" / one.name for one in chosen]


if __name__ == "__main__":
    main()
