"""A copy of an index on disk, for a fast open. It is believed only where every bit of it is as it was written."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.stores.vectors import segmentfiles
from morelike.stores.vectors.blocks import stored_columns
from morelike.stores.vectors.files import Checked, Unusable, opened, write_checked
from morelike.stores.vectors.layers import LayeredIndex
from morelike.stores.vectors.rowfile import Damaged
from morelike.stores.vectors.rows import SpaceRow
from morelike.stores.vectors.segment import Segment
from morelike.stores.vectors.settled import Settled

__all__ = ["Claims", "Unusable", "claims", "named", "read", "verify", "write"]

_log = logging.getLogger(__name__)

_MAGIC = b"morelike snapshot 2\n"
_CHUNK_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Claims:
    """What a snapshot says of itself."""

    token: str
    revision: int
    recent: int
    segments: tuple[dict[str, Any], ...]
    """Of each: ``name``, ``rows``, ``linked``, ``dead``, digests ``codes`` and ``graph`` (or None), ``unlinkable``."""


def write(path: Path, index: LayeredIndex, row: SpaceRow, token: str) -> None:
    """Replace the snapshot at ``path`` by one of ``index``, which stands at ``row.revision``. Raises OSError.

    It holds which rows of each segment live, and the recent rows in stored form; the segments' own files are there
    already.
    """
    segments = [
        {
            "name": segment.name,
            "rows": len(segment),
            "linked": segment.linked,
            "dead": segment.dead,
            "codes": segment.codes_digest,
            "graph": segment.graph_digest,
            "unlinkable": segment.unlinkable,
        }
        for segment in index.segments
    ]
    said = {"token": token, "revision": row.revision, "recent": len(index.recent), "segments": segments}
    ids, blocks = index.recent.dump()
    alive = (np.packbits(segment.alive) for segment in index.segments)
    write_checked(path, "snapshot", _MAGIC, {**_identity(row), **said}, [*alive, ids, *blocks])


def read(path: Path, row: SpaceRow) -> tuple[LayeredIndex, Claims]:
    """The index as it stood at the claimed revision. Raises Unusable, FileNotFoundError."""
    with opened(path, _MAGIC) as file:
        said = _claims(file, row)
        alive = [file.array((-(-each["rows"] // 8),), np.uint8) for each in said.segments]
        index = LayeredIndex(row.shape)
        ids = file.array((said.recent,), "<i8").astype(np.int64, copy=False)
        index.recent.load(ids, _chunks(file, row, said.recent))
        file.finish()
    try:
        for each, bits in zip(said.segments, alive, strict=True):
            index.segments.append(_segment(path.parent, row, each, bits))
    except BaseException:
        index.close()
        raise
    return index, said


def verify(path: Path, row: SpaceRow) -> None:
    """Read all that belongs to a snapshot. Raises Unusable, FileNotFoundError."""
    index, said = read(path, row)
    try:
        for segment, each in zip(index.segments, said.segments, strict=True):
            if each["graph"] is not None and segment.graph_digest is None:
                raise Unusable(f"{segment.name}: its graph is damaged")
            segment.verify()
    except (Damaged, OSError) as error:
        raise Unusable(str(error)) from error
    finally:
        index.close()


def claims(path: Path, row: SpaceRow) -> Claims | None:
    """What the snapshot says of itself, where that can be true and its files are there; no checksum is looked at."""
    try:
        with opened(path, _MAGIC) as file:
            said = _claims(file, row)
    except (OSError, Unusable):
        return None
    return said if all(segmentfiles.there(path.parent, each["name"], row.shape) for each in said.segments) else None


def named(path: Path, space_id: int) -> set[str] | None:
    """The segments that a snapshot names, true or not; None where it cannot be read, so that nothing is swept."""
    try:
        with opened(path, _MAGIC) as file:
            found = file.header.get("segments")
    except FileNotFoundError:
        return set()
    except Unusable:
        return None
    names = [str(each.get("name")) for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return {name for name in names if segmentfiles.is_name(name, space_id)}


def _segment(folder: Path, row: SpaceRow, said: dict[str, Any], bits: NDArray[np.uint8]) -> Settled:
    name, count = said["name"], said["rows"]
    try:
        segment = segmentfiles.load(folder, name, said["codes"], row.shape)
        if len(segment) != count:
            raise Unusable("it has another number of rows")
        segment.bury(np.unpackbits(bits, count=count).astype(np.bool_))
    except (Unusable, FileNotFoundError) as reason:
        raise Unusable(f"{name}: {reason}") from reason
    segment.unlinkable = said["unlinkable"]
    if said["graph"] is not None and isinstance(segment, Segment):
        try:
            segment.link(segmentfiles.load_graph(folder, segment, said["graph"]), said["graph"])
        except (Unusable, FileNotFoundError) as reason:
            _log.warning("%s is not used: %s; a new one is made in time", folder / f"{name}.graph", reason)
    return segment


def _claims(file: Checked, row: SpaceRow) -> Claims:
    header = file.header
    if any(header.get(key) != value for key, value in _identity(row).items()):
        raise Unusable("it belongs to another space")
    token, segments = header.get("token"), header.get("segments")
    if not token or token not in row.snapshots:
        raise Unusable("it belongs to another history of this space")
    recent, revision = file.number("recent"), file.number("revision")
    if not row.floor <= revision <= row.revision:
        raise Unusable("it stands at a revision that the log does not know")
    if not isinstance(segments, list) or not all(_is_segment(each, row.id) for each in segments):
        raise Unusable("its segments cannot be understood")
    width = stored_columns(row.shape) * np.dtype(row.shape.dtype).itemsize
    file.holds(recent * (8 + width) + sum(-(-each["rows"] // 8) for each in segments))
    return Claims(token, revision, recent, tuple(segments))


def _is_segment(said: Any, space_id: int) -> bool:
    return (
        isinstance(said, dict)
        and segmentfiles.is_name(said.get("name"), space_id)
        and all(type(said.get(key)) is int and said[key] >= 0 for key in ("rows", "linked", "dead"))
        and isinstance(said.get("codes"), str)
        and (said.get("graph") is None or isinstance(said["graph"], str))
        and isinstance(said.get("unlinkable"), bool)
    )


def _chunks(file: Checked, row: SpaceRow, count: int) -> Iterator[NDArray[Any]]:
    columns = stored_columns(row.shape)
    step = max(1, _CHUNK_BYTES // (columns * np.dtype(row.shape.dtype).itemsize))
    for start in range(0, count, step):
        yield file.array((min(step, count - start), columns), row.shape.dtype)


def _identity(row: SpaceRow) -> dict[str, Any]:
    shape = row.shape
    return {"space": row.id, "born": row.born, "form": shape.form, "metric": shape.metric, "dim": shape.dim}
