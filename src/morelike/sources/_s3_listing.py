"""What lies in a bucket, and which buckets there are: the answers of S3's listings, read with suspicion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree as ET

from morelike.errors import StoreError
from morelike.sources._s3_wire import Wire

__all__ = ["Entry", "Folder", "list_buckets", "list_objects", "nanoseconds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNWRITABLE = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|&#(?:x0*(?:[0-8bcef]|1[0-9a-f])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));", re.IGNORECASE
)
"""What XML cannot hold; some servers repeat a prefix as it came."""
_LONGEST_KEY = 4096
"""Bytes; S3 has 1024."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An object, as the server describes it. ``etag`` is empty where it said none."""

    key: str
    size: int
    modified_ns: int
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    """All keys that begin with ``prefix``, which ends in the delimiter."""

    prefix: str


def list_objects(wire: Wire, prefix: str, *, delimiter: str = "", most: int = 1000) -> Iterator[Entry | Folder]:
    """Objects whose keys begin with ``prefix``, in the order of their bytes; ``most`` of them in each request.

    Raises PermissionError, StoreError, also in the middle: then it is not known what else there is.
    """
    what = f"s3://{wire.place.bucket}/{prefix}"
    query = {"list-type": "2", "encoding-type": "url", "prefix": prefix, "max-keys": str(most)}
    if delimiter:
        query["delimiter"] = delimiter
    while True:
        answer = _parsed(wire.ask(what, query), what, "ListBucketResult")
        encoded = answer.findtext("EncodingType") == "url"
        try:
            found: list[Entry | Folder] = []
            found += [_entry(one, encoded=encoded) for one in answer.iterfind("Contents")]
            found += [Folder(_key(one.findtext("Prefix"), encoded)) for one in answer.iterfind("CommonPrefixes")]
        except (ValueError, TypeError, OverflowError) as error:
            raise _no_listing(what) from error
        yield from (one for one in found if (one.prefix if isinstance(one, Folder) else one.key).startswith(prefix))
        token = answer.findtext("NextContinuationToken") or ""
        if answer.findtext("IsTruncated") != "true":
            return
        if not token or token == query.get("continuation-token"):
            raise StoreError(f"{what}: the listing does not go on", hint="does the server know ListObjectsV2?")
        query["continuation-token"] = token


def list_buckets(wire: Wire) -> list[tuple[str, str]]:
    """(name, when it was made) of each that the keys own. Raises PermissionError, StoreError."""
    what = f"the buckets of {wire.place.endpoint}"
    answer = _parsed(wire.ask(what, {}, service=True), what, "ListAllMyBucketsResult")
    rows = answer.iterfind("Buckets/Bucket")
    return sorted((row.findtext("Name") or "", row.findtext("CreationDate") or "") for row in rows)


def _parsed(data: bytes, what: str, wanted: str) -> ET.Element:
    try:
        root = ET.fromstring(_UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}".encode(), data))  # noqa: S314  # its size is bounded, and expat bounds what entities become
    except (ET.ParseError, ValueError, LookupError) as error:
        raise _no_listing(what) from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if root.tag != wanted:
        raise _no_listing(what)
    return root


def _no_listing(what: str) -> StoreError:
    return StoreError(f"{what}: the answer is no listing", hint="does the setting s3_endpoint name an S3 server?")


def _entry(element: ET.Element, *, encoded: bool) -> Entry:
    size = int(element.findtext("Size") or "")
    if size < 0:
        raise ValueError(size)
    modified = datetime.fromisoformat(element.findtext("LastModified") or "")
    key = _key(element.findtext("Key"), encoded)
    return Entry(key, size, nanoseconds(modified), (element.findtext("ETag") or "").strip())


def _key(text: str | None, encoded: bool) -> str:
    """A space may come as ``+`` (a plus never does), and bytes that are no UTF-8 are kept apart."""
    key = unquote_to_bytes((text or "").replace("+", " ")).decode("utf-8", "surrogateescape") if encoded else text
    if not key or len(key) > _LONGEST_KEY:
        raise ValueError("no key")
    return key


def nanoseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
