"""Audio search: sounds of a folder in a table, found by a sound; the forms of 2020 to 2023 beside one another.

Where two of them clash at one path the last one is answered: ``/audio/count`` and ``/audio/search`` give what the
servers of 2022 and 2023 gave, not the lists around ``rows_milvus`` and ``spectrogram`` of 2020.

The older servers made one vector of a whole recording. Here one of up to two minutes has one vector too, a longer one
has one a minute, and its distance is that of its nearest minute; an answer has one row a file either way.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from io import BytesIO
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, File, Query, Request, Response, UploadFile

from morelike.server.answers import Json
from morelike.server.compat.answering import (
    Item,
    base_of,
    example_of,
    file_at,
    file_here,
    progress_of,
    quoted,
    uploaded,
)
from morelike.server.compat.describing import answers, bytes_of
from morelike.server.compat.served import Row, Served
from morelike.server.errors import Refused
from morelike.sources.archives import ArchiveWalk
from morelike.sources.containers import Box, container
from morelike.sources.globs import Globs
from morelike.types import Preview

__all__ = ["routes"]

LOADED: Final = {"status": True, "msg": "Successfully loaded data!"}
INSERTED: Final = [{"status": True, "msg": "insert successfully!"}, 200]
MISSING: Final = "Collection is not exist"
DRAWN: Final = 1024
"""Pixels across a picture of a sound."""
Table = Annotated[str | None, Query(description="The table; none: the server's own.")]
OldTable = Annotated[str | None, Query(alias="Table", description="The same, as the server of 2021 called it.")]
Place = Annotated[str | None, Query(max_length=4096, description="A file of the server's machine.")]

_ROWS: Final = answers([["http://127.0.0.1:8002/data?audio_path=/data/sounds/a.wav", ["a.wav", 0.0312]]])
_SOUND: Final = bytes_of("audio/*", ranges=True)


def routes(served: Served) -> APIRouter:
    """The routes over ``served``."""
    router = APIRouter(tags=["audio"])
    _add_tables(router, served)
    _add_searches(router, served)
    _add_files(router, served)
    return router


def _add_tables(router: APIRouter, served: Served) -> None:
    parts = served.parts

    @router.get("/progress", summary="How far loading is", responses=answers("current: 20, total: 20"))
    async def progress() -> Response:
        """``current: 20, total: 20``, as a JSON string."""
        return Json(progress_of(served))

    @router.post("/audio/load", summary="Load a folder", responses=answers(LOADED))
    async def load_audios(
        item: Annotated[Item | None, Body()] = None,
        table: OldTable = None,
        file: Annotated[str | None, Query(alias="File", max_length=4096)] = None,
    ) -> Response:
        """Answers when all of it is searchable. Bad files are passed over, and stand in the library's ledger."""
        folder, name = (item.file or file, item.table or table) if item is not None else (file, table)
        await served.loads.run(served.load, folder, name)
        return Json(LOADED)

    @router.post("/audio/insert", summary="Load a zip of sounds", responses=answers(INSERTED))
    async def insert(file: Annotated[UploadFile | None, File()] = None, table_name: Table = None) -> Response:
        """Takes in the sounds of an uploaded archive, which the library keeps."""
        if file is None:
            raise Refused(400, "the request has no file named file", hint="multipart/form-data with a zip of sounds")
        await served.loads.run(_insert, served, file, table_name)
        return Json(INSERTED)

    @router.get("/audio/count", summary="Count the rows", responses=answers(20, None))
    async def count_audio(table_name: Table = None) -> Response:
        """How many files the table has, copies too; null where there is no such table."""
        return Json(await parts.fetches.run(served.count_rows, table_name))

    @router.post("/audio/drop", summary="Drop a table", responses=answers("ok", MISSING))
    async def drop_tables(table_name: Table = None) -> Response:
        """The files themselves stay where they are. A body is not looked at."""
        dropped = await parts.writes.run(served.drop, table_name)
        return Json("ok" if dropped else MISSING)


