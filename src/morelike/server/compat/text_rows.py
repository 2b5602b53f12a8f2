"""What the older servers of texts have alike: an uploaded table, of which each row is an item, found by a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fastapi import UploadFile

from morelike.collection import OpenCollection
from morelike.errors import MorelikeError, SourceError
from morelike.protocols import HoldsRecords
from morelike.registry import MODALITIES
from morelike.server.compat.answering import uploaded
from morelike.server.compat.served import Row, Served
from morelike.server.errors import Refused
from morelike.types import Blob, Example, Query
from morelike.unpacking import configured

__all__ = ["Cells", "cells_of", "load_rows", "opened_for", "search_rows"]

_HEAD: Final = 4096
_LONGEST: Final = 32 * 1024**2
"""Bytes of a row."""
_ROW: Final = "application/json"
_TABLE: Final = re.compile(r"\.(csv|tsv|jsonl|ndjson|json)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cells:
    """A row of an answer: what its table says in which column, and what stands for what has none."""

    name: str
    said: Mapping[str, str]

    def first(self, *columns: str) -> str:
        """What the first of these columns that there is says; "" where there is none."""
        return next((self.said[column] for column in columns if self.said.get(column)), "")


def load_rows(served: Served, file: UploadFile | None, table: str | None, columns: str) -> int:
    """How many rows of the uploaded table are in now, those that were in before too. ``columns``: what it has to have.

    Raises Refused where it has not (no table is made then), or none of its rows can be used.
    """
    served.named(table)
    if file is None:
        raise Refused(400, "the request has no file named file", hint=f"multipart/form-data with a table of {columns}")
    blob = _as_table(uploaded(file))
    _check(served, blob, table, columns)
    report = served.keep([blob], table)
    if not report.added + report.same:
        why = report.rejections[0].reason if report.rejections else "its rows were rejected before"
        raise Refused(422, f"nothing of {blob.name} could be taken in: {why}")
    return report.added + report.same


def _as_table(blob: Blob) -> Blob:
    """Under a name that says what it is: the older servers read whatever came as a table."""
    return blob if _TABLE.search(blob.name) else replace(blob, name=f"{blob.name}.csv")


def _check(served: Served, blob: Blob, table: str | None, columns: str) -> None:
    """Raises Refused where the file is no table, or has not the column that is searched."""
    opened, settings = served.opened(table), served.library.settings
    plain = MODALITIES.load(served.older.modality)(settings)
    options = plain.settle(dict(served.older.options)) if opened is None else opened.options
    reader = configured(served.older.modality, settings, options)
    hint = f"a CSV file whose first line names the columns {columns}"
    if not isinstance(reader, HoldsRecords) or not reader.holds(blob.read(_HEAD), blob.name):
        raise Refused(422, f"{blob.name} is no table", hint=hint)
    try:
        first = next(reader.records(blob), None)
    except SourceError as error:
        raise Refused(422, error.message, hint=error.hint or hint) from error
    if first is None:
        raise Refused(422, f"{blob.name} has no rows", hint=hint)


def search_rows(served: Served, table: str | None, sentence: str | None, *, parameter: str, route: str) -> list[Cells]:
    """The nearest rows, the nearest first. Raises Refused, and what a search raises."""
    opened = opened_for(served, table, route)
    if not sentence or not sentence.strip():
        raise Refused(400, "the request has no words", hint=f"?{parameter}=what+is+wanted")
    return cells_of(opened, served.found(opened, Query((Example("text", sentence),), k=served.asked(None))))


def opened_for(served: Served, table: str | None, route: str) -> OpenCollection:
    """The table. Raises Refused (404)."""
    opened = served.opened(table)
    if opened is None:
        raise Refused(404, f"there is no table {served.named(table)}", hint=f"send one to {route} first")
    return opened


def cells_of(opened: OpenCollection, rows: Sequence[Row]) -> list[Cells]:
    """What the rows' tables say, as they were written."""
    written = {row.item.id: _cells(opened, row) for row in rows}
    return [Cells(row.name, written[row.item.id]) for row in rows]


def _cells(opened: OpenCollection, row: Row) -> Mapping[str, str]:
    """By columns' names in small letters: of the row itself; what its item says where its bytes are gone.

    What is a file of words, and no row, has the passage that was found as its ``content``.
    """
    item, quote = row.item, row.hit.quote
    known = {key: str(value) for key, value in item.info.items()}
    if item.media_type != _ROW:
        return {"content": quote.text, **known} if quote else known
    try:
        values = json.loads(opened.blob(item.id).read(_LONGEST))
    except (MorelikeError, OSError, ValueError, RecursionError):
        return known
    if not isinstance(values, dict):
        return known
    return known | {key.strip().casefold(): str(value) for key, value in values.items() if value is not None}
