"""Blobs in a bucket on S3 or a server like it, under their BLAKE3 digest."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import obstore
from blake3 import blake3
from obstore.exceptions import AlreadyExistsError, BaseError, InvalidPathError, PermissionDeniedError

from morelike import faults
from morelike.errors import SourceError, StoreDamaged, StoreError, UsageError
from morelike.objects import find_keys, find_place, open_bucket, parse_address, translated
from morelike.settings import Settings
from morelike.signing import Ask, signed_url
from morelike.stores._s3_requests import Requests
from morelike.stores._s3_stream import HEAD, ObjectStream
from morelike.stores.shown import disposition, played
from morelike.types import Blob, ContentDigest

__all__ = ["S3BlobStore"]

MARKER: Final = "morelike-library"
"""The object that says whose prefix it is."""
SMALL: Final = 5 << 20
"""Bytes up to which a blob is sent in one request."""
_AT_ONCE: Final = 12
_LARGE_AT_ONCE: Final = 2
_PART: Final = 6 << 20
_MOST_PARTS: Final = 9000
_CHUNK: Final = 1 << 20
_DELETED: Final = 1000
"""Keys that one request deletes."""
_COUNTED_FOR: Final = 60.0
"""Seconds for which the bytes used are not counted again; longer where counting took long."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_KEY: Final = re.compile(r"([0-9a-f]{2})/([0-9a-f]{62})")
_NOTHING: Final = blake3().hexdigest()
_UNKNOWN_CONDITION: Final = re.compile(r"status code: (400|405|501)\b|<Code>NotImplemented</Code>")


