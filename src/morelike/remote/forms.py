"""Multipart bodies that are read as they are sent: a file is opened when its turn comes, and never held as a whole."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from morelike.types import Blob

__all__ = ["Form", "json_field"]

CHUNK: Final = 256 * 1024
_END: Final = b"\r\n"
_ESCAPED: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@dataclass(frozen=True, slots=True)
class _File:
    field: str
    blob: Blob


class Form:
    """Fields and files. ``chunks`` yields the body anew each time; ``reading`` is told which file's turn it is."""

    def __init__(
        self,
        fields: Sequence[tuple[str, str]],
        files: Sequence[tuple[str, Blob]],
        reading: Callable[[Blob], object] = lambda _: None,
    ) -> None:
        self._boundary = secrets.token_hex(16)
        self._fields = list(fields)
        self._files = [_File(*one) for one in files]
        self._reading = reading

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._boundary}"

    def chunks(self) -> Iterator[bytes]:
        """Raises SourceError, OSError where a file cannot be read."""
        for name, value in self._fields:
            yield self._head(f'name="{name}"') + _END + value.encode() + _END
        for file in self._files:
            self._reading(file.blob)
            with file.blob.open() as stream:
                called = (file.blob.name or file.blob.uri or "unnamed").translate(_ESCAPED)
                yield self._head(f'name="{file.field}"; filename="{called}"', "application/octet-stream") + _END
                while data := stream.read(CHUNK):
                    yield data
                yield _END
        yield f"--{self._boundary}--\r\n".encode()

    def _head(self, disposition: str, kind: str = "") -> bytes:
        head = f"--{self._boundary}\r\nContent-Disposition: form-data; {disposition}\r\n"
        return (head + (f"Content-Type: {kind}\r\n" if kind else "")).encode("utf-8", "replace")


def json_field(name: str, value: Mapping[str, Any] | Sequence[Any]) -> tuple[str, str]:
    """A field of JSON. Raises ValueError on what JSON cannot hold."""
    return name, json.dumps(value, allow_nan=False)
