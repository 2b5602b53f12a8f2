"""The nouns that every floor shares: frozen, slotted, without behaviour beyond their own fields."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from morelike.expressions import Expression
from morelike.payloads import Audio, Mesh, Sketch
from morelike.spans import WHOLE, Quote, Span

__all__ = [
    "WHOLE",
    "Answer",
    "Audio",
    "Blob",
    "Card",
    "Claim",
    "Collection",
    "ContentDigest",
    "Example",
    "Fields",
    "Finished",
    "Form",
    "Hit",
    "Ids",
    "Item",
    "ItemState",
    "Kind",
    "Mesh",
    "Metadata",
    "Metric",
    "Payload",
    "Preview",
    "Query",
    "Quote",
    "Rejection",
    "Scores",
    "Segment",
    "SegmentSpec",
    "Sketch",
    "Source",
    "Space",
    "Span",
    "Vectors",
    "WeightsFile",
    "Within",
    "segment_id",
]

Kind = str
"""A payload's kind: ``image``, ``audio``, ``text``, ``molecule``, ``sequence``, ``mesh`` … a plugin may add its own.

``composed`` is asked and never stored: a pair of a picture and the words that change it.
"""
Form = Literal["dense", "bits", "sketch", "terms"]
Metric = Literal["cosine", "ip", "l2", "tanimoto", "containment", "bm25"]
ItemState = Literal["pending", "ready", "rejected", "deleting", "duplicate"]
"""``duplicate``: set aside by ``dedup``; it keeps all it has, and no search finds it."""
Metadata = Mapping[str, Any]
Ids = NDArray[np.int64]
"""(n,) segment ids."""
Scores = NDArray[np.float32]
Vectors = NDArray[Any]
"""(n, dim) float32 for ``dense``, (n, dim / 8) uint8 for ``bits``."""
Payload = Any
"""The decoded content of a segment; its kind says its type: image ``uint8 (h, w, 3)`` RGB, text ``str`` …"""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that a source found, not yet read. ``open`` may be called more than once and from any thread."""

    uri: str
    name: str
    open: Callable[[], BinaryIO]
    size: int | None = None
    modified_ns: int | None = None
    path: Path | None = None
    """Set where the bytes are a whole local file, which ``--in-place`` may refer to."""
    metadata: Metadata = field(default_factory=dict)
    lasting: bool = False
    """Whether ``uri`` leads to the bytes from anywhere, as to an object in a bucket: ``--in-place`` may refer to it."""
    origin: str = ""
    """The source argument that it came through, where another machine read that: an upload's."""

    def read(self, limit: int = -1) -> bytes:
        """All bytes, or the first ``limit``. Raises SourceError or OSError."""
        with self.open() as stream:
            return stream.read(limit)

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "", *, uri: str = "", metadata: Metadata | None = None) -> Blob:
        where = uri or f"upload:{name}"
        return cls(where, name, lambda: io.BytesIO(data), len(data), metadata=metadata or {})

    @classmethod
    def from_path(cls, path: Path, *, metadata: Metadata | None = None) -> Blob:
        path = path.absolute()
        stat = path.stat()
        size, changed = stat.st_size, stat.st_mtime_ns
        return cls(str(path), path.name, lambda: path.open("rb"), size, changed, path, metadata or {})


@dataclass(frozen=True, slots=True)
class ContentDigest:
    """What identifies bytes: ``blake3`` (hex, 64 characters); ``md5`` (hex) for old clients; ``size`` in bytes."""

    blake3: str
    md5: str
    size: int


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """One segment that ``Modality.split`` announces: its payload's kind and its span."""

    kind: Kind
    span: Span = WHOLE


