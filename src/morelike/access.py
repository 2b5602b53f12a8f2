"""Who may use the library over HTTP: keys that are shown once and known by their digests, and what each role may do."""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import time
from collections import OrderedDict
from hashlib import sha256
from typing import Final

from morelike.errors import UsageError
from morelike.protocols import Catalog
from morelike.records import ApiKey, Role

__all__ = ["ADMIN_JOBS", "ROLES", "Keys", "allows"]

ROLES: tuple[Role, ...] = ("reader", "writer", "admin")
"""Each may do all that those before it may."""
ADMIN_JOBS: Final = frozenset({"calibrate", "dedup", "doctor", "duplicates", "reembed"})
"""Kinds that only an admin may have done: nobody else may have it done again."""

PREFIX = "ml_"
SHOWN = 7
REMEMBERED = 1024
REMEMBER_SECONDS = 2.0
MAX_NAME = 64
_KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


def allows(role: Role, wanted: Role) -> bool:
    """Whether a key of ``role`` may do what ``wanted`` may."""
    return ROLES.index(role) >= ROLES.index(wanted)


class Keys:
    """The library's API keys. Safe from any thread.

    A key is 32 random bytes, so its SHA-256 needs no salt and no slow hash: there is nothing that could be guessed.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: OrderedDict[str, tuple[float, ApiKey | None]] = OrderedDict()
        self._any: tuple[float, bool] | None = None
        self._changes = 0
        self._lock = threading.Lock()

    def make(self, name: str, role: Role) -> str:
        """A new key; it is returned here and can never be had again. Raises UsageError."""
        if not 0 < len(name) <= MAX_NAME or not name.isprintable() or name != name.strip():
            raise UsageError(
                f"a key cannot be named {name[: MAX_NAME + 1]!r}", hint=f"use 1 to {MAX_NAME} printable characters"
            )
        if role not in ROLES:
            raise UsageError(f"there is no role {role!r}", hint=f"one of {', '.join(ROLES)}")
        key = PREFIX + secrets.token_urlsafe(32)
        self._catalog.add_key(ApiKey(name=name, role=role, start=key[:SHOWN], digest=_digest(key)))
        self._forget()
        return key

    def list(self) -> list[ApiKey]:
        """By name."""
        return self._catalog.keys()

    def drop(self, name: str) -> None:
        """From now on refused here, and within a few seconds by every other process. Raises UsageError."""
        self._catalog.drop_key(name)
        self._forget()

    def check(self, key: str) -> ApiKey | None:
        """What is known of a key that somebody shows; None where it is none of the library's."""
        if not _KEY.fullmatch(key):
            return None
        digest = _digest(key)
        moment = time.monotonic()
        with self._lock:
            kept, changes = self._known.get(digest), self._changes
        if kept is not None and moment - kept[0] < REMEMBER_SECONDS:
            return kept[1]
        found = self._catalog.key_of_digest(digest)
        if found is not None and not hmac.compare_digest(found.digest, digest):
            found = None
        with self._lock:
            if changes == self._changes:  # else it may have been dropped while it was looked up
                self._known[digest] = moment, found
                self._known.move_to_end(digest)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return found

    def any(self) -> bool:
        """Whether there are keys, so that one is needed."""
        with self._lock:
            kept, changes = self._any, self._changes
        moment = time.monotonic()
        if kept is not None and moment - kept[0] < REMEMBER_SECONDS:
            return kept[1]
        there = bool(self._catalog.keys())
        with self._lock:
            if changes == self._changes:
                self._any = moment, there
        return there

    def _forget(self) -> None:
        with self._lock:
            self._changes += 1
            self._known.clear()
            self._any = None


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()
