"""Tables whose rows name files: CSV, TSV, JSON lines, a JSON array of objects, Parquet."""

from __future__ import annotations

import io
import json
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain
from typing import Any, BinaryIO, Final

from morelike.errors import MissingExtra, SourceError
from morelike.settings import Settings
from morelike.sources.globs import Globs
from morelike.sources.opening import (
    check_allowed,
    clean_text,
    failing_blob,
    file_blob,
    local_path,
    open_regular,
    safe_name,
    why,
)
from morelike.sources.rows import Row, reader_for
from morelike.sources.urls import UrlBlobs, is_url
from morelike.types import Blob

__all__ = ["FILE_COLUMNS", "TableSource", "names_files", "of_table", "rows_of"]

FILE_COLUMNS: Final = (
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "image",
    "image_path",
    "url",
    "uri",
    "src",
)
_HEAD: Final = 4096
_LONGEST_VALUE: Final = 8192
_LONGEST_KEY: Final = 128
_LONGEST_PATH: Final = 8192


class TableSource:
    """Each row is one file, named by the first of ``FILE_COLUMNS`` (letters of any case) that the row fills.

    A cell is a path (relative ones start at the table's folder), a ``file:`` URL or an http(s) URL; the blob's uri is
    the absolute path or the URL, as if it had been added by itself. A Parquet cell may also hold the bytes
    (``{"bytes": …, "path": …}``). The other columns become metadata: numbers, truth values and texts as they are,
    nested values as JSON, empty ones not at all, texts cut at 8192 characters.

    A table may name any file that its reader may read, so a table from a stranger can list private files into a
    library; it cannot send them anywhere. ``settings.allow_roots`` bounds what it may name.
    """

    def __init__(self, settings: Settings, exclude: Sequence[str] = ()) -> None:
        self._settings = settings
        self._exclude = Globs(exclude)

    def accepts(self, argument: str) -> float:
        try:
            path = local_path(argument)
            if not os.path.isfile(path):  # noqa: PTH113 - a str is what there is
                return 0.0
            with open_regular(path) as stream:
                return 0.9 if reader_for(path, stream.read(_HEAD)) else 0.0
        except (SourceError, OSError, ValueError):
            return 0.0

    def blobs(self, argument: str) -> Iterator[Blob]:
        path = local_path(argument)
        rows = rows_of(path, lambda: open_regular(path))
        try:
            first = next(rows, None)  # reads the header, so that an unusable table is refused at once
        except SourceError as error:
            raise of_table(path, error) from error
        return self._blobs(path, rows if first is None else chain((first,), rows))

    def _blobs(self, table: str, rows: Iterator[Row]) -> Iterator[Blob]:
        folder = os.path.dirname(table)  # noqa: PTH120
        shown = clean_text(table)
        urls = UrlBlobs(self._settings)
        try:
            for row in rows:
                blob = self._blob(row, folder, shown, urls)
                if blob is not None:
                    yield blob
        except SourceError as error:
            broken = of_table(table, error)
            yield failing_blob(table, safe_name(table), broken.message, hint=broken.hint)

    def _blob(self, row: Row, folder: str, table: str, urls: UrlBlobs) -> Blob | None:
        """None where the row is excluded."""
        where = f"{table}#row={row.number}"
        if row.problem:
            return failing_blob(where, safe_name(table), f"row {row.number} of {table} {row.problem}")
        column, cell = _file_cell(row.values)
        metadata = _metadata(row.values, column)
        if isinstance(cell, Mapping):
            return self._held_blob(cell, where, metadata)
        if not isinstance(cell, str) or not 0 < len(cell) <= _LONGEST_PATH:
            reason = f"row {row.number} of {table} names no file"
            return failing_blob(where, safe_name(table), reason, metadata=metadata)
        if self._exclude and self._exclude.match(cell, folder):
            return None
        if is_url(cell):
            return urls.blob(cell, metadata)
        return self._path_blob(cell, folder, f"row {row.number} of {table}", metadata)

    def _path_blob(self, cell: str, folder: str, row: str, metadata: Mapping[str, Any]) -> Blob:
        path = cell
        try:
            path = local_path(cell if cell[:5].lower() == "file:" else os.path.join(folder, cell))  # noqa: PTH118
            check_allowed(path, self._settings.allow_roots)
            found = os.stat(path)  # noqa: PTH116
            if not stat.S_ISREG(found.st_mode):
                raise SourceError("it is no regular file")
        except SourceError as error:
            reason = error.message
        except (OSError, ValueError) as error:
            reason = why(error)
        else:
            return file_blob(path, found, self._settings.max_file_size, metadata)
        return failing_blob(path, safe_name(path), f"{row} names {path}: {reason}", metadata=metadata)

    def _held_blob(self, cell: Mapping[str, Any], where: str, metadata: Mapping[str, Any]) -> Blob:
        data = cell.get("bytes")
        name = safe_name(str(cell.get("path") or ""), safe_name(where))
        if not isinstance(data, bytes) or len(data) > self._settings.max_file_size:
            return failing_blob(where, name, f"{where} holds no bytes of a file", metadata=metadata)
        return Blob.from_bytes(data, name, uri=where, metadata=metadata)


def rows_of(name: str, opened: Callable[[], BinaryIO]) -> Iterator[Row]:
    """Raises SourceError where it is no table, or cannot be read on."""
    with opened() as stream:
        reader = reader_for(name, stream.read(_HEAD))
        if reader is None:
            raise SourceError("it is no CSV, TSV, JSON lines or Parquet table")
        stream.seek(0)
        yield from reader(stream, _names_file)


def names_files(head: bytes, name: str) -> bool:
    """Whether a table with these first bytes has a column of files; False of what is none. Never raises."""
    try:
        next(rows_of(name, lambda: io.BytesIO(head)), None)
    except (SourceError, MissingExtra):
        return False
    return True


def _names_file(columns: Sequence[str]) -> bool:
    return any(column.strip().lower() in FILE_COLUMNS for column in columns)


def _file_cell(values: Mapping[str, Any]) -> tuple[str, Any]:
    """The column, by the order of FILE_COLUMNS, and its value; ("", None) where the row fills none."""
    columns = {column.strip().lower(): column for column in reversed(list(values))}
    for name in FILE_COLUMNS:
        column = columns.get(name, "")
        value = values.get(column)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)  # a CSV of files that are named by number
        if value:
            return column, value.strip() if isinstance(value, str) else value
    return "", None


def _metadata(values: Mapping[str, Any], file_column: str) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for column, value in values.items():
        key = clean_text(column.strip())[:_LONGEST_KEY]
        plain = _plain(value)
        if key and column != file_column and plain is not None:
            kept[key] = plain
    return kept


def _plain(value: Any) -> Any:
    """A value that JSON can write, at most 8192 characters of it; None: to be left out."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)[:_LONGEST_VALUE]
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, str):
        return clean_text(value[:_LONGEST_VALUE]) or None
    if isinstance(value, (list, dict)) and value:
        try:
            return value if len(json.dumps(value, allow_nan=False)) <= _LONGEST_VALUE else None
        except (TypeError, ValueError, RecursionError):
            return None
    return None


def of_table(path: str, error: SourceError) -> SourceError:
    """The same, said of the whole table."""
    return SourceError(f"the table {clean_text(path)} cannot be read: {error.message}", hint=error.hint)
