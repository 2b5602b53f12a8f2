"""What comes in over HTTP: uploads, and sources that the server reaches itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import blake3
from starlette.datastructures import UploadFile

from morelike.collection import OpenCollection
from morelike.errors import SourceError
from morelike.progress import AddReport
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
_CHUNK = 1024**2


def upload_blobs(files: Sequence[UploadFile]) -> list[Blob]:
    """Uploads as blobs, good as long as their form is.

    Content is part of the uri: two cameras' IMG_0001.jpg are two sources, and the second does not replace the first.
    """
    return [blob_of(file, f"upload:{_digest(file)[:16]}/{name_of(file)}") for file in files]


def add_uploads(
    opened: OpenCollection, files: Sequence[UploadFile], *, tags: Sequence[str], metadata: Mapping[str, Any]
) -> dict[str, Any]:
    """Add them, and say of each what became of it; returns when all of it is durable. Raises StoreError."""
    if not files:
        raise Refused(422, "no file was sent", hint="send one or more multipart parts named `files`")
    began = monotonic()
    blobs = upload_blobs(files)
    held = [blob for blob in blobs if opened.holds_records(blob)]
    alone = [blob for blob in blobs if blob not in held]

    def add(*some: Blob) -> AddReport:
        return opened.add(*some, tags=tags, metadata=metadata, retry=True, index=False)  # see server/index.py

    shapes = {blob.uri: shape for blob, shape in zip(alone, _each(opened, alone, add), strict=True)}
    tally = {name: sum(shape["state"] == name for shape in shapes.values()) for name in STATES}
    for blob in held:
        report = add(blob)
        shapes[blob.uri] = _of_many(blob, report)
        counted = {"added": report.added, "same": report.same, "rejected": report.rejected}
        tally = {name: tally[name] + counted[name] for name in STATES}
    listed = [shapes[blob.uri] for blob in blobs]
    return {"collection": opened.name, **tally, "files": listed, "seconds": round(monotonic() - began, 4)}


def _each(opened: OpenCollection, blobs: Sequence[Blob], add: Callable[..., AddReport]) -> list[dict[str, Any]]:
    """Add files that are an item each: what became of every one."""
    if not blobs:
        return []
    ids = [opened.identity(blob) for blob in blobs]
    before = opened.known(ids)
    report = add(*blobs)
    there = opened.found_at([blob.uri for blob in blobs])
    rejections = {rejection.uri: rejection for rejection in report.rejections}
    seen = {item_id for item_id, state in before.items() if state in ("ready", "duplicate")}
    shapes = []
    for blob in blobs:
        item_id, state = there.get(blob.uri, ("", "rejected"))
        shapes.append(_shape(blob, item_id, state, rejections.get(blob.uri), known=item_id in seen))
        seen.add(item_id)
    return shapes


def _of_many(blob: Blob, report: AddReport) -> dict[str, Any]:
    """What became of a file of many items; of those that were rejected the first says why."""
    records = report.added + report.same + report.rejected
    first = report.rejections[0] if report.rejections else None
    state = "added" if report.added else "same" if report.same else "rejected"
    reason = "" if first is None else first.reason
    if first is not None and records > 1:
        reason = f"{report.rejected} of {records} were rejected; the first: {reason}"
    stage = "" if first is None else first.stage
    return {"name": blob.name, "state": state, "item": "", "stage": stage, "reason": reason, "records": records}


def _shape(blob: Blob, item_id: str, state: str, rejection: Rejection | None, *, known: bool) -> dict[str, Any]:
    if rejection is None and state in ("ready", "duplicate"):
        return {"name": blob.name, "state": "same" if known else "added", "item": item_id, "stage": "", "reason": ""}
    stage, reason = (rejection.stage, rejection.reason) if rejection else ("item", f"the item is {state}")
    return {"name": blob.name, "state": "rejected", "item": item_id, "stage": stage, "reason": reason}


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
