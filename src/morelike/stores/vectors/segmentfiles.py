"""How a segment lies on disk: ``NAME.rows`` (float32), ``NAME.codes`` (ids, checksums, codes), ``NAME.graph``; or, of
packed bits, ``NAME.bits`` (ids, where each number of set bits starts, rows).

All of them are written once and never changed. Only a snapshot says which of them belong to a space, and with which
digest; what no snapshot names is swept away.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.stores.disk import remove
from morelike.stores.vectors.bits import BitSegment
from morelike.stores.vectors.blocks import stored_columns
from morelike.stores.vectors.codes import Codes
from morelike.stores.vectors.files import Unusable, opened, write_checked
from morelike.stores.vectors.graph import Graph
from morelike.stores.vectors.rowfile import Damaged, RowFile
from morelike.stores.vectors.segment import Segment
from morelike.stores.vectors.settled import Settled
from morelike.stores.vectors.shape import Shape
from morelike.types import Ids

__all__ = [
    "ENDINGS",
    "is_name",
    "load",
    "load_graph",
    "remove_files",
    "there",
    "write_bits",
    "write_codes",
    "write_graph",
]

ENDINGS = (".rows", ".codes", ".graph", ".bits")
_CODES = b"morelike codes 1\n"
_GRAPH = b"morelike graph 1\n"
_BITS = b"morelike bits 1\n"
_GRAPH_BYTES = 512
"""More than a row's links take."""
_LARGEST = 2**31 - 1
"""Rows of a segment: their numbers are int32 in the graph."""


def is_name(name: object, space_id: int) -> bool:
    """Whether a snapshot may mean a file of its own space by it."""
    return isinstance(name, str) and re.fullmatch(rf"{space_id:d}-[0-9a-f]{{32}}", name) is not None


def there(folder: Path, name: str, shape: Shape) -> bool:
    """Whether the files are there without which a segment is of no use."""
    endings = (".codes", ".rows") if shape.form == "dense" else (".bits",)
    return all((folder / f"{name}{ending}").exists() for ending in endings)


def write_bits(folder: Path, segment: BitSegment) -> str:
    """The digest. Raises OSError."""
    header = {"rows": len(segment), "width": segment.width}
    arrays: list[NDArray[Any]] = [segment.ids, segment.starts, segment.rows]
    return write_checked(folder / f"{segment.name}.bits", "segment", _BITS, header, arrays)


def write_codes(folder: Path, name: str, ids: Ids, checks: NDArray[np.uint64], codes: Codes, *, linked: int) -> str:
    """The digest. Raises OSError."""
    header = {"rows": len(ids), "dim": codes.dim, "linked": linked, "step": codes.step, "longest": codes.longest}
    return write_checked(folder / f"{name}.codes", "segment", _CODES, header, [ids, checks, codes.data])


def write_graph(folder: Path, name: str, graph: Graph) -> str:
    """The digest. Raises OSError."""
    return write_checked(
        folder / f"{name}.graph", "graph", _GRAPH, {"width": graph.width, "usual": graph.usual}, [graph.dump()]
    )


def load(folder: Path, name: str, digest: str, shape: Shape) -> Settled:
    """A segment without its graph. Raises Unusable, FileNotFoundError."""
    load_it = _load_codes if shape.form == "dense" else _load_bits
    segment = load_it(folder, name, digest, shape)
    segment.codes_digest = digest
    return segment


def _load_bits(folder: Path, name: str, digest: str, shape: Shape) -> BitSegment:
    with opened(folder / f"{name}.bits", _BITS) as file:
        rows, width = file.number("rows"), stored_columns(shape)
        if file.number("width") != width or rows > _LARGEST:
            raise Unusable("it belongs to another space")
        file.holds(rows * (8 + width) + 8 * (8 * width + 2))
        ids, starts = file.array((rows,), "<i8"), file.array((8 * width + 2,), "<i8")
        data = file.array((rows, width), np.uint8)
        if file.finish() != digest:
            raise Unusable("it is another segment than the snapshot means")
    return BitSegment(name, ids.astype(np.int64, copy=False), data, starts.astype(np.int64, copy=False))


def _load_codes(folder: Path, name: str, digest: str, shape: Shape) -> Segment:
    with opened(folder / f"{name}.codes", _CODES) as file:
        rows, linked = file.number("rows"), file.number("linked")
        if file.number("dim") != shape.dim or rows > _LARGEST or linked > rows:
            raise Unusable("it belongs to another space")
        file.holds(rows * (8 + 8 + shape.dim))
        step, longest = _positive(file.header, "step"), _positive(file.header, "longest")
        ids, checks = file.array((rows,), "<i8"), file.array((rows,), "<u8")
        codes = Codes(shape.dim, step, longest)
        if rows:
            file.fill(codes.make_room(rows))
        if file.finish() != digest:
            raise Unusable("it is another segment than the snapshot means")
    try:
        row_file = RowFile(folder / f"{name}.rows", shape.dim, checks)
    except Damaged as error:
        raise Unusable(str(error)) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unusable(f"it cannot be read: {error}") from error
    return Segment(name, ids.astype(np.int64, copy=False), codes, row_file, linked)


def load_graph(folder: Path, segment: Segment, digest: str) -> Graph:
    """Raises Unusable, FileNotFoundError."""
    with opened(folder / f"{segment.name}.graph", _GRAPH) as file:
        width, usual = file.number("width"), file.header.get("usual")
        if width < 1 or not isinstance(usual, float):
            raise Unusable("its header has no width")
        if not 0 <= file.left <= _GRAPH_BYTES * (len(segment) + 1024):
            raise Unusable("it is far too long")
        data = file.array((file.left,), np.uint8)
        if file.finish() != digest:
            raise Unusable("it is another graph than the snapshot means")
    graph = Graph.load(data, segment.codes, width, usual)
    if len(graph) != segment.linked:
        raise Unusable("it is the graph of other rows")
    return graph


def remove_files(folder: Path, name: str) -> None:
    for ending in ENDINGS:
        remove(folder / f"{name}{ending}")


def _positive(header: dict[str, Any], name: str) -> float:
    value = header.get(name)
    if not isinstance(value, float) or not 0 < value < np.inf:
        raise Unusable(f"its header has no {name}")
    return value
