"""The seams. Each is a small Protocol; ``morelike.testing.kits`` proves whatever claims to follow one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO, Protocol, runtime_checkable

from morelike.catalog_protocols import Catalog, WriteLock
from morelike.types import (
    WHOLE,
    Blob,
    Card,
    ContentDigest,
    Fields,
    Ids,
    Kind,
    Metadata,
    Payload,
    Preview,
    Scores,
    SegmentSpec,
    Sketch,
    Space,
    Span,
    Vectors,
    Within,
)

__all__ = [
    "BlobStore",
    "Cache",
    "Catalog",
    "Encoder",
    "HoldsRecords",
    "KeepsFields",
    "LinksBlobs",
    "ListsSizes",
    "LoadsRuns",
    "Modality",
    "OpenSource",
    "Reachable",
    "ReadsText",
    "Rescorer",
    "SketchStore",
    "TermStore",
    "VectorStore",
    "WriteLock",
]


class Modality(Protocol):
    """What a kind of media is: how its bytes are recognised, cut, decoded and shown. Holds no state."""

    name: str
    kinds: tuple[Kind, ...]
    """The payload kinds that its segments have; a collection has one active space for each it uses."""

    def sniff(self, head: bytes, name: str) -> float:
        """How sure it is, 0 to 1, from the first 4 KiB and the name. Never raises."""

    def media_type(self, head: bytes, name: str) -> str:
        """The IANA media type of bytes that ``sniff`` recognised."""

    def describe(self, blob: Blob) -> Metadata:
        """What the content says of itself (``width``, ``taken`` …): flat, JSON values. Cheap; raises DecodeError."""

    def settle(self, given: Metadata) -> Metadata:
        """The options of a new collection, complete (``window``, ``hop``, ``every`` in seconds, …): what is not given
        has its default. JSON values. Raises UsageError on one that it does not know or cannot be.
        """

    def split(self, blob: Blob, options: Metadata, at: Span = WHOLE) -> Iterator[SegmentSpec]:
        """The segments to index, named cheaply and in order; of the part ``at`` only, where it is not the whole.

        Raises DecodeError, QueryError where the medium has no such part.
        """

    def load(self, blob: Blob, spec: SegmentSpec, want: Mapping[str, Any]) -> Payload:
        """Decode one segment; ``want`` is the card's ``inputs`` for that kind. Raises DecodeError."""

    def preview(self, blob: Blob, span: Span, side: int) -> Preview:
        """A rendering no larger than ``side`` pixels a side. Raises DecodeError."""

    def identity(self, blob: Blob) -> str | None:
        """The canonical identity where the modality has one (InChIKey), else None: the bytes' digest is used."""


@runtime_checkable
class LoadsRuns(Protocol):
    """A modality whose segments follow one another in time: several are decoded in one pass over the bytes."""

    def load_run(self, blob: Blob, specs: Sequence[SegmentSpec], want: Mapping[str, Any]) -> Iterator[Payload]:
        """One payload for each of ``specs``, which are of one kind and in the order of ``split``; lazily.

        Each is what ``load`` gives for that segment alone. Raises DecodeError.
        """


@runtime_checkable
class HoldsRecords(Protocol):
    """A modality whose files may hold many items: a table of molecules, a FASTA file. Each record becomes an item."""

    def holds(self, head: bytes, name: str) -> bool:
        """Whether a file with this name and these first 4 KiB, packed or not, holds records. Never raises."""

    def records(self, blob: Blob) -> Iterator[Blob]:
        """One blob a record, in order and lazily, each under ``blob.uri`` + ``#record=N``, counted from 1.

        A record that cannot be had raises SourceError from its ``open``. Raises SourceError on an unusable file.
        """


@runtime_checkable
class ReadsText(Protocol):
    """A modality of which an item can be written down: a molecule as SMILES, a sequence as its letters."""

    def of_text(self, text: str) -> Blob:
        """The item that the text writes down. Raises DecodeError, which says where the text is wrong."""


class Encoder(Protocol):
    """Payloads of the card's kinds to vectors of the card's space. Loads its weights on the first batch."""

    @property
    def card(self) -> Card: ...

    def prepare(self, kind: Kind, payload: Payload) -> Any:
        """What can be done an item at a time on the decode pool (resize, tokenise): safe from any thread."""

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """Prepared payloads to (n, dim) float32, or packed bits; called from one thread. Raises EncodeError.

        A card of form ``sketch`` gives an object array (n,) of ``Sketch``.
        """


