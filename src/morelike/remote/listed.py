"""What a remote collection holds, as lists, pages and numbers, and the bytes behind them."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Final, cast

from morelike.errors import NoSuchItem, QueryError, StoreError, UsageError
from morelike.protocols import Modality, Plays
from morelike.records import Calibration, ItemSort, SourceRow
from morelike.remote.behind import Behind
from morelike.remote.client import Client, part
from morelike.remote.shapes_back import calibration_of, item_of, rejection_of, source_row_of, space_of, span_of
from morelike.shapes import source_name
from morelike.types import WHOLE, Blob, Item, ItemState, Preview, Rejection, Segment, Space, Span, segment_id

__all__ = ["RemoteListed"]

SHORTEST_ID, LONGEST_ID = 6, 128
LARGEST_PREVIEW: Final = 64 * 1024**2
LARGEST_MODEL: Final = 1024**3
READ_AHEAD: Final = 1024**2
"""Bytes of one range."""
ALL_AT_ONCE: Final = 16 * 1024**2
"""The same where all of it is wanted."""
FURTHEST: Final = 1_000_000


class RemoteListed(Behind):
    """Those methods of a remote collection."""

    @property
    @abstractmethod
    def _reader(self) -> Modality | None:
        """See ``Asking``."""

    @property
    def spaces(self) -> tuple[Space, ...]:
        """Those that are searched and those that ``reembed`` left."""
        return tuple(self._server.made(space_of, shape) for shape in self._spaces())

    def vectors_in(self, space: Space) -> int:
        """How many vectors a space holds."""
        return self._server.made(lambda shape: int(shape["vectors"]), self._space(space))

    def calibration(self, space: Space) -> Calibration | None:
        """What scores mean in a space, as far as it was measured."""
        return self._server.made(lambda shape: calibration_of(shape["calibration"]), self._space(space))

    def drop_space(self, space: Space) -> None:
        """Remove a space that is not searched, with its vectors. Raises UsageError."""
        self._server.client.json("DELETE", self._path("spaces", str(space.id)), repeat=False)

    def _spaces(self) -> list[Mapping[str, Any]]:
        return self._server.made(lambda shape: list(shape["spaces"]), self._get("spaces"))

    def _space(self, space: Space) -> Mapping[str, Any]:
        found = next((shape for shape in self._spaces() if shape.get("id") == str(space.id)), None)
        if found is None:
            raise StoreError(f"{self._name} has no space {space.id} any more", hint="ask for its spaces again")
        return found

    def items(
        self,
        *,
        filter: str | None = None,
        offset: int = 0,
        limit: int = 100,
        state: ItemState | None = "ready",
        sort: ItemSort = "added",
        descending: bool = False,
    ) -> list[Item]:
        """As ``OpenCollection.items``. Raises FilterError, UsageError."""
        told: dict[str, Any] = {"filter": filter, "state": state or "any"}
        if sort != "added" or descending:
            told |= {"sort": sort, "descending": descending}
        return self._server.page(self._path("items"), "items", item_of, offset, limit, **told)

    def rejected(self, *, offset: int = 0, limit: int = 100) -> list[Rejection]:
        """A page of the ledger."""
        return self._server.page(self._path("rejected"), "rejected", rejection_of, offset, limit)

    def rejected_count(self) -> int:
        return self._counted("rejected")

    def item(self, item_id: str) -> Item:
        """By id, or a unique prefix of it. Raises NoSuchItem."""
        return self._server.made(item_of, self._get("items", self._item(item_id)))

    def known(self, item_ids: Sequence[str]) -> dict[str, ItemState]:
        """Which of these whole ids the collection has, and in which state."""
        found: dict[str, ItemState] = {}
        for some in self._server.in_parts(list(item_ids), "known"):
            found |= self._server.made(lambda shape: shape["items"], self._post("known", body={"items": list(some)}))
        return found

    def found_at(self, uris: Sequence[str]) -> dict[str, tuple[str, ItemState]]:
        """A source's uri to the item that it leads to, and that item's state; unknown ones are left out."""
        found: dict[str, tuple[str, ItemState]] = {}
        for some in self._server.in_parts(list(uris), "known"):
            answer = self._post("known", body={"uris": list(some)})
            found |= self._server.made(
                lambda shape: {uri: (one["item"], one["state"]) for uri, one in shape["uris"].items()}, answer
            )
        return found

    def holding(self, blake3s: Sequence[str]) -> dict[str, tuple[str, ItemState]]:
        """A content's digest to the item that has these bytes, and its state; unknown ones are left out."""
        found: dict[str, tuple[str, ItemState]] = {}
        for some in self._server.in_parts(list(blake3s), "known"):
            answer = self._post("known", body={"content": list(some)})
            found |= self._server.made(
                lambda shape: {digest: (one["item"], one["state"]) for digest, one in shape["content"].items()}, answer
            )
        return found

    def count(self, *, filter: str | None = None) -> int:
        """How many items are searchable."""
        return self._counted("items", filter=filter)

    def tags(self, *, prefix: str = "", offset: int = 0, limit: int = 1000) -> dict[str, int]:
        """As ``OpenCollection.tags``."""
        told = {"prefix": prefix or None}
        return dict(self._server.page(self._path("tags"), "tags", _counted_tag, offset, limit, **told))

    def count_sources(self, *, md5: str = "") -> int:
        """How many sources the searchable items have, or those with that digest: copies of one file count each."""
        return len(self.sources(md5=md5, limit=FURTHEST)) if md5 else self._counted("sources")

    def _counted(self, what: str, **params: Any) -> int:
        return self._server.made(lambda shape: int(shape[what]), self._get("count", **params))

    def sources(
        self, *, md5: str = "", origin: str | None = None, after: int = 0, offset: int = 0, limit: int = 100
    ) -> list[SourceRow]:
        """A page of what ``count_sources`` counts, in order of arrival.

        ``origin``: only those that came through this source argument or lie below it, of items in any state.
        ``after``: the number of the last row of the page before; of many, far cheaper than ``offset``.
        """
        told = {"md5": md5 or None, "origin": origin, "after": after or None}
        return self._server.page(self._path("sources"), "sources", source_row_of, offset, limit, **told)

    def items_of(self, item_ids: Sequence[str]) -> Mapping[str, Item]:
        """By whole ids, those that are there."""
        there = self.known(list(dict.fromkeys(item_ids)))
        return {item_id: self.item(item_id) for item_id in there}

    def preview(self, item_id: str, side: int = 256, span: Span = WHOLE, *, parts: Sequence[int] = ()) -> Preview:
        """A small rendering; ``parts`` (atoms of a molecule) marked where the modality can. The server keeps some
        sizes, and gives the least of them that is not smaller than ``side``.

        Raises NoSuchItem, OriginalGone, DecodeError.
        """
        told: dict[str, Any] = {"side": min(max(side, 16), 1024), "atoms": ",".join(map(str, parts)) or None}
        if span.unit == "pixels":
            return self._region(item_id, side, span)
        if span.unit == "seconds":
            told |= {"start": span.start, "end": span.end}
        elif span.unit == "page":
            told["page"] = int(span.start)
        elif span.unit == "characters":
            told["characters"] = f"{span.start:.0f}-{span.end:.0f}"
        return self._drawn(item_id, "preview", LARGEST_PREVIEW, **told)

    def _region(self, item_id: str, side: int, span: Span) -> Preview:
        """The API draws no regions of pictures: they are cut out here, from the original."""
        if self._reader is None:
            return self._drawn(item_id, "preview", LARGEST_PREVIEW, side=min(max(side, 16), 1024))
        return self._reader.preview(self.blob(item_id), span, side)

    def drawing(self, item_id: str, side: int = 512, *, parts: Sequence[int] = ()) -> Preview:
        """An SVG with ``parts`` marked, of what the catalog knows. Raises NoSuchItem, also of one without a drawing."""
        atoms = ",".join(map(str, parts)) or None
        return self._drawn(item_id, "drawing", LARGEST_PREVIEW, side=min(max(side, 16), 1024), atoms=atoms)

    def model(self, item_id: str) -> Preview:
        """A GLB of a 3D model, for viewers. Raises NoSuchItem, also of what is none, OriginalGone, DecodeError."""
        return self._drawn(item_id, "model", LARGEST_MODEL)

    def _drawn(self, item_id: str, what: str, most: int, **told: Any) -> Preview:
        path = self._path("items", self._item(item_id), what)
        answer = self._server.client.bytes(path, most=most, **told)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        return Preview(answer.body, kind, *_size_of(answer.body, kind))

    def playable(self, item_id: str, span: Span = WHOLE, most: int = 400_000) -> Preview:
        """What a browser plays of a part, cut here from the original. Raises NoSuchItem, OriginalGone, DecodeError."""
        if not isinstance(self._reader, Plays):
            raise NoSuchItem(f"the item {item_id[:40]} cannot be played", hint="it has a preview")
        return self._reader.playable(self.blob(item_id), span, most)

    def segments(self, item_id: str) -> list[Segment]:
        """Where the item was cut, in the order of its parts. Raises NoSuchItem."""
        whole = self.item(item_id).id
        path = self._path("items", part(whole), "segments")
        found = self._server.page(path, "segments", lambda one: (one["kind"], span_of(one["span"])), 0, FURTHEST)
        return [Segment(segment_id(whole, at), at, kind, span, whole) for at, (kind, span) in enumerate(found)]

    def peaks(self, item_id: str, n: int = 800, span: Span = WHOLE) -> tuple[float, ...]:
        """The waveform in ``n`` numbers from 0 to 1. Raises NoSuchItem, OriginalGone, DecodeError where it has none."""
        if not 16 <= n <= 4096:
            raise QueryError(f"a waveform of {n} numbers cannot be asked of a server", hint="16 to 4096")
        told = {"start": span.start, "end": span.end} if span.unit == "seconds" else {}
        answer = self._get("items", self._item(item_id), "peaks", points=n, **told)
        return self._server.made(lambda shape: tuple(float(peak) for peak in shape["peaks"]), answer)

    def blob(self, item_id: str) -> Blob:
        """The item's original bytes, to be read in parts: each is fetched when it is read. Raises NoSuchItem."""
        item = self.item(item_id)
        source = item.sources[0] if item.sources else None
        path, client, size = self._path("items", part(item.id), "content"), self._server.client, item.digest.size

        def opened() -> BinaryIO:
            return cast("BinaryIO", io.BufferedReader(_Ranges(client, path, size), READ_AHEAD))

        return Blob(
            uri=source_name(item),
            name=source.name if source else item.id,
            open=opened,
            size=size,
            modified_ns=source.modified_ns if source else None,
            metadata=source.metadata if source else {},
        )

    def content(self, item_id: str) -> bytes:
        """The item's original bytes. Raises NoSuchItem, OriginalGone, and UsageError on more than ``max_file_size``."""
        item = self.item(item_id)
        if item.digest.size > self._server.settings.max_file_size:
            raise UsageError(f"{item.id[:12]} has {item.digest.size:,} bytes", hint="read it in parts, with `blob`")
        path = self._path("items", part(item.id), "content")
        data = self._server.client.bytes(path, most=item.digest.size).body
        if len(data) != item.digest.size:
            raise StoreError(f"of {item.id[:12]} came {len(data)} bytes, not {item.digest.size}", hint="ask again")
        return data

    def link(self, item_id: str, *, seconds: int = 600) -> str | None:
        """A URL that gives the original to whoever has it, for as long as the server says, which is ten minutes; None
        where there is none to give. Raises NoSuchItem.
        """
        del seconds
        return self._server.client.link(self._path("items", self._item(item_id), "content"))

    def _item(self, item_id: str) -> str:
        """As a part of a path. Raises NoSuchItem."""
        return part(self._checked(item_id))

    def _checked(self, item_id: str) -> str:
        """Raises NoSuchItem on what no id begins with: the API refuses it by its form."""
        if not SHORTEST_ID <= len(item_id) <= LONGEST_ID:
            raise NoSuchItem(
                f"{self._name!r} has no item {item_id[:LONGEST_ID]!r}",
                hint=f"give at least {SHORTEST_ID} characters of its id",
            )
        return item_id


