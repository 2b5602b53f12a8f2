"""Examples to query vectors, through the same preparation as ingest."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import blake3
import numpy as np
from numpy.typing import NDArray

from morelike.errors import DecodeError, OriginalGone, QueryError, SpaceMismatch, StoreDamaged
from morelike.lane import EncoderLane
from morelike.originals import stored_blob
from morelike.prepare import crop_image, decoding, load_segments
from morelike.protocols import Encoder, Modality, ReadsText
from morelike.search.arithmetic import Addend, middle_of_words, together
from morelike.search.clock import Clock
from morelike.search.composing import COMPOSED, Composing, arranged, unknown_words
from morelike.search.reading import MOST_SEGMENTS, cut, readers, spread
from morelike.types import WHOLE, Blob, Collection, Example, ItemState, Kind, Query, Space, Span, Vectors
from morelike.wiring import Stores
from morelike.words import wordless

__all__ = ["Embedder", "Embedding", "texts_of", "units"]

IN_TIME = b"t"
"""What remembered vectors end with whose spans are remembered too; others end with another byte."""
ONLY_WORDS = frozenset({"hashed-text"})
"""Families of cards that see nothing but words: to a text without any, all others are equally unlike."""
REMEMBERED = 32 * 1024**2
"""Larger examples are not read into memory, and their vectors not remembered."""


@dataclass(slots=True, eq=False)
class _Part:
    """One example on its way to its (m, dim) vectors: prepared payloads, then a batch at the encoder, then rows."""

    example: Example
    kind: Kind
    prepared: list[Any]
    key: str = ""
    """What the vectors are remembered under; empty: not at all."""
    future: Future[Vectors] | None = None
    rows: Vectors | None = None
    spans: NDArray[np.float64] | None = None
    """(m, 2) seconds, where the segments are frames in time."""
    words: str = ""
    """Those that change the picture, where the card composes the two."""


class Embedding:
    """One query on its way to its vectors in one space. ``ask`` may come first, so that several share a batch."""

    def __init__(
        self, embedder: Embedder, space: Space, parts: Sequence[_Part], clock: Clock, unknown: tuple[str, ...] = ()
    ) -> None:
        self.unknown_words = unknown
        self._embedder = embedder
        self._space = space
        self._parts = parts
        self._clock = clock

    def ask(self) -> None:
        """Queue up at the encoder, and do not wait. Raises TooBusy, StoreError."""
        for part in self._parts:
            if part.rows is None and part.future is None and part.prepared:
                part.future = self._embedder.lane(self._space).ask(part.kind, part.prepared)

    def vectors(self) -> Vectors:
        """(m, dim): one part with m segments gives m vectors; several parts give their sum, as ``together`` makes it.

        (0, dim) where no part speaks to this space. Raises QueryError, ItemError.
        """
        with self._clock.stage("embed"):
            self.ask()
            found = [Addend(part.example.weight, self._rows(part), self._is_words(part)) for part in self._parts]
            return together(self._space.card, [one for one in found if len(one.rows)], self._middle)

    def spans(self) -> NDArray[np.float64] | None:
        """(m, 2) seconds of the vectors' frames in the example, where that is one course of frames in time."""
        alone = self._parts[0] if len(self._parts) == 1 and self._parts[0].example.weight > 0 else None
        return None if alone is None else alone.spans

    def _is_words(self, part: _Part) -> bool:
        return part.kind == "text" and self._space.kind != "text"

    def _middle(self) -> NDArray[np.float32]:
        with self._clock.waiting():
            return middle_of_words(self._embedder.lane(self._space), self._embedder.stores.cache)

    def _rows(self, part: _Part) -> Vectors:
        if part.rows is None:
            if part.future is None:
                part.rows = _nothing(self._space)
            else:
                with self._clock.waiting():
                    part.rows = part.future.result()
            self._embedder.remember(part.key, part.rows, part.spans)
        return part.rows


