"""Who may ask: API keys and sessions, and what keeps other people's web pages from asking in a person's name."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from morelike.access import ADMIN_JOBS, allows
from morelike.errors import MorelikeError, StoreError
from morelike.server.errors import Refused, id_of, problem, problem_of, response_of, status_of
from morelike.server.options import ServerOptions, is_loopback
from morelike.server.places import came_from

if TYPE_CHECKING:
    from morelike.library import Library
    from morelike.records import ApiKey, Role

__all__ = ["COOKIE", "Doorman", "Guard", "Sessions", "require", "require_for_job", "wants_page"]

COOKIE: Final = "morelike_session"
OPEN: Final = ("/healthz", "/language", "/login", "/static/")
PROGRAMS: Final = ("/api/", "/healthz", "/metrics", "/openapi.json", "/readyz")
"""Where a program asks, whatever it accepts."""
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
TRUSTED_FOR: Final = 2.0
"""Seconds: a key that is dropped, or the first one that is made, counts after this long at the latest."""
REMEMBERED: Final = 1000
SESSION_SECONDS: Final = 12 * 3600.0
MOST_SESSIONS: Final = 10_000


class Sessions:
    """Browsers that have shown a key. In memory only: they end with the server. Safe from any thread."""

    def __init__(self, seconds: float = SESSION_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._open: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def begin(self, key_digest: str) -> str:
        """A new session's opaque token; the oldest session gives way where there are too many."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._open[_digest(token)] = (key_digest, time.monotonic() + self._seconds)
            while len(self._open) > MOST_SESSIONS:
                self._open.popitem(last=False)
        return token

    def key_digest(self, token: str) -> str | None:
        """The digest of the key that began the session; None where there is none, or its time is over."""
        with self._lock:
            found = self._open.get(_digest(token))
            if found is None or found[1] < time.monotonic():
                self._open.pop(_digest(token), None)
                return None
            return found[0]

    def end(self, token: str) -> None:
        with self._lock:
            self._open.pop(_digest(token), None)


class Doorman:
    """Knows keys by their bearer or session, and asks the catalog at most every two seconds for each.

    Used from the event loop; the catalog is asked in a thread.
    """

    def __init__(self, library: Library, options: ServerOptions) -> None:
        self._library = library
        self._always = not options.local
        self.sessions = Sessions()
        self._known: OrderedDict[str, tuple[ApiKey | None, float]] = OrderedDict()
        self._needed = (True, 0.0)

    async def needs_key(self) -> bool:
        """Whether requests need a key: always where others can reach the server, else once the library has one."""
        if self._always:
            return True
        needed, until = self._needed
        if until < time.monotonic():
            needed = await run_in_threadpool(self._library.keys.any)
            self._needed = (needed, time.monotonic() + TRUSTED_FOR)
        return needed

    async def who(self, request: Request) -> ApiKey | None:
        """The key behind a request, by its ``Authorization`` header, else by its session."""
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            key = bearer.strip()
            return await self._asked(_digest(key), lambda: self._library.keys.check(key))
        token = session_token(request)
        digest = self.sessions.key_digest(token) if token else None
        if digest is None:
            return None
        return await self._asked(f"session:{digest}", lambda: self._with_digest(digest))

    async def check(self, key: str) -> ApiKey | None:
        """The key, asked for afresh: somebody logs in."""
        return await run_in_threadpool(self._library.keys.check, key)

    def _with_digest(self, digest: str) -> ApiKey | None:
        return next((key for key in self._library.keys.list() if secrets.compare_digest(key.digest, digest)), None)

    async def _asked(self, name: str, ask: Any) -> ApiKey | None:
        found = self._known.get(name)
        if found is not None and found[1] > time.monotonic():
            return found[0]
        key: ApiKey | None = await run_in_threadpool(ask)
        self._known[name] = (key, time.monotonic() + TRUSTED_FOR)
        self._known.move_to_end(name)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return key


class Guard:
    """ASGI middleware: refuses what comes from another site, and what has no key where one is needed."""

    def __init__(self, app: ASGIApp, *, doorman: Doorman, options: ServerOptions) -> None:
        self._app = app
        self._doorman = doorman
        self._host = options.host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            answer = await self._admit(request)
        except StoreError as error:
            answer = _unasked(request, error)
        except MorelikeError as error:
            answer = _refusal(request, error)
        await (answer or self._app)(scope, receive, send)

    async def _admit(self, request: Request) -> Response | None:
        """None lets the request in, with ``request.state.key`` and ``.role`` set. Raises Refused."""
        needed = await self._doorman.needs_key()
        if not needed:
            self._check_host(request)
        _check_site(request)
        key = await self._doorman.who(request) if needed else None
        request.state.key = key
        request.state.role = key.role if key is not None else ("" if needed else "admin")
        if not needed or key is not None or _is_open(_path(request)):
            if role := _role_of_page(request):
                require(request, role)
            return None
        if _shows_pages(request):
            return RedirectResponse(_login_of(request), status_code=303)
        raise Refused(
            401,
            "this server needs an API key, and the request has none that it knows",
            hint="send `Authorization: Bearer ml_…`; `morelike keys add NAME --role reader` makes a key",
        )

    def _check_host(self, request: Request) -> None:
        """Without keys, only a browser's address bar keeps others out: a name that was bent to loopback must not."""
        host = _host_of(request.headers.get("host", ""))
        if host is not None and (is_loopback(host) or host == self._host.strip("[]").lower()):
            return
        raise Refused(
            403,
            "the request's Host is no name of this machine",
            hint="open it as http://127.0.0.1; to serve other names, make a key: `morelike keys add NAME --role admin`",
        )


