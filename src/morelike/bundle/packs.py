"""Blobs of a bundle: tar files of bounded size whose members are named by the BLAKE3 digest of their bytes."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import blake3

from morelike.bundle.parts import Part, open_part, writing
from morelike.errors import SourceError, StoreDamaged
from morelike.types import Blob, ContentDigest
from morelike.wiring import Stores

__all__ = ["PACK_BYTES", "blob_of", "plan_packs", "read_pack", "write_pack"]

PACK_BYTES = 256 * 1024**2
"""A pack ends before it grows beyond this; a larger blob has one of its own."""
_IN_MEMORY = 8 * 1024**2
_CHUNK = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")


def plan_packs(digests: Sequence[ContentDigest], most: int = PACK_BYTES) -> Iterator[list[ContentDigest]]:
    """The same blobs always make the same packs."""
    pack: list[ContentDigest] = []
    size = 0
    for digest in {digest.blake3: digest for digest in digests}.values():
        if pack and size + digest.size > most:
            yield pack
            pack, size = [], 0
        pack.append(digest)
        size += digest.size
    if pack:
        yield pack


def write_pack(
    bundle: Path, name: str, stores: Stores, digests: Sequence[ContentDigest], between: Callable[[], object]
) -> tuple[Part, int]:
    """The part, and how many blobs are left out because the store has them no longer as they were.

    ``between`` is called before each blob; what it raises leaves the pack unwritten. Raises StoreError.
    """
    lost = members = 0
    with (
        writing(bundle / name) as (stream, written),
        tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for digest in digests:
            between()
            source = _sound(stores, digest)
            if source is None:
                lost += 1
                continue
            with source:
                member = tarfile.TarInfo(digest.blake3)
                member.size, member.mode = digest.size, 0o444
                tar.addfile(member, source)
                members += 1
    return Part(name, members, written.size, written.blake3), lost


def _sound(stores: Stores, digest: ContentDigest) -> BinaryIO | None:
    """The blob from its beginning, after all of it was looked at; None where it is not what its name says."""
    try:
        with stores.blobs.open(digest.blake3) as stream:
            if digest.size <= _IN_MEMORY:
                data = stream.read(digest.size + 1)
                sound = blake3.blake3(data).hexdigest() == digest.blake3
                return io.BytesIO(data) if sound else None
            hasher = blake3.blake3()
            while data := stream.read(_CHUNK):
                hasher.update(data)
        return stores.blobs.open(digest.blake3) if hasher.hexdigest() == digest.blake3 else None
    except StoreDamaged:
        return None


def read_pack(bundle: Path, part: Part) -> Iterator[tuple[str, int, Callable[[], BinaryIO]]]:
    """(digest, size, how to open it) of each member; what is opened closes before the next step. Raises SourceError."""
    path = bundle / part.name
    members = 0
    try:
        with open_part(bundle, part) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            for member in tar:
                members += 1
                within = member.offset_data + member.size <= part.size
                if not member.isreg() or member.issparse() or not _DIGEST.fullmatch(member.name) or not within:
                    raise _bad(path, f"it holds {member.name[:80]!r}, which is no blob")
                yield member.name, member.size, _opener(path, member.offset_data, member.size)
    except FileNotFoundError as error:
        raise _bad(path, "it is not there") from error
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise _bad(path, f"it is no tar file: {str(error)[:100]}") from error
    if members != part.rows:
        raise _bad(path, f"it has {members} members, not {part.rows}")


def _opener(path: Path, start: int, size: int) -> Callable[[], BinaryIO]:
    return lambda: _Slice(path, start, size)


class _Slice(io.BufferedReader):
    """Some bytes of a file, as if they were one."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        super().__init__(_RawSlice(path, start, size))


class _RawSlice(io.RawIOBase):
    def __init__(self, path: Path, start: int, size: int) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._file.seek(start)
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)[: self._left]  # type: ignore[arg-type] # io gives what can be written to
        read = self._file.readinto(view) or 0
        self._left -= read
        return read

    def close(self) -> None:
        self._file.close()
        super().close()


def blob_of(digest: str, size: int, opened: Callable[[], BinaryIO]) -> Blob:
    """A member as the blob store takes it, which looks at its digest."""
    return Blob(uri=f"bundle:{digest}", name=digest, open=opened, size=size)


def _bad(path: Path, why: str) -> SourceError:
    return SourceError(f"{path} cannot be used: {why}", hint="copy the bundle again, or export it anew")
