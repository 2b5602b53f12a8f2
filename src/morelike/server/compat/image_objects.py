"""Image search by objects: pictures of a folder in a table, found by each of the objects that a picture shows.

Objects are those of the user's own detector, else the boxes of a grid (see ``Served.settle``). Pictures are found as
wholes, too, and one that shows no object is searched with as a whole. The older server answered with one row a picture,
whose distance was that of whichever object came last; it is the nearest one's here. It counted objects; here pictures
are counted, as by the other servers: how many boxes a picture has depends on what is there to find them.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Response, UploadFile

from morelike.collection import OpenCollection
from morelike.search.pieces import Piece
from morelike.server.answers import Json
from morelike.server.compat.answering import example_of, quoted
from morelike.server.compat.image import ROWS, add_tables
from morelike.server.compat.served import MOST_ASKED, Row, Served
from morelike.types import WHOLE, Blob, Example
from morelike.types import Query as Asked

__all__ = ["routes"]

Table = Annotated[str | None, Query(description="The table; none: the server's own.")]
TopK = Annotated[int | None, Form(description=f"Rows an object, 1 to {MOST_ASKED}; none: as the server was told.")]


def routes(served: Served) -> APIRouter:
    """The routes over ``served``."""
    router = APIRouter(tags=["image-objects"])
    add_tables(router, served)

    @router.post("/img/search", summary="Search by a picture's objects", responses=ROWS)
    async def search_images(
        image: Annotated[UploadFile | None, File()] = None, topk: TopK = None, table_name: Table = None
    ) -> Response:
        """``[[path, distance], …]``, the nearest first: what is nearest to any object of the picture."""
        rows = await served.parts.searches.run(_by_objects, served, example_of(image, "image"), table_name, topk)
        return Json([[quoted(row.path), row.distance] for row in rows])

    return router


def _by_objects(served: Served, example: Blob, table: str | None, k: int | None) -> list[Row]:
    """The nearest rows of each object, a path once: with its least distance. Of a film the first second counts."""
    opened, wanted = served.needed(table), served.asked(k)
    found = opened.pieces(example)
    queries = [Asked((Example("payload", piece.vector),), k=wanted) for piece in _objects(opened, next(found))]
    nearest: dict[str, Row] = {}
    for hits in opened.search_many(queries):
        for row in served.rows(opened, hits.hits)[:wanted]:
            if row.path not in nearest or row.hit.score > nearest[row.path].hit.score:
                nearest[row.path] = row
    return sorted(nearest.values(), key=lambda row: (-row.hit.score, row.path))


def _objects(opened: OpenCollection, pieces: list[Piece]) -> list[Piece]:
    """A detector's objects without the picture that they are in; the whole picture where there is none, or a grid."""
    if not str(opened.options.get("regions", "")).startswith("detector:"):
        return pieces
    return [piece for piece in pieces if piece.span != WHOLE] or pieces
