"""The line to Milvus: opened when it is needed, bounded in time, its errors in morelike's words."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from morelike.errors import MissingExtra, SettingsError, StoreError, StoreFull, StoreUnreachable
from morelike.settings import Settings
from morelike.stores.disk import disk_full
from morelike.stores.vectors._milvus_engine import Engine, engine_of
from morelike.stores.vectors._milvus_lite import LiteServer, close_lite, open_lite

__all__ = ["MAKE", "PING", "READ", "WRITE", "Line", "Missing", "NotLoaded", "Place"]

_T = TypeVar("_T")

PING: Final = 3.0
READ: Final = 10.0
"""Seconds that a search or a query may take, a server's restart included."""
WRITE: Final = 120.0
"""The same of a write: a server that was killed comes back within about a minute."""
MAKE: Final = 300.0
"""Seconds to make, load or flush a collection."""
PROBE: Final = 1.0
DOUBT: Final = 15.0
"""Seconds after a failure in which answers are asked for as strictly as can be."""
_PAUSE: Final = 0.1
_LONG_PAUSE: Final = 0.5

_MISSING: Final = {100, 1600}
_NOT_LOADED: Final = {101, 103}
_PASSING: Final = {1, 2, 4, 5, 8, 103, 106, 107, 401, 500, 501, 502, 503, 504, 600, 601, 602, *range(901, 907)}
"""Codes of servers that start, balance or are asked too much: the same call may work in a moment."""
_REFUSED: Final = {1400, 1401, 1402, 1403, 1800}
_FULL: Final = {3, 9, 1008}
_MISSING_WORDS = re.compile(r"can't find collection|collection not (found|exist)|collection .* does not exist", re.I)
_NOT_LOADED_WORDS = re.compile(r"not (fully )?loaded|collection .*not been loaded", re.I)
_REFUSED_WORDS = re.compile(r"\bauth|permission|privilege|database (not|.*does not)|api.?key", re.I)
_DENIED: Final = {"UNAUTHENTICATED", "PERMISSION_DENIED"}
_SILENCE: Final = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "FutureTimeoutError"}
_FULL_WORDS = re.compile(
    r"no space|disk (quota|full)|quota exceeded|memory (quota|limit)|deny to write|insufficient", re.I
)
_PASSING_WORDS = re.compile(
    r"not ready|not healthy|unavailable|recovering|channel not|node (not|offline)|not in target|checkpoint|no available"
    r"|delegator|client of node"
    r"|shard|leader|context (canceled|deadline)|timestamp|time ?tick|timed? ?out|initializing|abnormal|not matched|lag",
    re.I,
)


class Missing(Exception):
    """There is no such collection."""


class NotLoaded(Exception):
    """The collection has to be loaded before it can be searched."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where Milvus is: an address, or a directory for Milvus Lite. Its text holds no secret."""

    address: str = ""
    path: Path | None = None

    def __str__(self) -> str:
        return f"Milvus Lite at {self.path}" if self.path else f"Milvus at {self.address}"

    @classmethod
    def of(cls, setting: str, folder: Path) -> Place:
        """Raises SettingsError on what cannot be one; the message repeats nothing that may be a password."""
        if not setting.lower().startswith(("http://", "https://")):
            path = Path(setting).expanduser()
            return cls(path=path if path.is_absolute() else folder / path)
        hint = "http://HOST:19530 or https://HOST; the setting 'vectors_token' takes USER:PASSWORD or an API key"
        try:
            parts = urlsplit(setting)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise SettingsError("the setting 'vectors' is no address of Milvus", hint=hint) from None
        if not host or parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
            raise SettingsError("the setting 'vectors' has to be an address without anything else", hint=hint)
        if re.search(r"[\s%\\]", host):
            raise SettingsError("the setting 'vectors' names no host", hint=hint)
        secure = parts.scheme.lower() == "https"
        host = f"[{host}]" if ":" in host else host
        return cls(f"{'https' if secure else 'http'}://{host}:{port or (443 if secure else 19530)}")


