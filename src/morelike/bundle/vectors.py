"""Ready-made vectors into a collection: an item a vector, without bytes."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from threading import Event
from typing import Any

import blake3
import numpy as np
from numpy.typing import NDArray

from morelike.bundle.plan import check_spaces
from morelike.bundle.vectorfiles import Batch, VectorFile, open_vectors
from morelike.calibration import keep_calibrated
from morelike.deletion import kind_in
from morelike.errors import ModelError, NoSuchCollection, SourceError, SpaceMismatch, UsageError
from morelike.models import cards
from morelike.parts import add_spaces
from morelike.progress import Meter, Progress
from morelike.registry import MODALITIES
from morelike.types import WHOLE, Card, Collection, ContentDigest, Item, Segment, Source, Space, segment_id
from morelike.wiring import Stores, resolve_card

__all__ = ["VECTOR_TYPE", "ImportVectors", "VectorsReport"]

VECTOR_TYPE = "application/x-vector"
"""The media type of an item that is a vector and nothing else."""
MODALITY, KIND, CARD = "vectors", "vector", "imported"
_PLAIN_ID = re.compile(r"[0-9a-z][0-9A-Za-z_\-]{5,199}")
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class VectorsReport:
    """``vectors`` were brought in, or would be."""

    encoder: str
    vectors: int
    dim: int
    interrupted: bool


class ImportVectors:
    """One run. The file is looked at whole before anything is written."""

    def __init__(
        self,
        stores: Stores,
        collection: str,
        file: Path,
        *,
        ids: Path | None,
        encoder: str | None,
        modality: str | None,
        metric: str | None,
        name: str | None,
        make: Callable[[str, str, str], Collection],
    ) -> None:
        """``make`` makes a collection by name, modality and encoder."""
        self._make = make
        self._stores = stores
        self._name = collection
        self._file = file.expanduser().absolute()
        self._ids = ids
        self._encoder = encoder
        self._modality = modality
        self._metric = metric
        self._card_name = name
        self._same_places = False

    def run(
        self,
        *,
        dry_run: bool,
        progress: Callable[[Progress], None] | None,
        stop: Event | None,
        notify: Callable[[str], None] | None,
    ) -> VectorsReport:
        """Raises UsageError, SpaceMismatch, SourceError, ModelError, StoreError."""
        file = open_vectors(self._file, self._ids)
        found = self._found()
        card = self._card_of(found, file)
        self._look(file, card, found)
        report = VectorsReport(card.id, file.rows, card.dim, interrupted=False)
        if dry_run:
            return report
        found, space = self._made(found, card)
        meter = Meter(progress)
        meter.total = file.rows
        for batch in file.batches():
            if stop is not None and stop.is_set():
                return VectorsReport(card.id, meter.done, card.dim, interrupted=True)
            with self._stores.lock.hold(f"import vectors into {found.name}", waiting=notify):
                self._write(found, space, batch)
            meter.done += len(batch.ids)
            meter.tick(batch.ids[-1])
        keep_calibrated(self._stores, found)
        return report

    def _found(self) -> Collection | None:
        try:
            return self._stores.catalog.collection(self._name)
        except NoSuchCollection:
            return None

    def _card_of(self, found: Collection | None, file: VectorFile) -> Card:
        """Whose vectors these are. Raises SpaceMismatch, UsageError, ModelError."""
        if found is not None:
            card = self._own(found).card
        elif self._encoder is not None:
            card = resolve_card(self._encoder, self._stores.settings)
        else:
            return self._new_card(file)
        numbers = file.columns * 8 if card.form == "bits" else file.columns
        if numbers != card.dim or card.form not in {"dense", "bits"}:
            raise SpaceMismatch(f"{self._file} has vectors of {numbers} numbers, those of {card.id} have {card.dim}")
        if self._metric not in {None, card.metric}:
            raise SpaceMismatch(f"{card.id} compares by {card.metric}, not by {self._metric}", hint="leave it out")
        return card

    def _own(self, found: Collection) -> Space:
        spaces = [one for one in self._stores.catalog.spaces(found) if one.active and one.has_vectors]
        named = self._encoder or (self._card_name if found.modality == MODALITY else None)
        if named is None and found.modality != MODALITY:
            made_with = ", ".join(space.card.name for space in spaces)
            raise UsageError(
                f"the collection {found.name} is made with {made_with}",
                hint="if that made these vectors too, say so with --encoder; else choose another collection",
            )
        space = next((one for one in spaces if named in {None, one.card.name, one.card.id}), None)
        if space is None:
            raise SpaceMismatch(f"the collection {found.name} is not made with {named}", hint="choose another one")
        return space

    def _new_card(self, file: VectorFile) -> Card:
        bits = file.dtype == np.uint8 and self._metric in {None, "tanimoto"}
        metric = self._metric or ("tanimoto" if bits else "cosine")
        if metric not in ({"tanimoto"} if bits else {"cosine", "ip", "l2"}):
            raise UsageError(
                f"vectors of {file.dtype} cannot be compared by {metric}",
                hint="cosine, ip or l2; tanimoto for packed bits (uint8)",
            )
        dim = file.columns * 8 if bits else file.columns
        card = Card(
            name=self._card_name or CARD,
            family="imported",
            form="bits" if bits else "dense",
            dim=dim,
            metric=metric,  # type: ignore[arg-type] # looked at above
            inputs={KIND: {}},
            description="vectors that were made elsewhere",
        )
        try:
            return cards.from_text(cards.to_text(card), "it")
        except ModelError as error:
            raise UsageError(f"an encoder cannot be called {self._card_name!r}", hint=error.message) from error

    def _look(self, file: VectorFile, card: Card, found: Collection | None) -> None:
        """All of the file. Raises SourceError naming the first row that cannot be used, UsageError."""
        ids, places = array("q"), array("q")
        row = 0
        for batch in file.batches():
            _converted(self._file, batch, card, row)
            for at, given in enumerate(batch.ids):
                if not 0 < len(given) <= _LONGEST:
                    raise SourceError(f"row {row + at + 1} of {self._file} has no id, or one that is too long")
                ids.append(segment_id(_item_id(given), 0))
            places.extend(segment_id(source, 0) for source in batch.sources if source)
            row += len(batch.ids)
            if found is not None:
                there = self._stores.catalog.get_items(found, [_item_id(given) for given in batch.ids])
                if other := next((item for item in there.values() if item.media_type != VECTOR_TYPE), None):
                    raise UsageError(
                        f"{found.name} has the item {other.id[:12]} with its bytes: its vector is not replaced",
                        hint="choose another collection, or other ids",
                    )
        if len(np.unique(np.frombuffer(ids, np.int64))) != len(ids):
            raise SourceError(f"{self._file} has an id twice", hint="each vector needs an id of its own")
        self._same_places = len(np.unique(np.frombuffer(places, np.int64))) != len(places)

    def _made(self, found: Collection | None, card: Card) -> tuple[Collection, Space]:
        stores = self._stores
        if found is None and self._encoder is not None:
            kind = self._modality or next((one for one in card.kinds if one in MODALITIES), None)
            if kind is None:
                raise UsageError(f"{card.name} takes {', '.join(card.kinds)}", hint="name what it is with --modality")
            found = self._make(self._name, kind, self._encoder)
        with stores.lock.hold(f"make {self._name}"):
            if found is None:
                found = stores.catalog.create_collection(self._name, MODALITY, {})
            space = next((one for one in stores.catalog.spaces(found) if one.card.id == card.id and one.active), None)
            return found, space or add_spaces(stores, found, {KIND: card}, active=True)[KIND]

    def _write(self, found: Collection, space: Space, batch: Batch) -> None:
        """Vectors, then items. Call it under the write lock."""
        check_spaces(self._stores, found, [space])
        vectors = _converted(self._file, batch, space.card, 0)
        items = self._items(found, batch, vectors)
        segments = {item.id: [Segment(segment_id(item.id, 0), 0, kind_in(space), WHOLE, item.id)] for item in items}
        ids = np.array([segment_id(item.id, 0) for item in items], dtype=np.int64)
        self._stores.vectors.upsert(space, ids, vectors)
        self._stores.catalog.restore(found, items, segments)

    def _items(self, found: Collection, batch: Batch, vectors: NDArray[Any]) -> list[Item]:
        names = [_item_id(given) for given in batch.ids]
        there = self._stores.catalog.get_items(found, names)
        taken = self._stores.catalog.known_sources(found, [uri for uri in batch.sources if uri])
        items = []
        for name, given, uri, said, vector in zip(
            names, batch.ids, batch.sources, batch.metadata, vectors, strict=True
        ):
            place = uri or f"vectors:{given}"
            if uri and (self._same_places or (uri in taken and taken[uri][1] != name)):
                place = f"{uri}#{given}"  # a place leads to one item
            data = vector.tobytes()
            source = Source(place, given, 0, metadata=said, origin=str(self._file))
            digest = ContentDigest(blake3.blake3(data).hexdigest(), md5(data, usedforsecurity=False).hexdigest(), 0)
            before = there.get(name)
            items.append(
                Item(
                    id=name,
                    state="ready",
                    digest=digest,
                    media_type=VECTOR_TYPE,
                    info={},
                    tags=before.tags if before else (),
                    sources=(source,),
                    in_place=True,  # the library keeps no bytes of it
                    added_at=before.added_at if before else "",
                    updated_at="",
                )
            )
        return items


def _item_id(given: str) -> str:
    """The id itself where it can be one, else the digest of it."""
    return given if _PLAIN_ID.fullmatch(given) else blake3.blake3(given.encode("utf-8", "surrogatepass")).hexdigest()


def _converted(path: Path, batch: Batch, card: Card, before: int) -> NDArray[Any]:
    """As the card's form has them. Raises SourceError, SpaceMismatch."""
    if card.form == "bits":
        if batch.vectors.dtype != np.uint8:
            raise SpaceMismatch(f"{path} holds {batch.vectors.dtype}, and packed bits are uint8")
        return batch.vectors
    with np.errstate(over="ignore", invalid="ignore"):
        vectors = np.ascontiguousarray(batch.vectors, dtype=np.float32)
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise SourceError(
            f"row {before + int(bad[0]) + 1} of {path} has a number that is not finite, or too large",
            hint="mend it or leave the row out",
        )
    return vectors