class OpenSource(Protocol):
    """A row of the source registry: turns one argument into blobs, lazily.

    A blob that cannot be had raises SourceError from its ``open``, so that it becomes a ledger row like any other.
    """

    def accepts(self, argument: str) -> float:
        """How sure it is, 0 to 1, that the argument is its own. Never raises, touches at most the file's head."""

    def blobs(self, argument: str) -> Iterator[Blob]:
        """Raises SourceError at once where the whole argument cannot be used."""


class BlobStore(Protocol):
    """Bytes under their digest. A put is atomic and repeatable; when it returns the bytes are durable."""

    def put_many(self, blobs: Sequence[tuple[ContentDigest, Blob]]) -> None:
        """Store a group with one synchronisation. Raises StoreFull, StoreReadOnly, SourceError on changed bytes."""

    def open(self, blake3: str) -> BinaryIO:
        """Raises StoreDamaged where the blob is not there."""

    def path(self, blake3: str) -> Path | None:
        """The local file, where there is one."""

    def exists(self, blake3: str) -> bool: ...

    def delete(self, blake3s: Iterable[str]) -> None:
        """Absent ones are passed over."""

    def digests(self) -> Iterator[str]:
        """Every stored digest, ascending, for ``doctor``."""

    def sweep(self, *, dry_run: bool = False) -> int:
        """Remove what a crash left half written; how many files. Only under the write lock."""

    def bytes_used(self) -> int: ...

    def close(self) -> None: ...


class VectorStore(Protocol):
    """Vectors under segment ids, a space at a time. Scores are higher for closer, whatever the metric."""

    def upsert(self, space: Space, ids: Ids, vectors: Vectors) -> None:
        """Durable and visible to this and every other process's next search when it returns.

        Raises SpaceMismatch on another width or dtype, StoreFull, StoreReadOnly.
        """

    def delete(self, space: Space, ids: Ids) -> None:
        """Durable when it returns; absent ids are passed over."""

    def fetch(self, space: Space, ids: Ids) -> tuple[Ids, Vectors]:
        """Those of the ids that are there, in the order asked for, with their vectors as stored."""

    def search(
        self, space: Space, queries: Vectors, k: int, *, within: Within | None = None
    ) -> tuple[NDArrayIds, Scores]:
        """(q, k) ids and scores, best first; ties by ascending id; padded with -1 and -inf.

        Scores: cosine and inner product as they are, ``l2`` as minus the squared distance, ``tanimoto`` 0 to 1.
        """

    def ids(self, space: Space) -> Iterator[Ids]:
        """Every stored id in blocks, ascending, for ``doctor`` and ``export``."""

    def count(self, space: Space) -> int: ...

    def drop(self, space_id: int) -> None:
        """All that the space holds; an unknown one is no error."""

    def space_ids(self) -> Iterator[int]:
        """The spaces that hold anything, for ``doctor``."""

    def checkpoint(self) -> None:
        """Write what makes the next open fast. Never needed for durability. Only under the write lock."""

    def due(self, space_id: int | None = None) -> bool:
        """Whether ``build`` has something to make, of one space or of any. Cheap."""

    def build(self, space_id: int | None = None, *, stop: Event | None = None) -> bool:
        """Make what makes searches of large spaces fast; whether anything was made.

        Slow, never needed, and anyone may call it at any time: searches and writes go on meanwhile, and where somebody
        else is at it nothing is done. It ends soon after ``stop`` is set; what was made until then is kept.
        """

    def verify(self) -> list[str]:
        """One sentence a fault found in the store's own files."""

    def repair(self) -> None:
        """Put damaged files aside: what was in them is gone, and must be upserted anew. Only under the write lock."""

    def bytes_used(self) -> int: ...

    def close(self) -> None: ...


NDArrayIds = Ids
"""(q, k) int64; named apart because it is two-dimensional."""


