"""``/c/NAME/atoms`` and ``/c/NAME/fragment``: a part of a molecule that somebody picks in its drawing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request, Response

from morelike.errors import MorelikeError, QueryError
from morelike.server.answers import Json
from morelike.server.deps import parts_of
from morelike.server.errors import status_of
from morelike.server.pages.routing import page_router
from morelike.server.pages.view import library_of
from morelike.server.routes.moments import Atoms
from morelike.unpacking import configured

__all__ = ["router"]

router = page_router()

SIDE = 640
Smiles = Annotated[str, Query(min_length=1, max_length=4096)]


@router.get("/c/{name}/atoms")
async def atoms_of(request: Request, name: str, smiles: Smiles) -> Response:
    """Where the atoms stand in the drawing that the board shows, and which are bound, as JSON."""
    return await parts_of(request).pictures.run(_said, request, name, lambda modality: modality.picking(smiles, SIDE))


@router.get("/c/{name}/fragment")
async def fragment_of(request: Request, name: str, smiles: Smiles, atoms: Atoms = "") -> Response:
    """The part with these atoms as SMILES or SMARTS, as JSON; a selection that is no part has a ``problem``."""
    picked = [int(atom) for atom in atoms.split(",") if atom]
    return await parts_of(request).pictures.run(
        _said, request, name, lambda modality: {"part": modality.fragment(smiles, picked)}
    )


def _said(request: Request, name: str, ask: Any) -> Response:
    """What is not whole yet is no failure: the status is 200, as a browser complains of others."""
    library = library_of(request)
    opened = library.collection(name)
    modality = configured(opened.modality, library.settings, opened.options)
    if not hasattr(modality, "fragment"):
        raise QueryError(f"of {opened.modality} no part can be picked", hint="of molecules it can")
    try:
        return Json(ask(modality))
    except MorelikeError as error:
        if status_of(error) >= 500:
            raise
        return Json({"problem": error.message, "hint": error.hint})
