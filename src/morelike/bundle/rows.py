"""Items, sources, segments and the ledger as rows of a bundle's tables, and back with every value looked at.

Texts that are not valid Unicode, as file names may be, are escaped as the catalog does it.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from morelike.bundle.tables import Columns
from morelike.records import Aside
from morelike.stores.catalog.encoding import pack, unpack
from morelike.types import WHOLE, ContentDigest, Item, Rejection, Segment, Source, Span, segment_id

__all__ = [
    "ASIDES",
    "DISTINCT",
    "ITEMS",
    "LEDGER",
    "SEGMENTS",
    "SOURCES",
    "STATES",
    "aside_rows",
    "asides_of",
    "item_rows",
    "items_of",
    "ledger_rows",
    "pair_rows",
    "pairs_of",
    "rejections_of",
    "segment_rows",
    "segments_of",
    "source_rows",
]

ITEMS: Columns = {
    "item": "text",
    "state": "text",
    "blake3": "text",
    "md5": "text",
    "size": "whole",
    "media_type": "text",
    "in_place": "truth",
    "info": "text",
    "tags": "text",
    "added_at": "text",
    "updated_at": "text",
}
SOURCES: Columns = {
    "item": "text",
    "uri": "text",
    "name": "text",
    "size": "whole",
    "modified_ns": "whole?",
    "metadata": "text",
    "origin": "text",
    "added_at": "text",
}
SEGMENTS: Columns = {
    "segment": "whole",
    "item": "text",
    "ordinal": "whole",
    "kind": "text",
    "unit": "text",
    "start": "number",
    "end": "number",
}
ASIDES: Columns = {"item": "text", "keeper": "text", "run": "text", "score": "number", "at": "text"}
LEDGER: Columns = {
    "uri": "text",
    "item": "text",
    "stage": "text",
    "reason": "text",
    "attempts": "whole",
    "at": "text",
    "size": "whole?",
    "modified_ns": "whole?",
}
DISTINCT: Columns = {"lesser": "text", "greater": "text"}

STATES = ("ready", "duplicate", "rejected", "pending")
_UNITS = frozenset({"whole", "seconds", "page", "characters", "bases", "view", "pixels"})
_DIGEST, _MD5 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{32}")
_MOST_ORDINAL = 2**31 - 1
_MOST_TEXT = 64 * 1024
_MOST_JSON = 16 * 1024**2


def _columns(rows: Iterable[tuple[Any, ...]], names: Iterable[str]) -> dict[str, list[Any]]:
    names = list(names)
    turned = list(zip(*rows, strict=True)) or [()] * len(names)
    return {name: list(column) for name, column in zip(names, turned, strict=True)}


def item_rows(items: Sequence[Item]) -> dict[str, list[Any]]:
    rows = (
        (
            pack(item.id),
            item.state,
            item.digest.blake3,
            item.digest.md5,
            item.digest.size,
            pack(item.media_type),
            item.in_place,
            json.dumps(item.info),
            json.dumps(item.tags),
            item.added_at,
            item.updated_at,
        )
        for item in items
    )
    return _columns(rows, ITEMS)


def source_rows(items: Sequence[Item]) -> dict[str, list[Any]]:
    rows = (
        (
            pack(item.id),
            pack(one.uri),
            pack(one.name),
            one.size,
            one.modified_ns,
            json.dumps(one.metadata),
            pack(one.origin),
            one.added_at,
        )
        for item in items
        for one in item.sources
    )
    return _columns(rows, SOURCES)


def segment_rows(segments: Iterable[Segment]) -> dict[str, list[Any]]:
    rows = (
        (one.id, pack(one.item_id), one.ordinal, one.kind, one.span.unit, one.span.start, one.span.end)
        for one in segments
    )
    return _columns(rows, SEGMENTS)


def aside_rows(asides: Iterable[Aside]) -> dict[str, list[Any]]:
    return _columns(((pack(one.item_id), pack(one.keeper), pack(one.run), one.score, one.at) for one in asides), ASIDES)


def pair_rows(pairs: Iterable[tuple[str, str]]) -> dict[str, list[Any]]:
    return _columns(((pack(lesser), pack(greater)) for lesser, greater in pairs), DISTINCT)


def ledger_rows(rows: Iterable[Rejection]) -> dict[str, list[Any]]:
    columns = (
        (pack(r.uri), pack(r.item_id), pack(r.stage), pack(r.reason), r.attempts, r.at, r.size, r.modified_ns)
        for r in rows
    )
    return _columns(columns, LEDGER)


# -- back: each raises ValueError on what cannot be


def items_of(items: Iterable[Mapping[str, Any]], sources: Iterable[Mapping[str, Any]]) -> list[Item]:
    """Whole items of one page, in their order."""
    found_sources: defaultdict[str, list[Source]] = defaultdict(list)
    for row in _rows(sources, SOURCES):
        item, uri, name, size, modified_ns, metadata, origin, added_at = row
        source = Source(
            uri=_text(uri),
            name=_text(name),
            size=_size(size),
            modified_ns=modified_ns,
            metadata=_object(metadata),
            origin=_text(origin),
            added_at=_text(added_at, 32),
        )
        found_sources[_text(item, 255)].append(source)
    found = {}
    for row in _rows(items, ITEMS):
        item = _item(row, found_sources)
        if item.id in found:
            raise ValueError(f"the item {item.id[:64]!r} is in it twice")
        found[item.id] = item
    if strangers := found_sources.keys() - found.keys():
        raise ValueError(f"a source belongs to {min(strangers)[:64]!r}, which is not among the items")
    return list(found.values())


def _item(row: tuple[Any, ...], sources: Mapping[str, list[Source]]) -> Item:
    item_id, state, blake3, md5, size, media_type, in_place, info, tags, added_at, updated_at = row
    item_id = _text(item_id, 255)
    if not item_id or state not in STATES or not _DIGEST.fullmatch(blake3) or not _MD5.fullmatch(md5):
        raise ValueError(f"the item {item_id[:64]!r} has a state or digest that cannot be")
    return Item(
        id=item_id,
        state=state,
        digest=ContentDigest(blake3, md5, _size(size)),
        media_type=_text(media_type, 255),
        info=_object(info),
        tags=_tags(tags),
        sources=tuple(sources.get(item_id, ())),
        in_place=bool(in_place),
        added_at=_text(added_at, 32),
        updated_at=_text(updated_at, 32),
    )


def segments_of(batches: Iterable[Mapping[str, Any]], items: Iterable[str]) -> dict[str, list[Segment]]:
    """By item, which has to be one of ``items``; each segment's id has to be what its item and ordinal make."""
    found: dict[str, list[Segment]] = {item: [] for item in items}
    seen: set[int] = set()
    for identifier, item, ordinal, kind, unit, start, end in _rows(batches, SEGMENTS):
        item_id = _text(item, 255)
        if item_id not in found:
            raise ValueError(f"a segment belongs to {item_id[:64]!r}, which is not among the items")
        if not 0 <= ordinal <= _MOST_ORDINAL or identifier != segment_id(item_id, ordinal) or identifier in seen:
            raise ValueError(f"a segment of {item_id[:64]!r} has an id that is not its own")
        if unit not in _UNITS or not math.isfinite(start) or not math.isfinite(end):
            raise ValueError(f"a segment of {item_id[:64]!r} lies nowhere")
        seen.add(identifier)
        span = WHOLE if unit == "whole" and start == end == 0.0 else Span(unit, start, end)
        if unit == "pixels" and span.box is None:
            raise ValueError(f"a segment of {item_id[:64]!r} lies nowhere")
        found[item_id].append(Segment(identifier, ordinal, _text(kind, 32), span, item_id))
    return found