def _add_searches(router: APIRouter, served: Served) -> None:
    parts = served.parts

    @router.post("/audio/search", summary="Search by an upload", responses=_ROWS)
    async def search_audio(
        request: Request,
        audio: Annotated[UploadFile | None, File()] = None,
        table_name: Table = None,
        table: OldTable = None,
        path: Annotated[str | None, Query(alias="Audio", max_length=4096)] = None,
    ) -> Response:
        """``[[address, [name, distance]], …]``, the nearest first. ``Audio`` names a file of the server's machine."""
        name = table_name or table
        if audio is None and path is not None:
            return await _searched_at(request, path, name)
        example = example_of(audio, "audio")
        return _shapes(request, await parts.searches.run(served.search, example, name))

    @router.post("/audio/search/local", summary="Search by a file of the server's machine", responses=_ROWS)
    async def search_local_audio(
        request: Request, query_audio_path: Place = None, table_name: Table = None
    ) -> Response:
        """The same answer, for a file below a folder that requests may name, or one of a table."""
        return await _searched_at(request, query_audio_path, table_name)

    async def _searched_at(request: Request, path: str | None, table: str | None) -> Response:
        def search() -> list[Row]:
            instead = "upload the sound to /audio/search"
            example = file_here(served, path, of="sound", parameter="query_audio_path", instead=instead)
            return served.search(example, table)

        return _shapes(request, await parts.searches.run(search))


def _add_files(router: APIRouter, served: Served) -> None:
    parts = served.parts

    @router.get("/data", summary="A file of a table", response_class=Response, responses=_SOUND)
    async def data(request: Request, audio_path: Place = None, audio_file_path: Place = None) -> Response:
        """Its bytes, or the range asked for; only files that some table has."""
        return await parts.fetches.run(file_at, request, served, audio_path or audio_file_path)

    @router.get(
        "/getAudio", summary="A file of a table, by its name of 2020", response_class=Response, responses=_SOUND
    )
    async def get_audio(request: Request, audio: Place = None) -> Response:
        """As ``/data``."""
        return await parts.fetches.run(file_at, request, served, audio)

    @router.get(
        "/getSpectrogram", summary="A picture of a sound", response_class=Response, responses=bytes_of("image/png")
    )
    async def get_spectrogram(image: Place = None) -> Response:
        """A PNG: the waveform above the spectrogram of a sound of some table, by the sound's path."""
        made = await parts.pictures.run(_spectrogram, served, image)
        return Response(made.data, media_type=made.media_type)


def _shapes(request: Request, rows: list[Row]) -> Response:
    base = base_of(request)
    shapes: list[Any] = [[f"{base}/data?audio_path={quoted(row.path)}", [row.name, row.distance]] for row in rows]
    return Json(shapes)


def _insert(served: Served, file: UploadFile, table: str | None) -> None:
    """Raises Refused where nothing of the archive could be taken in."""
    whole = uploaded(file)
    box = Box(whole.uri, whole.open, whole.size or 0, None)
    with box.open() as stream:
        if container(stream) is None:
            raise Refused(400, f"{whole.name} is no zip archive", hint="put the sounds into a zip file, and send that")
    members = ArchiveWalk(served.library.settings, Globs(())).blobs(box)
    # the archive itself is among them where it is damaged
    sounds = [one for one in members if one.uri == box.uri or _is_sound(one.name, served.older.formats)]
    if not sounds:
        formats = ", ".join(glob.removeprefix("*") for glob in served.older.formats)
        raise Refused(422, f"{whole.name} holds no sounds", hint=f"files that end in {formats} are taken")
    report = served.keep(sounds, table)
    if not report.added + report.same:
        why = report.rejections[0].reason if report.rejections else "its sounds were rejected before"
        raise Refused(422, f"nothing of {whole.name} could be taken in: {why}")


def _is_sound(name: str, formats: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name.casefold(), glob) for glob in formats)


def _spectrogram(served: Served, path: str | None) -> Preview:
    """Raises Refused (400, 404), OriginalGone, DecodeError."""
    if not path:
        raise Refused(400, "the request names no sound", hint="the path of a search's answer")
    opened, item_id = served.place(path)
    key = f"{opened.item(item_id).digest.blake3}-older-{DRAWN}"
    return served.parts.previews.get(key, lambda: _as_png(opened.preview(item_id, DRAWN)))


def _as_png(drawn: Preview) -> Preview:
    from PIL import Image

    buffer = BytesIO()
    with Image.open(BytesIO(drawn.data)) as picture:
        picture.save(buffer, "PNG")
    return Preview(buffer.getvalue(), "image/png", drawn.width, drawn.height)
