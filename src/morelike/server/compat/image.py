"""Reverse image search: pictures of a folder in a table, found by a picture.

The forms of 2021 to 2023, and beside them those of the oldest server (``/api/v1/train`` and its kin, image_train.py),
which clash with none of them. Pictures of a loaded folder stay where they are; uploaded ones are kept by the library,
under the path ``upload:DIGEST/NAME`` or their URL.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile

from morelike.server.answers import Json
from morelike.server.compat import image_train
from morelike.server.compat.answering import Item, example_of, file_at, number_of, progress_of, quoted, uploaded
from morelike.server.compat.describing import answers, bytes_of
from morelike.server.compat.served import MOST_ASKED, Served
from morelike.server.errors import Refused
from morelike.sources.urls import UrlBlobs
from morelike.types import Blob

__all__ = ["COUNTED", "DROPPED", "PICTURE", "ROWS", "add_tables", "routes"]

LOADED: Final = "Successfully loaded data!"
ROWS: Final = answers([["/data/pictures/a.jpg", 0.0312]])
COUNTED: Final = answers(20, None)
DROPPED: Final = answers("ok", "Milvus doesn't have a collection named milvus_img_search")
PICTURE: Final = bytes_of("image/*", ranges=True)
Table = Annotated[str | None, Query(description="The table; none: the server's own.")]
TopK = Annotated[
    int | None, Form(description=f"How many rows, 1 to {MOST_ASKED}; none: as the server was told.", examples=[5])
]


def routes(served: Served) -> APIRouter:
    """The routes over ``served``."""
    oldest = image_train.routes(served)
    whole = APIRouter()
    router = APIRouter(tags=["image"])
    parts = served.parts
    add_tables(router, served)

    @router.post(
        "/img/upload", summary="Add one picture", responses=answers("Successfully loaded data: 4503599627370495")
    )
    async def upload_images(
        image: Annotated[UploadFile | None, File()] = None,
        url: Annotated[str | None, Query(description="Of a picture that the server is to fetch; public ones.")] = None,
        table_name: Table = None,
    ) -> Response:
        """The file ``image``, else what lies at ``url``. Answers with the picture's number."""
        number = await parts.uploads.run(_keep, served, image, url, table_name)
        return Json(f"Successfully loaded data: {number}")

    @router.post("/img/search", summary="Search by a picture", responses=ROWS)
    async def search_images(
        image: Annotated[UploadFile | None, File()] = None, topk: TopK = None, table_name: Table = None
    ) -> Response:
        """``[[path, distance], …]``, the nearest first; ``/data?image_path=PATH`` shows one as it stands there."""
        rows = await parts.searches.run(served.search, example_of(image, "image"), table_name, topk)
        return Json([[quoted(row.path), row.distance] for row in rows])

    whole.include_router(router)
    whole.include_router(oldest)
    return whole


def add_tables(router: APIRouter, served: Served) -> None:
    """What the servers of pictures have alike: loading, counting and dropping tables, and their files."""
    parts = served.parts

    @router.get("/data", summary="A picture of a table", response_class=Response, responses=PICTURE)
    async def get_img(request: Request, image_path: str | None = None) -> Response:
        """Its bytes, or the range asked for; only pictures that some table has."""
        return await parts.fetches.run(file_at, request, served, image_path)

    @router.get("/progress", summary="How far loading is", responses=answers("current: 20, total: 20"))
    async def get_progress() -> Response:
        """``current: 20, total: 20``, as a JSON string. The two are the same only where nothing is being loaded."""
        return Json(progress_of(served))

    @router.post("/img/load", summary="Load a folder", responses=answers(LOADED))
    async def load_images(item: Item) -> Response:
        """Answers when all of it is searchable. Bad files are passed over, and stand in the library's ledger."""
        await served.loads.run(served.load, item.file, item.table)
        return Json(LOADED)

    @router.get("/img/count", summary="The same", responses=COUNTED)
    @router.post("/img/count", summary="How many pictures a table has", responses=COUNTED)
    async def count_images(table_name: Table = None) -> Response:
        """A copy at another path counts, too. ``null`` where there is no such table."""
        return Json(await parts.fetches.run(served.count_rows, table_name))

    @router.post("/img/drop", summary="Drop a table", responses=DROPPED)
    async def drop_tables(table_name: Table = None) -> Response:
        """``ok``, or a sentence where there was none. Pictures of loaded folders stay where they are."""
        dropped = await parts.writes.run(served.drop, table_name)
        return Json("ok" if dropped else f"Milvus doesn't have a collection named {served.named(table_name)}")


def _keep(served: Served, image: UploadFile | None, url: str | None, table: str | None) -> int:
    """Raises Refused where there is no picture, and SourceError where it cannot be fetched."""
    if image is not None and (image.filename or not url):
        blob = uploaded(image)
    elif url:
        blob = _fetched(served, url)
    else:
        raise Refused(400, "Image and url are required")
    return number_of(_added(served, blob, table))


def _fetched(served: Served, url: str) -> Blob:
    """Its bytes are here when this returns: what cannot be had is the request's failure, and no row of the ledger."""
    blob = UrlBlobs(served.library.settings).blob(url)
    blob.open().close()
    return blob


def _added(served: Served, blob: Blob, table: str | None) -> str:
    """The item's id. Raises Refused (422) on what is no picture."""
    opened = served.made(table)
    report = opened.add(blob, retry=True, index=False, stop=served.parts.closing)
    item_id, state = opened.found_at([blob.uri]).get(blob.uri, ("", ""))
    if state in ("ready", "duplicate"):
        return item_id
    if report.interrupted:
        raise Refused(503, "the server is being stopped; the picture was not added")
    if not state and not report.rejections:
        raise Refused(409, f"{blob.name} was removed while it was added", hint="send it again")
    reason = next((rejection.reason for rejection in report.rejections), f"the item is {state}")
    raise Refused(422, f"{blob.name} was not added: {reason}")
