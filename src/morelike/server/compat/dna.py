"""DNA search: the rows of an uploaded table of sequences and classes, found by a sequence.

The older server counted words of seven bases, kept the 768 most frequent of the table it had loaded last, and compared
by inner products. Here words are hashed to 768 numbers, so that nothing is fitted and tables can grow.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, File, Query, Response, UploadFile

from morelike.errors import UsageError
from morelike.registry import MODALITIES
from morelike.server.answers import Json
from morelike.server.compat.answering import uploaded
from morelike.server.compat.describing import answers
from morelike.server.compat.served import Row, Served
from morelike.server.errors import Refused
from morelike.types import Blob, Example
from morelike.types import Query as Asked

__all__ = ["families", "routes"]

LOADED: Final = "Successfully loaded data!"
MISSING: Final = "collection is not exist"
_HEAD: Final = 4096
_TABLE: Final = re.compile(r"\.(csv|tsv|tab|txt)(\.gz)?\Z", re.IGNORECASE)
_LARGEST: Final = 1024**2
"""Bytes of a file that names classes."""
_WORDS: Final = {"rescore": False}  # by the words alone, as it was: no alignment
Table = Annotated[str | None, Query(description="The table; none: the server's own.")]

_SAMPLE: Final = {"milvus_id": "4503599627370495", "seq_class": "4", "seq_gene": "Synthase", "IP distance": 0.9312}


def _rows() -> dict[int | str, dict[str, Any]]:
    """What a search answers: rows like the sample, of which any may have no class, or one without a name."""
    described = answers([_SAMPLE])
    row = described[200]["content"]["application/json"]["schema"]["items"]["properties"]
    row["seq_class"] = row["seq_gene"] = {"type": ["string", "null"]}
    return described


def routes(served: Served) -> APIRouter:
    """The routes over ``served``. Raises UsageError where the file that names classes is none."""
    names = families(served.parts.options.older.classes)
    router = APIRouter(tags=["dna"])
    parts = served.parts

    @router.post("/text/load", summary="Load a table of sequences", responses=answers(LOADED))
    async def load_text(
        file: Annotated[UploadFile | None, File(description="A tab between `sequence` and `class`.")] = None,
        table_name: Table = None,
    ) -> Response:
        """Answers when all of it is searchable. Bad rows are passed over, and stand in the library's ledger."""
        if file is None:
            raise Refused(400, "the request has no file named file", hint="multipart/form-data with a table")
        await served.loads.run(_load, served, file, table_name)
        return Json(LOADED)

    @router.get("/text/search", summary="Search by a sequence", responses=_rows())
    async def do_search_api(table_name: Table = None, query_sentence: str | None = None) -> Response:
        """The rows that are most alike, the greatest inner product first. ``seq_gene`` is the name of the class."""
        rows = await parts.searches.run(_searched, served, table_name, query_sentence)
        return Json([_shape(row, names) for row in rows])

    @router.post("/text/count", summary="Count the sequences", responses=answers(20, None))
    async def count_text(table_name: Table = None) -> Response:
        """A sequence that stands in several rows counts as often; null where there is no such table."""
        return Json(await parts.fetches.run(served.count_rows, table_name))

    @router.post("/text/drop", summary="Drop a table", responses=answers("ok", MISSING))
    async def drop_tables(table_name: Table = None) -> Response:
        """``ok``, or a sentence where there was none."""
        dropped = await parts.writes.run(served.drop, table_name)
        return Json("ok" if dropped else MISSING)

    return router


def families(path: Path | None) -> Mapping[str, str]:
    """A class to the name of its gene family, by a file with a tab between ``class`` and ``gene_family``.

    Nothing without a file. Raises UsageError where it cannot be read, or has no such columns.
    """
    if path is None:
        return {}
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            text = stream.read(_LARGEST + 1)
        rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    except (OSError, csv.Error) as error:
        raise UsageError(f"SEQ_CLASS_PATH: the file cannot be read: {error}", hint="unset the variable") from error
    if len(text) > _LARGEST or not rows or not {"class", "gene_family"} <= rows[0].keys():
        raise UsageError(
            f"SEQ_CLASS_PATH: {path.name} is no table of classes",
            hint="a first line `class`, a tab, `gene_family`; up to 1 MiB",
        )
    named = ((row["class"], row["gene_family"]) for row in rows)
    return {_plain(key): name.strip() for key, name in named if key and name}


def _plain(written: Any) -> str:
    """``4``, also of `` 04`` and of the number: as the older server compared classes."""
    text = str(written).strip()
    return str(int(text)) if text.isascii() and text.isdigit() and len(text) <= 18 else text


def _load(served: Served, file: UploadFile, table: str | None) -> None:
    """Raises Refused where it is no table of sequences (no table is made then), or none of its rows can be used."""
    served.named(table)
    blob = _as_table(uploaded(file))
    reader = MODALITIES.load("sequence")(served.library.settings)
    if not reader.holds(blob.read(_HEAD), blob.name):
        raise Refused(
            422, f"{blob.name} is no table of sequences", hint="lines with a tab between `sequence` and `class`"
        )
    report = served.keep([blob], table)
    if not report.added + report.same:
        why = report.rejections[0].reason if report.rejections else "its rows were rejected before"
        raise Refused(422, f"nothing of {blob.name} could be taken in: {why}")


def _as_table(blob: Blob) -> Blob:
    """Under a name that says what it is: the older server read whatever came as a table."""
    return blob if _TABLE.search(blob.name) else replace(blob, name=f"{blob.name}.tsv")


def _searched(served: Served, table: str | None, sequence: str | None) -> list[Row]:
    """Raises Refused, and what a search raises."""
    opened = served.opened(table)
    if opened is None:
        raise Refused(404, f"there is no table {served.named(table)}", hint="send one to /text/load first")
    if not sequence or not sequence.strip():
        raise Refused(400, "the request has no sequence", hint="?query_sentence=ATGTTCGTGGC…")
    return served.found(opened, Asked((Example("text", sequence),), k=served.asked(None), options=_WORDS))


def _shape(row: Row, names: Mapping[str, str]) -> dict[str, Any]:
    told = next((value for key, value in row.source.metadata.items() if key.strip().lower() == "class"), None)
    known = None if told is None else _plain(told)
    return {
        "milvus_id": str(row.hit.segment),
        "seq_class": known,
        "seq_gene": None if known is None else names.get(known),
        "IP distance": row.distance,
    }
