"""Fetch one file over HTTP: resumed where it broke off, checked against its size and digest, put in place whole.

The unfinished bytes lie in ``<file>.part``; ``<file>.part.json`` beside it says of which version they are.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from morelike.errors import DigestMismatch, DownloadFailed
from morelike.models.files import hash_file
from morelike.settings import Settings

if TYPE_CHECKING:
    import httpx

__all__ = ["Fetched", "Order", "fetch", "resolve"]

_BLOCK = 1 << 18
_LARGEST = 16 * 1024**3  # bytes; where neither the card nor the server says how many there are
_REDIRECTS = 6
_ATTEMPTS = 5
_HUB = re.compile(r"hub:(?P<repo>[\w.-]+/[\w.-]+)@(?P<revision>[\w./-]+?)/(?P<path>[\w.+-]+(?:/[\w.+-]+)*)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Order:
    """What to fetch: ``url`` (``hub:…`` or ``https://…``) to ``target``; ``sha256`` and ``size`` where known."""

    url: str
    target: Path
    sha256: str = ""
    size: int = 0
    label: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: the digest of its bytes, their number, and the commit that the hub says they are of ("" elsewhere)."""

    sha256: str
    size: int
    commit: str = ""


@dataclass(slots=True)
class _Answer:
    """What the server said of the file, over all redirects."""

    etag: str = ""
    sha256: str = ""
    size: int = 0
    commit: str = ""


@dataclass(slots=True)
class _Part:
    """The unfinished file and what is known of it."""

    path: Path
    etag: str = ""
    size: int = 0
    state: Any = field(default_factory=hashlib.sha256)

    @property
    def note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        self.etag, self.size, self.state = "", 0, hashlib.sha256()


def resolve(url: str, settings: Settings) -> str:
    """The address behind ``hub:owner/repository@revision/path``; others as they are. Raises DownloadFailed."""
    if not url.startswith("hub:"):
        return url
    match = _HUB.fullmatch(url)
    if match is None or ".." in url:
        raise DownloadFailed(f"{url} is not an address on the hub", hint="hub:owner/repository@revision/path")
    revision = quote(match["revision"], safe="")
    return f"{settings.hub.rstrip('/')}/{match['repo']}/resolve/{revision}/{match['path']}"


def fetch(
    order: Order,
    settings: Settings,
    progress: Callable[[str, int, int], None] | None = None,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Fetch to ``order.target``; ``progress(label, bytes here, bytes in all or 0)``.

    A broken connection is taken up again, with Range where the server allows it. Raises DownloadFailed with what to do
    about it, DigestMismatch (the bytes are removed).
    """
    import httpx

    if settings.offline:
        raise DownloadFailed(
            f"{order.label or order.url} is not fetched: MORELIKE_OFFLINE is set",
            hint="unset it, or copy the file into a folder of MORELIKE_MODELS",
        )
    address = resolve(order.url, settings)
    part = _opened(order, address)
    timeout = httpx.Timeout(settings.hub_timeout, read=max(30.0, settings.hub_timeout))
    with _faults(order), httpx.Client(timeout=timeout, follow_redirects=False) as client:
        for attempt in range(_ATTEMPTS):
            before = part.size
            try:
                answer = _attempt(client, order, address, part, settings=settings, progress=progress)
                break
            except httpx.TransportError:
                if attempt == _ATTEMPTS - 1 or (part.size == before and attempt > 0):
                    raise
                pause(2.0**attempt / 2)
        return _put_in_place(order, part, answer)


def _opened(order: Order, address: str) -> _Part:
    """The part of an earlier run, if it is of the same address."""
    part = _Part(order.target.with_name(f"{order.target.name}.part"))
    try:
        order.target.parent.mkdir(parents=True, exist_ok=True)
        note = json.loads(part.note.read_bytes())
        if note["url"] == address and part.path.is_file():
            part.etag, part.size = str(note["etag"]), part.path.stat().st_size
            with part.path.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    part.state.update(block)
            return part
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError):
        pass
    except OSError as error:
        raise DownloadFailed(f"{order.target.parent} cannot be written: {error.strerror}") from error
    with suppress(OSError):
        part.forget()
    return part


def _attempt(
    client: httpx.Client,
    order: Order,
    address: str,
    part: _Part,
    *,
    settings: Settings,
    progress: Callable[[str, int, int], None] | None,
) -> _Answer:
    """One connection's worth of bytes into the part. Raises httpx.TransportError where more may come."""
    import httpx

    with _answered(client, order, address, part, settings) as (response, answer):
        if response.status_code == 200 and part.size:
            part.forget()  # the server has no ranges, or another version: from the start
        expected = order.size or answer.size
        if order.size and answer.size and order.size != answer.size:
            raise DigestMismatch(
                f"{order.label or order.url} has {answer.size} bytes there, the card says {order.size}",
                hint="the file was replaced: take a newer card, or import the right file",
            )
        limit = expected or _LARGEST
        free = shutil.disk_usage(part.path.parent).free
        if expected and expected - part.size > free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part.etag = answer.etag
        part.note.write_text(json.dumps({"url": address, "etag": answer.etag}))
        with part.path.open("ab") as stream:
            for block in response.iter_raw():
                if part.size + len(block) > limit:
                    part.forget()
                    raise DownloadFailed(f"{order.label or order.url} has more than the {limit} bytes announced")
                stream.write(block)
                part.state.update(block)
                part.size += len(block)
                if progress is not None:
                    progress(order.label, part.size, expected)
            os.fsync(stream.fileno())
        if expected and part.size < expected:
            raise httpx.ReadError(f"the connection ended after {part.size} of {expected} bytes")
        return answer


