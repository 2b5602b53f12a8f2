"""Photographs of a data set on disk, named by its own tables: read as the product reads any picture."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import cast

import numpy as np
from numpy.typing import NDArray

from morelike.errors import SourceError
from morelike.modalities.image import ImageModality
from morelike.settings import load_settings
from morelike.types import Blob, SegmentSpec

__all__ = ["Photographs", "inside"]

LARGEST_FILE = 64 * 1024**2
LONGEST_NAME = 1000


def inside(name: str) -> bool:
    """Whether ``name``, a path with slashes, stays in the folder that it is relative to."""
    path = PurePosixPath(name)
    return (
        0 < len(name) <= LONGEST_NAME
        and bool(path.parts)
        and not path.is_absolute()
        and ".." not in path.parts
        and not any(letter in name for letter in "\0\\")
    )


@dataclass(frozen=True, slots=True)
class Photographs:
    """Those of ``folder``. Safe from any thread."""

    folder: Path
    _modality: ImageModality = field(default_factory=lambda: ImageModality(load_settings()), repr=False, compare=False)

    def read(self, name: str) -> NDArray[np.uint8]:
        """(h, w, 3) RGB, as a person would see it. Raises DecodeError, SourceError."""
        if not inside(name):
            raise SourceError(f"the picture {name[:100]!r} does not lie in {self.folder}")
        path = self.folder / name
        try:
            blob = replace(Blob.from_path(path), name=name)
        except OSError as error:
            raise SourceError(f"the picture {path} cannot be read: {error.strerror}") from error
        if (blob.size or 0) > LARGEST_FILE:
            raise SourceError(f"the picture {path} has more than {LARGEST_FILE // 1024**2} MB")
        return cast("NDArray[np.uint8]", self._modality.load(blob, SegmentSpec("image"), {}))