class Line:
    """One client for all threads; a new one in a process that was forked. Nothing is opened before it is needed."""

    def __init__(self, place: Place, settings: Settings) -> None:
        self.place = place
        self._settings = settings
        self._lock = threading.Lock()
        self._client: Any = None
        self._pid = 0
        self._engine: Engine | None = None
        self._failed_at = -1e9
        self._down = False
        self._closed = False
        self.lite: LiteServer | None = None

    @property
    def engine(self) -> Engine:
        """Raises StoreUnreachable, StoreError."""
        if self._engine is None or self._client is None:
            self.ask(_nothing)
        return self._engine or engine_of("")

    @property
    def doubtful(self) -> bool:
        """Whether something failed a moment ago."""
        return time.monotonic() - self._failed_at < DOUBT

    def ask(self, work: Callable[[Any, float], _T], seconds: float = READ) -> _T:
        """What ``work(client, seconds)`` returns; tried anew while the server says that it will be well in a moment.

        A write (``seconds`` of ``WRITE`` and more) also waits for a server that went away to come back; a read does
        not. Raises Missing, NotLoaded; StoreUnreachable, StoreFull, StoreError.
        """
        end = time.monotonic() + seconds
        patient = seconds >= WRITE and self._client is not None
        while True:
            left = end - time.monotonic()
            try:
                if self._down:
                    self._probe()
                found = work(self._opened(min(left, READ)), max(left, 0.1))
            except StoreUnreachable:
                if not patient or left < _LONG_PAUSE:
                    raise
                time.sleep(_LONG_PAUSE)
            except Exception as error:
                try:
                    self._judge(error, last=end - time.monotonic() < _PAUSE)
                except StoreUnreachable:
                    if not patient or left < _LONG_PAUSE:
                        raise
                time.sleep(_PAUSE)
            else:
                self._down = False
                return found

    def close(self) -> None:
        with self._lock:
            self._closed = True
            client, self._client = self._client, None
            lite, self.lite = self.lite, None
        if client is not None and self._pid == os.getpid():
            with contextlib.suppress(Exception):  # a line that is dead already
                client.close()
        if lite is not None:
            close_lite(lite)

    def _opened(self, seconds: float) -> Any:
        with self._lock:
            if self._closed:
                raise StoreError("the library is closed")
            if self._client is None or self._pid != os.getpid():
                client_class = _imported()  # first, since Milvus Lite imports it too
                if self.place.path is not None and self.lite is None:
                    self.lite = open_lite(self.place.path)
                client = self._connect(client_class, seconds)
                self._engine = engine_of(client.get_server_version(timeout=seconds))
                self._client, self._pid = client, os.getpid()
            return self._client

    def _connect(self, client_class: Any, seconds: float) -> Any:
        self._probe()
        options: dict[str, Any] = {"dedicated": True, "timeout": max(0.5, seconds)}
        address = self.place.address
        if self.lite is not None:
            address = self.lite.address
        else:
            options["token"] = self._settings.vectors_token
            options["db_name"] = self._settings.vectors_database
            if address.startswith("https://") and self._settings.vectors_ca is not None:
                certificates = self._settings.vectors_ca.expanduser()
                if not certificates.is_file():
                    raise SettingsError(f"the setting 'vectors_ca' names {certificates}, which is no file")
                options["server_pem_path"] = str(certificates)
        options["grpc_options"] = {"grpc.initial_reconnect_backoff_ms": 100, "grpc.max_reconnect_backoff_ms": 1000}
        return client_class(address, **options)

    def _probe(self) -> None:
        """A server that was away a moment ago is asked by a plain connection first: that is quick to fail."""
        if self.lite is None and self.place.address:
            parts = urlsplit(self.place.address)
            try:
                socket.create_connection((parts.hostname or "", parts.port or 443), timeout=PROBE).close()
            except OSError as error:
                raise self._unreachable(error.strerror or type(error).__name__) from error

    def _judge(self, error: Exception, *, last: bool) -> None:
        """Raise what ``error`` means, unless the same call may work in a moment and there is time for it."""
        if isinstance(error, StoreError | SettingsError | MissingExtra | Missing | NotLoaded):
            raise error
        code, said = _said(error)
        if code in _MISSING or _MISSING_WORDS.search(said):
            raise Missing(said) from error
        if code in _NOT_LOADED or _NOT_LOADED_WORDS.search(said):
            raise NotLoaded(said) from error
        self._failed_at = time.monotonic()
        statuses = _statuses(error)
        if statuses & _DENIED or code in _REFUSED or (_REFUSED_WORDS.search(said) and not statuses & _SILENCE):
            raise StoreError(
                f"{self.place} refuses: {said}", hint="check the settings vectors_token and vectors_database"
            ) from error
        if statuses & _SILENCE or "Fail connecting" in said:
            self._down = True
            raise self._unreachable("it does not answer") from error
        if code in _FULL or _FULL_WORDS.search(said):
            if self.place.path is not None:
                raise disk_full(self.place.path) from error
            raise StoreFull(
                f"{self.place} takes no more: {said}",
                hint="give the server more memory or disk, then do the same again",
            ) from error
        if code in _PASSING or _PASSING_WORDS.search(said):
            if last:
                raise self._unreachable(said) from error
            return
        raise StoreError(f"{self.place} cannot do it: {said}", hint="its own log says more") from error

    def _unreachable(self, said: str) -> StoreUnreachable:
        return StoreUnreachable(
            f"{self.place} does not answer: {said}", hint="start it, or mend the setting 'vectors'; nothing was lost"
        )


def _nothing(client: Any, seconds: float) -> None:
    """Nothing."""


def _said(error: Exception) -> tuple[int, str]:
    """The code and the first line of what a driver's error says, short."""
    code = getattr(error, "code", 0)
    text = str(getattr(error, "message", "") or error) or type(error).__name__
    text = text.splitlines()[0][:300] if text.strip() else type(error).__name__
    return (code if isinstance(code, int) else 0), text


def _statuses(error: BaseException) -> set[str]:
    """The gRPC statuses that led to an error; pymilvus makes errors their own causes."""
    names: set[str] = set()
    seen: list[BaseException] = []
    inner: BaseException | None = error
    while inner is not None and inner not in seen:
        seen.append(inner)
        code = getattr(inner, "code", None)
        with contextlib.suppress(Exception):
            code = code() if callable(code) else code
        names |= {str(getattr(code, "name", "")), type(inner).__name__}
        inner = inner.__cause__ if inner.__cause__ not in seen else inner.__context__
    return names


def _imported() -> Any:
    """pymilvus, quiet, and without what it reads into the environment from a ``.env`` file of the current folder."""
    with _same_environment():
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        try:
            from pymilvus import MilvusClient  # type: ignore[import-untyped]  # it has no types
        except ModuleNotFoundError as error:
            raise MissingExtra("pymilvus is not installed", hint="pip install 'morelike[milvus]'") from error
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
    return MilvusClient


@contextlib.contextmanager
def _same_environment() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
