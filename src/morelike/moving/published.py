"""The published form of the composed server's data: a file of vectors, and a folder of pictures numbered as its rows.

``img.npy`` (n, dim) and ``css_test_000000.png`` … ``css_test_%06d.png``: the nth row is of the picture with that
number. Together they stand for a demo server's table and its collection in Milvus, and are moved as those are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from morelike.errors import SourceError, UsageError
from morelike.moving.tables import Column
from morelike.sources.opening import open_regular

__all__ = ["FILE", "FOLDER", "Published", "pictures_of"]

FILE: Final = "img.npy"
"""Of a folder that is named in its place, as the older loader took it."""
FOLDER: Final = "images"
"""Beside the vectors, where nothing says where the pictures are."""
_NAME: Final = "css_test_{:06d}.png"
_WIDEST: Final = 65_536
_MOST: Final = 100_000_000


class Published:
    """Rows ``(milvus_id, image_path)`` and vectors float32 (dim,) of one file; a context manager.

    The file is mapped, so that memory is what is asked for. Raises SourceError on what is no such file.
    """

    def __init__(self, file: Path, pictures: Path) -> None:
        path = (file / FILE if file.is_dir() else file).absolute()
        with open_regular(str(path)):
            pass  # a pipe, nothing at all: said here
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError, TypeError, SyntaxError, OverflowError) as error:
            raise SourceError(f"{path} is no .npy file of numbers", hint="`numpy.save` writes one") from error
        if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind != "f":
            what = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "several arrays"
            raise SourceError(f"{path} holds {what}, not one vector of floats a row", hint="(n, 512), as published")
        if not 1 <= array.shape[1] <= _WIDEST or len(array) > _MOST:
            raise SourceError(f"{path} holds {array.shape}, which nobody's table is", hint="(n, 512), as published")
        self.name = path.name
        self.where = f"file {path}"
        self.dim = int(array.shape[1])
        self.columns: Sequence[Column] = (Column("milvus_id", "bigint"), Column("image_path", "text"))
        self._array = array
        self._pictures = pictures.absolute()

    def __enter__(self) -> Published:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is kept open but the map, which goes with the object."""

    def count(self) -> int:
        return len(self._array)

    def rows(self, names: Sequence[str], *, order: Sequence[str]) -> Iterator[tuple[Any, ...]]:  # noqa: ARG002 # as OldTable's
        """``milvus_id`` and ``image_path`` of each row, in the file's order, which is that of the paths."""
        for number in range(len(self._array)):
            row = {"milvus_id": number, "image_path": str(self._pictures / _NAME.format(number))}
            yield tuple(row[name] for name in names)

    def fetch(self, ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Those of the ids that are rows, each with its vector, brought to length one: the published network's all
        have the length that it learned, so that directions are all there is to compare. Those without one (zeros,
        numbers that are not finite) are none of length one here, either.
        """
        found: dict[int, NDArray[np.float32]] = {}
        for number in ids:
            if 0 <= number < len(self._array):
                with np.errstate(over="ignore", invalid="ignore"):
                    wide = np.asarray(self._array[number], dtype=np.float32).astype(np.float64)
                    length = float(np.linalg.norm(wide))
                    found[number] = (wide / length if length > 0 else wide).astype(np.float32)
        return found

    def fetch_by_hash(self, md5s: Sequence[str]) -> dict[str, NDArray[np.float32]]:  # noqa: ARG002 # as OldVectors'
        """None: the file has no digests."""
        return {}


def pictures_of(file: Path, told: str) -> Path:
    """The folder of the pictures: ``told``, else ``images`` beside the vectors. Raises UsageError."""
    beside = file if file.is_dir() else file.parent
    folder = Path(told).expanduser() if told else beside / FOLDER
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder} of pictures", hint="--pictures DIR, as OUT_PATH had it")
    return folder
