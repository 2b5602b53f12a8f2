"""The words of the OpenAPI document: responses, problems, examples; and ``/docs``, which shows it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from morelike.server.asked import (
    MOST_PARTS,
    CompareForm,
    CompareRequest,
    SearchForm,
    SearchRequest,
    SeveralForm,
    SeveralRequest,
)
from morelike.server.asked_items import AddRequest, EachFile
from morelike.server.errors import MEDIA_TYPE
from morelike.server.samples import SAMPLES
from morelike.server.schemas import Problem

__all__ = [
    "ADD_BODY",
    "COMPARE_BODY",
    "SEARCH_BODY",
    "SEVERAL_BODY",
    "binary_response",
    "describe",
    "documented",
    "example",
    "json_response",
    "page",
    "problems",
    "router",
]

router = APIRouter(include_in_schema=False)

Responses = dict[int | str, dict[str, Any]]

_PROBLEMS: Final[Mapping[int, str]] = {
    400: "The request cannot work as it was made.",
    401: "A key is needed, and the request has none that the server knows.",
    403: "The key's role does not allow this; or another site's page asked.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    409: "It does not fit what is there already.",
    410: "The original is not where it was.",
    413: "The body is too large.",
    415: "A body of this type is not read here.",
    416: "The content has none of the bytes asked for.",
    422: "A field has a value that cannot be used, or a file that cannot be read.",
    500: "A fault of the server, or a library that is damaged; the log says more.",
    503: "The server is busy, or something it needs is not there or cannot be written; `Retry-After`, where it is set, "
    "says when to try again.",
    507: "The disk is full; nothing acknowledged was lost.",
}
_ALWAYS: Final = (400, 401, 403, 422, 500)

DESCRIPTION: Final = """\
Search by example over HTTP. Scores are higher for closer, whatever the encoder.

Every failure is a problem document (RFC 9457) with a `hint` that says what to do next. Where the library has API keys,
each request needs one: `Authorization: Bearer ml_…`. A reader may look and search, a writer may also add, change and
remove items, an admin may do everything.
"""


def problems(*statuses: int) -> Responses:
    """Those problems, and the ones that every route may have."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    chosen = sorted({*statuses, *_ALWAYS})
    return {status: {"description": _PROBLEMS[status], "content": content} for status in chosen}


def example(value: Any) -> dict[str, Any]:
    """The content of a JSON response with an example."""
    return {"application/json": {"example": value}}


def documented(name: str) -> dict[str, Any]:
    """The same, with an example of samples.py."""
    return example(SAMPLES[name])


def json_response(description: str, content: dict[str, Any], model: Any = None, *, status: int = 200) -> Responses:
    """One response. ``model`` describes it; nothing is checked against it when it is sent."""
    described: dict[str, Any] = {"description": description, "content": content}
    return {status: described if model is None else {**described, "model": model}}


def binary_response(status: int, description: str, media_type: str = "*/*") -> Responses:
    return {
        status: {
            "description": description,
            "content": {media_type: {"schema": {"type": "string", "format": "binary"}}},
        }
    }


def _files(
    model: type[BaseModel], form: type[BaseModel], name: str, sentence: str, *, most: int = MOST_PARTS
) -> dict[str, Any]:
    """A multipart body of files and a JSON part."""
    properties = {
        "example": {
            "type": "array",
            "maxItems": most,
            "items": {"type": "string", "format": "binary"},
            "description": sentence,
        },
        "query": {"$ref": f"#/components/schemas/{form.__name__}"},
    }
    return {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": f"#/components/schemas/{model.__name__}"},
                "examples": {
                    key: {"summary": key.replace("_", " "), "value": value} for key, value in SAMPLES[name].items()
                },
            },
            "multipart/form-data": {
                "schema": {"type": "object", "properties": properties, "additionalProperties": False},
                "encoding": {"query": {"contentType": "application/json"}},
            },
        },
    }


