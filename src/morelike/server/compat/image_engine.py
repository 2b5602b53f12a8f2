"""The image search engine of 2023 with its web client: pictures one by one under ids of the client's own.

All routes answer below ``/api`` too, and the pictures below ``/image-search-engine``, as the web client's own server
passed them on: put the client's files and this port behind one address, and it works unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from morelike.dryrun import peak_memory
from morelike.errors import MorelikeError
from morelike.server.answers import Json
from morelike.server.compat.answering import base_of, blank, part_of
from morelike.server.compat.describing import answers, bytes_of
from morelike.server.compat.engine_metas import FOLDER, MOST_ROWS, Metas, shape_of
from morelike.server.compat.served import Served
from morelike.server.errors import Refused, status_of
from morelike.server.limits import Gate

__all__ = ["routes"]

_PAGE: Final = 20
"""Rows of a list where the request says nothing."""
Offset = Annotated[
    int, blank(default=0), Query(ge=0, le=1_000_000_000, description="Leave out the first: the next page.")
]
Limit = Annotated[int, blank(default=_PAGE), Query(ge=0, le=MOST_ROWS, description="How many at most.")]
FormOffset = Annotated[int, Form(ge=0, le=MOST_ROWS)]
FormLimit = Annotated[int, Form(ge=0, le=MOST_ROWS)]
Picture = Annotated[UploadFile, File(description="A picture.")]
_UPLOADS: Final = 4
_WAITING: Final = 1000
"""The web client sends a whole folder at once, a request a file."""
_FILE: Final = ("hash_code", "milvus_id", "file_name", "file_path")

_META: Final = {
    "id": 1,
    "meta_uuid": "cat-1",
    "hash_code": "9e107d9d372bb6826bd81d3542a419d6",
    "milvus_id": 4503599627370495,
    "file_name": "cat.jpg",
    "file_path": "meta/image/9e107d9d372bb6826bd81d3542a419d6.jpg",
    "created_at": "2023-05-01T12:00:00",
    "updated_at": "2023-05-01T12:00:00",
    "file_url": f"http://127.0.0.1:6200{FOLDER}meta/image/9e107d9d372bb6826bd81d3542a419d6.jpg",
    "file_relative_url": f"{FOLDER}meta/image/9e107d9d372bb6826bd81d3542a419d6.jpg",
}
_CLOSE: Final = {"distance": 0.0312, "score": 98.44}
_HELLO: Final = {"message": "Hello World"}
_DONE: Final = {"succeed": True, "message": "获取 1 个母本"}
_REMOVED: Final = {"succeed": True, "message": "删除成功"}
_COUNTED: Final = {"succeed": True, "message": "1 个母本", "image_count": 1, "vector_count": 1}
_ONE: Final = {**_DONE, "data": _META}
_PAGED: Final = {**_ONE, "data": [_META], "total": 1}
_FOUND: Final = {**_DONE, "data": [{**_META, **_CLOSE}]}
_ADDED: Final = {
    "succeed": True,
    "message": "母本入库成功",
    "data": {name: _META[name] for name in ("meta_uuid", *_FILE)},
}


def failure(status: int, sentence: str) -> dict[str, Any]:  # noqa: ARG001 # the shape is the same for all
    """How this server says no."""
    return {"succeed": False, "message": sentence}


class _Router(APIRouter):
    failure: Callable[[int, str], Any] = staticmethod(failure)


def routes(served: Served) -> APIRouter:
    """The routes over ``served``, at the root and below ``/api``."""
    served.loads = Gate("uploads", _UPLOADS, _WAITING)
    metas = Metas(served)
    own = APIRouter()
    _health(own)
    _metas(own, served, metas)
    _samples(own, served, metas)
    _dev(own, served, metas)
    whole = _Router()
    whole.include_router(own)
    whole.include_router(own, prefix="/api", include_in_schema=False)
    _pictures(whole, served, metas)
    return whole


def _health(router: APIRouter) -> None:
    @router.get("/", summary="Whether it answers", responses=answers(_HELLO))
    async def root() -> Response:
        """What the older server's health check asked for."""
        return Json(_HELLO)


