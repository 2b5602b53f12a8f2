"""What a library keeps in folders, which every machine that adds to it has to see."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from morelike.engines.partition import Adding
from morelike.errors import StoreReadOnly, UsageError

__all__ = ["marked"]


@contextmanager
def marked(adding: Adding) -> Iterator[dict[str, str]]:
    """A file in each such folder, by what is kept there, while the run lasts. Raises UsageError, StoreReadOnly."""
    marks: dict[str, str] = {}
    try:
        for what, folder in _folders(adding):
            mark = folder / f".shared-{secrets.token_hex(8)}"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                mark.touch(mode=0o600)
            except OSError as error:
                raise StoreReadOnly(f"{folder} cannot be written: {error.strerror}") from error
            marks[what] = str(mark)
        yield marks
    finally:
        for mark in map(Path, marks.values()):
            with suppress(OSError):
                mark.unlink()


def _folders(adding: Adding) -> Iterator[tuple[str, Path]]:
    settings = adding.stores.settings
    if settings.vectors == "memory":
        raise UsageError("vectors in memory are one process' own", hint="the setting vectors: faiss, or Milvus")
    if settings.vectors.endswith(".db"):
        raise UsageError("Milvus Lite is for one process", hint="the setting vectors: faiss, or a Milvus server")
    inside = [
        ("the catalog", settings.catalog == "sqlite"),
        ("the vectors", settings.vectors == "faiss"),
        ("the blobs", settings.blobs == "folder"),
        ("sketches", any(space.active and space.card.form == "sketch" for space in adding.spaces)),
    ]
    kept = [what for what, here in inside if here]
    if kept:
        yield " and ".join(kept), adding.stores.folder
    if settings.blobs != "folder" and not settings.blobs.lower().startswith("s3://"):
        yield "the blobs", Path(settings.blobs).expanduser()
