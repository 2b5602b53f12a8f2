"""A table of texts as one blob a row: all its fields as one line of JSON, and its other columns for filters."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from morelike.errors import DecodeError, SourceError
from morelike.modalities._molecule_lines import (
    LONGEST_KEY,
    LONGEST_VALUE,
    failing,
    number_or_text,
    plain_name,
    record_blob,
)
from morelike.modalities._text_formats import Form
from morelike.modalities._text_reading import UNSAID_HINT, record_columns, unsaid, words_of_record
from morelike.modalities._text_rows import Row, rows_of
from morelike.types import Blob

__all__ = ["records_of"]

_IDS: Final = ("id", "_id", "identifier", "key", "name", "uid", "uuid", "doc_id", "docid", "slug")
_LARGEST: Final = 1 << 63


def records_of(blob: Blob, form: Form, wanted: str, label: str, most: int) -> Iterator[Blob]:
    """Lazily. A row that says nothing is a blob that raises SourceError. Raises SourceError on an unusable table, and
    on one that unpacks to more than ``most`` bytes.
    """
    known = False
    for row in rows_of(blob, form, label, most):
        if not known and row.values:
            known = True
            if record_columns(row.values, wanted) is None:
                raise SourceError(f"{label} {unsaid(list(row.values), wanted)}", hint=UNSAID_HINT)
        yield _record(blob, row, wanted, label)


def _record(parent: Blob, row: Row, wanted: str, label: str) -> Blob:
    where = f"row {row.number:,} of {label}"
    if row.problem:
        return failing(parent, row.number, f"row {row.number}", f"{where} {row.problem}")
    try:
        words = words_of_record(row.values, wanted, where)
        data = json.dumps(row.values, ensure_ascii=False).encode("utf-8", "replace")
    except DecodeError as error:
        return failing(parent, row.number, f"row {row.number}", error.message, error.hint)
    except (ValueError, RecursionError) as error:
        return failing(parent, row.number, f"row {row.number}", f"{where} cannot be kept: {error}"[:300])
    called = words.title or words.facts.get("question", "") or _id_in(row.values)
    columns = record_columns(row.values, wanted)
    shown = columns.shown if columns else frozenset()
    return record_blob(parent, row.number, data, plain_name(called, f"row {row.number}"), _metadata(row, shown))


def _id_in(values: Mapping[str, Any]) -> str:
    plain = {name.strip().lower(): value for name, value in values.items()}
    found = next((plain[name] for name in _IDS if plain.get(name) not in (None, "")), "")
    return str(found) if isinstance(found, str | int) else ""


def _metadata(row: Row, shown: frozenset[str]) -> dict[str, Any]:
    """What is not shown as words: numbers, truth values and texts as they are, nested values where they are short."""
    kept: dict[str, Any] = {}
    for name, value in row.values.items():
        key = name.strip().encode("utf-8", "replace").decode().replace("\0", "")[:LONGEST_KEY]
        plain = number_or_text(value.strip()) if row.written and isinstance(value, str) else _plain(value)
        if key and name not in shown and plain not in (None, ""):
            kept[key] = plain
    return kept


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_LARGEST <= value < _LARGEST else float(value) if abs(value) < 10**300 else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value[:LONGEST_VALUE].encode("utf-8", "replace").decode().replace("\0", "").strip() or None
    if isinstance(value, list | dict) and value:
        try:
            written = json.dumps(value, ensure_ascii=False)
        except RecursionError:
            return None
        return json.loads(written.encode("utf-8", "replace")) if len(written) <= LONGEST_VALUE else None
    return None
