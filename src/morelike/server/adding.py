"""What comes in over HTTP: uploads, and sources that the server reaches itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import blake3
from starlette.datastructures import UploadFile

from morelike.collection import OpenCollection
from morelike.errors import SourceError
from morelike.progress import AddReport
from morelike.server.asked_items import EachFile
from morelike.server.bodies import blob_of, name_of
from morelike.server.errors import Refused
from morelike.settings import Settings
from morelike.sources import open_source
from morelike.sources.opening import check_allowed, local_path
from morelike.sources.s3 import check_object_allowed, is_address
from morelike.sources.urls import UrlBlobs, is_url
from morelike.types import Blob, Rejection

__all__ = ["add_uploads", "check_sources", "upload_blobs"]

STATES = ("added", "same", "rejected")
DONE = ("ready", "duplicate")
UPLOAD = "upload:"
"""What the uris of all uploads begin with: no path and no address does."""
BEFORE = "it was rejected before, and has not changed; `retry` tries it again"
_CHUNK = 1024**2


def upload_blobs(files: Sequence[UploadFile]) -> list[Blob]:
    """Uploads as blobs, good as long as their form is.

    Content is part of the uri: two cameras' IMG_0001.jpg are two sources, and the second does not replace the first.
    """
    return [blob_of(file, f"upload:{_digest(file)[:16]}/{name_of(file)}") for file in files]


def _placed(files: Sequence[UploadFile], each: Sequence[EachFile]) -> list[Blob]:
    """Uploads as blobs with the places that a client found them at; what it says can be taken for none of ours."""
    return [
        replace(
            blob_of(file, _uploaded(said.uri)),
            origin=_uploaded(said.origin) if said.origin else "",
            modified_ns=said.modified_ns,
            metadata=said.metadata,
        )
        for file, said in zip(files, each, strict=True)
    ]


def _uploaded(place: str) -> str:
    return place if place.startswith(UPLOAD) else f"{UPLOAD}{place}"


def add_uploads(
    opened: OpenCollection,
    files: Sequence[UploadFile],
    *,
    tags: Sequence[str],
    metadata: Mapping[str, Any],
    each: Sequence[EachFile] | None = None,
    retry: bool = True,
) -> dict[str, Any]:
    """Add them, and say of each what became of it; returns when all of it is durable. Raises StoreError.

    ``each``: where each of the files was found. Without ``retry`` what was rejected before is passed over.
    """
    if not files:
        raise Refused(422, "no file was sent", hint="send one or more multipart parts named `files`")
    began = monotonic()
    blobs = upload_blobs(files) if each is None else _placed(files, each)
    held = [blob for blob in blobs if opened.holds_records(blob)]
    alone = [blob for blob in blobs if blob not in held]
    reports: list[AddReport] = []

    def add(*some: Blob) -> AddReport:
        reports.append(opened.add(*some, tags=tags, metadata=metadata, retry=retry, index=False))  # see server/index.py
        return reports[-1]

    shapes = {blob.uri: shape for blob, shape in zip(alone, _each(opened, alone, add), strict=True)}
    tally = {name: sum(shape["state"] == name and not shape["before"] for shape in shapes.values()) for name in STATES}
    for blob in held:
        report = add(blob)
        shapes[blob.uri] = _of_many(blob, report)
        counted = {"added": report.added, "same": report.same, "rejected": report.rejected}
        tally = {name: tally[name] + counted[name] for name in STATES}
    return {
        "collection": opened.name,
        **tally,
        "rejected_before": sum(report.rejected_before for report in reports),
        "replaced": sum(report.replaced for report in reports),
        "files": [shapes[blob.uri] for blob in blobs],
        "seconds": round(monotonic() - began, 4),
    }


def _each(opened: OpenCollection, blobs: Sequence[Blob], add: Callable[..., AddReport]) -> list[dict[str, Any]]:
    """Add files that are an item each: what became of every one."""
    if not blobs:
        return []
    ids = [opened.identity(blob) for blob in blobs]
    uris = [blob.uri for blob in blobs]
    before = [*opened.known(ids).items(), *opened.found_at(uris).values()]
    report = add(*blobs)
    there = opened.found_at(uris)
    rejections = {rejection.uri: rejection for rejection in report.rejections}
    seen = {item_id for item_id, state in before if state in DONE}
    shapes = []
    for blob in blobs:
        item_id, state = there.get(blob.uri, ("", "rejected"))
        shapes.append(_shape(blob, item_id, state, rejections.get(blob.uri), known=item_id in seen))
        seen.add(item_id)
    return shapes


def _of_many(blob: Blob, report: AddReport) -> dict[str, Any]:
    """What became of a file of many items; of those that were rejected the first says why."""
    records = report.added + report.same + report.rejected + report.rejected_before
    first = report.rejections[0] if report.rejections else None
    state = "added" if report.added else "same" if report.same else "rejected"
    reason = "" if first is None else first.reason
    if first is not None and records > 1:
        reason = f"{report.rejected} of {records} were rejected; the first: {reason}"
    stage = "" if first is None else first.stage
    before = bool(records) and report.rejected_before == records
    told = {"name": blob.name, "state": state, "item": "", "stage": stage, "reason": reason or BEFORE * before}
    return {**told, "before": before, "records": records}


def _shape(blob: Blob, item_id: str, state: str, rejection: Rejection | None, *, known: bool) -> dict[str, Any]:
    told = {"name": blob.name, "state": "same" if known else "added", "item": item_id, "stage": "", "reason": ""}
    if rejection is None and state in DONE:
        return {**told, "before": False}
    before = rejection is None and state == "rejected"
    stage, reason = ("item", BEFORE if before else f"the item is {state}")
    if rejection is not None:
        stage, reason = rejection.stage, rejection.reason
    return {**told, "state": "rejected", "stage": stage, "reason": reason, "before": before}


def check_sources(sources: Sequence[str], exclude: Sequence[str], settings: Settings) -> None:
    """Refuse at once what a job could not use or must not reach.

    Raises Refused: 422 on what is no place at all, 403 on one outside the allowed places; SourceError on one that is
    not there.
    """
    roots = settings.allow_roots or ()
    confined = settings.model_copy(update={"allow_roots": roots})
    for source in sources:
        if is_url(source):
            UrlBlobs(confined).check(source)
            continue
        if is_address(source):
            _check_object(source, settings.s3_roots)
        else:
            _check_place(source, roots)
        open_source(source, confined, exclude, holds=lambda *_: True)  # the job says whether a table can be used


def _check_object(source: str, roots: Sequence[str]) -> None:
    hint = (
        f"addresses that may be added from: {', '.join(roots)}"
        if roots
        else "start the server with --allow-root s3://BUCKET/PREFIX to add from a bucket"
    )
    try:
        check_object_allowed(source, roots)
    except SourceError as error:
        raise Refused(403, f"the server may not read {source[:200]!r}", hint=hint) from error


def _check_place(source: str, roots: tuple[Path, ...]) -> None:
    hint = (
        f"folders that may be added from: {', '.join(map(str, roots))}"
        if roots
        else "start the server with --allow-root DIR to add from its folders; http and https addresses always work"
    )
    if not Path(source).is_absolute() or "\0" in source:
        raise Refused(422, f"{source[:200]!r} is neither an http address nor an absolute path", hint=hint)
    try:
        check_allowed(local_path(source), roots)
    except Exception as error:
        raise Refused(403, f"the server may not read {source[:200]!r}", hint=hint) from error


def _digest(file: UploadFile) -> str:
    file.file.seek(0)
    digest = blake3.blake3()
    while data := file.file.read(_CHUNK):
        digest.update(data)
    file.file.seek(0)
    return digest.hexdigest()
