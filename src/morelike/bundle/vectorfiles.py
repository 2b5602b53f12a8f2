"""Files of ready-made vectors as other programs write them: ``.npy`` with its ids beside it, and ``.parquet``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from morelike.bundle.tables import need_pyarrow
from morelike.errors import SourceError, UsageError
from morelike.sources.opening import open_regular

__all__ = ["Batch", "VectorFile", "open_vectors", "parquet_schema"]

VECTOR_COLUMNS = ("vector", "embedding", "embeddings", "vectors", "feature", "features")
ID_COLUMNS = ("id", "item", "ids", "key", "pk")
SOURCE_COLUMNS = ("source", "uri", "path", "url", "file", "filename")
WIDEST = 65_536
_BATCH_BYTES = 8 * 1024**2
_LARGEST_GROUP = 1024**3
_LONGEST_ID, _LONGEST_VALUE, _LONGEST_KEY = 4096, 8192, 128


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows: ``vectors`` (n, columns) as they are in the file, and of each its id, source and metadata."""

    vectors: NDArray[Any]
    ids: list[str]
    sources: list[str]
    """Empty where the file names none."""
    metadata: list[dict[str, Any]]


class VectorFile(Protocol):
    """``columns`` numbers of ``dtype`` a row."""

    rows: int
    columns: int
    dtype: np.dtype[Any]

    def batches(self) -> Iterator[Batch]:
        """May be called more than once. Raises SourceError."""


def open_vectors(path: Path, ids: Path | None) -> VectorFile:
    """By its extension. Raises SourceError, UsageError, MissingExtra."""
    suffix = path.suffix.lower()
    if suffix not in {".npy", ".parquet"}:
        raise UsageError(f"{path} is neither .npy nor .parquet", hint="save the vectors as one of them")
    with open_regular(str(path)):
        pass  # a folder, a pipe, nothing at all: said here
    if suffix == ".npy":
        return _NpyFile(path, ids)
    if ids is not None:
        raise UsageError("ids of a Parquet file are a column of it", hint="leave --ids out")
    need_pyarrow()
    return _ParquetFile(path)