def segment_id(item_id: str, ordinal: int) -> int:
    """The segment's id: 63 bits derived from the item and the ordinal, so that a re-run overwrites."""
    digest = blake2b(f"{item_id}:{ordinal}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@dataclass(frozen=True, slots=True)
class Segment:
    """What is indexed once per space."""

    id: int
    ordinal: int
    kind: Kind
    span: Span
    item_id: str


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file that a card needs. ``sha256``: empty until a first pull; ``of``: another card, in whose folder it lies."""

    name: str
    url: str = ""
    """``hub:owner/repository@revision/path`` or ``https://…``; empty: it can only be imported or found in a folder."""
    sha256: str = ""
    size: int = 0
    of: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """An encoder's identity: what it takes, what it gives, and everything that its vectors depend on.

    ``inputs`` maps each accepted kind to its preprocessing numbers. Two keys are known to modalities, which may
    decode more cheaply for them: ``side`` (image: the shorter side in pixels that the encoder scales to) and ``rate``
    (audio: Hz). ``parts`` names the cards that a composite card is made of.
    """

    name: str
    family: str
    """A row of the encoder registry, or of the composite registry where ``parts`` is not empty."""
    form: Form
    dim: int
    metric: Metric
    inputs: Mapping[Kind, Mapping[str, Any]]
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the family needs besides: the output's name, layout, the revision of an algorithm …"""
    weights: tuple[WeightsFile, ...] = ()
    parts: tuple[str, ...] = ()
    licence: str = ""
    source: str = ""
    description: str = ""
    run_here: str = ""
    """Where the project itself ran this card (docs show it); empty: never run by the project."""
    fingerprint: str = ""
    """Twelve hex digits over everything above that changes a vector; the models floor fills it in."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(self.inputs)

    @property
    def id(self) -> str:
        """What a space is bound to: the same name with other weights is another card."""
        return f"{self.name}@{self.fingerprint}"

    def to_dict(self) -> dict[str, Any]:
        """JSON and TOML values only, as the catalog and card files keep it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Card:
        """The reverse of ``to_dict``. Raises TypeError on a missing or unknown field."""
        weights = tuple(WeightsFile(**weights) for weights in values.get("weights", ()))
        return cls(**{**values, "weights": weights, "parts": tuple(values.get("parts", ()))})


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of items of one modality. ``options`` are what ``split`` needs (window, hop, every …)."""

    id: int
    name: str
    modality: str
    options: Metadata
    created_at: str


@dataclass(frozen=True, slots=True)
class Space:
    """A collection + a card: the only place where two vectors may be compared."""

    id: int
    collection_id: int
    kind: Kind
    card: Card
    active: bool

    @property
    def has_vectors(self) -> bool:
        """Whether its segments have vectors (``dense``, ``bits``), not words or sketches."""
        return self.card.form in {"dense", "bits"}

    @property
    def is_screen(self) -> bool:
        """Whether its bits only rule out what cannot hold a query (mode ``substructure``): no measure of likeness."""
        return bool(self.card.options.get("screen"))


@dataclass(frozen=True, slots=True)
class Source:
    """Where an item was found. ``origin`` is the source argument it came through, for ``add --sync``."""

    uri: str
    name: str
    size: int
    modified_ns: int | None = None
    metadata: Metadata = field(default_factory=dict)
    origin: str = ""
    added_at: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One distinct content in a collection, as the catalog knows it."""

    id: str
    state: ItemState
    digest: ContentDigest
    media_type: str
    info: Metadata
    """What the content itself says: width, height, taken, camera …"""
    tags: tuple[str, ...]
    sources: tuple[Source, ...]
    in_place: bool
    added_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Claim:
    """An item that ingest is about to work on, or a further source of one that is there already."""

    item_id: str
    digest: ContentDigest
    media_type: str
    source: Source
    in_place: bool
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """An item whose vectors are durable: the catalog may turn it ready."""

    item_id: str
    info: Metadata
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row of the ledger. ``item_id`` is empty where the bytes could not even be read."""

    uri: str
    item_id: str
    stage: str
    reason: str
    attempts: int = 1
    at: str = ""
    size: int | None = None
    modified_ns: int | None = None
    """As the source was when it failed: an unchanged one is not tried again unasked."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What a filter can ask of one source of an item: ``plain`` (texts ``path name folder modified id state added`` and
    ``media_type``; ``size``), ``tags``; a bare key means ``info`` (what the content says), else the user's ``meta``.
    """

    plain: Metadata
    tags: tuple[str, ...]
    info: Metadata
    meta: Metadata


@dataclass(frozen=True, slots=True)
class Within:
    """The segments that a search may answer with: the filter, the sorted ids that it leaves; when it was asked."""

    expression: Expression
    ids: Callable[[], Ids]
    revision: int = -1


@dataclass(frozen=True, slots=True)
class Example:
    """One part of a query. ``content`` is a Blob, a decoded payload, a text, or an item id, as ``form`` says.

    ``crop`` is (left, top, right, bottom) as fractions of the picture; ``at`` a span of the example.
    """

    form: Literal["blob", "payload", "text", "item"]
    content: Any
    weight: float = 1.0
    crop: tuple[float, float, float, float] | None = None
    at: Span | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """What a person asks. Positive weights pull, negative weights push away."""

    examples: tuple[Example, ...]
    mode: str = "similar"
    k: int = 10
    offset: int = 0
    filter: Expression | None = None
    threshold: float | None = None
    explain: bool = False
    """Say why each hit is one, and where the time went."""
    options: Metadata = field(default_factory=dict)
    """What the mode can be told: ``alpha`` and ``beta`` of ``tversky``, ``rescore`` of ``similar`` …; JSON values."""
    timed: bool = False  # say where the time went, whether or not it is to be explained
    space: int | None = None  # the id of one to ask alone, active or not; None: those that are


@dataclass(frozen=True, slots=True)
class Hit:
    """An item, its best segment, and how close it is: ``score`` is higher for closer in every space."""

    item: str
    source: str
    score: float
    unit: Mapping[str, float]
    """The score in the field's own unit: ``{"cosine": 0.93}``, ``{"tanimoto": 0.7}``, ``{"squared_l2": 0.1}``."""
    span: Span
    metadata: Metadata
    kind: Kind = ""
    segment: int = 0
    why: Metadata = field(default_factory=dict)
    """A rescorer's explanation, where one ran."""
    percentile: float | None = None
    """0 to 100: the share of the collection's random pairs that are less alike than this; None: not calibrated."""
    quote: Quote | None = None
    """The words that stand there, with what answers the query marked; None where the segment has none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of hits. ``more``: another page exists. ``timings``: seconds a stage, where asked for.

    ``nothing_similar``: even the best hit is no closer than chance would have it; the hits are there all the same.
    ``unknown_words``: those of the query that the encoder does not know, and that were left out.
    """

    hits: tuple[Hit, ...]
    more: bool
    timings: Mapping[str, float] = field(default_factory=dict)
    nothing_similar: bool = False
    unknown_words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """A small rendering of a segment that a browser or a terminal can show."""

    data: bytes
    media_type: str
    width: int = 0
    height: int = 0