@dataclass(frozen=True, slots=True)
class Embedder:
    """Turns a query's parts into query vectors of one space. What it encoded before it has in the cache."""

    stores: Stores
    collection: Collection
    modality: Modality
    lane_of: Callable[[Space], EncoderLane]
    kinds: frozenset[Kind]
    """Of the active spaces."""

    def begin(self, space: Space, query: Query, states: Mapping[str, ItemState], clock: Clock) -> Embedding:
        """Decode and prepare the examples, here and now. ``states``: those of the items among them, by whole id.

        Raises QueryError, ItemError, NoSuchItem.
        """
        with clock.stage("decode"):
            asked = arranged(space, query.examples)
            parts = [self._part(space, example, words, states, clock) for example, words in asked]
            told = [unknown_words(self.lane(space).encoder, words) for _, words in asked if words]
        return Embedding(self, space, parts, clock, *told[:1])

    def lane(self, space: Space) -> EncoderLane:
        """Raises SpaceMismatch where the encoder here is not the space's own."""
        lane = self.lane_of(space)
        if lane.encoder.card.id != space.card.id:
            raise SpaceMismatch(
                f"{self.collection.name} holds vectors of {space.card.id}, the encoder here is {lane.encoder.card.id}",
                hint="use the weights that the collection was made with, or change to these with `morelike reembed`",
            )
        return lane

    def remember(self, key: str, rows: Vectors, spans: NDArray[np.float64] | None) -> None:
        if key:
            timed = b"" if spans is None else spans.tobytes()
            self.stores.cache.put(key, rows.tobytes() + timed + (IN_TIME if timed else b"-"))

    def _part(self, space: Space, example: Example, words: str, states: Mapping[str, ItemState], clock: Clock) -> _Part:
        part = _Part(example, COMPOSED if words else space.kind, [], words=words)
        if example.form == "text":
            self._text(space, example, part, clock)
        elif example.form == "payload":
            self._payload(space, example, part)
        elif example.form == "item" and example.crop is None and not words:  # a composition needs the pixels
            self._item(space, example, part, states[example.content], clock)
        else:
            self._blob(space, example, part, clock)
        return part

    def _item(self, space: Space, example: Example, part: _Part, state: ItemState, clock: Clock) -> None:
        """A whole item is what ``add`` made of it; so is a part of one whose bytes are gone."""
        if example.at is not None and example.at != WHOLE:
            with suppress(OriginalGone):
                self._blob(space, example, part, clock)
                return
        with clock.stage("embed"):
            self._stored(space, example, part, state)

    def _text(self, space: Space, example: Example, part: _Part, clock: Clock) -> None:
        if "text" not in space.card.kinds:
            if isinstance(self.modality, ReadsText):  # a SMILES is no words but the molecule itself
                part.example = replace(example, form="blob", content=self.modality.of_text(str(example.content)))
                self._blob(space, part.example, part, clock)
            return
        part.kind = "text"
        if space.card.family in ONLY_WORDS and wordless(str(example.content)):
            raise QueryError("the text has no words to search for", hint="it needs a letter or a digit")
        text = str(example.content).encode("utf-8", "surrogatepass")
        if not self._known(space, part, blake3.blake3(text).hexdigest()):
            part.prepared = [self.lane(space).encoder.prepare("text", example.content)]

    def _payload(self, space: Space, example: Example, part: _Part) -> None:
        if isinstance(example.content, np.ndarray) and example.content.ndim == 1:
            _as_it_is(space, example.content, part)
            return
        if not isinstance(example.content, np.ndarray) or "image" not in self.kinds:
            raise QueryError(f"an array cannot be an example for {space.kind}", hint="give the file")
        if example.at is not None and example.at != WHOLE:
            raise QueryError(f"an array has no {example.at.unit}", hint="leave --at out")
        if space.kind != "image":
            return
        payload = np.ascontiguousarray(example.content)
        digest = blake3.blake3(f"{payload.shape} {payload.dtype}".encode()).update(payload.data).hexdigest()
        if not self._known(space, part, digest):
            whole = payload if example.crop is None else crop_image(payload, example.crop)
            part.prepared = [self._encoder(space, part).prepare("image", whole)]

    def _blob(self, space: Space, example: Example, part: _Part, clock: Clock) -> None:
        mine = example.form == "item"
        with clock.waiting():  # the bytes may lie far away
            found = stored_blob(self.stores, self.collection, example.content) if mine else example.content
            blob, digest = _read(found)
        able = [self.modality] if mine else readers(self.modality, self.stores.settings, blob, self.kinds)
        for last, modality in enumerate(able, start=1 - len(able)):
            try:
                self._cut(space, modality, blob, digest, part)
            except DecodeError:  # a film's container may hold a sound alone
                if not last:
                    raise
            else:
                return

    def _cut(self, space: Space, modality: Modality, blob: Blob, digest: str, part: _Part) -> None:
        """The example as this modality reads it: what it has for this space, which may be nothing."""
        example, part.spans = part.example, None
        seen_only = example.crop is not None and "image" in modality.kinds  # a box is no part of a film's sound
        if space.kind not in modality.kinds or (seen_only and space.kind != "image"):
            return
        if digest and self._known(space, part, digest, modality.name, PurePath(blob.name).suffix.lower()):
            return
        specs, in_time = cut(modality, blob, example.at, self.collection.options, space.kind)
        if part.words and len(specs) > 1:
            raise QueryError(f"words change one picture: {blob.name or blob.uri} has {len(specs)}", hint="give one")
        if in_time and not part.words:
            part.spans = np.array([(spec.span.start, spec.span.end) for spec in specs], dtype=np.float64)
        part.prepared = load_segments(modality, self._encoder(space, part), blob, specs, example.crop)

    def _encoder(self, space: Space, part: _Part) -> Encoder:
        encoder = self.lane(space).encoder
        return Composing(encoder, part.words) if part.words else encoder

    def _known(self, space: Space, part: _Part, digest: str, *read_as: str) -> bool:
        """Look the vectors up under everything that they depend on; a text means the same in every collection."""
        card, example = space.card, part.example
        options = {} if example.form == "text" else self.collection.options
        told = (example.crop, None if example.at is None else (example.at.unit, example.at.start, example.at.end))
        words = [read_as, example.form, part.kind, digest, told, options, *([part.words] if part.words else [])]
        whole = blake3.blake3(json.dumps(words, sort_keys=True, default=repr).encode()).hexdigest()
        part.key = f"embedding:{card.id}:{whole}"
        found = self.stores.cache.get(part.key)
        if found is None:
            return False
        dtype, columns = (np.float32, card.dim) if card.form == "dense" else (np.uint8, -(-card.dim // 8))
        width, span = np.dtype(dtype).itemsize * columns, 2 * np.dtype(np.float64).itemsize
        in_time = found.endswith(IN_TIME)
        rows, left = divmod(len(found) - 1, width + span * in_time)
        if left:
            return False
        part.rows, part.key = np.frombuffer(found, dtype, rows * columns).reshape(rows, columns), ""
        if in_time:
            part.spans = np.frombuffer(found[rows * width : -1], np.float64).reshape(rows, 2)
        return True

    def _stored(self, space: Space, example: Example, part: _Part, state: ItemState) -> None:
        """What ``add`` made of the item, or of the segments that reach into the part asked for."""
        item_id, at = example.content, example.at or WHOLE
        if state not in {"ready", "duplicate"}:  # what is set aside keeps its vectors
            words = "not searchable yet" if state == "pending" else state
            raise QueryError(f"the item {item_id[:12]} is {words}", hint="add it again with --retry, or give a file")
        segments = [
            segment
            for segment in self.stores.catalog.segments_of(self.collection, [item_id]).get(item_id, [])
            if segment.kind == space.kind and (at == WHOLE or _overlap(segment.span, at))
        ]
        if at == WHOLE:  # a picture stands for its regions, as it does where it comes as a file
            segments = [segment for segment in segments if segment.span == WHOLE] or segments
        segments = spread(segments, MOST_SEGMENTS)
        ids = np.array([segment.id for segment in segments], dtype=np.int64)
        found, vectors = self.stores.vectors.fetch(space, ids)
        if len(found) < len(ids):
            raise StoreDamaged(f"the vectors of the item {item_id[:12]} are gone", hint=self._how_to_mend())
        part.rows = vectors
        if space.kind == "image" and all(segment.span.unit == "seconds" for segment in segments):
            part.spans = np.array([(one.span.start, one.span.end) for one in segments], dtype=np.float64)

    def check_vectors(self, spaces: Sequence[Space]) -> None:
        """Raises StoreDamaged where there are items and not one vector: that is no empty answer."""
        dense = [space for space in spaces if space.has_vectors]
        if dense and not any(self.stores.vectors.count(space) for space in dense):
            items = self.stores.catalog.count(self.collection)
            if items:
                sentence = f"{self.collection.name} has {items} items, but their vectors are gone"
                raise StoreDamaged(sentence, hint=self._how_to_mend())

    def _how_to_mend(self) -> str:
        if self.stores.settings.vectors == "memory":
            return "the store `memory` forgets them when it closes: set MORELIKE_VECTORS=faiss, `morelike doctor --fix`"
        return "run `morelike doctor --fix`"


def _read(blob: Blob) -> tuple[Blob, str]:
    """A blob whose bytes are in memory, and their digest, so that the two cannot disagree; no digest of a large one."""
    if blob.size is not None and blob.size > REMEMBERED:
        return blob, ""
    with decoding(blob):
        data = blob.read(REMEMBERED + 1)
    if len(data) > REMEMBERED:
        return blob, ""
    return replace(blob, open=lambda: io.BytesIO(data), size=len(data), path=None), blake3.blake3(data).hexdigest()


def _as_it_is(space: Space, vector: Vectors, part: _Part) -> None:
    """A vector is its own, in every space of its width. Raises QueryError on one that is not finite."""
    bits = space.card.form == "bits"
    width = -(-space.card.dim // 8) if bits else space.card.dim
    if len(vector) == width and vector.dtype.kind in ("u" if bits else "fiu"):
        part.rows = np.ascontiguousarray(vector[None], dtype=np.uint8 if bits else np.float32)
        if not bits and not np.isfinite(part.rows).all():
            raise QueryError("the vector has a number that is not finite", hint="mend it")


def _overlap(span: Span, at: Span) -> bool:
    if at.unit == "pixels":
        return span in {at, WHOLE}  # regions reach into one another everywhere
    if at.unit == "page":  # pages are counted: the last is among them
        return span == WHOLE or (span.unit == at.unit and span.start <= at.end and span.end >= at.start)
    return span == WHOLE or (span.unit == at.unit and span.start < at.end and span.end > at.start)


def _nothing(space: Space) -> NDArray[np.float32]:
    return np.empty((0, space.card.dim), dtype=np.float32)


def units(space: Space, score: float) -> Mapping[str, float]:
    """A score in the field's own unit."""
    if space.card.metric == "l2":
        return {"squared_l2": -score}
    return {space.card.metric: score}


def texts_of(examples: Sequence[Example]) -> str:
    """The words that a query looks for, for keyword search; not those that push away."""
    return " ".join(str(one.content) for one in examples if one.form == "text" and one.weight > 0)
