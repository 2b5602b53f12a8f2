"""A library of any size in little time: made-up items with clustered vectors, written straight through the stores.

Nothing is decoded or encoded, and no blob is kept, so a search by item id works and the content of an item does not.
Each item's source carries what filters ask for: ``one``, ``ten`` and ``half`` are true of that many in a hundred,
whatever their vectors; ``cluster`` (0-99) follows the vectors.

``python -m benchmarks.grown FOLDER ITEMS [DIM]`` grows one and says how long it took.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import morelike
from morelike.library import Library
from morelike.settings import Settings
from morelike.types import Card, Claim, ContentDigest, Finished, Kind, Segment, Source, Span, Vectors, segment_id
from morelike.vecmath import normalise

NAME = "grown"
CLUSTERS = 100
WITHIN = 10
"""Denser places that one number of ``cluster`` stands for."""
DIRECTIONS = 32
"""In how many directions the vectors of a place differ most: what encoders give has few such."""
SPREAD, NOISE = 0.7, 0.3
"""How far a vector lies from the middle of its place, which has length one: in those directions, and in all."""
GROUP = 10_000
FILTERS = {"1 %": "one = true", "10 %": "ten = true", "50 %": "half = true", "1 %, a cluster": "cluster = 7"}


class GrownEncoder:
    """A picture to a fixed random projection of its 8 × 8 grid of colours: (dim,) float32, whatever the batch."""

    def __init__(self, dim: int) -> None:
        self._card = Card(
            name=f"grown-{dim}",
            family="grown",
            form="dense",
            dim=dim,
            metric="cosine",
            inputs={"image": {"side": 64}},
            fingerprint="0" * 12,
        )
        self._projection = np.random.default_rng(dim).standard_normal((192, dim), dtype=np.float32)

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Any) -> NDArray[np.float32]:  # noqa: ARG002 # the protocol's
        height, width = payload.shape[:2]
        rows, columns = np.arange(8) * height // 8, np.arange(8) * width // 8
        return (payload[np.ix_(rows, columns)].astype(np.float32).ravel() / 255.0 - 0.499).astype(np.float32)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:  # noqa: ARG002 # the protocol's
        return normalise(np.stack([row @ self._projection for row in batch]))


def library(folder: Path, items: int, dim: int = 512, seed: int = 0, **settings: Any) -> Library:
    """The library in ``folder``, grown to ``items`` where it has fewer; open, with the collection ``grown``."""
    opened = morelike.open(Settings(library=folder, offline=True, **settings))
    collection = opened.collection(NAME, modality="image", encoder=GrownEncoder(dim))
    for start in range(collection.count(), items, GROUP):
        _grow(opened, np.arange(start, min(start + GROUP, items)), dim, seed)
    vectors = opened._stores.vectors
    if vectors.due():
        vectors.build()
    with opened._stores.lock.hold("grow"):
        vectors.checkpoint()
    return opened


def item_id(number: int, seed: int = 0) -> str:
    """The id of the grown item with that number, from 0."""
    return blake2b(f"{seed}:{number}".encode(), digest_size=32).hexdigest()


def rows_of(numbers: NDArray[np.int64], dim: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(n, dim) vectors of length one and (n,) cluster numbers of those items; ``numbers`` are one group's, in order."""
    random = np.random.default_rng((seed, 1, int(numbers[0])))
    middles = _middles(dim, seed)
    inner = random.integers(0, len(middles), len(numbers))
    within = random.standard_normal((len(numbers), DIRECTIONS), dtype=np.float32) @ _directions(dim, seed)
    noise = random.standard_normal((len(numbers), dim), dtype=np.float32) * np.float32(NOISE / np.sqrt(dim))
    return normalise(middles[inner] + np.float32(SPREAD) * within + noise), inner // WITHIN


def _middles(dim: int, seed: int) -> NDArray[np.float32]:
    """(CLUSTERS × WITHIN, dim), of length one."""
    random = np.random.default_rng((seed, 0))
    return normalise(random.standard_normal((CLUSTERS * WITHIN, dim), dtype=np.float32))


def _directions(dim: int, seed: int) -> NDArray[np.float32]:
    """(DIRECTIONS, dim): a standard normal (DIRECTIONS,) times this has about length one."""
    random = np.random.default_rng((seed, 3))
    return random.standard_normal((DIRECTIONS, dim), dtype=np.float32) / np.float32(np.sqrt(DIRECTIONS * dim))


def _grow(opened: Library, numbers: NDArray[np.int64], dim: int, seed: int) -> None:
    """One group through the stores, in the order in which ``add`` writes: claims, vectors, then ready."""
    stores = opened._stores
    found = stores.catalog.collection(NAME)
    space = stores.catalog.spaces(found)[0]
    rows, clusters = rows_of(numbers, dim, seed)
    chances = np.random.default_rng((seed, 2, int(numbers[0]))).random((len(numbers), 3))
    claims, finished, ids = [], [], []
    for number, cluster, (one, ten, half) in zip(numbers.tolist(), clusters.tolist(), chances.tolist(), strict=True):
        identity = item_id(number, seed)
        said = {"one": one < 0.01, "ten": ten < 0.1, "half": half < 0.5, "cluster": cluster}
        source = Source(f"/grown/{cluster:02d}/{number}.jpg", f"{number}.jpg", 1000, number, said, "/grown")
        digest = ContentDigest(identity, identity[:32], 1000)
        claims.append(Claim(identity, digest, "image/jpeg", source, in_place=True))
        segment = Segment(segment_id(identity, 0), 0, "image", Span("whole"), identity)
        finished.append(Finished(identity, {"width": 640, "height": 480, "format": "JPEG"}, (segment,)))
        ids.append(segment.id)
    with stores.lock.hold("grow"):
        stores.catalog.claim(found, claims)
        stores.vectors.upsert(space, np.array(ids, dtype=np.int64), rows)
        stores.catalog.finish(found, finished)


def main() -> None:
    folder, items = Path(sys.argv[1]), int(sys.argv[2])
    began = perf_counter()
    with library(folder, items, int(sys.argv[3]) if len(sys.argv) > 3 else 512) as opened:
        print(f"{opened.collection(NAME).count()} items in {perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
