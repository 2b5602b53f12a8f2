"""Conditional and partial answers: ETag, If-None-Match, If-Range and one byte range (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from fastapi import Request, Response
from starlette.responses import StreamingResponse

from morelike.server.errors import id_of, problem, response_of
from morelike.stores.shown import disposition, harmless
from morelike.types import Blob

__all__ = ["disposition", "elsewhere", "matches", "serve"]

_CHUNK: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
SEALED: Final = "default-src 'none'; sandbox"
PLAYED: Final = "default-src 'none'; img-src 'self'; media-src 'self'"
"""A browser's own player fetches what it was opened with once more, which a sandbox would call another site."""


def matches(request: Request, etag: str) -> bool:
    """Whether ``If-None-Match`` names this content: the client has it."""
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in given.split(",")}


def serve(request: Request, blob: Blob, *, media_type: str, etag: str, size: int) -> Response:
    """The bytes of ``blob``, or the part of them that ``Range`` asks for. Raises what opening it raises."""
    shown, kind = harmless(media_type)
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": disposition(blob.name, shown=shown),
        "Content-Security-Policy": PLAYED if kind.startswith(("audio/", "video/")) else SEALED,
        "ETag": etag,
    }
    if matches(request, etag):
        return Response(status_code=304, headers=headers)
    wanted = _wanted(request, etag, size)
    if wanted == ():
        document = problem(416, f"the content has {size} bytes, and none of those asked for")
        request_id = id_of(request)
        return response_of(document, request_id=request_id, headers={"Content-Range": f"bytes */{size}"})
    first, last = wanted or (0, size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if wanted:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    body = _parts(blob.open(), first, last - first + 1)
    return StreamingResponse(body, 206 if wanted else 200, headers, media_type=kind)


def _wanted(request: Request, etag: str, size: int) -> tuple[int, int] | tuple[()] | None:
    """(first, last) bytes; () where none of them exists; None: the whole. Several ranges are answered by the whole."""
    asked = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if asked is None or request.headers.get("if-range", etag) != etag or asked.groups() == ("", ""):
        return None
    start, end = asked.groups()
    if not start:
        count = min(int(end), size)
        return (size - count, size - 1) if count else ()
    first, last = int(start), min(int(end) if end else size - 1, size - 1)
    if end and int(end) < first:
        return None  # no range at all: to be ignored
    return (first, last) if first < size else ()


def _parts(stream: BinaryIO, start: int, count: int) -> Iterator[bytes]:
    with stream:
        stream.seek(start)
        while count > 0:
            data = stream.read(min(_CHUNK, count))
            if not data:
                return
            count -= len(data)
            yield data


def elsewhere(link: str, seconds: int) -> Response:
    """The bytes are to be had there for so long; whoever asks again soon may go straight there."""
    headers = {"Location": link, "Cache-Control": f"private, max-age={seconds // 2}"}
    return Response(status_code=307, headers=headers)