class _Ranges(io.RawIOBase):
    """Bytes of a server, a range at a time."""

    def __init__(self, client: Client, path: str, size: int) -> None:
        self._client, self._path, self._size, self._at = client, path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises what ``Client.bytes`` raises."""
        last = min(self._at + len(buffer), self._size) - 1
        if last < self._at:
            return 0
        headers = {"Range": f"bytes={self._at}-{last}"}
        answer = self._client.bytes(self._path, most=self._size, headers=headers)
        data = answer.body[self._at : last + 1] if answer.status == 200 else answer.body[: last + 1 - self._at]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        """What is left, in few requests: the standard one would ask for 8 KiB at a time."""
        left = bytearray()
        piece = bytearray(ALL_AT_ONCE)
        while count := self.readinto(piece):
            left += piece[:count]
        return bytes(left)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the beginning")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at


def _counted_tag(shape: Mapping[str, Any]) -> tuple[str, int]:
    return str(shape["tag"]), int(shape["count"])


def _size_of(data: bytes, kind: str) -> tuple[int, int]:
    """Pixels; (0, 0) of what is no picture."""
    if not kind.startswith("image/") or kind.endswith("svg+xml"):
        return 0, 0
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.width, picture.height
    except (UnidentifiedImageError, OSError, ValueError):
        return 0, 0
