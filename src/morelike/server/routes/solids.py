"""3D models for viewers."""

from __future__ import annotations

from fastapi import Request, Response

from morelike.server.deps import CollectionName, ItemId, api_router, parts_of
from morelike.server.docs import binary_response, problems
from morelike.server.ranges import SEALED, matches

__all__ = ["router"]

router = api_router("items")


@router.get(
    "/collections/{collection}/items/{item}/model",
    summary="A 3D model as GLB",
    response_class=Response,
    responses={
        **binary_response(200, "The model.", "model/gltf-binary"),
        304: {"description": "The client has it: `If-None-Match`."},
        **problems(404, 410, 422, 503),
    },
)
async def model(request: Request, collection: CollectionName, item: ItemId) -> Response:
    """Its surface as a viewer takes it, whatever the format of its file: mended, y upwards, without colours."""
    return await parts_of(request).pictures.run(_model, request, collection, item)


def _model(request: Request, collection: str, item: str) -> Response:
    """Blocks. Raises NoSuchItem, OriginalGone, DecodeError."""
    opened = parts_of(request).library.collection(collection)
    up = str(opened.options.get("up", ""))
    etag = f'"{opened.item(item).digest.blake3[:32]}-model-{"z" if up == "z" else "y"}"'
    headers = {"Cache-Control": "private, no-cache", "Content-Security-Policy": SEALED, "ETag": etag}
    if matches(request, etag):
        return Response(status_code=304, headers=headers)
    made = opened.model(item)
    return Response(made.data, media_type=made.media_type, headers=headers)
