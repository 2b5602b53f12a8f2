"""What several of the older servers answered alike: progress, files, addresses, uploads."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from fastapi import Request, Response
from pydantic import BaseModel, BeforeValidator, Field
from starlette.datastructures import UploadFile

from morelike.examples import as_blob
from morelike.server.adding import check_sources, upload_blobs
from morelike.server.bodies import blob_of
from morelike.server.compat.served import Served
from morelike.server.errors import Refused
from morelike.server.ranges import serve
from morelike.sources.s3 import is_address
from morelike.sources.urls import is_url
from morelike.types import Blob, segment_id
from morelike.types import Item as Indexed

__all__ = [
    "Item",
    "base_of",
    "blank",
    "example_of",
    "file_at",
    "file_here",
    "number_of",
    "part_of",
    "progress_of",
    "quoted",
    "uploaded",
]

_HOST: Final = re.compile(r"[A-Za-z0-9._\-:\[\]]{1,260}")
_QUOTED: Final = {character: f"%{ord(character):02X}" for character in "&#+%? "}


class Item(BaseModel):
    """A folder of the server's machine, and the table that it goes into."""

    table: str | None = Field(None, alias="Table")
    file: str | None = Field(None, alias="File", max_length=4096)


def blank(*, default: Any) -> BeforeValidator:
    """Of a query's parameter: sent empty, as ``?limit=``, it is as good as not sent. Of forms FastAPI does that."""
    return BeforeValidator(lambda value: default if value == "" else value)


def quoted(path: str) -> str:
    """A stored path that a client may put behind ``?image_path=`` as it is: only what would end or change it is
    encoded, so that a path of plain characters stays what it was.
    """
    return "".join(_QUOTED.get(character, character) for character in path)


def base_of(request: Request) -> str:
    """``http://`` and the Host header, as the older servers put their addresses together."""
    host = request.headers.get("host", "")
    if _HOST.fullmatch(host) is None:
        raise Refused(400, "the request's Host is no name of a machine")
    scheme = request.scope.get("scheme", "http")
    return f"{scheme}://{host}"


def progress_of(served: Served) -> str:
    """``current: 20, total: 20``"""
    current, total = served.loading.now
    return f"current: {current}, total: {total}"


def file_at(request: Request, served: Served, path: str | None) -> Response:
    """The indexed file behind a stored path, ranges and all; no other file. Raises Refused (400, 404)."""
    if not path:
        raise Refused(400, "the request names no file", hint="the path of a search's answer")
    blob, item = _stored(served, path)
    etag = f'"{item.digest.blake3}"'
    answer = part_of(request, blob, media_type=item.media_type, etag=etag, size=item.digest.size)
    answer.headers["Cache-Control"] = "private, no-cache"  # another file may have that path tomorrow
    return answer


def file_here(served: Served, path: str | None, *, of: str, parameter: str, instead: str) -> Blob:
    """A file of this machine as an example: of a table, or below a folder that may be read.

    ``of``, ``parameter``, ``instead``: what it is called in a sentence, how it is asked for, and what to do otherwise.
    Raises Refused (400, 403, 422), SourceError.
    """
    if not path:
        raise Refused(400, f"the request names no {of}", hint=f"{parameter}=/a/file/of/this/machine")
    if is_url(path) or is_address(path):
        raise Refused(400, f"{path[:200]!r} is no file of this machine", hint=instead)
    try:
        return _stored(served, path)[0]
    except Refused:  # of no table
        settings = served.library.settings
        check_sources([path], (), settings)
        return as_blob(path, settings)


def part_of(request: Request, blob: Blob, *, media_type: str, etag: str, size: int) -> Response:
    """The bytes, or the range of them that is asked for. Raises Refused (416), said in each server's own way."""
    answer = serve(request, blob, media_type=media_type, etag=etag, size=size)
    if answer.status_code == 416:
        where = {"Content-Range": answer.headers["content-range"]}
        raise Refused(416, f"the content has {size} bytes, and none of those asked for", headers=where)
    return answer


def _stored(served: Served, path: str) -> tuple[Blob, Indexed]:
    """By the path, or by what it means: a script may have encoded once more what came encoded already."""
    try:
        return served.original(path)
    except Refused:
        plain = unquote(path)
        if plain == path:
            raise
        return served.original(plain)


def number_of(item_id: str) -> int:
    """A number that stands for an item, always the same one: 1 to 2^53 - 1, which JavaScript holds exactly."""
    return (segment_id(item_id, 0) >> 10) or 1


def example_of(file: UploadFile | None, field: str) -> Blob:
    """An upload as a query's example, good as long as its form is. Raises Refused (400) where there is none."""
    if file is None:
        raise Refused(400, f"the request has no file named {field}", hint=f"multipart/form-data with a part {field!r}")
    return blob_of(file, "upload:query")


def uploaded(file: UploadFile) -> Blob:
    """An upload that is to stay. Its content is part of its path: two IMG_0001.jpg are two files."""
    return upload_blobs([file])[0]
