"""How often a part of a photograph finds the photograph, with regions and without, and what they cost.

``python -m benchmarks.regions [ENCODER…]`` makes two collections of 300 photographs of clothes, whole and cut by a
grid, and searches both with boxes cut out of 150 of them at random and saved again; then with these photographs
themselves, for others of their kind.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import process_time

import numpy as np
from PIL import Image

import morelike
from morelike.collection import OpenCollection
from morelike.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
PHOTOGRAPHS, QUERIES = 300, 150
SHARES = (1 / 2, 0.35, 1 / 4)
"""Of each side."""


def main() -> None:
    data = Path(os.environ.get("MORELIKE_TEST_DATA", ROOT.parent / "shared"))
    clothes = sorted(path for path in (data / "data" / "clothing").rglob("*.jpg"))
    order = np.random.default_rng(0).permutation(len(clothes))[:PHOTOGRAPHS]
    chosen = [clothes[at] for at in order]
    for encoder in sys.argv[1:] or ["mobilenet-v2"]:
        with tempfile.TemporaryDirectory() as scratch:
            settings = Settings(library=Path(scratch) / "library", models=(data / "models",), offline=True)
            print(f"\n{encoder}\n" + "\n".join(_measured(settings, encoder, chosen)), flush=True)


def _measured(settings: Settings, encoder: str, chosen: Sequence[Path]) -> list[str]:
    lines = []
    with morelike.open(settings) as library:
        for name, options in (("whole", {}), ("grid", {"regions": "grid"})):
            collection = library.collection(name, modality="image", encoder=encoder, options=options)
            began = process_time()
            collection.add(*chosen, in_place=True)
            lines.append(f"  {name}: {(process_time() - began) / len(chosen) * 1000:.0f} ms of CPU a photograph")
            for share in SHARES:
                found = _found(collection, chosen[:QUERIES], share)
                lines.append(f"    a box of {share:.0%} of each side finds its photograph: {found:.1%}")
            lines.append(f"    the next photograph is of the same kind: {_alike(collection, chosen[:QUERIES]):.1%}")
    return lines


def _found(collection: OpenCollection, photographs: Sequence[Path], share: float) -> float:
    draw = np.random.default_rng(1)
    found = 0
    for path in photographs:
        with Image.open(path) as photograph:
            width, height = int(photograph.width * share), int(photograph.height * share)
            left = int(draw.integers(0, photograph.width - width))
            top = int(draw.integers(0, photograph.height - height))
            buffer = io.BytesIO()
            box = (left, top, left + width, top + height)
            photograph.convert("RGB").crop(box).save(buffer, "JPEG", quality=85)
        found += collection.search(buffer.getvalue(), k=1)[0].source == str(path)
    return found / len(photographs)


def _alike(collection: OpenCollection, photographs: Sequence[Path]) -> float:
    others = [next(hit for hit in collection.search(path, k=2) if hit.source != str(path)) for path in photographs]
    kinds = [Path(hit.source).parent.name for hit in others]
    return float(np.mean([kind == path.parent.name for kind, path in zip(kinds, photographs, strict=True)]))


if __name__ == "__main__":
    main()
