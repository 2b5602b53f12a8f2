"""Reading a request's body where the route takes several forms of it, within bounds."""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, BinaryIO, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from morelike.errors import StoreFull
from morelike.server.errors import Invalid, Refused
from morelike.sources.opening import safe_name
from morelike.types import Blob

__all__ = [
    "MOST_FILES",
    "blob_of",
    "field_of",
    "form_of",
    "json_of",
    "kind_of_body",
    "name_of",
    "object_of",
    "opener_of",
    "parse",
    "truth_of",
]

MOST_FILES: Final = 100
MOST_FIELDS: Final = 100
LARGEST_FIELD: Final = 1024**2
Model = TypeVar("Model", bound=BaseModel)


def kind_of_body(request: Request) -> str:
    """``json`` or ``form``. Raises Refused (415) on any other."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return "json"
    if kind == "multipart/form-data":
        return "form"
    raise Refused(
        415,
        f"a body of the type {kind[:80] or 'unknown'} is not read here",
        hint="send application/json or multipart/form-data",
    )


async def json_of(request: Request, model: type[Model]) -> Model:
    """The JSON body. Raises Invalid."""
    return parse(await request.body(), model)


def parse(data: bytes | str, model: type[Model]) -> Model:
    """JSON text as a model. Raises Invalid, which names each wrong field."""
    try:
        from_json(data, allow_inf_nan=False)  # pydantic itself would let NaN into free-form values
        return model.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise Invalid(error.errors(include_url=False, include_input=False, include_context=False)) from None
    except (ValueError, RecursionError) as error:
        raise Invalid([{"loc": (), "msg": f"is no JSON: {error}"}]) from None


@asynccontextmanager
async def form_of(request: Request, *known: str) -> AsyncIterator[FormData]:
    """The multipart body, which has ``known`` fields only; its files are gone after the block.

    Raises Invalid on another field, and HTTPException, which says what is wrong.
    """
    try:
        async with request.form(max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=LARGEST_FIELD) as form:
            if unknown := sorted(set(form) - set(known)):
                raise Invalid(
                    [{"loc": (name,), "msg": f"is no field; there are {', '.join(known)}"} for name in unknown]
                )
            yield form
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise StoreFull(
            "the folder for temporary files is full", hint="free some room, or set TMPDIR to a folder with room"
        ) from error
    except (KeyError, UnicodeDecodeError, LookupError) as error:  # what the parser lets through of a broken body
        raise HTTPException(400, f"the multipart body cannot be read: {error}") from error


def field_of(form: FormData, name: str) -> str | None:
    """A form's text field, or None."""
    value = form.get(name)
    if isinstance(value, UploadFile):  # curl and FormData may send JSON as a part with a type
        data = value.file.read(LARGEST_FIELD + 1)
        if len(data) > LARGEST_FIELD:
            raise Refused(413, f"the field {name} has more than {LARGEST_FIELD} bytes")
        return data.decode("utf-8", "replace")
    return value


def object_of(text: str | None, field: str) -> dict[str, Any]:
    """A field that holds a JSON object. Raises Invalid."""
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Invalid([{"loc": (field,), "msg": "is no JSON object"}])
    return value


def truth_of(text: str | None, field: str, *, default: bool) -> bool:
    """A field that says yes or no. Raises Invalid."""
    if not text:
        return default
    if text not in ("true", "false"):
        raise Invalid([{"loc": (field,), "msg": "is neither true nor false"}])
    return text == "true"


def name_of(upload: UploadFile) -> str:
    """An uploaded file's name: no folders, no control characters."""
    return safe_name(upload.filename or "", "upload")


def opener_of(upload: UploadFile) -> tuple[Any, int]:
    """(what opens the upload's bytes, any number of times and from any thread; their number)."""
    file = upload.file
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if not getattr(file, "_rolled", True):  # still in memory
        data = file.read()
        return (lambda: io.BytesIO(data)), size
    descriptor = file.fileno()

    def open_upload() -> BinaryIO:
        return io.BufferedReader(_Window(descriptor, size))

    return open_upload, size


def blob_of(upload: UploadFile, uri: str) -> Blob:
    """An upload as a blob, good as long as its form is."""
    opener, size = opener_of(upload)
    return Blob(uri=uri, name=name_of(upload), open=opener, size=size)


class _Window(io.RawIOBase):
    """A temporary file without a name, read at an own position: its descriptor is shared by several readers."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._descriptor, len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the beginning")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at
