"""Calls of the tools by the package's own client, in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from in_a_thread import ran

pytest.importorskip("mcp")

from mcp.client.client import Client
from mcp.shared.exceptions import MCPError

from morelike.adapters.mcp.reach import Limits, Reach
from morelike.adapters.mcp.server import make_server

Call = Callable[..., Any]


def asked(library: Any, limits: Limits, ask: Call) -> Any:
    """What ``ask(client)`` gives; an error of the protocol is raised as it is."""

    async def run() -> Any:
        async with Client(make_server(Reach(library, limits)), mode="legacy") as client:  # every message is JSON then
            try:
                return await ask(client)
            except MCPError as error:
                return error

    given = ran(run)
    if isinstance(given, MCPError):
        raise given
    return given


def failed(result: Any) -> str:
    """The one sentence of a call that failed."""
    assert result.is_error
    assert result.structured_content is None
    (content,) = result.content
    assert "Traceback" not in content.text
    return content.text
