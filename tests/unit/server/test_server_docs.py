"""The OpenAPI document: whole, true, and shown from our own files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving_library import Served

from morelike.access import ADMIN_JOBS
from morelike.server import asked, asked_downloads, asked_items, schemas, schemas_collections, schemas_library, several
from morelike.server.samples import SAMPLES

STATIC = Path(schemas.__file__).parent / "static"
DESIGN = {
    ("GET", "/api/v1/collections"),
    ("POST", "/api/v1/collections"),
    ("GET", "/api/v1/collections/{collection}"),
    ("DELETE", "/api/v1/collections/{collection}"),
    ("GET", "/api/v1/collections/{collection}/count"),
    ("GET", "/api/v1/collections/{collection}/map"),
    ("POST", "/api/v1/collections/{collection}/map"),
    ("POST", "/api/v1/collections/{collection}/map/items"),
    ("GET", "/api/v1/collections/{collection}/map/places"),
    ("GET", "/api/v1/collections/{collection}/map/points"),
    ("GET", "/api/v1/collections/{collection}/spaces"),
    ("DELETE", "/api/v1/collections/{collection}/spaces/{space}"),
    ("POST", "/api/v1/collections/{collection}/known"),
    ("GET", "/api/v1/collections/{collection}/sources"),
    ("POST", "/api/v1/collections/{collection}/remove"),
    ("PATCH", "/api/v1/collections/{collection}/items"),
    ("POST", "/api/v1/collections/{collection}/items"),
    ("GET", "/api/v1/collections/{collection}/items"),
    ("GET", "/api/v1/collections/{collection}/items/{item}"),
    ("PATCH", "/api/v1/collections/{collection}/items/{item}"),
    ("DELETE", "/api/v1/collections/{collection}/items/{item}"),
    ("GET", "/api/v1/collections/{collection}/items/{item}/content"),
    ("GET", "/api/v1/collections/{collection}/items/{item}/preview"),
    ("GET", "/api/v1/collections/{collection}/rejected"),
    ("POST", "/api/v1/collections/{collection}/search"),
    ("POST", "/api/v1/collections/{collection}/compare"),
    ("POST", "/api/v1/collections/{collection}/download"),
    ("POST", "/api/v1/collections/{collection}/evaluate"),
    ("POST", "/api/v1/collections/{collection}/duplicates"),
    ("GET", "/api/v1/collections/{collection}/asides"),
    ("POST", "/api/v1/collections/{collection}/asides"),
    ("GET", "/api/v1/collections/{collection}/distinct"),
    ("POST", "/api/v1/collections/{collection}/dedup/purge"),
    ("DELETE", "/api/v1/collections/{collection}/distinct"),
    ("POST", "/api/v1/collections/{collection}/reembed"),
    ("POST", "/api/v1/collections/{collection}/dedup"),
    ("POST", "/api/v1/collections/{collection}/dedup/undo"),
    ("POST", "/api/v1/collections/{collection}/distinct"),
    ("POST", "/api/v1/collections/{collection}/tags/auto"),
    ("POST", "/api/v1/collections/{collection}/calibrate"),
    ("POST", "/api/v1/search"),
    ("GET", "/api/v1/jobs"),
    ("GET", "/api/v1/jobs/{job}"),
    ("DELETE", "/api/v1/jobs/{job}"),
    ("POST", "/api/v1/jobs/{job}/retry"),
    ("GET", "/api/v1/jobs/{job}/events"),
    ("GET", "/api/v1/encoders"),
    ("GET", "/api/v1/info"),
    ("POST", "/api/v1/doctor"),
    ("GET", "/api/v1/storage"),
    ("GET", "/api/v1/storage/history"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
}


@pytest.fixture
def document(reading: Served) -> dict[str, Any]:
    found: dict[str, Any] = reading.client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_route_is_there(document: dict[str, Any]) -> None:
    """The routes that are promised, and the page's own are not among them."""
    there = {(method, path) for method, path, _ in operations(document)}

    assert document["openapi"].startswith("3.1")
    assert there >= DESIGN
    assert all(path.startswith("/api/v1/") or path in {"/healthz", "/readyz", "/metrics"} for _, path in there)


