"""One item with all that is known of it, and the list of all items."""

from __future__ import annotations

from fastapi import Request, Response
from starlette.datastructures import FormData

from morelike.errors import MorelikeError
from morelike.server.deps import parts_of
from morelike.server.errors import status_of
from morelike.server.pages.board import Board
from morelike.server.pages.routing import SentForm, page_router
from morelike.server.pages.view import collection_path, item_path, library_of, redirect, render

__all__ = ["router"]

router = page_router()

PAGE = 60


@router.get("/c/{name}/items")
def items_page(request: Request, name: str) -> Response:
    """A page of items, oldest first."""
    opened = library_of(request).collection(name)
    error: MorelikeError | None = None
    board = Board()
    try:
        board = Board.read(request.query_params)
        items = opened.items(filter=board.filter or None, offset=board.offset, limit=PAGE + 1)
        count = opened.count(filter=board.filter or None)
    except MorelikeError as failed:
        error, items, count = failed, [], 0
    return render(
        request,
        "items.html",
        status=200 if error is None else status_of(error),
        collection=opened,
        items=items[:PAGE],
        count=count,
        board=board,
        before=board.page(max(0, board.offset - PAGE)) if board.offset else None,
        after=board.page(board.offset + PAGE) if len(items) > PAGE else None,
        error=error,
    )


@router.get("/i/{collection}/{item_id}")
def item_page(request: Request, collection: str, item_id: str) -> Response:
    """The record of one item."""
    opened = library_of(request).collection(collection)
    return render(request, "item.html", collection=opened, item=opened.item(item_id))


@router.post("/i/{collection}/{item_id}/tags")
async def tag_item(request: Request, collection: str, item_id: str, form: SentForm) -> Response:
    """Add the tags of the field ``add`` (between commas), remove the one of ``remove``."""
    return await parts_of(request).writes.run(_tag_item, request, collection, item_id, form)


def _tag_item(request: Request, collection: str, item_id: str, form: FormData) -> Response:
    opened = library_of(request).collection(collection)
    add = [tag.strip() for tag in str(form.get("add") or "").split(",") if tag.strip()]
    remove = [str(tag) for tag in form.getlist("remove") if tag]
    opened.tag([item_id], add, remove)
    return redirect(item_path(collection, opened.item(item_id).id))


@router.post("/i/{collection}/{item_id}/remove")
async def remove_item(request: Request, collection: str, item_id: str) -> Response:
    """Take an item out of the collection."""
    return await parts_of(request).writes.run(_remove_item, request, collection, item_id)


def _remove_item(request: Request, collection: str, item_id: str) -> Response:
    opened = library_of(request).collection(collection)
    opened.remove([item_id])
    return redirect(collection_path(collection, "items"))
