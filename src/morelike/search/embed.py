"""Examples to query vectors, through the same preparation as ingest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from morelike.errors import QueryError, SpaceMismatch, StoreDamaged
from morelike.originals import stored_blob
from morelike.prepare import EncoderLane, crop_image, example_specs, load_segment, recognise
from morelike.protocols import Modality
from morelike.types import Blob, Collection, Example, Query, Space
from morelike.vecmath import normalise
from morelike.wiring import Stores

__all__ = ["Embedder"]

FAR_TOO_SMALL = 1e-6


@dataclass(frozen=True, slots=True)
class Embedder:
    """Turns a query's parts into (m, dim) query vectors of one space."""

    stores: Stores
    collection: Collection
    modality: Modality
    lane_of: Callable[[Space], EncoderLane]

    def embed(self, space: Space, query: Query) -> NDArray[np.float32]:
        """(m, dim): one part with m segments gives m vectors; several parts give their weighted sum.

        (0, dim) where no part speaks to this space. Raises QueryError, ItemError, NoSuchItem.
        """
        parts = [(example, self._rows(space, example)) for example in query.examples]
        parts = [(example, rows) for example, rows in parts if len(rows)]
        if not parts:
            return np.empty((0, space.card.dim), dtype=np.float32)
        if len(parts) == 1 and parts[0][0].weight > 0:
            return parts[0][1]
        if space.card.form != "dense":
            raise QueryError(
                f"the card {space.card.name} has no sums: it takes one example at a time",
                hint="leave --plus and --minus out",
            )
        if not any(example.weight > 0 for example, _ in parts):
            raise QueryError(
                "a query needs at least one part to look for", hint="--minus only pushes away; add an example"
            )
        total = np.zeros(space.card.dim, dtype=np.float32)
        for example, rows in parts:
            total += np.float32(example.weight) * normalise(normalise(rows).mean(axis=0))[0]
        if float(np.linalg.norm(total)) < FAR_TOO_SMALL:
            raise QueryError("the parts of this query cancel each other out", hint="change their weights")
        return normalise(total)

    def _rows(self, space: Space, example: Example) -> NDArray[np.float32]:
        """One part's (m, dim) vectors in this space; (0, dim) where it has nothing of the space's kind."""
        none = np.empty((0, space.card.dim), dtype=np.float32)
        if example.form == "text":
            if "text" not in space.card.kinds:
                return none
            lane = self._lane(space)
            return lane.submit("text", [lane.encoder.prepare("text", example.content)]).result()
        if example.form == "item" and example.crop is None and example.at is None:
            return self._stored(space, example.content)
        if example.form == "payload":
            if not isinstance(example.content, np.ndarray) or space.kind != "image":
                raise QueryError(f"an array cannot be an example for {space.kind}", hint="give the file")
            payload = example.content if example.crop is None else crop_image(example.content, example.crop)
            lane = self._lane(space)
            return lane.submit("image", [lane.encoder.prepare("image", payload)]).result()
        blob = self._blob(example)
        specs = example_specs(self.modality, blob, example.at, self.collection.options)
        lane = self._lane(space)
        prepared = [
            load_segment(self.modality, lane.encoder, blob, spec, example.crop)
            for spec in specs
            if spec.kind == space.kind
        ]
        return lane.submit(space.kind, prepared).result() if prepared else none

    def _lane(self, space: Space) -> EncoderLane:
        lane = self.lane_of(space)
        if lane.encoder.card.id != space.card.id:
            raise SpaceMismatch(
                f"{self.collection.name} holds vectors of {space.card.id}, the encoder here is {lane.encoder.card.id}",
                hint="use the weights that the collection was made with, or make a new collection",
            )
        return lane

    def _blob(self, example: Example) -> Blob:
        if example.form == "item":
            return stored_blob(self.stores, self.collection, example.content)
        blob: Blob = example.content
        recognise(blob, self.modality)
        return blob

    def _stored(self, space: Space, item_id: str) -> NDArray[np.float32]:
        item = self.stores.catalog.item(self.collection, item_id)
        segments = self.stores.catalog.segments_of(self.collection, [item.id]).get(item.id, [])
        if item.state != "ready":
            state = "not searchable yet" if item.state == "pending" else item.state
            raise QueryError(f"the item {item.id[:12]} is {state}", hint="add it again with --retry, or give a file")
        ids = np.array([segment.id for segment in segments if segment.kind == space.kind], dtype=np.int64)
        found, vectors = self.stores.vectors.fetch(space, ids)
        if len(found) < len(ids):
            raise StoreDamaged(f"the vectors of the item {item.id[:12]} are gone", hint=self._how_to_mend())
        return vectors

    def check_vectors(self, spaces: Sequence[Space]) -> None:
        """Raises StoreDamaged where there are items and not one vector: that is no empty answer."""
        dense = [space for space in spaces if space.card.form != "terms"]
        if dense and not any(self.stores.vectors.count(space) for space in dense):
            items = self.stores.catalog.count(self.collection)
            if items:
                sentence = f"{self.collection.name} has {items} items, but their vectors are gone"
                raise StoreDamaged(sentence, hint=self._how_to_mend())

    def _how_to_mend(self) -> str:
        if self.stores.settings.vectors == "memory":
            return "the store `memory` forgets them when it closes: set MORELIKE_VECTORS=faiss, `morelike doctor --fix`"
        return "run `morelike doctor --fix`"


def units(space: Space, score: float) -> Mapping[str, float]:
    """A score in the field's own unit."""
    if space.card.metric == "l2":
        return {"squared_l2": -score}
    return {space.card.metric: score}


def texts_of(examples: Sequence[Example]) -> str:
    """The query's words, for keyword search."""
    return " ".join(str(example.content) for example in examples if example.form == "text")
