"""What an export has finished, a line each, so that the next one goes on where it ended."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from morelike import faults
from morelike.bundle.manifest import MANIFEST, part_of
from morelike.bundle.parts import Part, write_whole
from morelike.stores.disk import remove, translated

__all__ = ["Journal", "clear"]

_NAME = "progress.jsonl"
_LARGEST = 256 * 1024**2


class Journal:
    """Of one collection at one revision. A line that a crash cut off counts as not written."""

    def __init__(self, bundle: Path, folder: str, of: dict[str, Any]) -> None:
        self._bundle = bundle
        self._path = bundle / folder / _NAME
        self._of = of
        self._done: dict[str, tuple[Part, int]] = {}

    def open(self) -> bool:
        """Whether a journal of the very same is there; else a new one is begun, and what was there is forgotten."""
        lines = self._lines()
        if lines and lines[0] == self._of:
            for line in lines[1:]:
                part, lost = part_of(line["part"]), int(line["lost"])
                if self._there(part):
                    self._done[part.name] = part, lost
            self._rewrite()
            return True
        with translated(self._path):
            (self._bundle / MANIFEST).unlink(missing_ok=True)  # it speaks of parts that are about to go
            if self._path.parent.is_dir():
                _clear(self._path.parent)
        self._rewrite()
        return False

    def done(self, name: str) -> tuple[Part, int] | None:
        """A finished part, and how many of its rows could not be had."""
        return self._done.get(name)

    def note(self, part: Part, lost: int) -> None:
        """Durable when it returns."""
        with translated(self._path), self._path.open("ab") as stream:
            stream.write(_line(part, lost))
            stream.flush()
            os.fsync(stream.fileno())
        self._done[part.name] = part, lost
        faults.reached("part.noted")

    def _rewrite(self) -> None:
        head = json.dumps(self._of).encode() + b"\n"
        write_whole(self._path, head + b"".join(_line(*known) for known in self._done.values()))

    def _there(self, part: Part) -> bool:
        try:
            return (self._bundle / part.name).stat().st_size == part.size
        except OSError:
            return False

    def _lines(self) -> list[dict[str, Any]]:
        try:
            with self._path.open("rb") as stream:
                data = stream.read(_LARGEST)
        except OSError:
            return []
        found = []
        for line in data.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                break
        return found


def _line(part: Part, lost: int) -> bytes:
    return json.dumps({"part": asdict(part), "lost": lost}).encode() + b"\n"


def _clear(folder: Path) -> None:
    """Remove what an export wrote below the folder, and nothing else; the journal, which says so, last."""
    for path in sorted(folder.rglob("*"), key=lambda path: (path.name != _NAME, path), reverse=True):
        if path.is_dir() and not path.is_symlink():
            _drop_empty(path)
        elif path.suffix in {".parquet", ".tar", ".part", ".jsonl"}:
            remove(path)


def _drop_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def clear(folder: Path) -> None:
    """Remove a collection's part of a bundle that is not of it any more; a folder of somebody else is left alone."""
    if (folder / _NAME).is_file():
        _clear(folder)
        _drop_empty(folder)
