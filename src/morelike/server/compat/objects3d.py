"""3D search: the models of a folder of this machine in a table, found by a model that lies on this machine as well."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from morelike.server.answers import Json
from morelike.server.compat.answering import Item, file_here, progress_of, quoted
from morelike.server.compat.describing import answers
from morelike.server.compat.served import Row, Served

__all__ = ["routes"]

LOADED: Final = "Successfully loaded data, total count: {}"
MISSING: Final = "Milvus doesn't have a collection named {}"
Table = Annotated[str | None, Query(description="The table; none: the server's own.")]

_ROWS: Final = answers([["/data/models/desk_0001.off", 0.0312]])


def routes(served: Served) -> APIRouter:
    """The routes over ``served``. Raises MissingExtra."""
    router = APIRouter(tags=["objects3d"])
    parts = served.parts

    @router.get("/progress", summary="How far loading is", responses=answers("current: 20, total: 20"))
    async def get_progress() -> Response:
        """``current: 20, total: 20``, as a JSON string. The two are the same only where nothing is being loaded."""
        return Json(progress_of(served))

    @router.post("/img/load", summary="Load a folder", responses=answers(LOADED.format(40)))
    async def load_models(item: Item) -> Response:
        """Answers when all of it is searchable, with how many models that are. Bad files are passed over, and stand in
        the library's ledger.
        """
        report = await served.loads.run(served.load, item.file, item.table)
        return Json(LOADED.format(report.added + report.same))

    @router.post("/img/search", summary="Search by a file of the server's machine", responses=_ROWS)
    async def search_models(
        model_path: Annotated[str | None, Query(max_length=4096, description="Of the server's machine.")] = None,
        table_name: Table = None,
    ) -> Response:
        """``[[path, distance], …]``, the nearest first, for a file below a folder that requests may name, or one of a
        table.
        """
        rows = await parts.searches.run(_searched, served, model_path, table_name)
        return Json([[quoted(row.path), row.distance] for row in rows])

    @router.post("/img/count", summary="How many models a table has", responses=answers(40, None))
    async def count_models(table_name: Table = None) -> Response:
        """A copy at another path counts, too. ``null`` where there is no such table."""
        return Json(await parts.fetches.run(served.count_rows, table_name))

    @router.post("/img/drop", summary="Drop a table", responses=answers("ok", MISSING.format("milvus_model_search")))
    async def drop_tables(table_name: Table = None) -> Response:
        """``ok``, or a sentence where there was none. The files themselves stay where they are."""
        dropped = await parts.writes.run(served.drop, table_name)
        return Json("ok" if dropped else MISSING.format(served.named(table_name)))

    return router


def _searched(served: Served, path: str | None, table: str | None) -> list[Row]:
    """Raises Refused, SourceError, and what a search raises."""
    example = file_here(served, path, of="model", parameter="model_path", instead="copy the model there first")
    return served.search(example, table)
