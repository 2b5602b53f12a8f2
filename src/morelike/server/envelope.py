"""Around every request: its id, the headers that keep a browser in, the clock, the log, and what nobody expected."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from morelike.server.errors import problem, response_of
from morelike.server.logs import requests_log
from morelike.server.metrics import Metrics

__all__ = ["HEAD", "SECURITY_HEADERS", "Envelope"]

log = logging.getLogger("morelike.server")

SECURITY_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "font-src 'self'; media-src 'self' blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), geolocation=(), microphone=(self)",
}
HEAD: Final = "morelike.head"
"""In a request's scope: it was a HEAD."""
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CLOSED: Final = 499  # the client had gone before there was an answer; nginx calls it so


class Envelope:
    """ASGI middleware, the outermost of ours. Headers that a route has set itself are left alone.

    ``linked``: another address that originals come from, which pages may show and play. ``headers`` go over ours.
    ``fault`` makes the answer to what nobody expected of its sentence and the request's id.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        linked: str = "",
        headers: Mapping[str, str] | None = None,
        fault: Callable[[str, str], Response] | None = None,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._headers = {**SECURITY_HEADERS, **(headers or {})}
        self._fault = fault or _problem
        if linked:
            policy = self._headers["content-security-policy"]
            for one in ("img-src 'self'", "media-src 'self'"):
                policy = policy.replace(one, f"{one} {linked}")
            self._headers["content-security-policy"] = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope["morelike.request_id"] = request_id
        began = perf_counter()
        status = 0
        method = scope["method"]
        if method == "HEAD":  # answered as a GET; whoever sends it leaves the body out
            scope = {**scope, "method": "GET", HEAD: True}

        async def sealed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers["x-request-id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, sealed)
        except Exception as error:  # the last place that can turn it into an answer
            log.exception("request %s failed", request_id)
            if status:
                raise  # half an answer has gone out: the connection is closed
            await self._fault(f"unexpected {type(error).__name__}", request_id)(scope, receive, sealed)
        finally:
            self._note(scope, method, status or _CLOSED, perf_counter() - began)

    def _note(self, scope: Scope, method: str, status: int, seconds: float) -> None:
        route = _route(scope)
        self._metrics.request(method if method in _METHODS else "other", route, status, seconds)
        if not requests_log.isEnabledFor(logging.INFO):
            return
        key = scope.get("state", {}).get("key")
        client = scope.get("client") or ("", 0)
        fields = {
            "id": scope["morelike.request_id"],
            "method": method,
            "route": route,
            "path": scope["path"],
            "status": status,
            "seconds": round(seconds, 5),
            "client": client[0],
            "key": key.name if key is not None else "",
        }
        requests_log.info("%s", fields["id"], extra={"fields": fields})


def _problem(sentence: str, request_id: str) -> Response:
    hint = f"this is a fault in morelike; the server's log has more under {request_id}"
    return response_of(problem(500, sentence, kind="fault", hint=hint), request_id=request_id)


_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})


def _request_id(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    return given if _SANE_ID.fullmatch(given) else secrets.token_hex(8)


def _route(scope: Scope) -> str:
    """The route's template; a path that no route takes is counted as one."""
    route = scope.get("route")
    if route is None:
        return "/static" if scope["path"].startswith("/static/") else "none"
    return str(getattr(route, "path", "none"))