class TermStore(Protocol):
    """Keyword search: texts under segment ids, ranked by BM25 (Robertson & Zaragoza 2009)."""

    def upsert(self, space: Space, ids: Ids, texts: Sequence[str]) -> None: ...

    def delete(self, space: Space, ids: Ids) -> None: ...

    def search(self, space: Space, query: str, k: int, *, within: Within | None = None) -> tuple[Ids, Scores]:
        """At most ``k`` (ids, scores), best first. Any text is a valid query: it has no operators."""

    def fetch(self, space: Space, ids: Ids) -> list[str | None]:
        """What is kept of each text, in the order asked for, None where there is none: upserted, it is found alike."""

    def ids(self, space: Space) -> Iterator[Ids]: ...

    def count(self, space: Space) -> int: ...

    def drop(self, space_id: int) -> None:
        """All that the space holds; an unknown one is no error."""

    def close(self) -> None: ...


class SketchStore(Protocol):
    """Sketches under segment ids, found by the hashes that they share with another one."""

    def upsert(self, space: Space, ids: Ids, sketches: Sequence[Sketch]) -> None:
        """Durable and visible to every process's next search when it returns. Raises StoreFull, StoreReadOnly."""

    def delete(self, space: Space, ids: Ids) -> None:
        """Absent ids are passed over."""

    def search(
        self, space: Space, sketch: Sketch, k: int, *, within: Within | None = None
    ) -> tuple[Ids, NDArrayIds, NDArrayIds]:
        """At most ``k`` (ids, shared, shifts), best first, ties by ascending id.

        ``shared``: how many of the query's hashes the segment has at one and the same shift (or one tick beside it);
        ``shifts``: that shift in ticks, the segment's place less the query's: the most frequent one.
        """

    def fetch(self, space: Space, ids: Ids) -> list[Sketch | None]:
        """As stored, in the order asked for; None where there is none."""

    def ids(self, space: Space) -> Iterator[Ids]:
        """Every stored id in blocks, ascending; those of empty sketches too."""

    def count(self, space: Space) -> int: ...

    def drop(self, space_id: int) -> None:
        """All that the space holds; an unknown one is no error."""

    def space_ids(self) -> Iterator[int]: ...

    def bytes_used(self) -> int: ...

    def close(self) -> None: ...


class Cache(Protocol):
    """Bytes that can always be made again. Never the only copy; never raises; a miss is None."""

    def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, value: bytes) -> None: ...

    def forget(self, prefix: str) -> None: ...

    def close(self) -> None: ...


class Rescorer(Protocol):
    """Scores a candidate exactly against the query, in the field's unit, and says why."""

    name: str
    kinds: tuple[Kind, ...]
    unit: str

    def rescore(self, query: Payload, candidate: Payload) -> tuple[float, Metadata]:
        """(score, explanation); the score is higher for closer."""


@runtime_checkable
class Reachable(Protocol):
    """A store behind a network."""

    def ping(self) -> None:
        """Ask the server something small, within seconds. Raises StoreUnreachable, StoreError on a refusal."""


@runtime_checkable
class LinksBlobs(Protocol):
    """A blob store whose server can hand bytes out itself."""

    def link(self, blake3: str, *, seconds: int, name: str, media_type: str) -> str | None:
        """A URL that gives the blob to whoever has it, for that long, under a file name; None where not allowed."""


@runtime_checkable
class ListsSizes(Protocol):
    """A blob store whose listing says how long each blob is."""

    def sizes(self) -> Iterator[tuple[str, int]]:
        """What ``digests`` gives, each with the bytes that are there."""


@runtime_checkable
class KeepsFields(Protocol):
    """A vector store that keeps beside each vector what filters ask for, and evaluates them where the vectors are.

    ``search`` uses them for a ``Within`` whose ``revision`` is not beyond ``fields_revision`` and whose expression it
    can evaluate exactly as the catalog would; any other filter goes by ``Within.ids``.
    """

    def fields_revision(self, space: Space) -> int:
        """Up to which revision of the collection the fields are those of the catalog; -1: there are none.

        Of a segment whose fields were never written, or whose vector came anew since, nothing is known, and it is never
        hidden: it goes by ids.
        """

    def put_fields(
        self, space: Space, ids: Ids, fields: Sequence[Sequence[Fields]], revision: int, *, whole: bool = False
    ) -> None:
        """Write the fields of stored segments (one ``Fields`` a source), then the revision that they are of.

        Ids without a vector are passed over. ``whole``: the last call of a pass over all segments. A revision of -1,
        with no ids, says that none of the fields may be believed any more.
        """
