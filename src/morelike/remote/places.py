"""What is read on the machine of a call, and what its server reads."""

from __future__ import annotations

from typing import Any, Final

from morelike.sources.s3 import is_address
from morelike.sources.urls import is_url

__all__ = ["THERE", "is_there"]

THERE: Final = "server:"
"""What a place of the server's own begins with."""


def is_there(source: Any) -> bool:
    """Whether the server reads it: an http(s) or ``s3://`` address, or a place of its own."""
    return isinstance(source, str) and (source.startswith(THERE) or is_url(source) or is_address(source))
