"""Files on their way to a server: what it has is passed over, the rest goes in groups, a few of them at a time.

A group is sent again as a whole when its line drops: the server finds what it has by then. Memory is that of the groups
under way; a large file is read as it is sent.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, Final

import blake3

from morelike.errors import ItemError, SourceError
from morelike.known import DONE
from morelike.prepare import chunked
from morelike.progress import Meter
from morelike.remote.forms import Form, json_field
from morelike.remote.server import Server
from morelike.remote.shapes_back import rejection_of, source_row_of
from morelike.sources.opening import clean_text, safe_name, why
from morelike.sync import Seen, gone_from
from morelike.types import Blob, Rejection

__all__ = ["Uploads", "Wanted", "placed"]

WINDOW: Final = 256
"""How many uris the server is asked about together."""
AT_ONCE: Final = 3
GROUP_FILES: Final = 64
GROUP_BYTES: Final = 16 * 1024**2
PATIENCE: Final = 2.0
"""Seconds that a group waits for more from a slow source."""
SMALL: Final = 1024**2
"""A file up to this is read whole before its group is sent: that it cannot be read comes out early."""
LONGEST_WORDS: Final = 512 * 1024
"""Characters of what is said of a group's files."""
OVERHEAD: Final = 1024**2
"""Of an upload's bound: heads, and what is said of each file."""
UPLOAD: Final = "upload:"
LONGEST_URI: Final = 2000
CHUNK: Final = 1024**2
Known = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of one run, as ``add`` has it."""

    sync: bool
    retry: bool
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _File:
    """A blob, and what the server is told of it."""

    blob: Blob
    uri: str
    origin: str

    @property
    def said(self) -> dict[str, Any]:
        return {
            "uri": self.uri,
            "origin": self.origin,
            "modified_ns": self.blob.modified_ns,
            "metadata": dict(self.blob.metadata),
        }


@dataclass(slots=True)
class _Sent:
    """What came of a group: the server's answer, and what could not be read here."""

    files: list[_File]
    answer: Mapping[str, Any]
    unread: list[tuple[_File, ItemError]]


class _Unread(Exception):
    """A file failed while its group was being sent: it is no failure of the server's."""

    def __init__(self, error: ItemError | OSError) -> None:
        super().__init__(str(error))
        self.error = error


class _Aborted(Exception):
    """Another group failed: nothing more is sent."""


class _Group:
    def __init__(self) -> None:
        self.files: list[_File] = []
        self.bytes = self.words = 0
        self.begun = monotonic()

    def takes(self, file: _File, words: int) -> bool:
        return not self.files or (
            len(self.files) < GROUP_FILES
            and self.bytes + (file.blob.size or SMALL) <= GROUP_BYTES
            and self.words + words <= LONGEST_WORDS
            and all(file.uri != other.uri for other in self.files)  # the server takes each once
        )

    def add(self, file: _File, words: int) -> None:
        self.files.append(file)
        self.bytes += file.blob.size or SMALL
        self.words += words


