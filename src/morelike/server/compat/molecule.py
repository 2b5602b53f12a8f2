"""Molecule search: the molecules of a file or folder of this machine in a table, found by a SMILES.

Distances are those of the older server, 1 - Tanimoto of Morgan fingerprints of 512 bits, of the molecules as they were
written, salts and charges included. Its web client searches at each letter that is typed and shows a text as a note:
what is no molecule yet is therefore answered with 200 and a sentence.
"""

from __future__ import annotations

from io import BytesIO
from typing import Annotated, Any, Final

import blake3
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, field_validator

from morelike.collection import OpenCollection
from morelike.errors import DecodeError, EncodeError, MorelikeError, NoSuchCollection
from morelike.registry import MODALITIES
from morelike.server.answers import Json
from morelike.server.compat.answering import Item, base_of, progress_of
from morelike.server.compat.describing import answers, bytes_of
from morelike.server.compat.served import MOST_ASKED, Row, Served
from morelike.server.errors import Refused
from morelike.types import Example, Preview
from morelike.types import Item as Indexed
from morelike.types import Query as Asked

__all__ = ["routes"]

LOADED: Final = {"status": True, "msg": "Successfully loaded data!"}
MISSING: Final = "When drop table, there has no table named {}"
SIDE: Final = 500
"""Pixels of a picture, each way."""
_SMILES: Final = "chemical/x-daylight-smiles"
_LONGEST: Final = 64 * 1024
"""Bytes of a line with a SMILES and its title."""
Table = Annotated[str | None, Query(description="The table; none: the server's own.")]

_ROWS: Final = answers(
    [["Cc1ccc(cc1)S(N)(=O)=O", ["http://127.0.0.1:5000/data?mols_path=4503599627370495", 0.125]]],
    "this is no SMILES: the ring 1 is not closed, at character 2: c1ccc",
)


class Wanted(BaseModel):
    """What is searched for, and in which table."""

    table: str | None = Field(None, alias="Table")
    mol: str = Field(alias="Mol", description="A SMILES, or an InChI.")
    num: int | None = Field(None, alias="Num", description=f"How many rows, 1 to {MOST_ASKED}.")

    @field_validator("num", mode="before")
    @classmethod
    def _blank(cls, value: Any) -> Any:
        return None if value == "" else value


def routes(served: Served) -> APIRouter:
    """The routes over ``served``. Raises MissingExtra without RDKit."""
    MODALITIES.load("molecule")(served.library.settings)  # said at the start, not at the first load
    router = APIRouter(tags=["molecule"])
    _add_tables(router, served)
    _add_searches(router, served)
    return router


def _add_tables(router: APIRouter, served: Served) -> None:
    parts = served.parts

    @router.get("/progress", summary="How far loading is", responses=answers("current: 20, total: 20"))
    async def get_progress() -> Response:
        """``current: 20, total: 20``, as a JSON string. The two are the same only where nothing is being loaded."""
        return Json(progress_of(served))

    @router.post("/data/load", summary="Load a file or a folder", responses=answers(LOADED))
    async def load_data(item: Item) -> Response:
        """Lists of SMILES, SDF, tables with a column ``smiles``. Answers when all of it is searchable; bad lines are
        passed over, and stand in the library's ledger.
        """
        await served.loads.run(served.load, item.file, item.table)
        return Json(LOADED)

    @router.post("/data/count", summary="Count the molecules", responses=answers(20, None))
    async def count_data(table_name: Table = None) -> Response:
        """A molecule that stands in several lines counts as often; null where there is no such table."""
        return Json(await parts.fetches.run(served.count_rows, table_name))

    @router.post("/data/drop", summary="Drop a table", responses=answers("ok"))
    async def drop_tables(table_name: Table = None) -> Response:
        """``ok``; an error where there is no such table. The files themselves stay where they are."""
        if not await parts.writes.run(served.drop, table_name):
            raise Refused(404, MISSING.format(served.named(table_name)))
        return Json("ok")


