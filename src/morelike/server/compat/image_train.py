"""The oldest image server's routes (to May 2021): plain text, and a ``train`` that only begins to load."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from starlette.responses import PlainTextResponse

from morelike.errors import MorelikeError, TooBusy
from morelike.server.answers import Json
from morelike.server.bodies import MOST_FIELDS
from morelike.server.compat.answering import base_of, blank, example_of, file_at, progress_of
from morelike.server.compat.describing import answers, bytes_of
from morelike.server.compat.image_names import addresses, path_of
from morelike.server.compat.served import Served
from morelike.server.errors import Refused
from morelike.sources import open_source
from morelike.types import Blob

__all__ = ["routes"]

plain = partial(answers, media_type="text/plain")
_log = logging.getLogger("morelike.server")


def routes(served: Served) -> APIRouter:
    """The routes over ``served``. The router's end waits for what was begun."""
    behind = _Behind(served)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        await behind.wait()

    router = APIRouter(tags=["the oldest forms"], lifespan=lifespan)
    _add_tables(router, served, behind)
    _add_pictures(router, served)
    return router


def _add_tables(router: APIRouter, served: Served, behind: _Behind) -> None:
    parts = served.parts

    @router.post(
        "/api/v1/train", summary="Begin to load a folder", response_class=PlainTextResponse, responses=plain("Start")
    )
    async def train(request: Request) -> Response:
        """``Start``, at once; ``/api/v1/process`` says how far it is. ``Table`` and ``File`` as JSON, form or query."""
        given = await _given(request, "Table", "File")
        await behind.begin(given.get("File"), given.get("Table"))
        return PlainTextResponse("Start")

    @router.get(
        "/api/v1/process",
        summary="How far loading is",
        response_class=PlainTextResponse,
        responses=plain("current: 20, total: 20"),
    )
    async def process() -> Response:
        """``current: 20, total: 20``. The two are the same only where nothing is being loaded."""
        return PlainTextResponse(progress_of(served))

    @router.post(
        "/api/v1/count",
        summary="How many pictures a table has",
        response_class=PlainTextResponse,
        responses=plain("20", "None"),
    )
    async def count(request: Request) -> Response:
        """The number as text; ``None`` where there is no such table."""
        table = (await _given(request, "Table")).get("Table")
        return PlainTextResponse(str(await parts.fetches.run(served.count_rows, table)))

    @router.post(
        "/api/v1/delete",
        summary="Drop a table",
        response_class=PlainTextResponse,
        responses=plain("ok", "Milvus doesn't have a collection named milvus_img_search"),
    )
    async def delete(request: Request) -> Response:
        """``ok``, or a sentence where there was none. Pictures of loaded folders stay where they are."""
        table = (await _given(request, "Table")).get("Table")
        dropped = await parts.writes.run(served.drop, table)
        return PlainTextResponse("ok" if dropped else f"Milvus doesn't have a collection named {served.named(table)}")


def _add_pictures(router: APIRouter, served: Served) -> None:
    parts = served.parts

    @router.post(
        "/api/v1/search",
        summary="Search by a picture",
        responses=answers([["http://127.0.0.1:5000/data/a.jpg", 0.0312]]),
    )
    async def search(  # noqa: PLR0917 - FastAPI names them
        request: Request,
        file: Annotated[UploadFile | None, File()] = None,
        num: Annotated[int, Form(alias="Num")] = 1,
        table: Annotated[str | None, Form(alias="Table")] = None,
        more: Annotated[int | None, blank(default=None), Query(alias="Num")] = None,
        named: Annotated[str | None, Query(alias="Table")] = None,
    ) -> Response:
        """``[[address, distance], …]``, the nearest first."""
        number = num if more is None else more
        rows = await parts.searches.run(_found, served, example_of(file, "file"), table or named, number)
        return Json([[base_of(request) + address, distance] for address, distance in rows])

    @router.get(
        "/data/{image_name}",
        summary="A picture by its name",
        response_class=Response,
        responses=bytes_of("image/*", ranges=True),
    )
    async def image_by_name(request: Request, image_name: str, image_path: str | None = None) -> Response:
        """Its bytes; only pictures that some table has. Of several with that name the oldest."""
        path = image_path or await parts.fetches.run(path_of, served, image_name)
        return await parts.fetches.run(file_at, request, served, path)


class _Behind:
    """Loads that go on behind the requests that began them; as many at a time as others, and as many waiting."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, folder: str | None, table: str | None) -> None:
        """Raises Refused, SourceError where it cannot work, TooBusy; what fails later is said in the log."""
        served = self._served
        await served.parts.fetches.run(self._check, folder, table)
        load = served.loading.begin()
        task = asyncio.create_task(served.loads.run(self._load, str(folder), table, load))
        await asyncio.sleep(0)  # by then a full queue has refused it
        if task.done() and isinstance(task.exception(), TooBusy):
            served.loading.end(load, 0)
            task.result()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _check(self, folder: str | None, table: str | None) -> None:
        if not folder or not folder.strip():
            raise Refused(400, "the request names no folder", hint='{"File": "/a/folder/of/this/machine"}')
        self._served.opened(table)
        open_source(folder.strip(), self._served.library.settings)

    def _load(self, folder: str, table: str | None, load: int) -> None:
        try:
            self._served.load(folder, table, begun=load)
        except MorelikeError as error:
            _log.warning("loading %s, which a request had begun, ended: %s", folder, error)
        except Exception:
            _log.exception("loading %s, which a request had begun, failed", folder)

    async def wait(self) -> None:
        """Until all have ended, which the server's end tells them to."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _given(request: Request, *names: str) -> Mapping[str, str]:
    """Those of a request's parameters, wherever it has them: in its JSON, its form or its query; none that is null or
    empty. Raises Refused.
    """
    found: dict[str, Any] = {name: request.query_params[name] for name in names if request.query_params.get(name)}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" and await request.body():
        try:
            body = await request.json()
        except (ValueError, RecursionError) as error:  # no JSON, no text, or a number of too many digits
            raise Refused(422, f"the body is no JSON: {error}") from None
        if not isinstance(body, dict):
            raise Refused(422, "the body is no JSON object", hint=f"with {' and '.join(names)}")
        found.update({name: body[name] for name in names if body.get(name) not in (None, "")})
    elif kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        try:
            async with request.form(max_files=1, max_fields=MOST_FIELDS) as form:
                found.update({name: form[name] for name in names if form.get(name)})
        except (LookupError, UnicodeDecodeError) as error:  # what the parser lets through of a broken body
            raise Refused(400, f"the form cannot be read: {error}") from None
    for name, value in found.items():
        if not isinstance(value, str):
            raise Refused(422, f"{name} is no text")
    return found


def _found(served: Served, example: Blob, table: str | None, number: int) -> list[tuple[str, float]]:
    rows = served.search(example, table, number)
    return [(address, row.distance) for address, row in zip(addresses(served, rows), rows, strict=True)]