class Uploads:
    """One run. ``path``: the collection's; ``meter`` counts as that of a run on this machine does."""

    def __init__(self, server: Server, path: str, wanted: Wanted, meter: Meter, stop: Event) -> None:
        self._server = server
        self._path = path
        self._wanted = wanted
        self._meter = meter
        self._stop = stop
        self._largest = max(server.limits["upload_bytes"] - OVERHEAD, server.limits["upload_bytes"] // 2)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="upload")
        self._running: deque[Future[_Sent]] = deque()
        self._group = _Group()
        self._rows = Seen()
        self._seen = Seen()
        self._abort = Event()
        self.ended = False

    def run(self, sources: Iterable[tuple[str, Iterator[Blob]]]) -> None:
        """Upload all that ``(origin, blobs)`` pairs yield; setting ``stop`` ends it after the groups under way.

        Raises what an upload raises; what was counted until then is durable.
        """
        try:
            for origin, blobs in sources:
                self._seen.clear()
                self._one(placed(origin) if origin else "", blobs)
                if self._stop.is_set():
                    break
                if self._wanted.sync and origin:
                    self._drop_gone(placed(origin))
        except BaseException:
            self._abort.set()
            raise
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self.ended = True

    def _one(self, origin: str, blobs: Iterator[Blob]) -> None:
        for window in chunked(blobs, WINDOW, 0.2):
            if self._stop.is_set():
                break
            files = [_File(blob, placed(blob.uri), origin) for blob in window]
            for file in self._new(files):
                self._put(file)
            if self._group.files and monotonic() - self._group.begun >= PATIENCE:
                self._flush()
            self._collect(AT_ONCE)
        self._flush()
        self._collect(0)

    def _new(self, files: list[_File]) -> Iterator[_File]:
        """Those that the server does not know as they are."""
        uris = list(dict.fromkeys(file.uri for file in files))
        known = self._known("uris", uris)
        touched = self._touched(files, known)
        for file in files:
            self._meter.seen += 1
            if self._wanted.sync:
                self._seen.add(file.uri)
            if self._is_same(file, known.get(file.uri)) or file in touched:
                self._meter.passed()
                self._meter.tick(file.blob.name)
                continue
            if file.blob.metadata:
                self._rows.add(file.uri)
            yield file

    def _known(self, what: str, names: list[str]) -> dict[str, Known]:
        found: dict[str, Known] = {}
        for some in self._server.in_parts(names, "known"):
            answer = self._server.client.post(f"{self._path}/known", {what: list(some)})
            found |= self._server.made(lambda shape: dict(shape[what]), answer)
        return found

    def _is_same(self, file: _File, known: Known | None) -> bool:
        """By size and time, as ``Ingest`` knows what it need not read."""
        if file.blob.modified_ns is None or not self._has_all(file, known):
            return False
        return known is not None and (known["size"], known["modified_ns"]) == (file.blob.size, file.blob.modified_ns)

    def _has_all(self, file: _File, known: Known | None) -> bool:
        """Whether it is there with all that this run says of it."""
        if known is None or known["state"] not in DONE or self._wanted.tags:
            return False
        if file.blob.metadata and file.uri in self._rows:  # another row of a table said something else of it
            return False
        wanted = {**file.blob.metadata, **self._wanted.metadata}
        return all(known["metadata"].get(key) == value for key, value in wanted.items())

    def _touched(self, files: list[_File], known: Mapping[str, Known]) -> list[_File]:
        """Those whose time changed and whose bytes did not, which takes reading them."""
        digests: dict[str, tuple[_File, str]] = {}
        for file in files:
            there = known.get(file.uri)
            if there is None or not self._has_all(file, there) or there["size"] != file.blob.size:
                continue
            if not self._is_same(file, there) and (digest := _digest(file.blob)):
                digests[file.uri] = file, digest
        content = self._known("content", sorted({digest for _, digest in digests.values()})) if digests else {}
        return [
            file
            for uri, (file, digest) in digests.items()
            if digest in content and content[digest]["item"] == known[uri]["item"]
        ]

    def _put(self, file: _File) -> None:
        size = file.blob.size
        if size is not None and size > self._largest:
            error = SourceError(
                f"{file.blob.name} has {size:,} bytes, more than the server takes at a time ({self._largest:,})",
                hint="raise MORELIKE_MAX_UPLOAD_BYTES on the server, or add it there",
            )
            self._reject(file, error)
            return
        words = len(json_field("", file.said)[1])
        if not self._group.takes(file, words):
            self._flush()
        self._group.add(file, words)

    def _flush(self) -> None:
        group, self._group = self._group, _Group()
        if group.files and not self._stop.is_set():
            self._running.append(self._pool.submit(self._send, group.files))
            self._collect(AT_ONCE)

    def _collect(self, left: int) -> None:
        """What is done, and the oldest until no more than ``left`` are under way."""
        while self._running and (len(self._running) > left or self._running[0].done()):
            self._count(self._running.popleft().result())

    def _count(self, sent: _Sent) -> None:
        """In the caller's thread: its progress is told there."""
        for file, error in sent.unread:
            if self._wanted.sync and file.blob.path is None and isinstance(error, SourceError):
                self._seen.could_not_read(file.uri)
            self._reject(file, error)
        if not sent.files:
            return
        meter, answer = self._meter, sent.answer
        with self._server.client.reading(self._server.version):
            meter.done += answer["added"]
            meter.passed(answer["same"])
            meter.replaced += answer["replaced"]
            meter.rejected_before += answer["rejected_before"]
            bad = [
                (file, shape)
                for file, shape in zip(sent.files, answer["files"], strict=True)
                if shape["state"] == "rejected" and not shape["before"]
            ]
            for file, shape in bad:
                row = {**shape, "source": file.blob.uri}
                meter.reject(replace(rejection_of(row), size=file.blob.size, modified_ns=file.blob.modified_ns))
            meter.rejected += answer["rejected"] - len(bad)  # of a file of many items its first one stands for all
        meter.tick(sent.files[-1].blob.name)

    def _reject(self, file: _File, error: ItemError) -> None:
        """What never reached the server: this run tells of it, the ledger does not."""
        blob = file.blob
        self._meter.reject(
            Rejection(blob.uri, "", error.stage, str(error), size=blob.size, modified_ns=blob.modified_ns)
        )
        self._meter.tick(blob.name)

    def _send(self, files: list[_File]) -> _Sent:
        """In a thread of the pool. Raises what the server answers with."""
        unread: list[tuple[_File, ItemError]] = []
        ready: list[_File] = []
        for file in files:
            try:
                ready.append(replace(file, blob=_held(file.blob)))
            except (ItemError, OSError) as error:
                unread.append((file, _unreadable(file.blob, error)))
        while ready:
            fields = [json_field("each", [file.said for file in ready])]
            fields += [("retry", "true" if self._wanted.retry else "false")]
            fields += [json_field("metadata", self._wanted.metadata)] if self._wanted.metadata else []
            fields += [("tags", tag) for tag in self._wanted.tags]
            turn: list[Blob] = []
            form = Form(fields, [("files", file.blob) for file in ready], turn.append)
            try:
                answer = self._server.client.form(
                    f"{self._path}/items", form.content_type, partial(self._chunks, form), self._patient
                )
            except _Unread as error:
                bad = next(file for file in ready if file.blob is turn[-1])
                unread.append((bad, _unreadable(bad.blob, error.error)))
                ready.remove(bad)
            else:
                return _Sent(ready, answer, unread)
        return _Sent([], {}, unread)

    def _patient(self) -> bool:
        return not (self._stop.is_set() or self._abort.is_set())

    def _chunks(self, form: Form) -> Iterator[bytes]:
        """Raises _Unread where a file cannot be read, and _Aborted where the run has failed meanwhile."""
        chunks = form.chunks()
        while True:
            try:
                chunk = next(chunks, b"")
            except (ItemError, OSError) as error:
                raise _Unread(error) from error
            if self._abort.is_set():
                raise _Aborted
            if not chunk:
                return
            yield chunk

    def _drop_gone(self, origin: str) -> None:
        """``sync``: what came from there before and was not met now."""
        server, path = self._server, self._path
        uris: list[str] = []
        after = 0
        while rows := server.page(f"{path}/sources", "sources", source_row_of, 0, WINDOW, origin=origin, after=after):
            uris += [row.source.uri for row in rows]
            if rows[-1].number <= after:  # no server of ours counts backwards
                break
            after = rows[-1].number
        gone, bad = gone_from(origin, uris, self._rejected(), self._seen)
        for some in server.in_parts([*gone, *bad], "items"):
            answer = server.client.post(f"{path}/remove", {"sources": list(some)})
            self._meter.removed += server.made(lambda shape: int(shape["removed"]), answer)

    def _rejected(self) -> Iterator[str]:
        offset = 0
        while page := self._server.page(f"{self._path}/rejected", "rejected", rejection_of, offset, 1000):
            yield from (row.uri for row in page)
            offset += len(page)


def placed(uri: str) -> str:
    """A place of this machine as the server is to know it: ``upload:HOST/abs/path``."""
    if uri.startswith(UPLOAD):
        return uri
    text = f"{UPLOAD}{_host()}{uri}" if Path(uri).is_absolute() else f"{UPLOAD}{uri}"
    if len(text) <= LONGEST_URI:
        return text
    short = blake3.blake3(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{UPLOAD}{_host()}/{short}/{safe_name(text)}"


@cache
def _host() -> str:
    return safe_name(clean_text(socket.gethostname()), "unknown")


def _held(blob: Blob) -> Blob:
    """A small file with its bytes; a large one as it is. Raises SourceError, OSError."""
    if blob.size is not None and blob.size > SMALL:
        return blob
    data = blob.read(SMALL + 1)
    if len(data) > SMALL:
        return blob
    held = Blob.from_bytes(data, blob.name, uri=blob.uri, metadata=blob.metadata)
    return replace(held, modified_ns=blob.modified_ns, path=blob.path)


def _digest(blob: Blob) -> str:
    """Of its bytes; nothing where it cannot be read: whoever sends it says why."""
    digest = blake3.blake3()
    try:
        with blob.open() as stream:
            while data := stream.read(CHUNK):
                digest.update(data)
    except (ItemError, OSError):
        return ""
    return digest.hexdigest()


def _unreadable(blob: Blob, error: ItemError | OSError) -> ItemError:
    return error if isinstance(error, ItemError) else SourceError(f"{blob.uri} cannot be read: {why(error)}")