class _NpyFile:
    def __init__(self, path: Path, ids: Path | None) -> None:
        self._path = path
        with _told(path):
            self._array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(self._array, np.ndarray) or self._array.ndim != 2:
            shape = getattr(self._array, "shape", "several arrays")
            raise SourceError(f"{path} holds {shape}, not (n, dim)", hint="one row a vector")
        self.rows, self.columns = self._array.shape
        self.dtype = self._array.dtype
        _check_shape(path, self.columns, self.dtype)
        self._ids = ids or _beside(path)
        if self._ids is not None and self._ids.suffix.lower() not in {".npy", ".txt"}:
            raise UsageError(f"{self._ids} is neither .txt nor .npy", hint="a .txt has one id a line")

    def batches(self) -> Iterator[Batch]:
        names = self._names()
        step = max(1, _BATCH_BYTES // (self.columns * self.dtype.itemsize))
        for start in range(0, self.rows, step):
            vectors = np.array(self._array[start : start + step])
            ids = list(islice(names, len(vectors)))
            if len(ids) < len(vectors):
                raise SourceError(f"{self._ids} has fewer ids than {self._path} has vectors ({self.rows})")
            yield Batch(vectors, ids, [""] * len(ids), [{} for _ in ids])
        if next(names, None) is not None:
            raise SourceError(f"{self._ids} has more ids than {self._path} has vectors ({self.rows})")

    def _names(self) -> Iterator[str]:
        if self._ids is None:
            yield from map(str, range(self.rows))
        elif self._ids.suffix.lower() == ".npy":
            with open_regular(str(self._ids)):
                pass
            with _told(self._ids):
                array = np.load(self._ids, mmap_mode="r", allow_pickle=False)
            if array.ndim != 1 or array.dtype.kind not in "iuUS":
                raise SourceError(f"{self._ids} holds no ids", hint="one dimension of whole numbers or texts")
            for start in range(0, len(array), 4096):
                for one in np.array(array[start : start + 4096]).tolist():
                    yield one.decode("utf-8", "backslashreplace") if isinstance(one, bytes) else str(one)
        else:
            yield from _lines(self._ids)


def _lines(path: Path) -> Iterator[str]:
    with open_regular(str(path)) as stream:
        while line := stream.readline(4 * _LONGEST_ID):
            try:
                yield line.decode("utf-8").removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError as error:
                raise SourceError(f"{path} is not UTF-8", hint="save it as UTF-8") from error


def _beside(path: Path) -> Path | None:
    places = [path.with_suffix(".ids.txt"), path.with_suffix(".ids.npy"), Path(f"{path}.ids.txt")]
    return next((place for place in places if place.is_file()), None)


class _ParquetFile:
    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._path = path
        with _told(path), open_regular(str(path)) as stream:
            file = pq.ParquetFile(stream, pre_buffer=False)
            for group in range(file.metadata.num_row_groups):
                if file.metadata.row_group(group).total_byte_size > _LARGEST_GROUP:
                    raise SourceError(f"{path} has row groups of more than a gibibyte", hint="write smaller ones")
            schema = file.schema_arrow
            self._vector = _vector_column(path, schema)
            self._id = _named(schema.names, ID_COLUMNS)
            self._source = _named(schema.names, SOURCE_COLUMNS)
            self.rows = file.metadata.num_rows
        first = next(self.batches(), None)
        if first is None:
            raise SourceError(f"{path} has no rows")
        self.columns, self.dtype = first.vectors.shape[1], first.vectors.dtype
        _check_shape(path, self.columns, self.dtype)

    def batches(self) -> Iterator[Batch]:
        import pyarrow.parquet as pq

        rows, columns = 0, 0
        with _told(self._path), open_regular(str(self._path)) as stream:
            file = pq.ParquetFile(stream, pre_buffer=False)
            for batch in file.iter_batches(batch_size=1024, use_threads=False):
                vectors = self._vectors(batch.column(self._vector), rows)
                if columns and vectors.shape[1] != columns:
                    raise ValueError(f"row {rows + 1} has {vectors.shape[1]} numbers, the rows before {columns}")
                columns = vectors.shape[1]
                yield self._batch(batch, vectors, rows)
                rows += len(batch)

    def _vectors(self, column: Any, before: int) -> NDArray[Any]:
        import pyarrow as pa
        import pyarrow.compute as pc

        if column.null_count:
            raise ValueError(f"one of the rows from {before + 1} on has no vector")
        if pa.types.is_fixed_size_binary(column.type):
            data = np.frombuffer(b"".join(column.to_pylist()), np.uint8)
            return data.reshape(len(column), column.type.byte_width)
        lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
        if len(np.unique(lengths)) != 1 or not 0 < lengths[0] <= WIDEST:
            raise ValueError(f"the rows from {before + 1} on have vectors of several lengths")
        flat = column.flatten()
        if flat.null_count:
            raise ValueError(f"one of the rows from {before + 1} on lacks a number")
        return np.asarray(flat.to_numpy(zero_copy_only=False)).reshape(len(column), int(lengths[0]))

    def _batch(self, batch: Any, vectors: NDArray[Any], before: int) -> Batch:
        own = {self._vector, self._id, self._source}
        others = {name: batch.column(name).to_pylist() for name in batch.schema.names if name not in own}
        numbers = range(before, before + len(batch))
        ids = [str(one) for one in (batch.column(self._id).to_pylist() if self._id else numbers)]
        ordinals = others.pop("ordinal", None)
        if ordinals is not None and self._id:  # as `export vectors` writes items of several parts
            ids = [f"{name}-{ordinal}" if ordinal else name for name, ordinal in zip(ids, ordinals, strict=True)]
        sources = (
            [str(one or "") for one in batch.column(self._source).to_pylist()] if self._source else [""] * len(ids)
        )
        metadata = [_metadata({name: column[at] for name, column in others.items()}) for at in range(len(ids))]
        return Batch(vectors, ids, sources, metadata)


def _vector_column(path: Path, schema: Any) -> str:
    import pyarrow as pa

    def holds(type_: Any) -> bool:
        if pa.types.is_fixed_size_binary(type_):
            return True
        listed: bool = pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)
        return listed and bool(pa.types.is_floating(type_.value_type) or pa.types.is_integer(type_.value_type))

    able = [field.name for field in schema if holds(field.type)]
    named = _named(able, VECTOR_COLUMNS)
    if not named and len(able) != 1:
        raise SourceError(
            f"{path} has {len(able)} columns that may be vectors", hint="name the one to be imported `vector`"
        )
    return named or able[0]


def _named(names: list[str], wanted: tuple[str, ...]) -> str:
    lower = {name.lower(): name for name in reversed(names)}
    return next((lower[name] for name in wanted if name in lower), "")


def _check_shape(path: Path, columns: int, dtype: np.dtype[Any]) -> None:
    if not 0 < columns <= WIDEST:
        raise SourceError(f"the vectors of {path} have {columns} numbers", hint=f"1 to {WIDEST}")
    if dtype.kind not in "fiu":
        raise SourceError(f"{path} holds {dtype}, no numbers")


def _metadata(values: dict[str, Any]) -> dict[str, Any]:
    """As a source has it; a column ``metadata`` with a JSON object in it is many."""
    given = values.pop("metadata", None)
    if isinstance(given, str) and given.startswith("{") and len(given) <= _LONGEST_VALUE * 16:
        try:
            values = {**json.loads(given), **values}
        except (ValueError, RecursionError):
            values["metadata"] = given
    elif given is not None:
        values["metadata"] = given
    found = {name[:_LONGEST_KEY]: _plain(value) for name, value in values.items() if name}
    return {name: value for name, value in found.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bool | int):
        return value
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, str):
        return value[:_LONGEST_VALUE]
    if isinstance(value, list | dict) and len(repr(value)) <= _LONGEST_VALUE:
        return value
    return None


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What numpy and Arrow say of a file, as SourceError."""
    try:
        yield
    except (ValueError, EOFError, OverflowError, OSError, TypeError, MemoryError) as error:
        raise SourceError(
            f"{path} cannot be used: {' '.join(str(error).split())[:200]}", hint="save the vectors again"
        ) from error


def parquet_schema(columns: int, dtype: np.dtype[Any]) -> Any:
    """What ``export vectors`` writes."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("ordinal", pa.int32(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("metadata", pa.string(), nullable=False),
            pa.field("start", pa.float64()),
            pa.field("end", pa.float64()),
            pa.field("vector", pa.list_(pa.from_numpy_dtype(dtype), columns), nullable=False),
        ]
    )
