"""The pictures of the older server ``image-engine`` as it saw them: one row for each ``meta_uuid``.

A row is a source, its uri ``meta:<meta_uuid>``, its name the uploaded file's; its metadata have ``meta_uuid`` too, for
filters, and of what was moved here ``created_at`` and ``updated_at``. Two rows of the same bytes are two sources of one
item with one vector, as the older server had them. A source that came in another way is a row as well: what stands for
its uri is its ``meta_uuid``. ``id`` is the row's own number, counted up; ``milvus_id`` is worked out from the item,
below 2^53, which JavaScript can hold.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, BinaryIO, Final

from starlette.datastructures import UploadFile

from morelike.collection import OpenCollection
from morelike.records import SourceRow
from morelike.server.bodies import blob_of, opener_of
from morelike.server.compat.answering import number_of
from morelike.server.compat.served import Served, distance_of
from morelike.server.errors import Refused
from morelike.sources.urls import UrlBlobs, is_url
from morelike.types import WHOLE, Blob, Example, Hit, Item, Query

__all__ = ["MOST_ROWS", "Metas", "meta_uuid_of", "path_of", "shape_of"]

MOST_ROWS: Final = 10_000
"""Of one page; a search looks no deeper either."""
FOLDER: Final = "/image-search-engine/"
"""Before a ``file_path``: what the web client's own server passed on to the pictures' store."""
_LONGEST: Final = 36
_TAKEN: Final = frozenset({"", "count", "images", "file", ".", ".."})
"""Between slashes, these mean something else; a row that could not be removed alone, and perhaps all with it."""
_ENDING: Final = frozenset("?#%\\")
"""Likewise: a client that puts an id into an address as it is asks for another one."""
_URI: Final = "meta:"
_KEY: Final = re.compile(r"[0-9a-f]{32}")
_PATH: Final = re.compile(r"meta/image/([0-9a-f]{32})(?:\.[A-Za-z0-9]{1,16})?")
_ENDINGS: Final = {"jpeg": "jpg", "tiff": "tif", "x-portable-anymap": "pnm"}
_THERE: Final = ("ready", "duplicate")
_REMEMBERED: Final = 100_000
_CHUNK: Final = 1024**2


class Metas:
    """One table of rows. Its methods block; safe from any thread."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._lock = threading.Lock()
        self._coming: set[str] = set()
        self._items: OrderedDict[str, str] = OrderedDict()
        """Digests of rows that were shown lately, to their items: the catalog would read all its items for one."""

    # -- rows

    def add(self, file: UploadFile, meta_uuid: str | None) -> SourceRow:
        """Keep an upload and make it searchable. Raises Refused where there is such a row, or can be none."""
        md5 = _md5(file)
        chosen = _checked(meta_uuid or md5)
        opened = self._served.made()
        uri = _URI + chosen
        with self._alone(chosen):
            if self._row(opened, chosen) is not None:
                raise Refused(409, f"the meta_uuid {chosen} is there already", hint="choose another one, or delete it")
            blob = blob_of(file, uri)
            report = opened.add(
                blob,
                metadata={"meta_uuid": chosen},
                retry=True,
                index=False,  # the server makes it beside the requests
                stop=self._served.parts.closing,
            )
            if report.interrupted:
                raise Refused(503, "the server is being stopped; the file was not added")
            row = self._row(opened, chosen)
        if row is None:
            reasons = [rejection.reason for rejection in report.rejections if rejection.uri == uri]
            raise Refused(422, reasons[-1] if reasons else f"{blob.name} was removed while it was added")
        self._remember([row])
        return row

    def page(self, offset: int, limit: int, md5: str = "") -> tuple[list[SourceRow], int]:
        """Rows by their number, the least first, and how many there are in all; with ``md5``, of those bytes."""
        opened = self._served.opened()
        if opened is None:
            return [], 0
        rows = opened.sources(md5=md5, offset=offset, limit=limit) if limit else []
        self._remember(rows)
        return rows, opened.count_sources(md5=md5)

    def row(self, meta_uuid: str) -> SourceRow:
        """Raises Refused (404)."""
        opened = self._served.opened()
        row = None if opened is None else self._row(opened, meta_uuid)
        if row is None:
            raise Refused(404, f"there is no picture with the meta_uuid {meta_uuid[:_LONGEST]}")
        self._remember([row])
        return row

    def remove(self, meta_uuid: str) -> None:
        """The row; and its item with the vector and the kept bytes, unless it has another row. Raises Refused (404)."""
        row = self.row(meta_uuid)
        self._served.needed().remove_sources([row.source.uri])

    def clear(self) -> None:
        """Remove all rows. The table is made anew, with the encoder that the server chose at its start."""
        self._served.drop()
        self._served.made()

    def counts(self) -> tuple[int, int]:
        """(rows, vectors)"""
        opened = self._served.opened()
        if opened is None:
            return 0, 0
        spaces = [space for space in opened.spaces if space.active and space.has_vectors]
        return opened.count_sources(), sum(opened.vectors_in(space) for space in spaces)

    # -- searching

    def search(self, file: UploadFile, offset: int, limit: int) -> list[tuple[SourceRow, float]]:
        """Rows with their distances, the nearest first; of one item, in their order."""
        if offset + limit > MOST_ROWS:
            raise Refused(400, f"offset and limit are more than {MOST_ROWS} together", hint="ask for less")
        opened = self._served.opened()
        if opened is None or not limit:
            return []
        query = Query((Example("blob", blob_of(file, "upload:query")),), k=offset + limit)
        hits = opened.search(query)
        self._served.parts.metrics.search(hits.timings)
        rows: dict[str, list[SourceRow]] = {}
        for row in opened.find_sources(item_ids=[hit.item for hit in hits]):
            rows.setdefault(row.item_id, []).append(row)
        found = [(row, distance_of(hit)) for hit in hits for row in rows.get(hit.item, ())]
        page = found[offset : offset + limit]
        self._remember([row for row, _ in page])
        return page

    def compare(self, address: str, file: UploadFile) -> float:
        """The distance of a picture behind an address from an upload; neither is kept. Raises Refused, ItemError."""
        if not is_url(address):
            raise Refused(400, "image_uri_1 is no http or https address", hint="http://HOST/PATH")
        fetched = UrlBlobs(self._served.library.settings).blob(address)
        unit = self._served.made().compare(fetched, blob_of(file, "upload:query"))
        return distance_of(Hit("", "", next(iter(unit.values()), 0.0), unit, WHOLE, {}))

    # -- pictures

    def picture(self, path: str) -> tuple[Blob, Item]:
        """The bytes behind a ``file_path``. Raises Refused (404), OriginalGone."""
        named = _PATH.fullmatch(path)
        opened = self._served.opened() if named else None
        item_id = self._item_with(opened, named[1]) if named and opened is not None else None
        if opened is None or item_id is None:
            raise Refused(404, "there is no such picture", hint="addresses come from a list's or a search's answer")
        return opened.blob(item_id), opened.item(item_id)

    def _item_with(self, opened: OpenCollection, md5: str) -> str | None:
        with self._lock:
            remembered = self._items.get(md5)
        if remembered is not None and opened.known([remembered]).get(remembered) in _THERE:
            return remembered
        likely = [row for row in opened.find_sources(uris=[_URI + md5]) if row.digest.md5 == md5]
        found = next((row for row in likely or opened.sources(md5=md5, limit=1) if row.state in _THERE), None)
        if found is None:
            return None
        self._remember([found])
        return found.item_id

    def _remember(self, rows: Sequence[SourceRow]) -> None:
        with self._lock:
            for row in rows:
                self._items[row.digest.md5] = row.item_id
                self._items.move_to_end(row.digest.md5)
            while len(self._items) > _REMEMBERED:
                self._items.popitem(last=False)

    def _row(self, opened: OpenCollection, meta_uuid: str) -> SourceRow | None:
        keys = [meta_uuid] if _KEY.fullmatch(meta_uuid) else []
        rows = opened.find_sources(uris=[_URI + meta_uuid], keys=keys)
        return next((row for row in rows if row.state in _THERE and meta_uuid_of(row) == meta_uuid), None)

    @contextmanager
    def _alone(self, meta_uuid: str) -> Iterator[None]:
        """Of two uploads under one ``meta_uuid`` at once, the second is refused: either may be the one to stay."""
        with self._lock:
            if meta_uuid in self._coming:
                raise Refused(409, f"the meta_uuid {meta_uuid} is being added right now", hint="choose another one")
            self._coming.add(meta_uuid)
        try:
            yield
        finally:
            with self._lock:
                self._coming.discard(meta_uuid)