def require(request: Request, role: Role) -> None:
    """Raises Refused (403) where the request's key may not do what ``role`` may."""
    held: Role | Literal[""] = getattr(request.state, "role", "")
    if not held or not allows(held, role):
        raise Refused(
            403,
            f"this needs the role {role}; the key's role is {held or 'none'}",
            hint=f"`morelike keys add NAME --role {role}` makes such a key",
        )


def session_token(request: Request) -> str:
    """The session cookie's value, or nothing."""
    try:
        cookies = SimpleCookie("; ".join(request.headers.getlist("cookie"))[:8192])
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


def require_for_job(request: Request, kind: str) -> None:
    """Raises Refused (403) where the request's key may not have such a job done."""
    require(request, "admin" if kind in ADMIN_JOBS else "writer")


def _role_of_page(request: Request) -> Role | None:
    """What the page's own forms need; the API's routes say it themselves."""
    path = _path(request)
    if request.method in SAFE_METHODS or path.startswith("/api/") or path in ("/language", "/login", "/logout"):
        return None
    if path in ("/collections", "/storage/doctor"):
        return "admin"
    _, first, *rest = path.split("/")
    done = rest[1:] if first == "c" else []  # behind the collection's name, which may be any of these words
    if done[:1] in (["drop"], ["upkeep"]):
        return "admin"
    return "reader" if done[-1:] == ["ask"] else "writer"


def _refusal(request: Request, error: MorelikeError) -> Response:
    status = status_of(error)
    if "text/html" in request.headers.get("accept", "") and not _path(request).startswith(PROGRAMS):
        from morelike.server.pages.routing import error_page

        return error_page(request, status, error.message, error.hint)
    headers = dict(error.headers) if isinstance(error, Refused) else {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="morelike"'
    return response_of(problem_of(error), request_id=id_of(request), headers=headers)


def _unasked(request: Request, error: StoreError) -> Response | None:
    """The catalog cannot say who asks: the process is alive all the same, and it is known what does not answer."""
    if _path(request) == "/healthz":
        request.state.key, request.state.role = None, ""
        return None
    if _path(request) != "/readyz":
        return _refusal(request, error)
    document = problem(503, f"catalog: {error}", kind="not-ready", hint="`morelike doctor` says what is wrong")
    return response_of({**document, "failing": ["catalog"]}, request_id=id_of(request), headers={"Retry-After": "5"})


def _check_site(request: Request) -> None:
    """Another site's page may lead here (a link), but neither change nor read anything."""
    headers = request.headers
    origin, host = headers.get("origin", ""), headers.get("host", "")
    safe = request.method in SAFE_METHODS
    if origin and origin != "null" and not safe and _netloc(origin) != host.lower():
        raise _cross_site(f"a page of {origin[:200]} asked for this")
    if origin == "null" and not safe:
        raise _cross_site("a page without an origin asked for this")
    if headers.get("sec-fetch-site", "") in ("cross-site", "same-site"):
        followed = safe and headers.get("sec-fetch-mode", "") == "navigate"
        if not followed:
            raise _cross_site("a page of another site asked for this")


def _cross_site(sentence: str) -> Refused:
    return Refused(
        403, sentence, hint="only this server's own page and programs may; a proxy must pass Host on as it is"
    )


def _netloc(origin: str) -> str:
    """The origin's host and port; nothing where it cannot be read."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _path(request: Request) -> str:
    """What the routes are found by. ``request.url`` is put together with the Host header, which anybody writes."""
    path: str = request.scope["path"]
    return path


def _host_of(header: str) -> str | None:
    """The host's name without its port, in lower case; None where the header cannot be read."""
    try:
        parts = urlsplit(f"//{header}")
        plain = parts.hostname
        _ = parts.port
    except ValueError:
        return None
    if not plain or parts.path or parts.query or parts.fragment or "@" in header:
        return None
    return plain.lower()


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith("/static/")


def wants_page(request: Request) -> bool:
    """Whether a browser asks for something to show, where no program asks."""
    path = _path(request)
    return (
        request.method in ("GET", "HEAD")
        and "text/html" in request.headers.get("accept", "")
        and not (path.startswith(PROGRAMS))
    )


def _shows_pages(request: Request) -> bool:
    """Whether a browser shows the answer to a person: a page, a part of one, or what a form leads to."""
    shown = "text/html" in request.headers.get("accept", "") or request.headers.get("hx-request") == "true"
    return shown and not _path(request).startswith(PROGRAMS)


def _login_of(request: Request) -> str:
    """The form to log in, which leads back to where somebody was; it says where a session has ended."""
    query = request.scope["query_string"].decode("latin-1")
    asked = request.method in ("GET", "HEAD") and request.headers.get("hx-request") != "true"
    there = _path(request) + (f"?{query}" if query else "") if asked else came_from(request)
    ended = ("" if request.method in SAFE_METHODS else "form") or ("page" if session_token(request) else "")
    return f"/login?next={quote(there, safe='')}{f'&ended={ended}' if ended else ''}"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
