"""A table in a bucket, whose rows name objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from typing import Any, Final

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources._s3_address import check_object_allowed, is_address, split_address
from morelike.sources._s3_listing import Entry
from morelike.sources._s3_objects import Bucket, Fetching
from morelike.sources.globs import Globs
from morelike.sources.opening import failing_blob, safe_name
from morelike.sources.rows import READERS, Row, reader_for
from morelike.sources.tables import TableSource, of_table, rows_of
from morelike.sources.urls import UrlBlobs
from morelike.types import Blob

__all__ = ["ObjectTable", "is_table_name"]

_HEAD: Final = 4096
_TOGETHER: Final = 64
_THREADS: Final = 16
"""Requests at once that ask what the rows name: each takes as long as the way there and back."""


def is_table_name(key: str) -> bool:
    return "." + key.rpartition(".")[2].lower() in READERS


class ObjectTable(TableSource):
    """The same rows and columns as in a local table. A cell is a key below the table's own prefix, an ``s3://`` address
    or an http(s) URL.
    """

    def __init__(
        self,
        settings: Settings,
        exclude: Globs,
        bucket: Bucket,
        make: Callable[[Bucket, Entry, Mapping[str, Any]], Blob],
    ) -> None:
        super().__init__(settings)
        self._exclude = exclude
        self._bucket = bucket
        self._make = make

    def rows(self, table: Fetching) -> Iterator[Blob] | None:
        """None where it is no table. Raises SourceError where it is one that cannot be used, StoreError."""
        key = table.entry.key
        with table.open() as stream:
            if reader_for(key, stream.read(_HEAD)) is None:
                return None
        rows = rows_of(key, table.open)
        try:
            first = next(rows, None)
        except SourceError as error:
            raise of_table(self._bucket.uri(key), error) from error
        return self._made(key, rows if first is None else chain((first,), rows))

    def _made(self, key: str, rows: Iterator[Row]) -> Iterator[Blob]:
        folder, shown = key[: key.rfind("/") + 1], self._bucket.uri(key)
        make = partial(self._blob, folder=folder, table=shown, urls=UrlBlobs(self._settings))
        try:
            with ThreadPoolExecutor(_THREADS, thread_name_prefix="s3-rows") as pool:
                while some := list(islice(rows, _TOGETHER)):
                    yield from (blob for blob in pool.map(make, some) if blob is not None)
        except SourceError as error:
            broken = of_table(shown, error)
            yield failing_blob(shown, safe_name(shown), broken.message, hint=broken.hint)

    def _path_blob(self, cell: str, folder: str, row: str, metadata: Mapping[str, Any]) -> Blob:
        uri = cell if is_address(cell) else self._bucket.uri(folder + cell)
        try:
            if self._settings.allow_roots is not None:
                check_object_allowed(uri, self._settings.s3_roots)
            name, key = split_address(uri)
            bucket = self._bucket if name == self._bucket.name else Bucket(self._settings, name)
            return self._make(bucket, bucket.head(key), metadata)
        except SourceError as error:
            return failing_blob(uri, safe_name(uri), f"{row} names {uri}: {error.message}", metadata=metadata)
