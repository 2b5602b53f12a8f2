"""Objects of one bucket: described, and their bytes fetched once, or in pieces where they are too many."""

from __future__ import annotations

import io
import threading
import weakref
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import Any, BinaryIO, Final, cast

from morelike.errors import SourceError, StoreError
from morelike.objects import open_bucket, translated
from morelike.settings import Settings
from morelike.sources._s3_address import object_uri
from morelike.sources._s3_listing import Entry, nanoseconds
from morelike.sources._s3_wire import Wire, whole_refused
from morelike.sources.spool import LARGEST_IN_MEMORY, Held, Spool

__all__ = ["Bucket", "Fetching", "Pieces", "Room"]

_CHUNK: Final = 256 * 1024
_PIECE: Final = 2 * 1024**2
_PIECES: Final = 8


class Bucket:
    """What a source asks of one bucket; safe from any thread. Raises MissingExtra, SettingsError."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.name = name
        self.wire = Wire(settings, name)
        self._store = open_bucket(settings, name)

    def uri(self, key: str) -> str:
        return object_uri(self.name, key)

    def head(self, key: str) -> Entry:
        """Raises SourceError where it is not there or may not be read, StoreError."""
        with _reading(self.uri(key)):
            headers = self.wire.head(self.uri(key), key)
        try:
            modified = parsedate_to_datetime(headers["last-modified"])
            return Entry(key, int(headers["content-length"]), nanoseconds(modified), headers.get("etag", ""))
        except (KeyError, ValueError, TypeError) as error:
            raise StoreError(f"{self.uri(key)}: the answer describes no object", hint="is that S3?") from error

    def chunks(self, entry: Entry, start: int = 0, end: int | None = None) -> Generator[bytes]:
        """Its bytes, or those from ``start`` to ``end``, and never more of them.

        Raises SourceError also where it is another object by now.
        """
        uri = self.uri(entry.key)
        left = (entry.size if end is None else end) - start
        for chunk in self._chunks(entry, start, end):
            left -= len(chunk)
            if left < 0:
                raise _changed(uri)
            yield chunk

    def _chunks(self, entry: Entry, start: int, end: int | None) -> Generator[bytes]:
        uri = self.uri(entry.key)
        whole = start == 0 and end is None
        with _reading(uri):
            if not _is_path(entry.key):
                headers = {"if-match": entry.etag} if entry.etag else {}
                if not whole:
                    headers["range"] = f"bytes={start}-{'' if end is None else end - 1}"
                yield from self.wire.chunks(uri, entry.key, headers)
                return
            from obstore import get

            options: dict[str, Any] = {"if_match": entry.etag} if entry.etag else {}
            if not whole:
                options["range"] = (start, entry.size if end is None else end)
            answer = get(self._store, entry.key, options=options)  # type: ignore[arg-type]  # its keys are as asked
            yield from map(bytes, answer.stream(min_chunk_size=_CHUNK))


def _is_path(key: str) -> bool:
    """Whether obstore can name the object: it drops and refuses what no path of a file has."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    controls = any(letter < " " or letter == "\x7f" for letter in key)
    return not controls and all(part not in ("", ".", "..") for part in key.split("/"))


@contextmanager
def _reading(uri: str) -> Iterator[None]:
    """What one object refuses is a SourceError; what the server refuses, whatever is asked, is a StoreError."""
    from obstore.exceptions import PermissionDeniedError, PreconditionError, UnauthenticatedError

    try:
        with translated(uri):
            try:
                yield
            except PreconditionError as error:
                raise _changed(uri) from error
            except (PermissionDeniedError, UnauthenticatedError) as error:
                if whole_refused(str(error)):
                    raise
                raise _refused(uri, str(error)) from None
    except FileNotFoundError:
        raise SourceError(f"{uri} is not there any more", hint="add what it came from again") from None
    except PermissionError as error:
        raise _refused(uri, str(error)) from None


def _changed(uri: str) -> SourceError:
    return SourceError(f"{uri} changed while it was read", hint="add it again when nothing writes to it")


def _refused(uri: str, said: str) -> SourceError:
    if "InvalidObjectState" in said:
        return SourceError(f"{uri} lies in an archive tier", hint="restore it first, then add it again with --retry")
    return SourceError(f"{uri} may not be read with these keys (403)", hint="give them the permission s3:GetObject")


