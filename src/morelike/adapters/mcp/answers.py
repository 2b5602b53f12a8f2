"""What the tools answer: JSON of bounded size, and the schemas that say what is in it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from morelike.sources.opening import clean_text

__all__ = ["ADDED", "COLLECTIONS", "HITS", "SHOWN", "as_text", "bounded"]

LONGEST_TEXT: Final = 4000
MOST_ENTRIES: Final = 100
DEEPEST: Final = 8
CUT: Final = "…"

_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "number"}
_WHOLE: Final = {"type": "integer"}
_OBJECT: Final = {"type": "object"}


def _shape(properties: Mapping[str, Any], *, required: Sequence[str] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(required or properties)}


def _several(shape: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(shape)}


_SPAN: Final = _shape({"unit": _TEXT, "start": _NUMBER, "end": _NUMBER})
_HIT: Final = _shape(
    {
        "collection": _TEXT,
        "modality": _TEXT,
        "item": _TEXT,
        "source": _TEXT,
        "score": _NUMBER,
        "percentile": {"type": ["number", "null"]},
        "unit": _OBJECT,
        "kind": _TEXT,
        "span": _SPAN,
        "metadata": _OBJECT,
        "quote": _OBJECT,
    },
    required=("collection", "item", "source", "score", "unit", "span", "metadata"),
)
COLLECTIONS: Final = _shape(
    {
        "collections": _several(
            _shape({"name": _TEXT, "modality": _TEXT, "items": _WHOLE, "rejected": _WHOLE, "takes": _several(_TEXT)})
        ),
        "more": {"type": "boolean"},
        "adding": {"type": "boolean"},
    }
)
HITS: Final = _shape(
    {
        "hits": _several(_HIT),
        "more": {"type": "boolean"},
        "nothing_similar": _several(_TEXT),
        "unknown_words": _OBJECT,
        "silent": _several(_shape({"collection": _TEXT, "reason": _TEXT, "hint": _TEXT})),
    }
)
SHOWN: Final = _shape(
    {
        "collection": _TEXT,
        "item": _TEXT,
        "source": _TEXT,
        "state": _TEXT,
        "media_type": _TEXT,
        "size": _WHOLE,
        "tags": _several(_TEXT),
        "info": _OBJECT,
        "sources": _several(_OBJECT),
        "resource": _TEXT,
        "text": _TEXT,
        "quote": _OBJECT,
        "notes": _several(_TEXT),
    },
    required=("collection", "item", "source", "state", "media_type", "size", "tags", "info", "sources", "resource"),
)
ADDED: Final = _shape(
    {
        "collection": _TEXT,
        "dry_run": {"type": "boolean"},
        "rejected": _WHOLE,
        "rejections": _several(_OBJECT),
    }
)


def bounded(value: Any, depth: int = 0) -> Any:
    """The value as JSON can hold it, however large what other people wrote into it: what is too much ends in ``…``."""
    if isinstance(value, str):
        text = clean_text(value)
        return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + CUT
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= DEEPEST:
        return CUT
    if isinstance(value, Mapping):
        kept = list(value.items())[:MOST_ENTRIES]
        return {bounded(str(name)): bounded(one, depth + 1) for name, one in kept}
    if isinstance(value, Sequence | set | frozenset):
        return [bounded(one, depth + 1) for one in list(value)[:MOST_ENTRIES]]
    return bounded(str(value))


def as_text(value: Any) -> str:
    """The same as text, for clients that know no structured answers."""
    return json.dumps(value, ensure_ascii=False)
