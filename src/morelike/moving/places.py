"""The rows of an old server's table, each as the file or object that it speaks of."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

from morelike.errors import SourceError, UsageError
from morelike.moving.tables import LONGEST, Rows
from morelike.settings import Settings
from morelike.sources.opening import check_allowed, clean_text, failing_blob, file_blob, safe_name, why
from morelike.sources.s3 import object_at, split_address
from morelike.types import Blob, Metadata

__all__ = ["BUCKET", "META", "MOST_VECTORS", "Place", "Places", "demo_places", "engine_places", "parse_moved"]

Places = Iterator["Place"]

BUCKET: Final = "image-search-engine"
META: Final = "meta:"
"""What the uri of an upload of the older image engine begins with; its ``meta_uuid`` is the rest."""
MOST_VECTORS: Final = 20_000
"""The most rows of one path: five hours of a film, a frame a second."""
_ID: Final = "milvus_id"
_PATHS: Final = ("image_path", "audio_path", "video_path", "gif_path", "file_path", "imgpath", "path")
_ENGINE: Final = ("id", "meta_uuid", "hash_code", _ID, "file_name", "file_path", "created_at", "updated_at")
_ENGINE_NEEDS: Final = frozenset({"meta_uuid", "hash_code", _ID, "file_path"})
_CHUNK: Final = 1024**2


@dataclass(frozen=True, slots=True)
class Place:
    """One path of the table, or one upload. ``ids``: of its vectors in Milvus, in order; ``None``: a row without one.

    ``find`` gives the bytes, as they are there now; it raises SourceError, StoreError.
    """

    uri: str
    name: str
    ids: tuple[int | None, ...]
    metadata: Metadata
    find: Callable[[], Blob]
    fixed: bool = False
    """Whether the bytes behind ``uri`` never change: what is there already is not looked at again."""
    md5: str = ""
    """Of the bytes, where the table says it: some collections find the vector by it."""

    def blob(self) -> Blob:
        """The same, with the reason inside where the bytes cannot be had. Raises StoreError."""
        try:
            return self.find()
        except SourceError as error:
            return failing_blob(self.uri, self.name, error.message, hint=error.hint, metadata=self.metadata)


# -- the demo servers: a row a file, or a row for each frame or object of it


def demo_places(table: Rows, settings: Settings, moved: Mapping[str, str]) -> Places:
    """``moved``: where a folder of the old server is on this machine. Raises UsageError on another kind of table."""
    path = _path_column(table)
    rows = table.rows([_ID, path], order=[path, _ID])
    return _by_path(table.name, rows, settings, moved)


def _path_column(table: Rows) -> str:
    names = [column.name for column in table.columns]
    texts = [column.name for column in table.columns if column.is_text and column.name != _ID]
    known = [name for name in _PATHS if name in texts]
    if _ID in names and (known or len(texts) == 1):
        return (known or texts)[0]
    raise UsageError(
        f"the table {table.name} has the columns {', '.join(names)}: it holds no paths of a demo server",
        hint="one is called milvus_id, and another one holds the paths",
    )


def _by_path(name: str, rows: Iterator[tuple[Any, ...]], settings: Settings, moved: Mapping[str, str]) -> Places:
    for path, some in groupby(rows, key=lambda row: row[1]):
        ids: list[int | None] = []
        for row in some:
            if path and len(ids) <= MOST_VECTORS:
                ids.append(_number(row[0]))
            elif not path:  # each of them is a row of its own to be named in the ledger
                yield _nowhere(f"{name}/{row[0]}", f"the row {row[0]} of the table {name} has no path")
        if path:
            yield _file(str(path), tuple(ids), settings, moved)


def _file(path: str, ids: tuple[int | None, ...], settings: Settings, moved: Mapping[str, str]) -> Place:
    if len(path) > LONGEST:
        return _nowhere(path[:LONGEST] + "…", f"the path has more than {LONGEST} characters")
    here = _moved(path, moved)
    if not os.path.isabs(here):  # noqa: PTH117  # a str is what there is, here and below
        reason = f"{clean_text(path)} is no absolute path: it began at the old server's own folder"
        return replace(_nowhere(path, reason, "say where that is now: --path OLD=NEW, --path =/srv/old"), ids=ids)
    here = os.path.normpath(here)
    # ids of Milvus are larger than what many readers of JSON keep exactly
    metadata = {_ID: str(ids[0])} if len(ids) == 1 and ids[0] is not None else {}

    def find() -> Blob:
        check_allowed(here, settings.allow_roots)
        try:
            found = os.stat(here)  # noqa: PTH116
        except (OSError, ValueError) as error:
            hint = "if its folder was moved: --path OLD=NEW"
            raise SourceError(f"{clean_text(here)} cannot be read: {why(error)}", hint=hint) from error
        if not stat.S_ISREG(found.st_mode):
            raise SourceError(f"{clean_text(here)} is not a regular file")
        return file_blob(here, found, settings.max_file_size, metadata)

    return Place(clean_text(here), safe_name(here), ids, metadata, find)


def _moved(path: str, moved: Mapping[str, str]) -> str:
    """With the longest folder that fits replaced; an empty one stands for where relative paths began."""
    for old in sorted(moved, key=len, reverse=True):
        plain = old.rstrip("/")
        if not plain and not old.startswith("/") and not path.startswith("/"):
            return os.path.join(moved[old], path)  # noqa: PTH118
        if plain and (path == plain or path.startswith(plain + "/")):
            return moved[old].rstrip("/") + path[len(plain) :]
    return path


def _nowhere(uri: str, reason: str, hint: str = "") -> Place:
    def find() -> Blob:
        raise SourceError(reason, hint=hint)

    return Place(clean_text(uri), safe_name(uri), (), {}, find)


# -- the image engine: a row an upload, its bytes an object in a bucket


def engine_places(table: Rows, settings: Settings, bucket: str) -> Places:
    """Raises UsageError on another kind of table."""
    names = [column.name for column in table.columns]
    if lacking := sorted(_ENGINE_NEEDS - set(names)):
        raise UsageError(
            f"the table {table.name} has no column {lacking[0]}: it is none of the image engine's",
            hint="its table is called image_meta",
        )
    try:
        split_address(f"s3://{bucket}/meta")
    except SourceError as error:
        raise UsageError("--minio names no bucket", hint="http://KEY:SECRET@HOST:9000/BUCKET") from error
    wanted = [name for name in _ENGINE if name in names]
    order = ["id"] if "id" in names else ["meta_uuid"]
    return (_upload(dict(zip(wanted, row, strict=True)), settings, bucket) for row in table.rows(wanted, order=order))


def _upload(row: Mapping[str, Any], settings: Settings, bucket: str) -> Place:
    said = {
        key: value if isinstance(value, str | int) else str(value) for key, value in row.items() if value is not None
    }
    uuid, key = str(said.get("meta_uuid", "")), str(said.get("file_path", "")).lstrip("/")
    if not uuid or not key or len(uuid) > LONGEST or len(key) > LONGEST:
        return _nowhere(f"{META}{uuid[:LONGEST]}", f"the row {said.get('id', uuid)} names no upload, or no object")
    identity, md5 = _number(row.get(_ID)), str(said.get("hash_code", "")).lower()
    metadata = {**said, _ID: str(identity)} if identity is not None else said
    name = safe_name(str(said.get("file_name", "")) or key)
    uri = f"{META}{clean_text(uuid)}"

    def find() -> Blob:
        where = f"s3://{bucket}/{key}"
        found = object_at(settings, where, metadata)
        if found is None:
            raise SourceError(f"{clean_text(where)} is not there, or may not be read", hint="see --minio")
        if (found.size or 0) > settings.max_file_size:
            raise SourceError(f"{clean_text(where)} has {found.size:,} bytes", hint="raise MORELIKE_MAX_FILE_SIZE")
        _check_md5(found, md5)
        return replace(found, uri=uri, name=name, path=None, lasting=False)

    return Place(uri, name, (identity,), metadata, find, fixed=True, md5=md5)


def _check_md5(blob: Blob, wanted: str) -> None:
    """The object is fetched once; whoever opens it after this has what was looked at. Raises SourceError."""
    digest = hashlib.md5(usedforsecurity=False)
    with blob.open() as stream:
        while data := stream.read(_CHUNK):
            digest.update(data)
    if digest.hexdigest() != wanted:
        raise SourceError(f"{blob.uri} is not what was uploaded: its MD5 is {digest.hexdigest()}, not {wanted[:64]}")


def _number(value: object) -> int | None:
    """An id of Milvus, which the demo servers wrote as text."""
    try:
        number = int(str(value))
    except ValueError:
        return None
    return number if -(2**63) <= number < 2**63 else None


def parse_moved(given: Sequence[str]) -> dict[str, str]:
    """``OLD=NEW`` each. Raises UsageError."""
    moved: dict[str, str] = {}
    for one in given:
        old, separator, new = one.partition("=")
        if not separator or not os.path.isabs(os.path.expanduser(new)):  # noqa: PTH111, PTH117
            raise UsageError(f"--path {one}: where is it now?", hint="--path OLD=/an/absolute/folder")
        moved[old] = os.path.expanduser(new)  # noqa: PTH111
    return moved
