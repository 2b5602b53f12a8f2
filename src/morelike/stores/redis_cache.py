"""A cache on a Redis server: several processes share it, and it may be gone at any time."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import SplitResult, urlsplit

import blake3
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from morelike.errors import SettingsError, StoreUnreachable
from morelike.settings import Settings

__all__ = ["RedisCache"]

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

WAIT: Final = 0.25
"""Seconds that a connection, and each read from one, may take."""
REST = 5.0
"""Seconds for which a server that failed is left alone."""
LARGEST: Final = 1024**2
"""Bytes of the largest value that is kept: a longer one takes longer to fetch than it saves."""
_BATCH: Final = 500
_SCHEMES: Final = ("redis", "rediss", "unix")
_GLOB: Final = re.compile(rb"([*?\[\]\\])")


class RedisCache:
    """``Settings.cache`` is the server's address, ``Settings.cache_seconds`` how long it keeps an entry.

    A server that fails is told once in the log, and left alone for ``REST`` seconds at a time, in which every look-up
    is a miss; then one thread tries again. Raises SettingsError on an address that cannot be one, and nothing later.
    """

    def __init__(self, settings: Settings) -> None:
        self._place = _place(_parts(settings.cache))
        self._client = redis.Redis(connection_pool=_pool(settings.cache))
        self._seconds = settings.cache_seconds
        library = blake3.blake3(os.fsencode(settings.library)).hexdigest(16)
        self._prefix = f"morelike:{library}:".encode()
        self._lock = threading.Lock()
        self._down = False
        self._again = 0.0
        """On the monotonic clock: when a server that is down is asked next."""
        self._refused = False

    def get(self, key: str) -> bytes | None:
        found = self._ask(lambda: self._client.get(self._name(key)))
        return found if isinstance(found, bytes) else None

    def put(self, key: str, value: bytes) -> None:
        """A value of more than a megabyte is not kept."""
        name = self._name(key)
        if len(value) > LARGEST:
            self._ask(lambda: self._client.unlink(name))
        else:
            self._ask(lambda: self._client.set(name, value, ex=self._seconds))

    def forget(self, prefix: str) -> None:
        """Where the server does not answer, the entries stay until their time is up."""
        self._ask(lambda: self._forget(_GLOB.sub(rb"\\\1", self._name(prefix)) + b"*"))

    def close(self) -> None:
        """The entries stay: other processes use them."""
        try:
            self._client.connection_pool.disconnect()
        except Exception as error:  # whatever it is, nothing depends on it
            _log.debug("closing the cache: %s", type(error).__name__)

    def ping(self) -> None:
        """Raises StoreUnreachable, without the address: it may hold a password."""
        try:
            self._client.ping()
        except Exception as error:
            self._fall(error)
            raise StoreUnreachable(
                f"the cache at {self._place} does not answer ({type(error).__name__})",
                hint="searches go on without it; is the server up?",
            ) from None
        with self._lock:
            down = self._down
        if down:
            self._rise()

    def _name(self, key: str) -> bytes:
        return self._prefix + key.encode("utf-8", "surrogatepass")

    def _forget(self, pattern: bytes) -> None:
        batch: list[bytes] = []
        for name in self._client.scan_iter(match=pattern, count=_BATCH):
            batch.append(name)
            if len(batch) == _BATCH:
                self._client.unlink(*batch)
                batch.clear()
        if batch:
            self._client.unlink(*batch)

    def _ask(self, work: Callable[[], _T]) -> _T | None:
        """What ``work`` returns; None where the server is down or fails."""
        with self._lock:
            trying = self._down
            if trying:
                if time.monotonic() < self._again:
                    return None
                self._again = time.monotonic() + REST  # the other threads need not wait with this one
        try:
            answer = work()
        except redis.ResponseError as error:  # it answers, so only this command is lost
            self._warn_refused(error)
            answer = None
        except Exception as error:  # a cache is never the reason why a search fails
            self._fall(error)
            return None
        if trying:
            self._rise()
        return answer

    def _warn_refused(self, error: Exception) -> None:
        with self._lock:
            first, self._refused = not self._refused, True
        if first:
            _log.warning("the cache at %s refuses a command (%s)", self._place, type(error).__name__)

    def _fall(self, error: Exception) -> None:
        with self._lock:
            first, self._down = not self._down, True
            self._again = time.monotonic() + REST
        if first:  # the error's own text may hold what the address holds
            words = "refuses the password" if isinstance(error, redis.AuthenticationError) else "does not answer"
            _log.warning("the cache at %s %s (%s); searches go on without it", self._place, words, type(error).__name__)

    def _rise(self) -> None:
        with self._lock:
            self._down = False
        _log.info("the cache at %s answers again", self._place)


def _bad_address() -> SettingsError:
    """Without the address: it may hold a password."""
    return SettingsError(
        "the setting 'cache' is no address of a Redis server",
        hint="redis://HOST:6379/0, rediss:// with TLS, or unix:///PATH; special characters in a password as %40",
    )


def _parts(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise _bad_address() from None
    is_socket = parts.scheme == "unix"
    place_is_fine = len(parts.path) > 1 if is_socket else re.fullmatch(r"/?|/[0-9]{1,5}", parts.path)
    scheme_is_fine = parts.scheme in _SCHEMES and address.startswith(f"{parts.scheme}://")
    if not (scheme_is_fine and place_is_fine) or port == 0 or parts.fragment:
        raise _bad_address()
    return parts


def _place(parts: SplitResult) -> str:
    """The address without user, password and options."""
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname or 'localhost'}{port}{parts.path}"


def _pool(address: str) -> redis.ConnectionPool:
    bounds = {
        "socket_timeout": WAIT,
        "socket_connect_timeout": WAIT,
        "retry": Retry(NoBackoff(), 0),  # the package's own retries wait for seconds
        "decode_responses": False,
        "protocol": 2,  # all that a cache needs, and what every server speaks
    }
    try:
        pool = redis.ConnectionPool.from_url(address, **bounds)
        pool.connection_kwargs.update(bounds)  # once more: the address's own options go before, and might wait longer
        pool.connection_class(**pool.connection_kwargs)  # connects to nothing, but knows which options there are
    except Exception:
        raise _bad_address() from None
    return pool
