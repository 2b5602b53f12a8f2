"""Named places where a crash test may stop the process. In normal use each call is one comparison with None."""

from __future__ import annotations

from collections.abc import Callable

__all__ = [
    "BUILD_POINTS",
    "EXPORT_POINTS",
    "IMPORT_POINTS",
    "MOVE_POINTS",
    "POINTS",
    "REEMBED_POINTS",
    "TRAIN_POINTS",
    "install",
    "reached",
]

POINTS = (
    "blob.written",  # the bytes lie in a temporary file, not yet synced
    "blob.renamed",  # under the final name, the folder not yet synced
    "blob.synced",
    "catalog.claimed",  # pending rows are committed
    "vectors.written",  # inside the vector transaction
    "vectors.synced",
    "catalog.writing",  # inside the transaction that turns items ready
    "catalog.finished",
    "snapshot.written",  # the index snapshot lies in a temporary file
    "snapshot.renamed",
)

REEMBED_POINTS = (
    "vectors.written",
    "vectors.synced",
    "reembed.filled",  # the new space has all its vectors; the old one is still active
    "reembed.switched",
)

S3_POINTS = (
    "blob.put",  # one of a group is in the bucket
    "blob.synced",  # all of it
    "catalog.claimed",
)

BUILD_POINTS = (
    "rows.written",  # the vectors of a segment lie in a temporary file
    "rows.renamed",
    "segment.written",  # and its codes
    "segment.renamed",
    "graph.written",
    "graph.renamed",
    "snapshot.written",
    "snapshot.renamed",
)

MOVE_POINTS = (
    "vectors.next",  # a space that outgrew its index names the collection that it moves to; nothing is copied
    "vectors.copying",  # some rows are
    "vectors.copied",
    "vectors.switched",  # the space is that collection; the one before is still there
)

EXPORT_POINTS = (
    "part.written",  # the bytes of a file of the bundle lie in a temporary one, not yet synced
    "part.renamed",
    "part.noted",  # the next run will not write it again
    "collection.exported",
    "bundle.finished",  # the manifest is there
)

IMPORT_POINTS = (
    "import.made",  # the collection and its spaces are there, without items
    "blob.written",
    "blob.renamed",
    "blob.synced",
    "vectors.written",
    "vectors.synced",
    "catalog.restoring",  # inside the transaction that writes a page of whole items
    "catalog.restored",
    "import.rest",  # the items of a collection are in; the ledger and what else is said of them is not
    "import.finished",
)

TRAIN_POINTS = (
    "iteration.done",  # one more step of the network; nothing of it is on the disk
    "curve.written",  # a line is in the curve, not yet in a checkpoint
    "checkpoint.writing",
    "checkpoint.written",
)

_handler: Callable[[str], None] | None = None


def install(handler: Callable[[str], None] | None) -> None:
    """Call ``handler(point)`` whenever a point is reached; None removes it."""
    global _handler
    _handler = handler


def reached(point: str) -> None:
    """Tell the crash test, if there is one, that ``point`` was reached."""
    if _handler is not None:
        _handler(point)
