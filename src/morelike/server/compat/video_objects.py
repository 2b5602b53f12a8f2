"""Objects in a video: pictures of known objects in a table, looked for in each second of a film.

The loaded pictures are compared as wholes, one object each; what is cut are the film's frames: into the objects that
the user's own detector finds, else by a grid (see ``Served.settle``). An answer has a row for each second and object
that lie close enough, the nearest where boxes of one frame find the same. The film that was asked with can be played
from ``/video/getVideo`` for a while, as it came: an AVI is not made into an MP4, which most browsers would need.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, File, Query, Request, Response, UploadFile

from morelike.collection import OpenCollection
from morelike.search.pieces import Piece
from morelike.server.answers import Json
from morelike.server.compat.answering import Item, base_of, example_of, file_at, part_of, progress_of, quoted
from morelike.server.compat.describing import answers, bytes_of
from morelike.server.compat.image import COUNTED, DROPPED, PICTURE
from morelike.server.compat.served import Row, Served, distance_of
from morelike.server.compat.video import LOADED
from morelike.server.compat.video_kept import KeptFilms
from morelike.server.errors import Refused
from morelike.server.limits import Gate
from morelike.types import WHOLE, Blob, Example
from morelike.types import Query as Asked

__all__ = ["routes"]

_ROW: Final = {
    "object": "cola",
    "image": "http://127.0.0.1:5000/data?image_path=/data/objects/cola.jpg",
    "distance": 0.0312,
    "time": "0000000001",
}
_SEEN: Final = answers(
    ["http://127.0.0.1:5000/video/getVideo?video=9f86d081884c7d659a2feaa0c55ad015.mp4", _ROW], rest=_ROW
)
Table = Annotated[str | None, Query(description="The table; none, or an empty name: the server's own.")]


def routes(served: Served) -> APIRouter:
    """The routes over ``served``."""
    films = KeptFilms(served.library.settings)
    searches = Gate("searches in films", 2, 8)  # minutes each: others must not wait for them
    parts = served.parts

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        searches.close()
        films.close()

    router = APIRouter(tags=["video-objects"], lifespan=lifespan)
    _add_tables(router, served)

    @router.get(
        "/video/getVideo",
        summary="A film that was searched with",
        response_class=Response,
        responses=bytes_of("video/*", ranges=True),
    )
    async def video_endpoint(request: Request, video: str | None = None) -> Response:
        """Its bytes, or the range asked for; only of a film that was lately searched with."""

        def film() -> Response:
            blob, media_type = films.get(video or "")
            return part_of(request, blob, media_type=media_type, etag=f'"{video}"', size=blob.size or 0)

        return await parts.fetches.run(film)

    @router.post("/video/search", summary="Look for the table's objects in a film", responses=_SEEN)
    async def search_images(
        request: Request, video: Annotated[UploadFile | None, File()] = None, table_name: Table = None
    ) -> Response:
        """``[address, {object, image, distance, time}, …]``: the film's address, then what was seen in which second.

        ``time`` counts seconds from ``0000000001``. A film of an hour at the most; a frame a second is looked at.
        """
        blob = example_of(video, "video")
        base = base_of(request)
        name, seen = await searches.run(_found, served, films, blob, table_name)
        rows: list[Any] = [f"{base}/video/getVideo?video={name}"]
        for second, row in seen:
            rows.append(
                {
                    "object": row.name.split(".")[0],
                    "image": f"{base}/data?image_path={quoted(row.path)}",
                    "distance": row.distance,
                    "time": f"{second:010d}",
                }
            )
        return Json(rows)

    return router


def _add_tables(router: APIRouter, served: Served) -> None:
    parts = served.parts

    @router.get("/data", summary="A picture of a table", response_class=Response, responses=PICTURE)
    async def get_image(request: Request, image_path: str | None = None) -> Response:
        """Its bytes, or the range asked for; only pictures that some table has."""
        return await parts.fetches.run(file_at, request, served, image_path)

    @router.get("/progress", summary="How far loading is", responses=answers("current: 20, total: 20"))
    async def get_progress() -> Response:
        """``current: 20, total: 20``, as a JSON string."""
        return Json(progress_of(served))

    @router.post("/image/load", summary="Load a folder of pictures, one object each", responses=answers(LOADED))
    async def load_image(item: Item) -> Response:
        """Answers when all of it is searchable; a picture's name is its object's."""
        await served.loads.run(served.load, item.file, item.table)
        return Json(LOADED)

    @router.get("/image/count", summary="The same", responses=COUNTED)
    @router.post("/image/count", summary="How many pictures a table has", responses=COUNTED)
    async def count_videos(table_name: Table = None) -> Response:
        """``null`` where there is no such table."""
        return Json(await parts.fetches.run(served.count_rows, table_name))

    @router.post("/image/drop", summary="Drop a table", responses=DROPPED)
    async def drop_tables(table_name: Table = None) -> Response:
        """``ok``, or a sentence where there was none. Pictures of loaded folders stay where they are."""
        dropped = await parts.writes.run(served.drop, table_name)
        return Json("ok" if dropped else f"Milvus doesn't have a collection named {served.named(table_name)}")


def _found(served: Served, films: KeptFilms, film: Blob, table: str | None) -> tuple[str, list[tuple[int, Row]]]:
    """The name that the film is kept under, and what is seen in it.

    Copied before it is searched: a disk without room is not found out after minutes of work. Kept after it: a search
    that fails leaves nothing, nor does it push out another client's film.
    """
    opened = served.needed(table)
    with films.copied(film) as keep:
        seen = _seen(served, opened, film)
        return keep(), seen


def _seen(served: Served, opened: OpenCollection, film: Blob) -> list[tuple[int, Row]]:
    """(second, object) of all that is seen, the first second first, its nearest object first."""
    seen: list[tuple[int, Row]] = []
    for pieces in opened.pieces(film, regions=served.regions, every=1.0):
        if served.parts.closing.is_set():
            raise Refused(503, "the server is being stopped")
        second = 1 if pieces[0].at == WHOLE else int(pieces[0].at.start) + 1
        if served.regions.startswith("detector:"):  # a frame is no object
            pieces = [piece for piece in pieces if piece.span != WHOLE]  # noqa: PLW2901  # those that count
        seen += [(second, row) for row in _in_frame(served, opened, pieces)] if pieces else []
    return seen


def _in_frame(served: Served, opened: OpenCollection, pieces: list[Piece]) -> list[Row]:
    """The nearest object of each piece, as far as it is near enough, once a frame."""
    nearest: dict[str, Row] = {}
    for hits in opened.search_many([Asked((Example("payload", piece.vector),), k=1) for piece in pieces]):
        for row in served.rows(opened, hits.hits)[:1]:
            known = nearest.get(row.path)
            near = served.limit is None or distance_of(row.hit) < served.limit  # whatever METRIC_TYPE shows
            if near and (known is None or row.hit.score > known.hit.score):
                nearest[row.path] = row
    return sorted(nearest.values(), key=lambda row: (-row.hit.score, row.path))
