"""Composed retrieval: pictures found by a picture and the words that change it.

The older server loaded nothing itself, a script beside it did; tables come by `morelike add` and `morelike import`.
Its bodies are lists of what was asked for and a status. What goes wrong has its form ``["Error with …", 400]``, which
only one of its routes had, on all of them, and a status line that says so too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, File, Query, Request, Response, UploadFile

from morelike.bundle.vectors import VECTOR_TYPE
from morelike.collection import OpenCollection
from morelike.server.answers import Json
from morelike.server.compat.answering import base_of, example_of, file_at, quoted
from morelike.server.compat.describing import answers, bytes_of
from morelike.server.compat.image_names import leads_to, path_of
from morelike.server.compat.served import Row, Served, takes_words
from morelike.server.errors import Refused
from morelike.types import Blob, Example
from morelike.types import Query as Asked

__all__ = ["failure", "routes"]

_LONGEST: Final = 8192
"""Characters of the words; an encoder has its own, smaller bound."""
Table = Annotated[str | None, Query(description="The table; none: the server's own.")]

_ADDRESS: Final = "http://127.0.0.1:7000/getImage?img=css_test_{}.png"
_FOUND: Final = answers([[_ADDRESS.format("000123"), _ADDRESS.format("000007")], 200])
_COUNTED: Final = answers(["16000,16000", 200])
_PICTURE: Final = bytes_of("image/*", ranges=True)


def failure(status: int, sentence: str) -> list[Any]:  # noqa: ARG001 # the body's number is the older server's own
    """How this server says no."""
    return [f"Error with {sentence}", 400]


class _Router(APIRouter):
    failure: Callable[[int, str], Any] = staticmethod(failure)


def routes(served: Served) -> APIRouter:
    """The routes over ``served``."""
    router = _Router(tags=["image-text"])
    parts = served.parts

    @router.get("/countTable", summary="Count a table", responses=_COUNTED)
    async def do_count_images_api(table_name: Table = None) -> Response:
        """``"<vectors>,<rows>"``. A copy at another path is a row, and counts as a vector too."""
        return Json([await parts.fetches.run(_counted, served, table_name), 200])

    @router.get("/getImage", summary="A picture by its name", response_class=Response, responses=_PICTURE)
    async def image_endpoint(
        request: Request,
        img: Annotated[str | None, Query(description="A file's name, as a search's answer has it.")] = None,
        image_path: Annotated[str | None, Query(description="Which one, where several have that name.")] = None,
    ) -> Response:
        """Its bytes, or the range asked for; only pictures that some table has."""
        if not img:
            raise Refused(400, "the request names no picture", hint="?img=css_test_000123.png, as an answer has it")
        path = image_path or await parts.fetches.run(path_of, served, img)
        return await parts.fetches.run(file_at, request, served, path)

    @router.post("/getSimilarResult", summary="Search by a picture and words", responses=_FOUND)
    async def do_search_images_api(
        request: Request,
        text: Annotated[str | None, Query(alias="Text", description="How the picture is to change.")] = None,
        image: Annotated[UploadFile | None, File(alias="Image")] = None,
        table_name: Table = None,
    ) -> Response:
        """The addresses of the pictures that are most like the changed one, the nearest first; ten, or ``TOP_K``."""
        names = await parts.searches.run(_searched, served, example_of(image, "Image"), text, table_name)
        base = base_of(request)
        return Json([[f"{base}/getImage?img={name}" for name in names], 200])

    return router


def _counted(served: Served, table: str | None) -> str:
    """Raises Refused (404)."""
    opened = served.needed(table)
    rows = opened.count_sources()
    vectors = sum(opened.vectors_in(space) for space in opened.spaces if space.active and space.kind == "image")
    return f"{rows if vectors >= opened.count() else vectors},{rows}"


def _searched(served: Served, picture: Blob, text: str | None, table: str | None) -> list[str]:
    """What stands behind ``img=``, of each row. Raises Refused, and what a search raises."""
    opened = served.needed(table)
    words = _words(text)
    _check_takes_words(served, opened)
    query = Asked((Example("blob", picture), Example("text", words)), k=served.asked(None))
    rows = [row for row in served.found(opened, query) if row.item.media_type != VECTOR_TYPE]  # those have no picture
    return [_address(row, alone=alone) for row, alone in zip(rows, leads_to(served, rows), strict=True)]


def _words(text: str | None) -> str:
    """Raises Refused (400)."""
    if not text or not text.strip():
        raise Refused(400, "the request has no words", hint="?Text=make+the+red+cube+small")
    if len(text) > _LONGEST:
        raise Refused(400, f"the words are more than {_LONGEST} characters", hint="say how the picture changes")
    return text


def _check_takes_words(served: Served, opened: OpenCollection) -> None:
    """Raises Refused (409): by a card without words they would be passed over in silence."""
    active = [space for space in opened.spaces if space.active and space.kind == "image"]
    if not any(takes_words(space.card) for space in active):
        made_with = ", ".join(space.card.name for space in active) or "no encoder of pictures"
        raise Refused(
            409,
            f"the table {opened.name} is made with {made_with}, which takes no words",
            hint=f"`morelike reembed {opened.name} --encoder {served.encoder or served.older.encoders[0]}`",
        )


def _address(row: Row, *, alone: bool) -> str:
    """A name of plain characters as it is, as the older server wrote it."""
    return quoted(row.name) if alone else f"{quote(row.name, safe='')}&image_path={quoted(row.path)}"
