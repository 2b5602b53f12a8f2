"""How much one request may send, and how much work may wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final, ParamSpec, TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from morelike.errors import TooBusy
from morelike.server.errors import problem, response_of

__all__ = ["BodyLimit", "Gate", "whole"]

LARGEST_JSON: Final = 1024**2
LARGEST_LOGIN: Final = 16 * 1024
"""Bytes of a form that anybody may send."""
BODY_SECONDS: Final = 30.0
"""The longest silence inside a body, and what all of one may take beside its bytes."""
LEAST_RATE: Final = 4096
"""Bytes a second that a body must bring after that: one that drips would hold its connection for days."""
P = ParamSpec("P")
T = TypeVar("T")


class Gate:
    """Threads of its own for one kind of work, and a bounded queue before them. Used from one event loop."""

    def __init__(self, name: str, at_once: int, waiting: int) -> None:
        self.name = name
        self.at_once = at_once
        self._most = at_once + waiting
        self._inside = 0
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix=name)

    @property
    def running(self) -> int:
        return min(self._inside, self.at_once)

    @property
    def waiting(self) -> int:
        return max(self._inside - self.at_once, 0)

    async def run(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What ``work`` gives, done in a thread. Raises TooBusy at once where the queue is full."""
        if self._inside >= self._most:
            raise TooBusy(f"{self._inside} {self.name} are under way or waiting already", hint="try again in a moment")
        self._inside += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, lambda: whole(work, *arguments, **named))
        finally:
            self._inside -= 1

    def close(self) -> None:
        """What has not begun is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def whole(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """A future cannot carry StopIteration: whoever waits for it would wait for ever."""
    try:
        return work(*arguments, **named)
    except StopIteration as error:
        raise RuntimeError("an iterator ended where it should not") from error


class BodyLimit:
    """ASGI middleware: refuses a body that is too large by what it announces, or as it arrives.

    ``refuse`` makes the answer of its sentence, a hint and the request's id.
    """

    def __init__(
        self, app: ASGIApp, *, largest: int, refuse: Callable[[str, str, str], Response] | None = None
    ) -> None:
        self._app = app
        self._largest = largest
        self._refuse = refuse or _too_large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced, form = b"", False
        for name, value in scope["headers"]:
            if name == b"content-length":
                announced = value
            elif name == b"content-type":
                form = value[:10].lower() == b"multipart/"
        largest = self._largest if form else min(LARGEST_JSON, self._largest)
        if scope["path"] == "/login":
            largest, form = min(LARGEST_LOGIN, largest), False
        if announced.isdigit() and int(announced[:20]) > largest:
            sentence = f"the request has {int(announced[:20])} bytes"
            request_id = str(scope.get("morelike.request_id", ""))
            answer = self._refuse(sentence, _hint(largest, form=form), request_id)
            answer.headers["Connection"] = "close"  # what is left of the body is not read
            await answer(scope, receive, send)
            return
        await self._app(scope, _Bounded(receive, largest, _hint(largest, form=form)), send)


class _Bounded:
    """``receive`` of one request, which ends a body that is too large, falls silent or drips."""

    def __init__(self, receive: Receive, largest: int, hint: str) -> None:
        self._receive = receive
        self._largest = largest
        self._hint = hint
        self._arrived = 0
        self._whole = False
        self._waited = 0.0

    async def __call__(self) -> Message:
        """Raises HTTPException: 408, 413."""
        if self._whole:  # what comes now is only that the client has gone
            return await self._receive()
        left = BODY_SECONDS + self._arrived / LEAST_RATE - self._waited
        began = monotonic()
        try:
            async with asyncio.timeout(max(0.0, min(BODY_SECONDS, left))):
                message = await self._receive()
        except TimeoutError:
            slow = left < BODY_SECONDS
            sentence = (
                f"the body comes in less than {LEAST_RATE} bytes a second"
                if slow
                else f"nothing more of the body came within {BODY_SECONDS:g} s"
            )
            raise HTTPException(408, sentence, headers={"Connection": "close"}) from None
        self._waited += monotonic() - began  # for the client alone: what we do meanwhile is not its fault
        self._whole = not message.get("more_body", False)
        self._arrived += len(message.get("body", b""))
        if self._arrived > self._largest:
            raise HTTPException(413, self._hint, headers={"Connection": "close"})
        return message


def _too_large(sentence: str, hint: str, request_id: str) -> Response:
    return response_of(problem(413, sentence, hint=hint), request_id=request_id)


def _hint(largest: int, *, form: bool) -> str:
    return f"at most {largest} bytes" + (
        "; send fewer files at a time, or raise MORELIKE_MAX_UPLOAD_BYTES"
        if form
        else " of JSON; files go as multipart"
    )