class S3BlobStore:
    """``<prefix>/<first two hex digits>/<the other 62>``; objects are complete or absent, and never change.

    A prefix belongs to one library: the object ``morelike-library``, made by the first write, says to which.
    """

    def __init__(self, folder: Path, settings: Settings, library_id: str = "") -> None:  # noqa: ARG002  every store is made alike
        """Connects to nothing yet. Raises SettingsError."""
        self._name, prefix = parse_address(settings.blobs)
        self._prefix = f"{prefix}/" if prefix else ""
        self._settings = settings
        self._library = library_id
        self._bucket = open_bucket(settings, self._name)
        self._place = find_place(settings, self._name)
        server = "" if self._place.is_amazon else f" at {self._place.endpoint}"
        self._address = f"s3://{self._name}/{prefix}".rstrip("/") + server
        """As sentences have it."""
        self._requests = Requests(settings, self._place)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="blob-s3")
        self._large = threading.BoundedSemaphore(_LARGE_AT_ONCE)
        self._conditional = True
        self._ours = False
        self._claiming = threading.Lock()
        self._counting = threading.Lock()
        self._counted = (0, 0.0)
        """Bytes, and until when on the monotonic clock they are not counted again."""

    def put_many(self, blobs: Sequence[tuple[ContentDigest, Blob]]) -> None:
        """Where one blob of the group cannot be had, the others are stored before its SourceError is raised."""
        wanted = {digest.blake3: (digest, blob) for digest, blob in blobs}
        if not wanted:
            return
        for name in wanted:
            self._key(name)
        self._claim()
        sent: list[Future[SourceError | None]] = [
            self._pool.submit(self._put, digest, blob) for digest, blob in wanted.values()
        ]
        try:
            wait(sent, return_when=FIRST_EXCEPTION)
        finally:
            for one in sent:
                one.cancel()  # after a failure, or an interrupt: those that have not begun
            wait(sent)
        failed = [error for one in sent if not one.cancelled() and (error := one.exception()) is not None]
        if failed:
            raise failed[0]
        faults.reached("blob.synced")
        refused = [error for one in sent if (error := one.result()) is not None]
        if refused:
            raise refused[0]

    def open(self, blake3: str) -> BinaryIO:
        """A seekable stream that reads ahead; one request brings the whole of a small blob.

        What is read from its first byte to its last is checked: StoreDamaged where it is not what was stored.
        """
        key, what = self._key(blake3), self._what(blake3)
        whole = blake3 == _NOTHING  # of which no range can be asked for
        try:
            with translated(what):
                try:
                    got = obstore.get(self._bucket, key, options={} if whole else {"range": (0, HEAD)})
                    head, size = bytes(got.bytes()), int(got.meta["size"])
                except BaseError as error:
                    if "status code: 416" not in str(error):
                        raise
                    head, size = b"", 0  # there is not one byte in it
        except FileNotFoundError:
            raise self._absent(blake3) from None
        stream = ObjectStream(blake3, head, size, lambda start, end: self._read(blake3, start, end))
        if len(head) == size:
            return io.BytesIO(head)
        return cast("BinaryIO", io.BufferedReader(stream, 1 << 16))

    def path(self, blake3: str) -> Path | None:
        """There is none."""
        self._key(blake3)
        return None

    def exists(self, blake3: str) -> bool:
        with translated(self._what(blake3)):
            try:
                obstore.head(self._bucket, self._key(blake3))
            except (FileNotFoundError, PermissionDeniedError):
                return self._there(blake3)  # the answer to HEAD has no body that says why
        return True

    def delete(self, blake3s: Iterable[str]) -> None:
        keys = (self._key(blake3) for blake3 in blake3s)
        while some := list(islice(keys, _DELETED)):
            self._claim()
            try:
                with translated(self._address):
                    obstore.delete(self._bucket, some)
            except FileNotFoundError:
                continue

    def digests(self) -> Iterator[str]:
        for digest, _ in self._listed():
            yield digest

    def sizes(self) -> Iterator[tuple[str, int]]:
        return self._listed()

    def sweep(self, *, dry_run: bool = False) -> int:
        """Abort uploads in parts that ended with their process. Needs keys that may list them, else it finds none.

        Of keys that a role gives nothing is known here; a rule of the bucket (AbortIncompleteMultipartUpload) does
        the same.
        """
        if self._owner() != self._library:
            return 0
        found = [
            (key, upload)
            for key, upload in self._requests.uploads(self._prefix)
            if _KEY.fullmatch(key.removeprefix(self._prefix))
        ]
        for key, upload in () if dry_run else found:
            self._requests.abort(key, upload)
        return len(found)

    def bytes_used(self) -> int:
        """Counted by a listing, at most once a minute."""
        with self._counting:
            used, until = self._counted
            began = time.monotonic()
            if began >= until:
                used = sum(size for _, size in self._listed())
                now = time.monotonic()
                self._counted = (used, now + max(_COUNTED_FOR, 20 * (now - began)))
            return used

    def close(self) -> None:
        self._pool.shutdown()

    def ping(self) -> None:
        quick = open_bucket(self._settings, self._name, patient=False)
        try:
            with translated(self._address):
                obstore.get(quick, self._prefix + MARKER).bytes()
        except FileNotFoundError:
            return

    def link(self, blake3: str, *, seconds: int, name: str, media_type: str) -> str | None:
        """A presigned URL; None where ``s3_links`` is off, or the keys are those of a role.

        A browser shows pictures, sounds and films, and only downloads everything else: the bucket's address sends no
        policy that could hold a page back.
        """
        key = self._key(blake3)
        keys = find_keys(self._settings) if self._settings.s3_links else None
        if keys is None:
            return None
        shown, kind = played(media_type)
        query = {"response-content-type": kind, "response-content-disposition": disposition(name, shown=shown)}
        return signed_url(self._place, keys, Ask("GET", key, query), seconds)

    def _key(self, digest: str) -> str:
        if not _DIGEST.fullmatch(digest):
            raise UsageError(f"{digest!r} is no BLAKE3 digest", hint="64 hexadecimal digits in lower case")
        return f"{self._prefix}{digest[:2]}/{digest[2:]}"

    def _what(self, digest: str) -> str:
        return f"the blob {digest[:12]} in {self._address}"

    def _absent(self, digest: str) -> StoreDamaged:
        return StoreDamaged(f"the blob {digest} is not in {self._address}", hint="run `morelike doctor --fix`")

    def _there(self, digest: str) -> bool:
        try:
            with translated(self._what(digest)):
                obstore.get(self._bucket, self._key(digest)).meta  # noqa: B018  the body is not read
        except FileNotFoundError:
            return False
        return True

    def _read(self, digest: str, start: int, end: int) -> bytes:
        try:
            with translated(self._what(digest)):
                return bytes(obstore.get_range(self._bucket, self._key(digest), start=start, end=end))
        except FileNotFoundError:
            raise self._absent(digest) from None

    def _owner(self) -> str:
        """Which library's the prefix is; empty: nobody's."""
        try:
            with translated(self._address):
                said = bytes(obstore.get(self._bucket, self._prefix + MARKER, options={"range": (0, 256)}).bytes())
        except FileNotFoundError:
            return ""
        return said.decode("ascii", "replace").strip()

    def _claim(self) -> None:
        """Before the first write. Raises StoreError where the prefix is another library's."""
        with self._claiming:
            if self._ours:
                return
            owner = self._owner()
            if not owner:
                with translated(self._address), suppress(AlreadyExistsError):  # another one was here first
                    self._create(self._prefix + MARKER, f"{self._library}\n".encode())
                owner = self._owner()
            if owner != self._library:
                raise StoreError(
                    f"{self._address} belongs to another library ({owner[:40]!r})",
                    hint=f"give this one a prefix of its own; or, where that library is gone for good, delete the "
                    f"object {MARKER} there",
                )
            self._ours = True

    def _put(self, digest: ContentDigest, blob: Blob) -> SourceError | None:
        """On the pool. A blob that cannot be had is returned, not raised: it must not stop the others."""
        key = self._key(digest.blake3)
        if self._complete(key, digest.size):
            return None
        try:
            with translated(self._address):
                if digest.size > SMALL:
                    with self._large:
                        self._send_parts(key, digest, blob)
                else:
                    self._send(key, digest, b"".join(_checked(blob, digest)))
        except SourceError as error:
            return error
        except FileNotFoundError:
            raise StoreError(f"{self._address}: the S3 server lost an upload", hint="run the same again") from None
        faults.reached("blob.put")
        return None

    def _complete(self, key: str, size: int) -> bool:
        with translated(self._address):
            try:
                return int(obstore.head(self._bucket, key)["size"]) == size
            except FileNotFoundError:
                return False
            except PermissionDeniedError:  # also where nothing is, for who may not list; the put will tell
                return False

    def _send(self, key: str, digest: ContentDigest, data: bytes) -> None:
        try:
            self._create(key, data)
        except AlreadyExistsError:
            if not self._complete(key, digest.size):  # cut behind our back: these are the right bytes
                obstore.put(self._bucket, key, data, use_multipart=False)

    def _create(self, key: str, data: bytes) -> None:
        """Put what must not be there yet, where the server knows such a condition. Raises AlreadyExistsError."""
        if self._conditional:
            try:
                obstore.put(self._bucket, key, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                raise
            except BaseError as error:
                if not _UNKNOWN_CONDITION.search(str(error)):
                    raise
                self._conditional = False
            else:
                return
        obstore.put(self._bucket, key, data, use_multipart=False)

    def _send_parts(self, key: str, digest: ContentDigest, blob: Blob) -> None:
        """The parts become an object only after the last byte, so not where the digest turned out to be another."""
        part = max(_PART, -(-digest.size // _MOST_PARTS))
        chunks: Any = _checked(blob, digest)
        obstore.put(self._bucket, key, chunks, use_multipart=True, chunk_size=part, max_concurrency=2)

    def _listed(self) -> Iterator[tuple[str, int]]:
        """(digest, size) of every blob, ascending."""
        last = ""
        try:
            for digest, size in self._listed_below(self._prefix):
                yield digest, size
                last = digest
        except InvalidPathError:  # somebody's odd key lies among ours: pass round it
            for number in range(256):
                for digest, size in self._listed_below(f"{self._prefix}{number:02x}/"):
                    if digest > last:
                        yield digest, size

    def _listed_below(self, prefix: str) -> Iterator[tuple[str, int]]:
        pages = obstore.list(self._bucket, prefix or None, chunk_size=1000)
        while True:
            try:
                page = next(pages, None)
            except InvalidPathError:
                raise
            except (BaseError, FileNotFoundError) as error:
                with translated(self._address):
                    raise error from None
            if page is None:
                return
            for found in page:
                match = _KEY.fullmatch(str(found["path"]).removeprefix(self._prefix))
                if match:
                    yield match[1] + match[2], int(found["size"])


def _checked(blob: Blob, digest: ContentDigest) -> Iterator[bytes]:
    """The blob's bytes. Raises SourceError as soon as they are others than the digest's, at the latest at their end."""
    changed = SourceError(f"{blob.uri} changed while it was read", hint="add it again when nothing writes to it")
    hasher = blake3()
    left = digest.size
    try:
        with blob.open() as stream:
            while chunk := stream.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise changed
                hasher.update(chunk)
                if left == 0 and hasher.hexdigest() != digest.blake3:
                    raise changed  # before the last bytes are given away
                yield chunk
    except OSError as error:
        raise SourceError(f"{blob.uri} cannot be read: {error}", hint="check that it is still there") from error
    if left or hasher.hexdigest() != digest.blake3:
        raise changed
