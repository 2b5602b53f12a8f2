"""The seams. Each is a small Protocol; ``morelike.testing.kits`` proves whatever claims to follow one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO, Protocol, runtime_checkable

from morelike.catalog_protocols import Catalog, WriteLock
from morelike.modality_protocols import (
    Configured,
    Draws,
    GivesModel,
    Highlights,
    HoldsRecords,
    LoadsRuns,
    Modality,
    NamesEncoder,
    Plays,
    Quotes,
    ReadsText,
)
from morelike.records import Rescored
from morelike.types import (
    Blob,
    Card,
    ContentDigest,
    Fields,
    Ids,
    Kind,
    Payload,
    Scores,
    Sketch,
    Space,
    Vectors,
    Within,
)

__all__ = [
    "BlobStore",
    "Cache",
    "Catalog",
    "Composes",
    "Configured",
    "Draws",
    "Encoder",
    "Engine",
    "GivesModel",
    "Highlights",
    "HoldsRecords",
    "KeepsFields",
    "LinksBlobs",
    "ListsSizes",
    "LoadsRuns",
    "Modality",
    "NamesEncoder",
    "OpenSource",
    "Plays",
    "Quotes",
    "Reachable",
    "ReadsText",
    "Rescorer",
    "SketchStore",
    "TermStore",
    "VectorStore",
    "WriteLock",
]


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


class Engine(Protocol):
    """Where one run of ``add`` has its work done."""

    ended: bool
    """Whether ``run`` is over, in whatever way."""

    def run(self, sources: Iterable[tuple[str, Iterator[Blob]]]) -> Any:
        """Add all that (origin, blobs) pairs yield; an AddReport. Raises StoreError, ModelError, UsageError."""

    def expect(self, total: int) -> None:
        """How many blobs are coming, once somebody has counted them."""

    def say(self, sentence: str) -> None:
        """Tell whoever follows the progress."""


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
    """Scores a candidate exactly against the query, in the field's unit, and says why. Safe from any thread."""

    name: str
    kinds: tuple[Kind, ...]
    unit: str
    """Of its score; a space whose metric it is has exact scores already: there it only says why."""
    symmetric: bool  # whether the two may change places

    def takes(self, query: Payload) -> bool:
        """Whether it can compare the query: not too long, not empty. Never raises."""

    def around(self, query: Payload) -> float:
        """How far beyond a candidate's segment it is to look on either side, in the unit of its span."""

    def score(self, query: Payload, candidate: Payload) -> float:
        """Higher for closer; quick, as it is asked of every candidate. Raises ItemError."""

    def explain(self, query: Payload, candidate: Payload) -> Rescored:
        """The same score and why; asked of the hits that are shown. Raises ItemError."""


@runtime_checkable
class Composes(Protocol):
    """An encoder of the kind ``composed``: a pair of a picture and the words that change it, ``(payload, text)``.

    Words that it does not know it leaves out, and says which.
    """

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Those that it leaves out, as written. Raises QueryError on a text that is too long."""

    def known_words(self, most: int) -> tuple[str, ...]:
        """Some of those that it knows, at most so many."""


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
