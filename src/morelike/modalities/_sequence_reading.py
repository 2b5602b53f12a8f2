"""The letters that one record's bytes write down."""

from __future__ import annotations

from morelike.errors import DecodeError
from morelike.modalities._sequence_formats import SequenceFormat
from morelike.modalities._sequence_letters import checked
from morelike.modalities._sequence_records import Record

__all__ = ["letters_of_record"]


def letters_of_record(record: Record, known: SequenceFormat, label: str, alphabet: str) -> str:
    """Raises DecodeError."""
    with record.held.open() as stream:
        data = stream.read()
    name = record.name or label
    if known.name == "genbank":
        return checked(_origin(data, name), name, alphabet)
    body = data.partition(b"\n")[2]
    if known.name == "fastq":
        body = body.partition(b"\n+")[0]
    elif b"\n;" in body:
        body = b"\n".join(line for line in body.split(b"\n") if not line.startswith(b";"))
    return checked(body, name, alphabet)


def _origin(data: bytes, name: str) -> bytes:
    """The letters after ORIGIN, without the places that are counted beside them."""
    start = data.find(b"\nORIGIN")
    if start < 0:
        raise DecodeError(f"{name} has no letters: it has no ORIGIN", hint="get the full record, not its contigs alone")
    letters = data[data.index(b"\n", start + 1) :] if b"\n" in data[start + 1 :] else b""
    return letters.replace(b"//", b"").translate(None, b"0123456789")
