"""Items: add, list, look at, change, remove; their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Query, Request, Response
from starlette.datastructures import UploadFile

from morelike.collection import OpenCollection
from morelike.records import ItemSort
from morelike.server.adding import add_uploads, check_sources
from morelike.server.answers import Json
from morelike.server.asked_items import AddRequest, Each, EachFile, PatchItem, PatchItems, RemoveRequest
from morelike.server.bodies import field_of, form_of, json_of, kind_of_body, object_of, parse, truth_of
from morelike.server.deps import CollectionName, ItemId, Limit, Offset, api_router, needs, parts_of
from morelike.server.docs import ADD_BODY, binary_response, documented, json_response, problems
from morelike.server.envelope import HEAD
from morelike.server.errors import Invalid
from morelike.server.ranges import elsewhere, matches, serve
from morelike.server.routes.jobs import accepted
from morelike.server.schemas import ItemList, ItemOut, JobOut, Removed, UploadReport
from morelike.server.schemas_collections import Changed, Purged, TagList
from morelike.shapes import item_shape, tags_shape

__all__ = ["router"]

router = api_router("items")
MOST_TAGS = 100
LONGEST_TAG = 200
LINK_SECONDS = 600
_OF_ADDING = ("metadata", "only", "retry", "sync", "tags")
"""What a dry run does not ask for."""
State = Literal["pending", "ready", "rejected", "deleting", "duplicate", "any"]


@router.post(
    "/collections/{collection}/items",
    status_code=201,
    summary="Add items",
    openapi_extra=needs("writer", requestBody=ADD_BODY),
    responses={
        **json_response("Files were added; all of them are durable.", documented("upload"), UploadReport, status=201),
        **json_response("No file was new.", documented("upload"), UploadReport, status=200),
        **json_response("The sources are being added by a job.", documented("job"), JobOut, status=202),
        **problems(400, 403, 404, 413, 415, 422, 503, 507),
    },
)
async def add_items(request: Request, collection: CollectionName) -> Response:
    """Files as multipart parts named `files`: the answer comes when they are durable and searchable, and says of each
    what became of it; `each` says where they were found. Or JSON that names sources, http(s) addresses and places below
    the server's `--allow-root` folders, which a job then adds, or with `dry_run` only looks at.
    """
    parts = parts_of(request)
    if kind_of_body(request) == "json":
        asked = await json_of(request, AddRequest)

        def enqueue() -> Response:
            parts.library.collection(collection)
            check_sources(asked.sources, asked.exclude, parts.library.settings)
            left_out = {"dry_run", *(_OF_ADDING if asked.dry_run else ("sample",))}
            arguments = asked.model_dump(exclude_defaults=True, exclude=left_out)
            return accepted(parts.library.jobs.add("dry-run" if asked.dry_run else "add", collection, arguments))

        return await parts.fetches.run(enqueue)
    async with form_of(request, "files", "file", "tags", "metadata", "each", "retry") as form:
        files = [one for one in form.getlist("files") + form.getlist("file") if isinstance(one, UploadFile)]
        tags = _tags([one for one in form.getlist("tags") if isinstance(one, str)])
        metadata = object_of(_text(form.get("metadata")), "metadata")
        each = _each(field_of(form, "each"), len(files))
        retry = truth_of(field_of(form, "retry"), "retry", default=True)

        def add() -> Response:
            opened = parts.library.collection(collection)
            report = add_uploads(opened, files, tags=tags, metadata=metadata, each=each, retry=retry)
            return Json(report, 201 if report["added"] else 200)

        return await parts.uploads.run(add)


def _each(text: str | None, files: int) -> list[EachFile] | None:
    """What is said of each file. Raises Invalid."""
    if text is None:
        return None
    try:
        each = parse(text, Each).root
    except Invalid as error:
        raise Invalid([{**one, "loc": ("each", *one["loc"])} for one in error.found]) from None
    if len(each) != files:
        raise Invalid([{"loc": ("each",), "msg": f"has {len(each)} entries for {files} files"}])
    if len({one.uri for one in each}) != files:
        raise Invalid([{"loc": ("each",), "msg": "two files have one uri"}])
    return each


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _tags(given: list[str]) -> list[str]:
    tags = [tag.strip() for tag in given if tag.strip()]
    if len(tags) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in tags):
        raise Invalid([{"loc": ("tags",), "msg": f"at most {MOST_TAGS} tags of {LONGEST_TAG} characters"}])
    return tags


@router.get(
    "/collections/{collection}/items",
    summary="List items",
    responses={**json_response("A page of them.", documented("items"), ItemList), **problems(400, 404)},
)
def list_items(  # noqa: PLR0917 - FastAPI names them
    request: Request,
    collection: CollectionName,
    filter: Annotated[str, Query(max_length=10_000, description="Only items that match.")] = "",
    state: Annotated[State, Query(description="Only items in this state.")] = "ready",
    offset: Offset = 0,
    limit: Limit = 100,
    sort: Annotated[ItemSort, Query(description="By arrival, by the first source's name, or by bytes.")] = "added",
    descending: Annotated[bool, Query(description="The last, the newest or the largest first.")] = False,
) -> Response:
    """A page of items, oldest first where nothing else is asked for; those that are searchable where no state is named.
    By name A to Z stand as a to z, all else by code point; equal items stand in order of arrival.
    """
    opened = parts_of(request).library.collection(collection)
    wanted = None if state == "any" else state
    found = opened.items(
        filter=filter.strip() or None,
        state=wanted,
        offset=offset,
        limit=limit + 1,
        sort=sort,
        descending=descending,
    )
    return Json({"items": [item_shape(item) for item in found[:limit]], "more": len(found) > limit})


@router.get(
    "/collections/{collection}/tags",
    summary="List tags",
    responses={**json_response("A page of them.", documented("tags"), TagList), **problems(404)},
)
def list_tags(
    request: Request,
    collection: CollectionName,
    prefix: Annotated[
        str, Query(max_length=LONGEST_TAG, description="Only tags that begin with it, in upper or lower case.")
    ] = "",
    offset: Offset = 0,
    limit: Limit = 1000,
) -> Response:
    """Tags of searchable items with how many have each, the most frequent first, equally frequent ones by name."""
    opened = parts_of(request).library.collection(collection)
    found = list(opened.tags(prefix=prefix, offset=offset, limit=limit + 1).items())
    return Json(tags_shape(found[:limit], more=len(found) > limit))


@router.patch(
    "/collections/{collection}/items",
    summary="Tag and annotate several",
    responses={**json_response("It is done.", documented("changed"), Changed), **problems(404, 413, 422, 503)},
)
async def change_items(request: Request, collection: CollectionName, change: PatchItems) -> Response:
    """Add and remove tags of several items, and merge metadata into what people wrote about them."""
    parts = parts_of(request)

    def make_it_so() -> Response:
        opened = parts.library.collection(collection)
        return Json({"changed": len(_changed(opened, list(dict.fromkeys(change.items)), change))})

    return await parts.writes.run(make_it_so)


def _changed(opened: OpenCollection, given: Sequence[str], change: PatchItem) -> set[str]:
    """The whole ids of the items, which are as they are to be now. Raises NoSuchItem before anything is changed."""
    there = opened.known(given)
    whole = {one if one in there else opened.item(one).id for one in given}
    if change.add_tags or change.remove_tags:
        opened.tag(sorted(whole), add=change.add_tags, remove=change.remove_tags)
    if change.metadata:
        opened.annotate(sorted(whole), change.metadata)
    return whole


@router.post(
    "/collections/{collection}/remove",
    summary="Remove several",
    responses={**json_response("They are gone.", documented("purged"), Purged), **problems(404, 413, 422, 503)},
)
async def remove_items(request: Request, collection: CollectionName, asked: RemoveRequest) -> Response:
    """Remove items with their vectors and kept bytes; or sources, and the items that have none left then. An item that
    is not there is a problem, and nothing is removed.
    """
    parts = parts_of(request)

    def remove() -> Response:
        opened = parts.library.collection(collection)
        removed = opened.remove(asked.items) if asked.items else opened.remove_sources(asked.sources)
        return Json({"removed": removed})

    return await parts.writes.run(remove)


@router.get(
    "/collections/{collection}/items/{item}",
    summary="One item",
    responses={**json_response("The item.", documented("item"), ItemOut), **problems(404)},
)
def one_item(request: Request, collection: CollectionName, item: ItemId) -> Response:
    """All that is known of it."""
    return Json(item_shape(parts_of(request).library.collection(collection).item(item)))


@router.patch(
    "/collections/{collection}/items/{item}",
    summary="Tag and annotate",
    responses={**json_response("The item as it is now.", documented("item"), ItemOut), **problems(404, 413, 422, 503)},
)
async def change_item(request: Request, collection: CollectionName, item: ItemId, change: PatchItem) -> Response:
    """Add and remove tags; merge metadata into what people wrote about the item."""
    parts = parts_of(request)

    def make_it_so() -> Response:
        opened = parts.library.collection(collection)
        (whole,) = _changed(opened, [item], change)
        return Json(item_shape(opened.item(whole)))

    return await parts.writes.run(make_it_so)


@router.delete(
    "/collections/{collection}/items/{item}",
    summary="Remove an item",
    responses={**json_response("It is gone.", documented("removed"), Removed), **problems(404, 503)},
)
async def remove_item(request: Request, collection: CollectionName, item: ItemId) -> Response:
    """Remove it with its vectors and kept bytes; a file that was added in place stays where it is."""
    parts = parts_of(request)

    def remove() -> Response:
        opened = parts.library.collection(collection)
        whole = opened.item(item).id
        return Json({"removed": opened.remove([whole]), "items": [whole]})

    return await parts.writes.run(remove)


@router.get(
    "/collections/{collection}/items/{item}/content",
    summary="The original",
    response_class=Response,
    responses={
        **binary_response(200, "All bytes."),
        **binary_response(206, "The bytes that `Range` asked for."),
        304: {"description": "The client has them: `If-None-Match`."},
        307: {"description": "They are at a presigned link, for minutes: only where `s3_links` is set."},
        **problems(404, 410, 416, 503),
    },
)
def content(request: Request, collection: CollectionName, item: ItemId) -> Response:
    """The item's bytes as they were added. One range at a time; a type that a browser could run is only downloaded."""
    opened = parts_of(request).library.collection(collection)
    found = opened.item(item)
    etag = f'"{found.digest.blake3}"'
    if not request.scope.get(HEAD) and not matches(request, etag):
        link = opened.link(found.id, seconds=LINK_SECONDS)
        if link is not None:
            return elsewhere(link, LINK_SECONDS)
    return serve(request, opened.blob(found.id), media_type=found.media_type, etag=etag, size=found.digest.size)
