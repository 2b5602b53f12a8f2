"""What a modality does, and what some of them can do besides; ``protocols`` names these seams too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from morelike.types import WHOLE, Blob, Kind, Metadata, Payload, Preview, Quote, SegmentSpec, Span

__all__ = [
    "Configured",
    "Draws",
    "GivesModel",
    "Highlights",
    "HoldsRecords",
    "LoadsRuns",
    "Modality",
    "NamesEncoder",
    "Plays",
    "Quotes",
    "ReadsText",
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
class Configured(Protocol):
    """A modality whose payloads and identities depend on the collection's options: how molecules are standardised."""

    def configured(self, options: Metadata) -> Modality:
        """The same for a collection with these options, as ``settle`` gave them."""


@runtime_checkable
class NamesEncoder(Protocol):
    """A modality whose options say which encoder a collection needs: one of proteins takes no card of DNA."""

    def encoder(self, options: Metadata) -> str:
        """The card that stands for ``auto`` in a collection with these options; ``auto`` where any will do."""


@runtime_checkable
class ReadsText(Protocol):
    """A modality of which an item can be written down: a molecule as SMILES, a sequence as its letters."""

    def of_text(self, text: str) -> Blob:
        """The item that the text writes down. Raises DecodeError, which says where the text is wrong."""


@runtime_checkable
class Quotes(Protocol):
    """A modality whose items have words: a hit in one shows them."""

    def quote(self, blob: Blob, span: Span) -> Quote | None:
        """The words of that part, without marks; None where it has none. Raises DecodeError."""


@runtime_checkable
class Highlights(Protocol):
    """A modality whose previews can have parts marked: atoms of a molecule."""

    def highlighted(self, blob: Blob, side: int, parts: Sequence[int]) -> Preview:
        """As ``preview``; parts by number, those that it does not have are passed over. Raises DecodeError."""


@runtime_checkable
class Draws(Protocol):
    """A modality whose items can be drawn from what is known of them, without their bytes."""

    def drawing(self, info: Metadata, side: int, parts: Sequence[int]) -> Preview:
        """An inert SVG, sharp at any size, with parts marked as ``highlighted`` does. Raises DecodeError."""


@runtime_checkable
class Plays(Protocol):
    """A modality whose items are heard or watched."""

    def playable(self, blob: Blob, span: Span, most: int) -> Preview:
        """What a browser plays of that part, in ``most`` bytes at most: a stretch of the sound as an MP3, or a small
        film as a whole (``video/…``). Raises DecodeError where there is none, or none so small.
        """


@runtime_checkable
class GivesModel(Protocol):
    """A modality whose items are shown as 3D models that can be turned."""

    def model(self, blob: Blob) -> Preview:
        """A GLB, whatever the item's own format is: its surface, y upwards. Raises DecodeError, also where it is too
        large to be shown.
        """
