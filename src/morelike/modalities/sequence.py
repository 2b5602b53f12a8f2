"""Sequences of DNA, RNA and proteins: one record of a file is an item, its letters are what counts."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import blake3

from morelike.errors import DecodeError, SourceError, UsageError
from morelike.modalities._exif import printable
from morelike.modalities._once import Once
from morelike.modalities._sequence_cuts import GENOME, SEQUENCE, part_of, pieces, settled, windows
from morelike.modalities._sequence_drawing import drawn
from morelike.modalities._sequence_formats import (
    SequenceFormat,
    named_like_sequences,
    recognise,
)
from morelike.modalities._sequence_letters import Alphabet, alphabet_of, checked, facts
from morelike.modalities._sequence_reading import letters_of_record
from morelike.modalities._sequence_records import LARGEST, Record, cut, opened
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, Kind, Metadata, Payload, Preview, SegmentSpec, Span

__all__ = ["SequenceModality"]

_HEAD = 4096
_NAMED_ONLY = 0.05
"""Confidence where only the name speaks for sequences: enough to say what is wrong."""
_LONGEST_TEXT = 10_000_000
_KEPT = 1 << 25


def _may_stay(letters: tuple[str, int]) -> bool:
    return len(letters[0]) <= _KEPT


class SequenceModality:
    """FASTA, FASTQ, GenBank and tables with a column ``sequence``, packed by gzip or not.

    Each record is an item: its letters in upper case, without gaps, U of RNA as T. A short one is one segment of kind
    ``sequence``, a long one has overlapping windows. DNA of 5 000 bases or more has besides a segment of kind
    ``genome``, for finding what contains it or is contained in it. Safe from any thread.
    """

    name = "sequence"
    kinds: tuple[Kind, ...] = (SEQUENCE, GENOME)

    def __init__(self, settings: Settings, alphabet: str = "auto") -> None:
        self._settings = settings
        self._largest_file = settings.max_file_size
        self._wanted = alphabet
        self._read: Once[tuple[str, int]] = Once(_may_stay, kept=4)

    def configured(self, options: Metadata) -> SequenceModality:
        """One that reads all sequences as of the collection's ``alphabet``, where that is not ``auto``."""
        wanted = str(options.get("alphabet", "auto"))
        return self if wanted == self._wanted else SequenceModality(self._settings, wanted)

    def encoder(self, options: Metadata) -> str:
        """``protein-kmers`` where the collection's ``alphabet`` is protein, else ``auto``."""
        return "protein-kmers" if options.get("alphabet") == "protein" else "auto"

    def sniff(self, head: bytes, name: str) -> float:
        """By the first bytes, packed or not; of tables by the name and the first line."""
        known = recognise(head, name)
        if known is not None:
            return known.sure
        return _NAMED_ONLY if named_like_sequences(name) else 0.0

    def media_type(self, head: bytes, name: str) -> str:
        """By the bytes; ``application/octet-stream`` where ``sniff`` did not recognise them."""
        known = recognise(head, name)
        return known.media_type if known else "application/octet-stream"

    def holds(self, head: bytes, name: str) -> bool:
        """Every file of sequences holds records."""
        return recognise(head, name) is not None

    def records(self, blob: Blob) -> Iterator[Blob]:
        """One blob a record: its own bytes as they are in the file, those of a table's row as FASTA. The name is the
        record's id; ``metadata`` has what the header, or the row's other columns, say. Raises SourceError.
        """
        known = _known(blob)
        with blob.open() as stream, opened(stream, known.packed, self._largest_file) as lines:
            for number, record in enumerate(cut(lines, known), 1):
                yield _as_blob(record, number, blob)

    def of_text(self, text: str) -> Blob:
        """Letters, or a FASTA record with its header line, as one item. Raises DecodeError."""
        if len(text) > _LONGEST_TEXT:
            raise DecodeError(f"the text has {len(text):,} characters", hint=f"up to {_LONGEST_TEXT:,} are read")
        body = text.strip()
        header, _, rest = body.partition("\n") if body.startswith(">") else ("", "", body)
        raw = rest.encode("utf-8", "replace")
        letters = checked(raw, "the text", self._wanted)
        if self._alphabet(letters) == "protein" and len(rest.split()) > len(rest.splitlines()):
            raise DecodeError("the text is words, not a sequence", hint="write a protein without spaces")
        name = printable(header[1:].partition(" ")[0]) or "text"
        return Blob.from_bytes(f"{header or '>text'}\n{letters}\n".encode(), name, uri=f"text:{name}")

    def describe(self, blob: Blob) -> Metadata:
        """``length``, ``alphabet`` (dna or protein), ``ambiguous`` letters and, of DNA, ``gc``. Raises DecodeError."""
        letters = self._one(blob)
        return facts(letters, self._alphabet(letters))

    def settle(self, given: Metadata) -> Metadata:
        """``alphabet`` auto, dna or protein; ``window`` and ``hop`` in letters: 2 000 and 1 000. Raises UsageError."""
        if unknown := sorted(set(given) - {"alphabet", "window", "hop"}):
            raise UsageError(f"sequences have no {', '.join(unknown)}", hint="alphabet, window and hop can be set")
        return settled(given)

    def split(self, blob: Blob, options: Metadata, at: Span = WHOLE) -> Iterator[SegmentSpec]:
        """Kind ``genome``: all records of the file together, as of a set of reads that is an example. Then kind
        ``sequence``: the one record's windows. Raises DecodeError where there are several, QueryError.
        """
        options = settled(options)
        letters, _ = self._letters(blob)
        alphabet = self._alphabet(letters)
        if alphabet == "dna":
            yield from pieces(letters, at)
        yield from windows(self._one(blob), options, at, _label(blob), alphabet)

    def load(self, blob: Blob, spec: SegmentSpec, want: Mapping[str, Any]) -> Payload:  # noqa: ARG002 - the seam's
        """The segment's letters. Raises DecodeError."""
        return self._part(blob, spec)

    def load_run(
        self,
        blob: Blob,
        specs: Sequence[SegmentSpec],
        want: Mapping[str, Any],  # noqa: ARG002 - the seam's
    ) -> Generator[Payload, None, None]:
        """The letters of each. Raises DecodeError."""
        letters: dict[Kind, str] = {}
        for spec in specs:
            if spec.kind not in letters:
                letters[spec.kind] = self._whole(blob, spec.kind)
            start, end = part_of(len(letters[spec.kind]), spec.span)
            yield letters[spec.kind][start:end]

    def preview(self, blob: Blob, span: Span, side: int) -> Preview:
        """A PNG: a coloured square a letter of a short sequence, else what its stretches are made of."""
        return drawn(self._part(blob, SegmentSpec(SEQUENCE, span)), side)

    def identity(self, blob: Blob) -> str | None:
        """The digest of the letters: line breaks, case, gaps, names and qualities make no other item."""
        return blake3.blake3(f"sequence:{self._one(blob)}".encode()).hexdigest()

    def _part(self, blob: Blob, spec: SegmentSpec) -> str:
        letters = self._whole(blob, spec.kind)
        start, end = part_of(len(letters), spec.span)
        return letters[start:end]

    def _whole(self, blob: Blob, kind: Kind) -> str:
        if kind not in self.kinds:
            raise DecodeError(f"{_label(blob)}: a sequence has no segment of kind {kind!r}")
        return self._letters(blob)[0] if kind == GENOME else self._one(blob)

    def _one(self, blob: Blob) -> str:
        """The letters of the only record. Raises DecodeError, SourceError."""
        letters, number = self._letters(blob)
        if number > 1:
            hint = "search with one of them: a file of its own, or its letters as text"
            raise DecodeError(f"{_label(blob)} holds {number:,} sequences, and one is asked for", hint=hint)
        return letters

    def _letters(self, blob: Blob) -> tuple[str, int]:
        """The letters of all records, ``N`` or ``X`` between two, and how many records there are."""
        return self._read.get(blob, "letters", lambda: self._read_all(blob))

    def _read_all(self, blob: Blob) -> tuple[str, int]:
        known = _known(blob, DecodeError)
        found: list[str] = []
        size = 0
        with blob.open() as stream, opened(stream, known.packed, self._largest_file) as lines:
            for record in cut(lines, known):
                if record.fault:
                    raise DecodeError(f"{record.name or _label(blob)}: {record.fault}")
                found.append(letters_of_record(record, known, _label(blob), self._wanted))
                size += len(found[-1])
                if size > LARGEST:
                    raise DecodeError(f"{_label(blob)} has more than {LARGEST:,} letters", hint="cut it")
        if not found:
            raise DecodeError(
                f"{_label(blob)} has no sequence in it", hint="it begins as one, and ends before its letters"
            )
        return ("N" if self._alphabet(found[0]) == "dna" else "X").join(found), len(found)

    def _alphabet(self, letters: str) -> Alphabet:
        return alphabet_of(letters) if self._wanted == "auto" else "dna" if self._wanted == "dna" else "protein"


def _known(blob: Blob, kind: type[DecodeError | SourceError] = SourceError) -> SequenceFormat:
    head = blob.read(_HEAD)
    known = recognise(head, blob.name)
    if known is None:
        what = "is empty" if not head.strip() else "is no file of sequences"
        raise kind(f"{_label(blob)} {what}", hint="FASTA, FASTQ, GenBank, and tables with a column `sequence` are read")
    return known


def _label(blob: Blob) -> str:
    return printable(blob.name or blob.uri) or "the sequence"


def _as_blob(record: Record, number: int, blob: Blob) -> Blob:
    """Its ``open`` raises SourceError where the record has a fault."""
    uri, name = f"{blob.uri}#record={number}", record.name or f"{_label(blob)}-{number}"
    found = Blob(
        uri,
        name.replace("/", "_").replace("\\", "_"),
        record.held.open,
        record.held.size,
        blob.modified_ns,
        metadata={**blob.metadata, **record.metadata},
    )
    if not record.fault:
        return found
    told = f"{name}, record {number:,} of {_label(blob)}: {record.fault}"

    def fail() -> BinaryIO:
        raise SourceError(told, hint="mend the file, and add it again")

    return replace(found, open=fail, size=None)