@contextmanager
def _answered(
    client: httpx.Client, order: Order, address: str, part: _Part, settings: Settings
) -> Iterator[tuple[httpx.Response, _Answer]]:
    """The response to read from, after redirects: 200, or 206 going on where the part ends."""
    import httpx

    hub = httpx.URL(settings.hub)
    url = httpx.URL(address)
    answer = _Answer()
    for _ in range(_REDIRECTS):
        headers = {"Accept-Encoding": "identity", "User-Agent": "morelike"}
        at_hub = (url.scheme, url.host, url.port) == (hub.scheme, hub.host, hub.port)
        if settings.hub_token and at_hub:
            headers["Authorization"] = f"Bearer {settings.hub_token}"  # never beyond the hub itself
        if part.size and part.etag:
            headers |= {"Range": f"bytes={part.size}-", "If-Range": part.etag}
        with client.stream("GET", url, headers=headers) as response:
            _note(answer, response, of_hub=at_hub)
            if response.status_code in (301, 302, 303, 307, 308):
                following = url.join(response.headers.get("location", ""))
                if following.scheme not in ("https", url.scheme):
                    raise DownloadFailed(f"{url.host} leads to {following.scheme}://{following.host}: refused")
                url = following
                continue
            if response.status_code == 206 and not _goes_on(response, part.size):
                part.forget()
                raise httpx.RemoteProtocolError("the server sent another range than was asked for")
            if response.status_code == 416 and part.size:
                part.forget()
                raise httpx.RemoteProtocolError("the unfinished file fits no longer")
            if response.status_code not in (200, 206):
                raise _refused(order, url, response.status_code)
            if not answer.size:
                length = response.headers.get("content-length", "")
                answer.size = int(length) + (part.size if response.status_code == 206 else 0) if length.isdigit() else 0
            answer.etag = _strong(response.headers.get("etag", ""))
            yield response, answer
            return
    raise DownloadFailed(f"{address} redirects more than {_REDIRECTS} times")


def _note(answer: _Answer, response: httpx.Response, *, of_hub: bool) -> None:
    """The hub says in its own headers what the file is, before it leads to where the bytes are."""
    if not of_hub:
        return
    linked = response.headers.get("x-linked-etag", "").strip('"')
    if _SHA256.fullmatch(linked):
        answer.sha256 = linked
    if response.headers.get("x-linked-size", "").isdigit():
        answer.size = int(response.headers["x-linked-size"])
    if _COMMIT.fullmatch(response.headers.get("x-repo-commit", "")):
        answer.commit = response.headers["x-repo-commit"]


def _strong(etag: str) -> str:
    return "" if etag.startswith("W/") else etag  # a weak one does not promise the same bytes


def _goes_on(response: httpx.Response, size: int) -> bool:
    return str(response.headers.get("content-range", "")).startswith(f"bytes {size}-")


def _put_in_place(order: Order, part: _Part, answer: _Answer) -> Fetched:
    value = part.state.hexdigest()
    wanted = order.sha256 or answer.sha256
    if wanted and value != wanted:
        part.forget()
        raise DigestMismatch(
            f"{order.label or order.url}: its sha256 is {value}, not {wanted}; the bytes were removed",
            hint="try again; if it stays so, the file was replaced where it came from",
        )
    if hash_file(part.path) != value:  # what the disk has, not what passed through the memory
        part.forget()
        raise DownloadFailed(f"{part.path} was changed while it was written", hint="try again")
    part.path.replace(order.target)
    part.note.unlink(missing_ok=True)
    _sync_folder(order.target.parent)
    return Fetched(value, part.size, answer.commit)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every system lets a folder be opened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _refused(order: Order, url: httpx.URL, status: int) -> DownloadFailed:
    hints = {
        401: "the weights are gated: set MORELIKE_HUB_TOKEN to a token that may read them",
        403: "the weights are gated: accept their licence at the hub, and set MORELIKE_HUB_TOKEN",
        404: "the card's address is out of date, or MORELIKE_HUB names a mirror without this file",
        429: "the hub asks for patience: try again later",
    }
    hint = hints.get(status, "try again later; MORELIKE_HUB may name a mirror")
    return DownloadFailed(f"{order.label or order.url}: {url.host} answered {status}", hint=hint)


@contextmanager
def _faults(order: Order) -> Iterator[None]:
    """Foreign exceptions to sentences."""
    import httpx

    label = order.label or order.url
    again = "the same command goes on where it stopped; or copy the file into a folder of MORELIKE_MODELS"
    try:
        yield
    except httpx.TimeoutException as error:
        raise DownloadFailed(f"{label}: no answer in time", hint=again) from error
    except httpx.TransportError as error:
        raise DownloadFailed(f"{label}: the connection failed ({error})", hint=again) from error
    except (httpx.InvalidURL, httpx.HTTPError) as error:
        raise DownloadFailed(f"{label} cannot be fetched from {order.url}: {error}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DownloadFailed(
                f"{label}: no space left in {order.target.parent}",
                hint="make room, or move the models with MORELIKE_MODELS_CACHE; the same command goes on",
            ) from error
        raise DownloadFailed(f"{label} cannot be written to {order.target}: {error.strerror}") from error
