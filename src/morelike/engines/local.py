"""The engine that needs nothing: threads of this process."""

from __future__ import annotations

from morelike.engines.partition import Adding, ingest_of
from morelike.errors import UsageError
from morelike.protocols import Engine

__all__ = ["local_engine"]


def local_engine(adding: Adding) -> Engine:
    """Raises UsageError where an address is given."""
    if adding.address:
        raise UsageError("the local engine has no address", hint="an address goes with --engine ray")
    return ingest_of(adding)
