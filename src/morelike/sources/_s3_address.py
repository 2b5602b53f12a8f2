"""``s3://bucket/key``: read as it is written, nothing in it is escaped; and which of them may be read."""

from __future__ import annotations

from collections.abc import Sequence

from morelike.errors import SettingsError, SourceError
from morelike.objects import parse_address
from morelike.sources.opening import clean_text

__all__ = ["SCHEME", "check_object_allowed", "is_address", "object_uri", "split_address"]

SCHEME = "s3://"
_LONGEST_KEY = 1024
"""Bytes, as S3 has it."""


def is_address(text: str) -> bool:
    return text[: len(SCHEME)].lower() == SCHEME


def object_uri(bucket: str, key: str) -> str:
    """The key as it is: what other tools take and show."""
    return f"{SCHEME}{bucket}/{clean_text(key)}"


def split_address(address: str) -> tuple[str, str]:
    """(bucket, key or prefix), each perhaps empty. Raises SourceError."""
    bucket, _, key = address[len(SCHEME) :].partition("/")
    shown = clean_text(address[:200])
    if "\0" in key:
        raise SourceError(f"{shown.partition(chr(0))[0]}… holds a zero byte, which no key has")
    try:
        if bucket:
            parse_address(SCHEME + bucket)
    except SettingsError as error:
        # what was written may hold a key and its secret: it is not repeated
        raise SourceError(
            "that s3:// address names no bucket", hint="s3://BUCKET/PREFIX; `morelike ls s3://` lists buckets"
        ) from error
    if len(key.encode("utf-8", "surrogateescape")) > _LONGEST_KEY:
        raise SourceError(f"{shown}… is longer than a key can be", hint=f"a key has at most {_LONGEST_KEY} bytes")
    return bucket, key


def check_object_allowed(address: str, roots: Sequence[str]) -> None:
    """Raises SourceError where an address is neither one of ``roots`` nor below one. A glob counts by its start."""
    bucket, key = split_address(address)
    for root in roots:
        allowed, prefix = split_address(root)
        prefix = prefix.strip("/")
        if bucket == allowed and (not prefix or key == prefix or key.startswith(prefix + "/")):
            return
    raise SourceError(
        f"{clean_text(address[:200])} does not lie below an address that may be read",
        hint="`morelike serve --allow-root s3://BUCKET/PREFIX` allows one",
    )
