"""Parquet as bundles have it: flat columns, without compression and dictionaries, so that a file holds what it weighs.

Files come from strangers: a file is read only where its schema is the expected one to the letter, in bounded batches,
and texts are looked at before they are unfolded, whatever encoding a page has in truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from morelike.bundle.parts import Part, open_part, writing
from morelike.errors import MissingExtra, SourceError

__all__ = ["Columns", "need_pyarrow", "read_table", "schema_of", "write_table"]

Columns = Mapping[str, str]
"""Name to ``text``, ``whole``, ``whole?`` (may be absent), ``number``, ``truth``, ``bytes``, or ``bytes:N``."""
_BATCH = 1024
_MOST_IN_BATCH = 512 * 1024**2
_PLAIN = {"PLAIN", "RLE", "BIT_PACKED"}


def need_pyarrow() -> None:
    """Raises MissingExtra."""
    try:
        import pyarrow.parquet  # noqa: F401  # whether it is there
    except ModuleNotFoundError as error:
        raise MissingExtra("bundles need the package 'pyarrow'", hint="pip install 'morelike[parquet]'") from error


def schema_of(columns: Columns) -> Any:
    import pyarrow as pa

    plain = {
        "text": pa.string(),
        "whole": pa.int64(),
        "whole?": pa.int64(),
        "number": pa.float64(),
        "truth": pa.bool_(),
        "bytes": pa.binary(),
    }
    fields = []
    for name, kind in columns.items():
        width = kind.partition(":")[2]
        type_ = pa.binary(int(width)) if width else plain[kind]
        fields.append(pa.field(name, type_, nullable=kind.endswith("?")))
    return pa.schema(fields)


def write_table(bundle: Path, name: str, columns: Columns, batches: Iterable[Mapping[str, Any]]) -> Part:
    """Each batch is one row group. A column is a list, an array of numbers, or, for ``bytes:N``, one of (n, N) uint8.

    Raises StoreError.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, rows = schema_of(columns), 0
    with writing(bundle / name) as (stream, written):
        sink = pa.PythonFile(stream, mode="w")
        with pq.ParquetWriter(sink, schema, compression="NONE", use_dictionary=False, write_statistics=False) as writer:
            for batch in batches:
                arrays = [_array(batch[field.name], field.type) for field in schema]
                table = pa.Table.from_arrays(arrays, schema=schema)
                if len(table):
                    writer.write_table(table, row_group_size=len(table))
                    rows += len(table)
    return Part(name, rows, written.size, written.blake3)


def _array(values: Any, type_: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_fixed_size_binary(type_):
        rows = np.ascontiguousarray(values)
        if rows.shape[1:] != (type_.byte_width,) or rows.dtype != np.uint8:
            raise ValueError(f"rows of {rows.shape[1:]} {rows.dtype} are no {type_.byte_width} bytes")
        return pa.FixedSizeBinaryArray.from_buffers(type_, len(rows), [None, pa.py_buffer(rows)])
    return pa.array(values, type=type_)


def read_table(bundle: Path, part: Part, columns: Columns) -> Iterator[dict[str, Any]]:
    """The rows in batches: lists, or arrays for numbers and ``bytes:N``. Its checksum is looked at first.

    Raises SourceError.
    """
    import pyarrow as pa

    try:
        with open_part(bundle, part) as stream, _told(bundle, part):
            yield from _batches(stream, part, columns)
    except FileNotFoundError as error:
        raise SourceError(f"{bundle / part.name} is not there", hint="copy the bundle again") from error
    except pa.ArrowException as error:
        raise SourceError(
            f"{bundle / part.name} cannot be read: {str(error)[:200]}", hint="export the bundle anew"
        ) from error


@contextmanager
def _told(bundle: Path, part: Part) -> Iterator[None]:
    """What is wrong with a file's content as SourceError."""
    try:
        yield
    except (ValueError, OverflowError, OSError, MemoryError) as error:
        raise SourceError(
            f"{bundle / part.name} is not as it should be: {str(error)[:200]}", hint="export the bundle anew"
        ) from error


def _batches(stream: BinaryIO, part: Part, columns: Columns) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    schema = schema_of(columns)
    folded = [name for name, kind in columns.items() if kind in {"text", "bytes"}]
    file = pq.ParquetFile(stream, read_dictionary=folded, pre_buffer=False)
    _check(file, schema, part)
    rows = 0
    for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
        rows += len(batch)
        if rows > part.rows:
            break
        yield {name: _values(batch.column(name), kind) for name, kind in columns.items()}
    if rows != part.rows:
        raise ValueError(f"it has not {part.rows} rows")


def _check(file: Any, schema: Any, part: Part) -> None:
    """Before any row is looked at. Raises ValueError."""
    metadata = file.metadata
    # types and names as they are stored: what a stranger wrote beside them about Arrow does not count
    stored = file.schema.to_arrow_schema()
    if [(field.name, field.type) for field in stored] != [(field.name, field.type) for field in schema]:
        raise ValueError(f"its columns are {', '.join(stored.names)[:100]}")
    if metadata.num_rows != part.rows:
        raise ValueError(f"it has {metadata.num_rows} rows, not {part.rows}")
    for group in range(metadata.num_row_groups):
        of_group = metadata.row_group(group)
        for at in range(of_group.num_columns):
            column = of_group.column(at)
            if column.compression != "UNCOMPRESSED" or column.has_dictionary_page or set(column.encodings) - _PLAIN:
                raise ValueError("it is compressed, and bundles are not")
            if column.total_uncompressed_size > part.size:
                raise ValueError("it says that it is larger than it is")


def _values(column: Any, kind: str) -> Any:
    if column.null_count and not kind.endswith("?"):
        raise ValueError("a value is absent")
    if kind in {"text", "bytes"}:
        return _unfolded(column)
    if kind.startswith("bytes:"):
        width = column.type.byte_width
        data = np.frombuffer(column.buffers()[1], np.uint8)
        return data[column.offset * width : (column.offset + len(column)) * width].reshape(len(column), width)
    if kind == "whole?":
        return column.to_pylist()
    return column.to_numpy(zero_copy_only=False)


def _unfolded(column: Any) -> list[Any]:
    """The texts behind a column of indices, unless they would be too much together."""
    import pyarrow.compute as pc

    if not len(column):
        return []
    lengths = pc.binary_length(column.dictionary).to_numpy(zero_copy_only=False)
    indices = column.indices.to_numpy(zero_copy_only=False)
    if int(lengths[indices].astype(np.int64).sum()) > _MOST_IN_BATCH:
        raise ValueError("its texts are too long")
    values = column.dictionary.to_pylist()
    return [values[index] for index in indices.tolist()]
