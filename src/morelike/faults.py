"""Named places where a crash test may stop the process. In normal use each call is one comparison with None."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["BUILD_POINTS", "POINTS", "REEMBED_POINTS", "install", "reached"]

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

_handler: Callable[[str], None] | None = None


def install(handler: Callable[[str], None] | None) -> None:
    """Call ``handler(point)`` whenever a point is reached; None removes it."""
    global _handler
    _handler = handler


def reached(point: str) -> None:
    """Tell the crash test, if there is one, that ``point`` was reached."""
    if _handler is not None:
        _handler(point)
