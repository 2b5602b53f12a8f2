"""Video search: films and animations of a folder in a table, found by one picture.

A frame a second is compared, the one in the middle of each second (the older server took the first), and a film's
distance is that of its nearest frame. Only pictures are looked at: the sound has no part in it. Of a picture that moves
all frames are compared, and the closest pair counts.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, File, Query, Request, Response, UploadFile

from morelike.server.answers import Json
from morelike.server.compat.answering import Item, base_of, example_of, file_at, quoted
from morelike.server.compat.describing import answers, bytes_of
from morelike.server.compat.served import Row, Served
from morelike.types import Blob

__all__ = ["LOADED", "routes"]

LOADED: Final = {"status": True, "msg": "Successfully loaded data!"}
_ROWS: Final = answers([["http://127.0.0.1:5000/data?gif_path=/data/films/a.gif", 0.0312]])
_DROPPED: Final = answers("ok", "Milvus doesn't have a collection named milvus_video_search")
_FILM: Final = bytes_of("video/*", ranges=True)
Table = Annotated[str | None, Query(description="The table; none: the server's own.")]


def routes(served: Served) -> APIRouter:
    """The routes over ``served``."""
    router = APIRouter(tags=["video"])
    parts = served.parts

    @router.get("/data", summary="A film of a table", response_class=Response, responses=_FILM)
    async def video_path(
        request: Request,
        gif_path: Annotated[str | None, Query(max_length=4096, description="A path of a search's answer.")] = None,
    ) -> Response:
        """Its bytes, or the range asked for; only files that some table has."""
        return await parts.fetches.run(file_at, request, served, gif_path)

    @router.get("/progress", summary="How far loading is", responses=answers({"current": 20, "total": 20}))
    async def progress() -> Response:
        """``{"current": 20, "total": 20}``: an object, where the other servers answer with a text."""
        current, total = served.loading.now
        return Json({"current": current, "total": total})

    @router.post("/video/load", summary="Load a folder", responses=answers(LOADED))
    async def load_video(item: Item) -> Response:
        """Answers when all of it is searchable. Bad files are passed over, and stand in the library's ledger."""
        await served.loads.run(served.load, item.file, item.table)
        return Json(LOADED)

    @router.post("/video/search", summary="Search by a picture", responses=_ROWS)
    async def search_image(
        request: Request, image: Annotated[UploadFile | None, File()] = None, table_name: Table = None
    ) -> Response:
        """``[[address, distance], …]``, a row a film, the nearest first."""
        rows = await parts.searches.run(_searched, served, example_of(image, "image"), table_name)
        base = base_of(request)
        shapes: list[Any] = [[f"{base}/data?gif_path={quoted(row.path)}", row.distance] for row in rows]
        return Json(shapes)

    @router.post("/video/count", summary="Count the frames", responses=answers(20, None))
    async def count_video(table_name: Table = None) -> Response:
        """How many frames are compared; null where there is no such table. A copy of a film adds none."""
        return Json(await parts.fetches.run(_frames, served, table_name))

    @router.post("/video/drop", summary="Drop a table", responses=_DROPPED)
    async def drop_tables(table_name: Table = None) -> Response:
        """The files themselves stay where they are."""
        dropped = await parts.writes.run(served.drop, table_name)
        missing = f"Milvus doesn't have a collection named {served.named(table_name)}"
        return Json("ok" if dropped else missing)

    return router


def _searched(served: Served, example: Blob, table: str | None) -> list[Row]:
    """By distance alone: where a picture that moves was sent, the library puts films first in which it runs."""
    rows = served.search(example, table)
    nearest_is = 1 if served.metric == "L2" else -1
    return sorted(rows, key=lambda row: nearest_is * row.distance)


def _frames(served: Served, table: str | None) -> int | None:
    opened = served.opened(table)
    if opened is None:
        return None
    spaces = (space for space in opened.spaces if space.active and space.kind == "image" and space.has_vectors)
    return sum(opened.vectors_in(space) for space in spaces)
