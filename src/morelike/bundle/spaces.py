"""What a space holds as rows of a bundle, and back: vectors and sketches as their bytes, words as texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from morelike.bundle.tables import Columns
from morelike.stores.catalog.encoding import pack, unpack
from morelike.types import Card, Ids, Sketch, Space
from morelike.wiring import Stores

__all__ = ["columns_of", "fetched", "put", "values_of", "widest", "width_of"]

_BLOCK_BYTES = 4 * 1024**2
_SKETCH_BYTES = 4096
"""What one sketch or text is taken for."""


def width_of(card: Card) -> int:
    """The bytes of one vector."""
    return 4 * card.dim if card.form == "dense" else -(-card.dim // 8)


def widest(spaces: Sequence[Space]) -> int:
    return max([width_of(space.card) if space.has_vectors else _SKETCH_BYTES for space in spaces], default=1)


def columns_of(card: Card) -> Columns:
    """Vectors are little-endian float32, or packed bits; hashes little-endian uint64 and their places int32."""
    if card.form == "terms":
        return {"segment": "whole", "words": "text"}
    if card.form == "sketch":
        return {"segment": "whole", "hashes": "bytes", "at": "bytes"}
    return {"segment": "whole", "vector": f"bytes:{width_of(card)}"}


def fetched(stores: Stores, space: Space, ids: Ids) -> Iterator[dict[str, Any]]:
    """In bounded blocks: what the space has under those of the ids that are there."""
    step = max(1, _BLOCK_BYTES // (width_of(space.card) if space.has_vectors else _SKETCH_BYTES))
    for start in range(0, len(ids), step):
        yield _block(stores, space, ids[start : start + step])


def _block(stores: Stores, space: Space, ids: Ids) -> dict[str, Any]:
    if space.has_vectors:
        there, vectors = stores.vectors.fetch(space, ids)
        if space.card.form == "dense":
            vectors = vectors.astype("<f4", copy=False)
        data = np.ascontiguousarray(vectors).view(np.uint8).reshape(len(there), width_of(space.card))
        return {"segment": there, "vector": data}
    if space.card.form == "sketch":
        found = [(i, one) for i, one in zip(ids, stores.sketches.fetch(space, ids), strict=True) if one is not None]
        return {
            "segment": [int(identifier) for identifier, _ in found],
            "hashes": [one.hashes.astype("<u8").tobytes() for _, one in found],
            "at": [one.at.astype("<i4").tobytes() for _, one in found],
        }
    texts = [(i, one) for i, one in zip(ids, stores.terms.fetch(space, ids), strict=True) if one is not None]
    return {"segment": [int(identifier) for identifier, _ in texts], "words": [pack(one) for _, one in texts]}


def values_of(card: Card, batch: Mapping[str, Any]) -> Any:
    """What the store takes of a batch. Raises ValueError on a number that is not finite, or a broken sketch."""
    if card.form == "terms":
        return [unpack(words) for words in batch["words"]]
    if card.form == "sketch":
        pairs = zip(batch["hashes"], batch["at"], strict=True)
        return [
            Sketch(np.frombuffer(hashes, "<u8").astype(np.uint64), np.frombuffer(at, "<i4").astype(np.int32))
            for hashes, at in pairs
        ]
    if card.form == "bits":
        return batch["vector"]
    vectors = np.ascontiguousarray(batch["vector"]).view("<f4").astype(np.float32, copy=False)
    if not np.isfinite(vectors).all():
        raise ValueError("a vector has a number that is not finite")
    return vectors


def put(stores: Stores, space: Space, ids: Ids, values: Any) -> None:
    """Call it under the write lock. Raises StoreError, UsageError."""
    if space.card.form == "terms":
        stores.terms.upsert(space, ids, values)
    elif space.card.form == "sketch":
        stores.sketches.upsert(space, ids, values)
    else:
        stores.vectors.upsert(space, ids, values)
