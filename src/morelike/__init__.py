"""More like this, for anything: search by example.

>>> import morelike
>>> with morelike.open("my-library") as library:  # doctest: +SKIP
...     photos = library.collection("photos", modality="image")
...     photos.add("~/Pictures")
...     for hit in photos.search("cat.jpg", k=10):
...         print(hit.score, hit.source)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.3.0"

__all__ = [
    "Answer",
    "Card",
    "Example",
    "Hit",
    "Library",
    "MorelikeError",
    "OpenCollection",
    "Query",
    "RemoteCollection",
    "RemoteLibrary",
    "Settings",
    "Span",
    "from_callable",
    "open",
]

if TYPE_CHECKING:
    from morelike.collection import OpenCollection
    from morelike.encoders.callable import from_callable
    from morelike.errors import MorelikeError
    from morelike.library import Library, open  # noqa: A004 # morelike.open, as one opens a file
    from morelike.remote.collection import RemoteCollection
    from morelike.remote.library import RemoteLibrary
    from morelike.settings import Settings
    from morelike.types import Answer, Card, Example, Hit, Query, Span

_HOMES = {
    "Answer": "types",
    "Card": "types",
    "Example": "types",
    "Hit": "types",
    "Library": "library",
    "MorelikeError": "errors",
    "OpenCollection": "collection",
    "Query": "types",
    "RemoteCollection": "remote.collection",
    "RemoteLibrary": "remote.library",
    "Settings": "settings",
    "Span": "types",
    "from_callable": "encoders.callable",
    "open": "library",
}


def __getattr__(name: str) -> Any:
    """The public names are imported when they are first used: ``import morelike`` alone costs next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'morelike' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"morelike.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
