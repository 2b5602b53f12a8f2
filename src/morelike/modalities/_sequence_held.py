"""The bytes of one record of a larger file: in memory while they are few, else in a temporary file."""

from __future__ import annotations

import io
import tempfile
import weakref
from pathlib import Path
from typing import BinaryIO

from morelike.errors import SourceError

__all__ = ["Held"]

_IN_MEMORY = 1 << 20
"""Several dozen records are on their way at a time."""


class Held:
    """Bytes that are put in piece by piece and stay while this object does; ``open`` as often as wished."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._path: Path | None = None
        self._waiting = 0
        self.size = 0

    def put(self, piece: bytes) -> None:
        """Raises SourceError where the temporary folder is full."""
        self._pieces.append(piece)
        self.size += len(piece)
        self._waiting += len(piece)
        if self._waiting > _IN_MEMORY:
            self._write()

    def close(self) -> None:
        """Nothing more is put in."""
        if self._path is not None:
            self._write()
        self._pieces = [b"".join(self._pieces)]

    def open(self) -> BinaryIO:
        return io.BytesIO(self._pieces[0]) if self._path is None else self._path.open("rb")

    def _write(self) -> None:
        try:
            if self._path is None:
                with tempfile.NamedTemporaryFile(prefix="morelike-", delete=False) as file:
                    self._path = Path(file.name)
                    weakref.finalize(self, self._path.unlink, missing_ok=True)
                    file.writelines(self._pieces)
            else:
                with self._path.open("ab") as file:
                    file.writelines(self._pieces)
        except OSError as error:
            told = f"the folder for temporary files cannot take more: {error.strerror or error}"
            raise SourceError(told, hint="set TMPDIR to a folder with room") from error
        self._pieces, self._waiting = [], 0