def test_jobs_of_an_admin_are_known(document: dict[str, Any]) -> None:
    """What only an admin may have repeated is what only an admin may ask for."""
    posts = {path: methods["post"] for path, methods in document["paths"].items() if "post" in methods}
    asked = {path for path, post in posts.items() if "202" in post["responses"] and post.get("x-role") == "admin"}

    assert {path.rpartition("/")[2] for path in asked} == ADMIN_JOBS


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    """A summary, a description, a tag, an example of what it gives, and its problems as problem documents."""
    ids = []
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        ids.append(operation["operationId"])
        assert operation["summary"], where
        assert len(operation["description"]) > 20, where
        assert len(operation["tags"]) == 1, where
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            if int(status) >= 400:
                assert set(content) == {"application/problem+json"}, where
                assert content["application/problem+json"]["schema"]["$ref"].endswith("/Problem")
            elif "application/json" in content:
                assert content["application/json"].get("example"), where
        if path != "/healthz":
            assert {"401", "403", "500"} <= set(operation["responses"]), where
    assert len(ids) == len(set(ids))


def test_what_changes_things_needs_more_than_a_reader(document: dict[str, Any]) -> None:
    """No route that changes anything is open to a reader; what is about all of a collection is an admin's."""
    of_one = "/api/v1/collections/{collection}"
    searches = {
        "/api/v1/search",
        *(f"{of_one}/{name}" for name in ("compare", "download", "known", "map/items", "search")),
    }
    roles = {
        (method, path): op.get("x-role", "reader" if method == "GET" else "writer")
        for method, path, op in operations(document)
    }

    readers = {path for (method, path), role in roles.items() if role == "reader" and method != "GET"}
    assert readers == searches
    admins = {where for where, role in roles.items() if role == "admin"}
    assert admins == {
        ("POST", "/api/v1/collections"),
        ("POST", "/api/v1/doctor"),
        ("DELETE", of_one),
        ("DELETE", f"{of_one}/spaces/{{space}}"),
        *(("POST", f"{of_one}/{name}") for name in ("calibrate", "dedup", "dedup/purge", "dedup/undo", "duplicates")),
        ("POST", f"{of_one}/asides"),
        ("POST", f"{of_one}/reembed"),
    }


def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    """Every ``$ref`` names a schema that is there, and no schema is there for nothing."""
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                found.add(value["$ref"].removeprefix("#/components/schemas/"))
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(document)

    assert found == set(document["components"]["schemas"])


@pytest.mark.parametrize(
    ("model", "sample"),
    [
        (asked_items.AddRequest, "add"),
        (schemas.Answer, "answer"),
        (schemas.Answers, "answers"),
        (schemas.BroughtBack, "brought_back"),
        (schemas.CollectionOut, "collection"),
        (schemas.CollectionList, "collections"),
        (asked_downloads.Downloaded, "downloaded"),
        (schemas.Dropped, "dropped"),
        (schemas_library.EncoderList, "encoders"),
        (several.Grouped, "grouped"),
        (schemas.ItemOut, "item"),
        (schemas.ItemList, "items"),
        (schemas.JobOut, "job"),
        (schemas.JobList, "jobs"),
        (schemas.RejectedList, "rejected"),
        (schemas.Removed, "removed"),
        (schemas_library.Storage, "storage"),
        (schemas.UploadReport, "upload"),
        (schemas_collections.AsideList, "asides"),
        (schemas_collections.Changed, "changed"),
        (schemas_collections.Compared, "compared"),
        (schemas_collections.Count, "count"),
        (schemas_collections.DistinctList, "distinct"),
        (schemas_collections.DroppedSpace, "dropped_space"),
        (schemas_collections.Forgotten, "forgotten"),
        (schemas_collections.Known, "known"),
        (schemas_collections.MapItems, "map_items"),
        (schemas_collections.MapPlaces, "map_places"),
        (schemas_collections.Purged, "purged"),
        (schemas_collections.SourceList, "sources"),
        (schemas_collections.SpaceList, "spaces"),
        (schemas_library.Info, "info"),
        (schemas_library.StorageHistory, "history"),
    ],
)
def test_examples_fit_their_schemas(model: type[Any], sample: str) -> None:
    """What the document shows could really be sent, and has every field."""
    model.model_validate(SAMPLES[sample], strict=True)


@pytest.mark.parametrize(
    ("model", "sample"),
    [(asked.CompareRequest, "compare"), (asked.SearchRequest, "queries"), (asked.SeveralRequest, "several")],
)
def test_example_queries_are_valid(model: type[Any], sample: str) -> None:
    """So could be each of the queries."""
    for value in SAMPLES[sample].values():
        model.model_validate_json(json.dumps(value))


def test_the_docs_come_from_here(reading: Served) -> None:
    """Every file that /docs loads is one of ours, and is there."""
    import re

    page = reading.client.get("/docs").text
    files = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert len(files) >= 4
    for file in files:
        assert file.startswith("/"), file
        assert reading.client.get(file).status_code == 200, file
    assert "<script>" not in page
    assert " style=" not in page
    assert "http" not in (STATIC / "docs.js").read_text(encoding="utf-8").replace('"use strict"', "")
