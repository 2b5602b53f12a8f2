"""Problem documents (RFC 9457) as the exceptions that a library on this machine raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from morelike.errors import MorelikeError, StoreFull, StoreUnreachable, TooBusy, UsageError, problem_name

__all__ = ["error_named", "error_of"]

PREFIX: Final = "urn:morelike:problem:"
LONGEST: Final = 4000
KEY_HINT: Final = (
    "MORELIKE_API_KEY or api_key= gives one; `morelike keys add NAME --role ROLE` on the server's machine makes one"
)
OLDER_HINT: Final = "is its morelike older than this one? bring it up to date"


def _kinds(kind: type[MorelikeError] = MorelikeError) -> Iterator[type[MorelikeError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)


def error_of(document: Mapping[str, Any], status: int) -> MorelikeError:
    """The exception that a problem document stands for; what only a server says is told by its status."""
    message = str(document.get("detail") or document.get("title") or f"status {status}")[:LONGEST]
    hint = str(document.get("hint") or "")[:LONGEST]
    name = str(document.get("type", "")).removeprefix(PREFIX)
    known = _known(name)
    if known is not None:
        return known(message, hint=hint)
    if status in {401, 403}:
        return UsageError(message, hint=KEY_HINT if status == 401 or "role" in message else hint)
    if status in {404, 405}:  # a noun that is not there is named above
        return UsageError(f"the server does not know what was asked: {message}", hint=OLDER_HINT)
    if status == 507:
        return StoreFull(message, hint=hint)
    if status == 429:
        return TooBusy(message, hint=hint)
    if status in {502, 503, 504}:
        return StoreUnreachable(message, hint=hint)
    return UsageError(message, hint=hint) if 400 <= status < 500 else MorelikeError(message, hint=hint)


def error_named(name: str, message: str, hint: str) -> MorelikeError:
    """The exception of that ``problem_name``, as a failed job keeps it; MorelikeError where there is none."""
    return (_known(name) or MorelikeError)(message, hint=hint)


def _known(name: str) -> type[MorelikeError] | None:
    """Of this package's own: not those that the server raises for itself, where both live in one process."""
    return next(
        (kind for kind in _kinds() if kind.__module__ == MorelikeError.__module__ and problem_name(kind) == name), None
    )