class Room:
    """So many bytes of objects may be held on disk at once; safe from any thread."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = threading.Lock()
        self._returned: list[int] = []

    def take(self, size: int) -> bool:
        with self._lock:
            while self._returned:  # finalizers run anywhere, so they append and never take the lock
                self._left += self._returned.pop()
            if size > self._left:
                return False
            self._left -= size
            return True

    def give(self, size: int) -> None:
        """From a finalizer too."""
        self._returned.append(size)


class _Stream(io.RawIOBase):
    """One reading of an object, from wherever its bytes are. For one thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._at = 0

    def buffered(self) -> BinaryIO:
        return cast("BinaryIO", io.BufferedReader(self, _CHUNK))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self._at, self._size)[whence]
        if start + offset < 0:
            raise ValueError("a position before the beginning")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = self._some(self._at, len(buffer)) if self._at < self._size else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    @abstractmethod
    def _some(self, at: int, most: int) -> bytes:
        """At least one byte, if there are any."""


class Pieces:
    """An object read where it lies, 2 MiB at a time; the last eight pieces are kept, for all its readings."""

    def __init__(self, bucket: Bucket, entry: Entry) -> None:
        self._bucket = bucket
        self._entry = entry
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def open(self) -> BinaryIO:
        return _Piecewise(self, self._entry.size).buffered()

    def some(self, at: int, most: int) -> bytes:
        """Bytes from ``at`` on. Raises SourceError, StoreError."""
        number, offset = divmod(at, _PIECE)
        with self._lock:
            found = self._kept.get(number)
            if found is None:
                found = self._kept[number] = self._fetched(number)
                if len(self._kept) > _PIECES:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(number)
        return found[offset : offset + most]

    def _fetched(self, number: int) -> bytes:
        start = number * _PIECE
        end = min(start + _PIECE, self._entry.size)
        found = b"".join(self._bucket.chunks(self._entry, start, end))
        if len(found) != end - start:
            raise _changed(self._bucket.uri(self._entry.key))
        return found


class _Piecewise(_Stream):
    def __init__(self, pieces: Pieces, size: int) -> None:
        super().__init__(size)
        self._pieces = pieces

    def _some(self, at: int, most: int) -> bytes:
        return self._pieces.some(at, most)


class Fetching:
    """An object's bytes, by one request, which the first reading begins and later ones go on with.

    Who looks at the head alone moves little more than that. What is larger than 16 MiB and finds no room is read
    in pieces, by each reading anew. Safe from any thread.
    """

    def __init__(self, bucket: Bucket, entry: Entry, spool: Spool, room: Room | None = None) -> None:
        self.entry = entry
        self._bucket = bucket
        self._spool = spool
        self._room = room
        self._lock = threading.Lock()
        self._chunks: Generator[bytes] | None = None
        self._head = b""
        self._held: Held | None = None
        self._no_room = False

    def open(self) -> BinaryIO:
        held = self._held
        return held.open() if held is not None else _Fetched(self).buffered()

    def head(self, at: int, most: int) -> bytes:
        """Of the first bytes, as many as came together. Raises SourceError, StoreError."""
        with self._lock:
            if self._held is None and not self._no_room:
                self._begin()
                if len(self._head) >= self.entry.size:
                    self._held = self._kept()
                return self._head[at : at + most]
        return b""

    def rest(self) -> BinaryIO:
        """All bytes. Raises SourceError, StoreError."""
        with self._lock:
            if self._held is None and not self._no_room:
                self._held = self._kept()
            held = self._held
        return held.open() if held is not None else Pieces(self._bucket, self.entry).open()

    def _begin(self) -> None:
        if self._chunks is None and self.entry.size:
            self._chunks = self._bucket.chunks(self.entry)
            try:
                self._head = next(self._chunks, b"")
            except BaseException:
                self._end()
                raise

    def _end(self) -> None:
        """The request is done, or given up: another reading would begin another."""
        chunks, self._chunks, self._head = self._chunks, None, b""
        if chunks is not None:
            chunks.close()

    def _kept(self) -> Held | None:
        size = self.entry.size
        if size <= LARGEST_IN_MEMORY:
            return self._spooled()
        if self._room is None or not self._room.take(size):
            self._end()
            self._no_room = True
            return None
        try:
            held = self._spooled()
        except BaseException:
            self._room.give(size)
            raise
        weakref.finalize(held, self._room.give, size).atexit = False
        return held

    def _spooled(self) -> Held:
        uri = self._bucket.uri(self.entry.key)
        try:
            self._begin()
            held = self._spool.keep(chain((self._head,), self._chunks or ()), self.entry.size, lambda: _changed(uri))
        finally:
            self._end()
        if held.size != self.entry.size:
            raise _changed(uri)
        return held


class _Fetched(_Stream):
    """The head first, and the rest once that is not enough."""

    def __init__(self, source: Fetching) -> None:
        super().__init__(source.entry.size)
        self._source = source
        self._rest: BinaryIO | None = None

    def _some(self, at: int, most: int) -> bytes:
        if self._rest is None:
            data = self._source.head(at, most)
            if data:
                return data
            self._rest = self._source.rest()
        self._rest.seek(at)
        return self._rest.read(most)

    def close(self) -> None:
        if self._rest is not None:
            self._rest.close()
        super().close()