SEARCH_BODY: Final = _files(
    SearchRequest, SearchForm, "queries", "Pictures to search with; `file` in a query counts them from 0."
)
SEVERAL_BODY: Final = _files(SeveralRequest, SeveralForm, "several", "Pictures to search with.")
COMPARE_BODY: Final = _files(CompareRequest, CompareForm, "compare", "Pictures to compare.", most=2)
ADD_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["files"],
                "properties": {
                    "files": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 100,
                        "items": {"type": "string", "format": "binary"},
                        "description": "The files; only the last part of their names is kept.",
                    },
                    "tags": {
                        "maxItems": 100,
                        "items": {"type": "string", "maxLength": 200},
                        "description": "One tag a part; a part of a form is always text.",
                    },
                    "metadata": {"type": "object", "description": "Kept with each of the files; a JSON object."},
                    "each": {
                        "type": "array",
                        "maxItems": 100,
                        "items": {"$ref": f"#/components/schemas/{EachFile.__name__}"},
                        "description": "Where each of the files was found, in their order: as many as files.",
                    },
                    "retry": {
                        "type": "boolean",
                        "default": True,
                        "description": "Try again what was rejected before and has not changed.",
                    },
                },
                "additionalProperties": False,
            },
            "encoding": {
                "metadata": {"contentType": "application/json"},
                "each": {"contentType": "application/json"},
            },
        },
        "application/json": {
            "schema": {"$ref": "#/components/schemas/AddRequest"},
            "examples": {"addresses": {"summary": "addresses", "value": SAMPLES["add"]}},
        },
    },
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with what FastAPI cannot know: the models of hand-read bodies, problems, keys."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version=app.openapi_version,
        summary="More like this: search by example.",
        description=DESCRIPTION,
        routes=app.routes,
        tags=[
            {"name": "search", "description": "Find what is most like an example."},
            {"name": "items", "description": "What a collection holds."},
            {"name": "collections", "description": "Named sets of items of one kind."},
            {"name": "jobs", "description": "Work that goes on behind a request."},
            {"name": "library", "description": "Encoders, disk space, and whether all is well."},
            {"name": "operation", "description": "For those who run the server."},
        ],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    components = document.setdefault("components", {})
    _, models = models_json_schema(
        [
            (model, "validation")
            for model in (
                AddRequest,
                CompareForm,
                CompareRequest,
                EachFile,
                Problem,
                SearchForm,
                SearchRequest,
                SeveralForm,
                SeveralRequest,
            )
        ],
        ref_template="#/components/schemas/{model}",
    )
    components.setdefault("schemas", {}).update(models["$defs"])
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    components["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key: `morelike keys add NAME --role reader|writer|admin` makes one.",
        }
    }
    document["security"] = [{"key": []}]
    app.openapi_schema = document
    return document


@router.get("/docs")
async def docs_page() -> Response:
    """Swagger UI from the package's own files: the policy of this server lets no other script run."""
    return HTMLResponse(page("morelike: the HTTP API", "the HTTP API", home="/"))


def page(title: str, subject: str, *, home: str = "") -> str:
    """Swagger UI over ``/openapi.json``. ``home``: where the mark in its corner leads; nowhere where there is none."""
    mark = '<img src="/static/mark.svg" width="24" height="24" alt="">morelike'
    corner = f'<a href="{home}">{mark}</a>' if home else mark
    return _PAGE.format(title=escape(title), corner=corner, subject=escape(subject))


_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="/static/mark.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/vendor/swagger-ui/swagger-ui.css">
<link rel="stylesheet" href="/static/docs.css">
<script src="/static/theme.js"></script>
<script src="/static/docs-theme.js"></script>
</head>
<body>
<header class="bar">{corner}
<span>{subject}</span></header>
<main id="api"><noscript>The same as JSON: <a href="/openapi.json">/openapi.json</a></noscript></main>
<script src="/static/vendor/swagger-ui/swagger-ui-bundle.js"></script>
<script src="/static/docs.js"></script>
</body>
</html>
"""
