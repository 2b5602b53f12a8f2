"""What a library on this machine can do, and one behind a server cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from morelike.errors import UsageError

__all__ = ["Refusal", "refused"]

Refusal = Callable[..., NoReturn]


def refused(name: str, why: str, instead: str) -> Refusal:
    """A method that raises UsageError: ``why``, and what there is ``instead``."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise UsageError(f"{name} is not possible over HTTP: {why}", hint=instead)

    refuse.__name__ = name
    refuse.__doc__ = f"Not possible over HTTP: {why}. Raises UsageError."
    refuse.refused = True  # type: ignore[attr-defined] # what is refused can be listed
    return refuse
