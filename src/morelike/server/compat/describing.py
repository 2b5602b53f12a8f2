"""What an older server's port says of itself: ``/openapi.json`` with the answers as they are, and ``/docs`` over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse

from morelike.server import docs
from morelike.server.compat.older import Older

__all__ = ["answers", "bytes_of", "describe"]

Responses = dict[int | str, dict[str, Any]]

_FASTAPIS: Final = ("HTTPValidationError", "ValidationError")
_METHODS: Final = frozenset({"get", "post", "delete", "put", "patch"})


def answers(*samples: Any, media_type: str = "application/json", rest: Any = None) -> Responses:
    """``responses`` of a route that answers like this, or like one of these; the schema is that of the samples.

    ``rest``: what a list may have any number of, behind its first element.
    """
    shapes = [_shape(sample) for sample in samples]
    if rest is not None:
        shapes = [{"type": "array", "prefixItems": [_shape(sample[0])], "items": _shape(rest)} for sample in samples]
    different = [shape for at, shape in enumerate(shapes) if shape not in shapes[:at]]
    schema = different[0] if len(different) == 1 else {"anyOf": different}
    said = [sample for sample in samples if sample is not None]  # FastAPI leaves null out; the schema has it
    shown: dict[str, Any] = {"examples": {str(number): {"value": sample} for number, sample in enumerate(said, 1)}}
    if len(said) <= 1:
        shown = {"example": said[0]} if said else {}
    return {200: {"description": "What it answers.", "content": {media_type: {"schema": schema, **shown}}}}


def bytes_of(media_type: str, *, ranges: bool = False) -> Responses:
    """``responses`` of a route that gives a file, in part too where it knows ``ranges``."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    whole: Responses = {200: {"description": "The bytes.", "content": content}}
    return whole | {206: {"description": "Those that were asked for.", "content": content}} if ranges else whole


def describe(app: FastAPI, failure: Callable[[int, str], Any], older: Older) -> None:
    """Give the application its ``/docs``, and a document that says how it refuses: as ``failure`` does."""
    refusal = failure(404, "there is no table x: load a folder into it first")

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, older, refusal)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's own way of extending it
    page = docs.page(f"{older.title}: as the older server {older.name}", older.title)

    @app.get("/docs", include_in_schema=False)
    async def docs_page() -> HTMLResponse:
        return HTMLResponse(page)


def _document(app: FastAPI, older: Older, refusal: Mapping[str, Any]) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version=app.openapi_version,
        summary=f"As the older server {older.name} answered.",
        description="What goes wrong has a status of 400 or above, and a sentence.",
        routes=app.routes,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in _FASTAPIS:
        schemas.pop(unused, None)
    schemas["Failure"] = {"title": "Failure", **_shape(refusal), "example": refusal}
    said = {
        "description": "Why it could not be done.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}},
    }
    for path in document["paths"].values():
        for method in _METHODS & path.keys():
            responses = path[method]["responses"]
            responses.pop("422", None)
            responses["default"] = said
    return document


def _shape(sample: Any) -> dict[str, Any]:
    """The JSON schema of what a sample is one of: lists of rows like its first, or of several values that are alike;
    other lists are as long as they are.
    """
    if sample is None:
        return {"type": "null"}
    if isinstance(sample, bool):
        return {"type": "boolean", "const": sample}
    if isinstance(sample, int | float):
        return {"type": "integer" if isinstance(sample, int) else "number"}
    if isinstance(sample, str):
        return {"type": "string"}
    if isinstance(sample, Mapping):
        inner = {str(key): _shape(value) for key, value in sample.items()}
        return {"type": "object", "properties": inner, "required": list(inner)}
    shapes = [_shape(value) for value in sample]
    several = len(sample) > 1 or (sample and isinstance(sample[0], list | Mapping))
    if several and all(shape == shapes[0] for shape in shapes):
        return {"type": "array", "items": shapes[0]}
    return {"type": "array", "prefixItems": shapes, "minItems": len(shapes), "maxItems": len(shapes)}
