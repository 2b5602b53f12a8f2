"""Text search: the rows of an uploaded table of titles and texts, found by a sentence that is like their title.

Titles alone are compared, as they were; a text is what an answer shows beside its title.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, File, Query, Response, UploadFile

from morelike.server.answers import Json
from morelike.server.compat.describing import answers
from morelike.server.compat.served import Served
from morelike.server.compat.text_rows import Cells, load_rows, search_rows

__all__ = ["routes"]

LOADED: Final = "Successfully loaded data!"
MISSING: Final = "collection is not exist"
COLUMNS: Final = "title,text"
PREFIXES: Final = ("", "/text")
"""Of the server of 2022, and of that of 2021."""
Table = Annotated[str | None, Query(description="The table; none: the server's own.")]

_ROWS: Final = answers([{"title": "Fears for pension after talks", "content": "Unions representing workers …"}])


def routes(served: Served) -> APIRouter:
    """The routes over ``served``. Raises MissingExtra."""
    router = APIRouter(tags=["text"])
    for prefix in PREFIXES:
        _add_tables(router, served, prefix)
        _add_searches(router, served, prefix)
    return router


def _add_tables(router: APIRouter, served: Served, prefix: str) -> None:
    parts = served.parts

    @router.post(f"{prefix}/load", summary="Load a table of titles and texts", responses=answers(LOADED))
    async def load_text(
        file: Annotated[UploadFile | None, File(description="A CSV file with the columns `title` and `text`.")] = None,
        table_name: Table = None,
    ) -> Response:
        """Answers when all of it is searchable. Bad rows are passed over, and stand in the library's ledger."""
        await served.loads.run(load_rows, served, file, table_name, COLUMNS)
        return Json(LOADED)

    @router.post(f"{prefix}/count", summary="Count the rows", responses=answers(20, None))
    async def count_text(table_name: Table = None) -> Response:
        """Rows that are alike count each; null where there is no such table."""
        return Json(await parts.fetches.run(served.count_rows, table_name))

    @router.post(f"{prefix}/drop", summary="Drop a table", responses=answers("ok", MISSING))
    async def drop_tables(table_name: Table = None) -> Response:
        """``ok``, or a sentence where there was none."""
        dropped = await parts.writes.run(served.drop, table_name)
        return Json("ok" if dropped else MISSING)


def _add_searches(router: APIRouter, served: Served, prefix: str) -> None:
    def searched(table: str | None, sentence: str | None) -> list[Cells]:
        return search_rows(served, table, sentence, parameter="query_sentence", route=f"{prefix}/load")

    @router.get(f"{prefix}/search", summary="Search by a sentence", responses=_ROWS)
    async def do_search_api(table_name: Table = None, query_sentence: str | None = None) -> Response:
        """The rows whose titles are most alike, the nearest first."""
        rows = await served.parts.searches.run(searched, table_name, query_sentence)
        return Json([_shape(row) for row in rows])


def _shape(row: Cells) -> dict[str, str]:
    return {"title": row.first("title") or row.name, "content": row.first("text", "content")}
