"""Downloads: several items as one file."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request, Response
from starlette.responses import StreamingResponse

from morelike.errors import NoSuchItem
from morelike.server.asked_downloads import Downloaded, DownloadRequest
from morelike.server.deps import CollectionName, api_router, needs, parts_of
from morelike.server.docs import documented, problems
from morelike.server.downloading import csv_of, json_of, picked, zip_of
from morelike.server.ranges import SEALED, disposition

__all__ = ["router"]

router = api_router("items")
TYPES: Final = {"zip": "application/zip", "csv": "text/csv; charset=utf-8", "json": "application/json"}
_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
ANSWER: Final[dict[str, Any]] = {
    "description": "The file.",
    "model": Downloaded,
    "content": {"application/zip": _BYTES, "text/csv": _BYTES, **documented("downloaded")},
}


@router.post(
    "/collections/{collection}/download",
    summary="Download several",
    response_class=Response,
    openapi_extra=needs("reader"),
    responses={200: ANSWER, **problems(404, 413, 422, 503)},
)
def download(request: Request, collection: CollectionName, asked: DownloadRequest) -> Response:
    """Originals as a ZIP, or what is known of the items as CSV or JSON, made while it is sent. What is not there, or
    cannot be read, is named in the archive's `errors.txt`, under `missing`, or in a row with its id alone; where none
    of the items is there, it is a problem.
    """
    opened = parts_of(request).library.collection(collection)
    chosen = picked(opened, asked.items)
    if all(one.item is None for one in chosen):
        raise NoSuchItem(f"none of the {len(chosen)} items is in {opened.name}", hint="they may have been removed")
    made = {"zip": lambda: zip_of(opened, chosen), "csv": lambda: csv_of(chosen), "json": lambda: json_of(chosen)}
    headers = {
        "Cache-Control": "private, no-store",
        "Content-Disposition": disposition(f"{opened.name}.{asked.format}", shown=False),
        "Content-Security-Policy": SEALED,
    }
    return StreamingResponse(made[asked.format](), headers=headers, media_type=TYPES[asked.format])