def asides_of(batches: Iterable[Mapping[str, Any]], items: Iterable[str]) -> list[Aside]:
    known = set(items)
    found = []
    for item, keeper, run, score, at in _rows(batches, ASIDES):
        aside = Aside(_text(item, 255), _text(keeper, 255), _text(run, 64), float(score), _text(at, 32))
        if aside.item_id not in known or not math.isfinite(aside.score):
            raise ValueError("something is set aside that is not among the items")
        found.append(aside)
    return found


def rejections_of(batches: Iterable[Mapping[str, Any]]) -> Iterator[Rejection]:
    for uri, item, stage, reason, attempts, at, size, modified_ns in _rows(batches, LEDGER):
        if not 0 <= attempts <= _MOST_ORDINAL:
            raise ValueError(f"{attempts} attempts")
        yield Rejection(
            _text(uri), _text(item, 255), _text(stage, 64), _text(reason), attempts, _text(at, 32), size, modified_ns
        )


def pairs_of(batches: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for lesser, greater in _rows(batches, DISTINCT):
        yield _text(lesser, 255), _text(greater, 255)


def _rows(batches: Iterable[Mapping[str, Any]], names: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    names = list(names)
    for batch in batches:
        columns = [batch[name].tolist() if isinstance(batch[name], np.ndarray) else batch[name] for name in names]
        yield from zip(*columns, strict=True)


def _text(packed: str, most: int = _MOST_TEXT) -> str:
    text = unpack(packed)
    if len(text) > most:
        raise ValueError(f"a text has {len(text)} characters, where {most} are the most")
    return text


def _size(size: int) -> int:
    if size < 0:
        raise ValueError(f"a size of {size}")
    return int(size)


def _json(text: str) -> Any:
    if len(text) > _MOST_JSON:
        raise ValueError("metadata is too large")
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("metadata is too deep") from None


def _no_number(word: str) -> None:
    raise ValueError(f"{word} in metadata")


def _object(text: str) -> dict[str, Any]:
    found = _json(text)
    if not isinstance(found, dict):
        raise ValueError("metadata is no object")
    return found


def _tags(text: str) -> tuple[str, ...]:
    found = _json(text)
    if not isinstance(found, list) or not all(isinstance(tag, str) and 0 < len(tag) <= 200 for tag in found):
        raise ValueError("a tag has 1 to 200 characters")
    return tuple(dict.fromkeys(found))