def _add_searches(router: APIRouter, served: Served) -> None:
    parts = served.parts

    @router.post("/data/search", summary="Search by a molecule", responses=_ROWS)
    async def search_data(request: Request, item: Wanted) -> Response:
        """``[[SMILES, [address of its picture, distance]], …]``, the nearest first; a sentence, with 200, where ``Mol``
        is no molecule.
        """
        found = await parts.searches.run(_searched, served, item)
        if isinstance(found, str):
            return Json(found)
        base = base_of(request)
        shapes: list[Any] = [
            [smiles, [f"{base}/data?mols_path={row.hit.segment}", row.distance]] for smiles, row in found
        ]
        return Json(shapes)

    @router.get("/data", summary="A picture of a molecule", response_class=Response, responses=bytes_of("image/png"))
    async def mols_img(
        mols_path: Annotated[str | None, Query(description="The number in a search's answer.")] = None,
    ) -> Response:
        """A PNG of 500 by 500 pixels; only of molecules that some table has."""
        made = await parts.pictures.run(_drawn, served, mols_path)
        return Response(made.data, media_type=made.media_type)


def _searched(served: Served, wanted: Wanted) -> list[tuple[str, Row]] | str:
    """(SMILES, row) for each row, or why ``Mol`` is no molecule. Raises Refused, and what a search raises."""
    opened, k = served.needed(wanted.table), served.asked(wanted.num)
    try:
        rows = served.found(opened, Asked((Example("text", wanted.mol),), k=k))
    except (DecodeError, EncodeError) as error:
        return f"{error.message}: {error.hint}" if error.hint else error.message
    items = {row.hit.item: row.item for row in rows}
    written = {item_id: _written(opened, item) for item_id, item in items.items()}
    return [(written[row.hit.item], row) for row in rows]


def _written(opened: OpenCollection, item: Indexed) -> str:
    """The SMILES as it came; the canonical one where the molecule came in another form, or its bytes are gone."""
    if item.media_type == _SMILES:
        try:
            words = opened.blob(item.id).read(_LONGEST).decode("utf-8", "replace").split(None, 1)
        except (MorelikeError, OSError):
            words = []
        if words:
            return words[0]
    return str(item.info.get("smiles", ""))


def _drawn(served: Served, number: str | None) -> Preview:
    """Raises Refused (400, 404), OriginalGone, DecodeError where it has too many atoms to be drawn."""
    if not number:
        raise Refused(400, "the request names no molecule", hint="the address in a search's answer")
    opened, item = _place(served, number)
    key = f"{blake3.blake3(str(item.info.get('smiles', item.id)).encode()).hexdigest()}-older-{SIDE}"
    return served.parts.previews.get(key, lambda: _square(opened.preview(item.id, SIDE)))


def _place(served: Served, number: str) -> tuple[OpenCollection, Indexed]:
    """The table that has a molecule of this number, and the molecule. Raises Refused (404)."""
    if number.isascii() and number.isdigit() and len(number) <= 19 and int(number) < 2**63:
        for name in served.library.names(served.older.modality):
            try:
                opened = served.library.collection(name)
            except NoSuchCollection:  # dropped this moment
                continue
            segment = opened.segment(int(number))
            if segment is not None:
                return opened, opened.item(segment.item_id)
    raise Refused(404, "no table has such a molecule", hint="numbers come from a search's answer")


def _square(drawn: Preview) -> Preview:
    """On a white square, as the older server's pictures were."""
    from PIL import Image

    square, stream = Image.new("RGB", (SIDE, SIDE), "white"), BytesIO()
    with Image.open(BytesIO(drawn.data)) as picture:
        square.paste(picture.convert("RGB"), ((SIDE - picture.width) // 2, (SIDE - picture.height) // 2))
    square.save(stream, "PNG")
    return Preview(stream.getvalue(), "image/png", SIDE, SIDE)
