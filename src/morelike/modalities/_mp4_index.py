"""How large an index an MP4 or MOV asks for, before FFmpeg makes it: a header of a few bytes may claim gigabytes.

FFmpeg keeps 24 bytes a sample, whether the file holds it or not, and again for each edit of the track that shows it.
What counts here counts at least as much there: boxes are looked for inside of every box (ISO/IEC 14496-12).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO

from morelike.errors import DecodeError

__all__ = ["check_index", "may_be_boxes"]

_MOST_ENTRIES = 10_000_000  # 240 MB: two days at 60 frames a second
_MOST_BOXES = 1_000_000
_DEEPEST = 12  # FFmpeg gives up at 10
_SAMPLES_A_BYTE = 64  # of PCM and its like, whose index has an entry a chunk
_LEAVES = frozenset({b"co64", b"ctts", b"data", b"ftyp", b"mdat", b"sdtp", b"sidx", b"stco", b"stsc", b"stss", b"tfra"})
_INSIDE = {b"stsd": (8, 44, 60, 80, 94), b"meta": (4, 0)}  # where boxes may begin in those that hold something else
_READ = 20  # bytes of a box that are looked at


@dataclass(slots=True)
class _Track:
    samples: int = 0
    edits: int = 0
    handlers: set[bytes] = field(default_factory=set)
    steps: list[tuple[int, int]] = field(default_factory=list)
    """(entries, the first one's length) of each table of times."""

    def entries(self, size: int) -> int:
        """Of its index. Sound at a tick a sample gets an entry a chunk."""
        by_chunk = b"soun" in self.handlers and b"vide" not in self.handlers and self.steps == [(1, 1)]
        if by_chunk and self.samples <= size * _SAMPLES_A_BYTE:
            return 0
        return self.samples * max(self.edits, 1)


@dataclass(slots=True)
class _Walk:
    stream: BinaryIO
    name: str
    size: int
    entries: int = 0
    boxes: int = 0

    def boxes_in(self, start: int, end: int, track: _Track, depth: int = 0) -> None:
        while start + 8 <= end and depth <= _DEEPEST:
            self.stream.seek(start)
            head = self.stream.read(8 + _READ)
            length, kind, skip = int.from_bytes(head[:4], "big"), head[4:8], 8
            if length == 1:
                length, skip = int.from_bytes(head[8:16], "big"), 16
            if length == 0:
                length = end - start
            if length < skip or len(head) < 8 or not _is_name(kind):
                return
            self.boxes += 1
            if self.boxes > _MOST_BOXES:
                raise DecodeError(f"{self.name} has more than {_MOST_BOXES:,} boxes")
            last = min(start + length, end)
            self._look(kind, head[skip:], (start + skip, last), track, depth)
            start = last

    def _look(self, kind: bytes, body: bytes, place: tuple[int, int], track: _Track, depth: int) -> None:
        first, second, third = (int.from_bytes(body[at : at + 4], "big") for at in (4, 8, 12))
        if kind == b"cmov":
            raise DecodeError(f"{self.name} has a compressed header, which is not read", hint="convert it to MP4")
        if kind in {b"stsz", b"stz2"}:
            track.samples = max(track.samples, second)
        elif kind == b"stts":
            track.steps.append((first, third))
        elif kind == b"hdlr":
            track.handlers.add(body[8:12])
        elif kind == b"elst":
            track.edits += min(first, (place[1] - place[0]) // 12)
        elif kind == b"trun":
            self._claim(first)
        elif kind == b"trak":
            own = _Track()
            self.boxes_in(*place, own, depth + 1)
            self._claim(own.entries(self.size))
        elif kind not in _LEAVES:
            for inside in _INSIDE.get(kind, (0,)):
                self.boxes_in(place[0] + inside, place[1], track, depth + 1)

    def _claim(self, entries: int) -> None:
        self.entries += entries
        if self.entries > _MOST_ENTRIES:
            raise DecodeError(f"{self.name} is damaged: it claims {self.entries:,} samples in {self.size:,} bytes")


def may_be_boxes(head: bytes) -> bool:
    """Whether the first eight bytes can be a box's; FFmpeg takes no other file for an MP4."""
    return len(head) >= 8 and _is_name(head[4:8])


def check_index(stream: BinaryIO, name: str) -> None:
    """Walk through the boxes' heads. Raises DecodeError where the index would be too large. Moves the stream."""
    size = stream.seek(0, 2)
    walk = _Walk(stream, name, size)
    loose = _Track()
    walk.boxes_in(0, size, loose)
    walk._claim(loose.entries(size))


def _is_name(kind: bytes) -> bool:
    """Letters, digits, spaces and such, and the © of QuickTime's texts."""
    return all(32 <= byte < 127 or byte == 0xA9 for byte in kind)