def meta_uuid_of(row: SourceRow) -> str:
    """The name that the row was given, else what stands for its uri."""
    uri = row.source.uri
    return uri.removeprefix(_URI) if uri.startswith(_URI) else row.key


def path_of(row: SourceRow) -> str:
    """``meta/image/<md5>.<ext>``; the ending comes from the content, as the older server's did."""
    kind = row.media_type.partition(";")[0].rpartition("/")[2].lower()
    ending = _ENDINGS.get(kind, re.sub(r"[^a-z0-9]", "", kind)[:16])
    return f"meta/image/{row.digest.md5}" + (f".{ending}" if ending else "")


def shape_of(row: SourceRow, base: str) -> dict[str, Any]:
    """A ``MetaResult``; ``base`` is this server's own address."""
    path = path_of(row)
    return {
        "id": row.number,
        "meta_uuid": meta_uuid_of(row),
        "hash_code": row.digest.md5,
        "milvus_id": number_of(row.item_id),
        "file_name": row.source.name or row.digest.md5,
        "file_path": path,
        "created_at": _time(row, "created_at", row.source.added_at),
        "updated_at": _time(row, "updated_at", row.updated_at),
        "file_url": f"{base}{FOLDER}{path}",
        "file_relative_url": FOLDER + path,
    }


def _time(row: SourceRow, name: str, ours: str) -> str:
    """Without a zone, as MySQL gave it. What was moved here from an older server keeps its own time."""
    theirs = row.source.metadata.get(name)
    if isinstance(theirs, str):
        with suppress(ValueError):
            return datetime.fromisoformat(theirs).replace(tzinfo=None).isoformat(timespec="seconds")
    return ours.removesuffix("Z")


def _checked(meta_uuid: str) -> str:
    if len(meta_uuid) > _LONGEST:
        raise Refused(422, f"meta_uuid has {len(meta_uuid)} characters", hint=f"at most {_LONGEST}")
    plain = meta_uuid.isprintable() and meta_uuid == meta_uuid.strip() and not _ENDING.intersection(meta_uuid)
    if not plain or not _TAKEN.isdisjoint(meta_uuid.split("/")):
        raise Refused(422, f"{meta_uuid!r} cannot be a meta_uuid", hint="letters, digits and -, as of a UUID")
    return meta_uuid


def _md5(file: UploadFile) -> str:
    opener, _ = opener_of(file)
    stream: BinaryIO = opener()
    digest = hashlib.md5(usedforsecurity=False)
    with stream:
        while data := stream.read(_CHUNK):
            digest.update(data)
    return digest.hexdigest()
