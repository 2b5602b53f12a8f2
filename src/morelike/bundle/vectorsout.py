"""The vectors of one space in a file that other programs read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.bundle.parts import writing
from morelike.bundle.tables import need_pyarrow
from morelike.bundle.vectorfiles import parquet_schema
from morelike.deletion import kind_in
from morelike.errors import StoreBusy, UsageError
from morelike.types import WHOLE, Collection, Item, Segment, Space
from morelike.wiring import Stores

__all__ = ["ExportedVectors", "export_vectors"]

_STEP = 512


@dataclass(frozen=True, slots=True)
class ExportedVectors:
    """``vectors`` lie in ``files``."""

    encoder: str
    vectors: int
    files: list[str]


def export_vectors(
    stores: Stores, name: str, file: Path, *, encoder: str | None, kind: str | None, stop: Event | None
) -> ExportedVectors:
    """Those of ready items, in the order of the items. Raises UsageError, MissingExtra, StoreError."""
    found = stores.catalog.collection(name)
    space = _space(stores, found, encoder, kind)
    file = file.expanduser().absolute()
    suffix = file.suffix.lower()
    if suffix not in {".npy", ".parquet"}:
        raise UsageError(f"{file} is neither .npy nor .parquet", hint="end its name in one of them")
    blocks = list(stores.vectors.ids(space))
    wanted = np.concatenate([*blocks, np.empty(0, np.int64)])
    wanted = np.intersect1d(wanted, stores.catalog.segment_ids(found, kind_in(space)))
    if suffix == ".parquet":
        need_pyarrow()
    write = _write_parquet if suffix == ".parquet" else _write_npy
    rows = _rows(stores, found, space, wanted, stop or Event())
    files = write(space, file, len(wanted), rows)
    return ExportedVectors(space.card.id, len(wanted), [str(path) for path in files])


def _space(stores: Stores, found: Collection, encoder: str | None, kind: str | None) -> Space:
    spaces = [space for space in stores.catalog.spaces(found) if space.has_vectors and kind in {None, space.kind}]
    chosen = (
        [space for space in spaces if encoder in {space.card.name, space.card.id}]
        if encoder
        else [space for space in spaces if space.active]
    )
    if not chosen:
        there = ", ".join(sorted({space.card.name for space in spaces})) or "none"
        raise UsageError(f"{found.name} has no vectors of that kind or encoder", hint=f"there are: {there}")
    if len(chosen) > 1:
        kinds = ", ".join(space.kind for space in chosen)
        raise UsageError(f"{found.name} has vectors of several kinds: {kinds}", hint="name one with --kind")
    return chosen[0]


Rows = Iterator[tuple[list[tuple[Item, Segment]], NDArray[Any]]]


def _rows(stores: Stores, found: Collection, space: Space, wanted: NDArray[np.int64], stop: Event) -> Rows:
    """Raises StoreBusy where the collection changed meanwhile, KeyboardInterrupt on ``stop``."""
    rows = 0
    for page in stores.catalog.pages(found, size=_STEP):
        if stop.is_set():
            raise KeyboardInterrupt
        segments = stores.catalog.segments_of(found, [item.id for item in page])
        own = [(item, one) for item in page for one in segments.get(item.id, ()) if one.kind == kind_in(space)]
        chosen = _among(np.array([one.id for _, one in own], dtype=np.int64), wanted)
        own = [pair for pair, is_wanted in zip(own, chosen.tolist(), strict=True) if is_wanted]
        for start in range(0, len(own), _STEP):
            some = own[start : start + _STEP]
            there, vectors = stores.vectors.fetch(space, np.array([one.id for _, one in some], dtype=np.int64))
            if len(there) == len(some):
                rows += len(some)
                yield some, vectors
    if rows != len(wanted):
        raise StoreBusy(f"{found.name} changed while its vectors were written", hint="run the same command again")


def _among(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of a few are among many, which ascend: ``np.isin`` would sort the many each time."""
    if not len(wanted):
        return np.zeros(len(ids), dtype=np.bool_)
    found: NDArray[np.bool_] = wanted[np.minimum(np.searchsorted(wanted, ids), len(wanted) - 1)] == ids
    return found


def _write_npy(space: Space, file: Path, count: int, rows: Rows) -> Sequence[Path]:
    names = file.with_suffix(".ids.txt")
    dense = space.card.form == "dense"
    columns = space.card.dim if dense else -(-space.card.dim // 8)
    header = {"descr": "<f4" if dense else "|u1", "fortran_order": False, "shape": (count, columns)}
    with writing(names) as (ids, _), writing(file) as (stream, _):
        np.lib.format.write_array_header_1_0(stream, header)
        for some, vectors in rows:
            stream.write(np.ascontiguousarray(vectors).data)
            ids.write("".join(f"{_name(item, one)}\n" for item, one in some).encode())
    return [file, names]


def _name(item: Item, segment: Segment) -> str:
    return f"{item.id}-{segment.ordinal}" if segment.ordinal else item.id


def _write_parquet(space: Space, file: Path, count: int, rows: Rows) -> Sequence[Path]:
    del count
    import pyarrow as pa
    import pyarrow.parquet as pq

    dense = space.card.form == "dense"
    columns = space.card.dim if dense else -(-space.card.dim // 8)
    schema = parquet_schema(columns, np.dtype(np.float32 if dense else np.uint8))
    with writing(file) as (stream, _), pq.ParquetWriter(pa.PythonFile(stream, mode="w"), schema) as writer:
        for some, vectors in rows:
            flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
            arrays = {
                "id": [item.id for item, _ in some],
                "ordinal": [one.ordinal for _, one in some],
                "source": [_shown(item.sources[0].uri) if item.sources else "" for item, _ in some],
                "metadata": [json.dumps(item.sources[0].metadata if item.sources else {}) for item, _ in some],
                "start": [None if one.span == WHOLE else one.span.start for _, one in some],
                "end": [None if one.span == WHOLE else one.span.end for _, one in some],
                "vector": pa.FixedSizeListArray.from_arrays(flat, columns),
            }
            writer.write_table(pa.table(arrays, schema=schema))
    return [file]


def _shown(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