def _metas(router: APIRouter, served: Served, metas: Metas) -> None:
    parts = served.parts

    @router.post("/meta/image/file", tags=["meta"], summary="Add a picture", responses=answers(_ADDED))
    async def create_meta_by_file(
        file: Picture, meta_uuid: Annotated[str | None, Form(description="Its id; none: its MD5.")] = None
    ) -> Response:
        """Answers when it is searchable. An id is given once."""
        try:
            row = shape_of(await served.loads.run(metas.add, file, meta_uuid), "")
        except MorelikeError as error:
            if status_of(error) >= 500:
                raise
            sentence = f"{error.message}: {error.hint}" if error.hint else error.message
            return Json({**failure(500, sentence), "data": None}, 500)
        data = {name: row[name] for name in ("meta_uuid", *_FILE)}
        return Json({"succeed": True, "message": "母本入库成功", "data": data})

    @router.get("/meta/image/", include_in_schema=False)
    @router.get("/meta/image", tags=["meta"], summary="List pictures", responses=answers(_PAGED))
    async def list_meta(request: Request, offset: Offset = 0, limit: Limit = _PAGE, hash_code: str = "") -> Response:
        """By ``id``, the least first; with ``hash_code``, those with that MD5."""
        rows, total = await parts.fetches.run(metas.page, offset, limit, hash_code.strip().lower())
        base = base_of(request)
        return _listed([shape_of(row, base) for row in rows], total=total)

    @router.delete("/meta/image/images", tags=["meta"], summary="Remove all pictures", responses=answers(_REMOVED))
    async def delete_all_meta(
        recreate_table: Annotated[bool, blank(default=False)] = False,  # noqa: ARG001 # the older server had it
    ) -> Response:
        """The table is made anew either way."""
        await parts.writes.run(metas.clear)
        return Json(_REMOVED)

    @router.get("/meta/image/count", tags=["meta"], summary="How many", responses=answers(_COUNTED))
    async def count_meta() -> Response:
        """Rows, and vectors: pictures of the same bytes share one."""
        images, vectors = await parts.fetches.run(metas.counts)
        said = {"succeed": True, "message": f"{images} 个母本"}
        return Json({**said, "image_count": images, "vector_count": vectors})

    @router.get("/meta/image/{meta_uuid:path}", tags=["meta"], summary="One picture", responses=answers(_ONE))
    async def get_meta(request: Request, meta_uuid: str) -> Response:
        """Its row."""
        row = await parts.fetches.run(metas.row, meta_uuid)
        return Json({"succeed": True, "message": "获取 1 个母本", "data": shape_of(row, base_of(request))})

    @router.delete(
        "/meta/image/{meta_uuid:path}", tags=["meta"], summary="Remove a picture", responses=answers(_REMOVED)
    )
    async def delete_meta(meta_uuid: str) -> Response:
        """With its vector and its bytes, unless another row has the same."""
        await parts.writes.run(metas.remove, meta_uuid)
        return Json(_REMOVED)


def _samples(router: APIRouter, served: Served, metas: Metas) -> None:
    @router.post("/sample/file", tags=["sample"], summary="Search by a picture", responses=answers(_FOUND))
    async def search_by_file(
        request: Request, file: Picture, offset: FormOffset = 0, limit: FormLimit = served.top_k
    ) -> Response:
        """The nearest first. ``distance`` is the squared L2 of unit vectors, ``score`` 100 for the same picture."""
        try:
            found = await served.parts.searches.run(metas.search, file, offset, limit)
        except MorelikeError as error:
            raise _as_500(error) from error
        base = base_of(request)
        return _listed([_found(shape_of(row, base), distance) for row, distance in found])


def _dev(router: APIRouter, served: Served, metas: Metas) -> None:
    """What a developer of the older server called by hand."""
    parts = served.parts

    @router.post(
        "/dev/init", tags=["dev"], summary="Refused", status_code=403, responses={403: {"description": "Always."}}
    )
    async def init_system() -> Response:
        """The older server removed all it had here, whoever asked."""
        raise Refused(403, "nothing is wiped here", hint="DELETE /meta/image/images removes all pictures")

    @router.post("/dev/flush", tags=["dev"], summary="Nothing to do", responses=answers({}))
    async def flush_milvus() -> Response:
        """What an upload was told to be added is durable already."""
        return Json({})

    @router.post("/dev/db_reconnect", tags=["dev"], summary="Nothing to do", responses=answers(None))
    async def db_reconnect() -> Response:
        """The catalog's connections are kept alive by themselves."""
        return Json(None)

    @router.post(
        "/dev/show_mem", tags=["dev"], summary="How much memory was taken", responses=answers({"peak_bytes": 734003200})
    )
    async def show_mem() -> Response:
        """The most at any time, in bytes."""
        return Json({"peak_bytes": peak_memory()})

    @router.post("/dev/file_url", tags=["dev"], summary="Compare two pictures", responses=answers(_CLOSE))
    async def compare_two(image_uri_1: Annotated[str, Form(max_length=8192)], image_2: Picture) -> Response:
        """One behind a public http(s) address, the other uploaded; neither is kept."""
        try:
            distance = await parts.uploads.run(metas.compare, image_uri_1, image_2)
        except MorelikeError as error:
            raise _as_500(error) from error
        return Json(_closeness(distance))


def _pictures(router: APIRouter, served: Served, metas: Metas) -> None:
    def picture(request: Request, path: str) -> Response:
        blob, item = metas.picture(path)
        etag = f'"{item.digest.blake3}"'
        return part_of(request, blob, media_type=item.media_type, etag=etag, size=item.digest.size)

    @router.get(
        FOLDER + "{path:path}",
        tags=["meta"],
        summary="A picture's bytes",
        response_class=Response,
        responses=bytes_of("image/*", ranges=True),
    )
    async def image(request: Request, path: str) -> Response:
        """What ``file_url`` and ``file_relative_url`` lead to; only pictures that have a row."""
        return await served.parts.fetches.run(picture, request, path)

    @router.get("/redoc", include_in_schema=False)
    async def redoc() -> Response:
        return RedirectResponse("/docs")


def _listed(data: Sequence[dict[str, Any]], **more: Any) -> Response:
    return Json({"succeed": True, "message": f"获取 {len(data)} 个母本", "data": data, **more})


def _found(shape: dict[str, Any], distance: float) -> dict[str, Any]:
    return {"id": shape["id"], **_closeness(distance), **shape}


def _closeness(distance: float) -> dict[str, float]:
    return {"distance": distance, "score": (2.0 - distance) / 2.0 * 100}


def _as_500(error: MorelikeError) -> MorelikeError:
    """The older server had one status for all that went wrong with a file."""
    return error if status_of(error) >= 500 else Refused(500, error.message, hint=error.hint)
