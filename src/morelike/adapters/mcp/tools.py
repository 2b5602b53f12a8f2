"""The tools themselves: arguments in, an answer out; they know nothing of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final
from urllib.parse import quote as escaped

from pydantic import BaseModel

from morelike.adapters.found import answered
from morelike.adapters.mcp.answers import ADDED, COLLECTIONS, HITS, SHOWN
from morelike.adapters.mcp.arguments import AddArguments, ListArguments, SearchArguments, ShowArguments
from morelike.adapters.mcp.reach import Reach
from morelike.errors import ItemError, MorelikeError, OriginalGone, QueryError
from morelike.progress import Progress
from morelike.shapes import collection_shape, dry_run_shape, hit_shape, item_shape, quote_shape, report_shape
from morelike.types import WHOLE, Example, Item, Preview, Quote, Span

__all__ = ["TOOLS", "Answer", "Tool", "Work", "resource_uri", "tools_of"]

MOST_COLLECTIONS: Final = 200
LARGEST_PREVIEW: Final = 4 * 1024**2
LONGEST_TEXT: Final = 20_000
"""Characters of an item's own text, where it is one."""
SHOWN_REJECTIONS: Final = 20
MARK: Final = "**"


@dataclass(frozen=True, slots=True)
class Work:
    """How a call is told to end, and how it tells where it is."""

    stop: Event = field(default_factory=Event)
    progress: Callable[[Progress], None] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answers: a JSON object; a text to read beside it; a picture; the uri of the item it is about."""

    shape: Mapping[str, Any]
    text: str = ""
    picture: Preview | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. ``adds``: it changes the library, and is there only where that is allowed."""

    name: str
    title: str
    description: str
    arguments: type[BaseModel]
    answer: Mapping[str, Any]
    run: Callable[[Reach, Any, Work], Answer]
    adds: bool = False


def resource_uri(collection: str, item: str) -> str:
    """``morelike://COLLECTION/ITEM``, where the item's bytes can be read."""
    return f"morelike://{escaped(collection, safe='')}/{escaped(item, safe='')}"


def list_collections(reach: Reach, _: ListArguments, __: Work) -> Answer:
    """Every collection that may be seen."""
    seen = set(reach.names())
    summaries = [summary for summary in reach.library.collections() if summary.name in seen]
    shapes = [
        {
            **collection_shape(summary),
            "takes": sorted({kind for space in summary.spaces if space.active for kind in space.card.kinds}),
        }
        for summary in summaries[:MOST_COLLECTIONS]
    ]
    more = len(summaries) > MOST_COLLECTIONS
    return Answer({"collections": shapes, "more": more, "adding": reach.limits.adding})


def search(reach: Reach, asked: SearchArguments, _: Work) -> Answer:
    """The items most like an example, of all collections asked as one list. Raises what ``Library.search`` raises."""
    names = reach.named(asked.collections)
    found = reach.library.search(
        _example(reach, asked),
        text=asked.text,
        crop=asked.crop,
        at=asked.at,
        filter=asked.filter or None,
        threshold=asked.threshold,
        k=asked.k,
        offset=asked.offset,
        mode=asked.mode,
        collections=names if asked.collections or reach.limits.collections else None,  # a server takes so many names
    )
    hits = list(answered(found))
    return Answer(
        {
            "hits": [{"collection": one.collection, "modality": one.modality, **hit_shape(one.hit)} for one in hits],
            "more": found.more,
            "nothing_similar": [name for name, hits in found.answers.items() if hits.nothing_similar],
            "unknown_words": {name: hits.unknown_words for name, hits in found.answers.items() if hits.unknown_words},
            "silent": [
                {"collection": one.collection, "reason": one.answer.message, "hint": one.answer.hint}
                for one in found.silent
            ],
        }
    )


def _example(reach: Reach, asked: SearchArguments) -> Example | None:
    """What to search by besides words. Raises QueryError where there is not exactly one thing, SourceError."""
    given = [name for name in ("item", "path", "url", "data") if getattr(asked, name) is not None]
    if len(given) > 1:
        raise QueryError(
            f"{' and '.join(given)} are given together", hint="search by one of them, with text or without"
        )
    if not given:
        if asked.text is None:
            raise QueryError("there is nothing to search by", hint="give text, item, path, url or data")
        return None
    if asked.item is not None:
        return Example("item", asked.item)
    if asked.data is not None:
        return Example("blob", reach.data(asked.data))
    if asked.url is not None and not asked.url[:8].lower().startswith(("http://", "https://")):
        raise QueryError("url is no http or https address", hint="a file of the server goes to path")
    return Example("blob", reach.place(asked.path or asked.url or ""))


def show(reach: Reach, asked: ShowArguments, _: Work) -> Answer:
    """One item's record, its picture and its words. Raises NoSuchCollection, NoSuchItem."""
    opened = reach.collection(asked.collection)
    item = opened.item(asked.item)
    uri = resource_uri(asked.collection, item.id)
    shape: dict[str, Any] = {"collection": asked.collection, "modality": opened.modality, **item_shape(item)}
    shape |= {"resource": uri, "notes": []}
    text, picture = "", None
    if asked.words is not None:
        quote = _passage(reach, asked.collection, item, asked.words, shape["notes"])
        if quote is not None:
            shape["quote"] = quote_shape(quote)
            text = _marked(quote)
    elif item.media_type.startswith("text/"):
        shape["text"] = text = _own_text(opened, item, shape["notes"])
    if asked.preview:
        picture = _picture(opened, item, asked, shape["notes"])
    return Answer(shape, text, picture, uri)


def _passage(reach: Reach, collection: str, item: Item, words: str, notes: list[str]) -> Quote | None:
    found = reach.library.search(text=words, filter=f'id = "{item.id}"', k=1, mode="auto", collections=[collection])
    notes += [f"no passage: {reply.answer}" for reply in found.silent]
    quote: Quote | None = found.fused[0].hit.quote if found.fused else None
    if quote is None and not notes:
        notes.append("no passage: the item has no words to quote")
    return quote


def _marked(quote: Quote) -> str:
    """The passage with what answers the query between ``**``."""
    pieces, at = [], 0
    for start, end in quote.marks:
        pieces += [quote.text[at:start], MARK, quote.text[start:end], MARK]
        at = end
    return "".join([*pieces, quote.text[at:]])[:LONGEST_TEXT]


def _own_text(opened: Any, item: Item, notes: list[str]) -> str:
    try:
        text = opened.blob(item.id).read(LONGEST_TEXT * 4).decode("utf-8", "replace")
    except (MorelikeError, OSError) as error:
        notes.append(f"no text: {error}")
        return ""
    if len(text) > LONGEST_TEXT:
        notes.append(f"only the first {LONGEST_TEXT} characters; `words` gives the passage that answers them")
    return str(text[:LONGEST_TEXT])


def _picture(opened: Any, item: Item, asked: ShowArguments, notes: list[str]) -> Preview | None:
    span = WHOLE if asked.at is None else Span("seconds", *asked.at)
    try:
        made: Preview = opened.preview(item.id, side=asked.side, span=span)
    except (ItemError, OriginalGone, OSError) as error:
        notes.append(f"no picture: {error}")
        return None
    if not made.media_type.startswith("image/") or len(made.data) > LARGEST_PREVIEW:
        notes.append(f"no picture: {made.media_type} of {len(made.data)} bytes")
        return None
    return made


def add(reach: Reach, asked: AddArguments, work: Work) -> Answer:
    """Add sources, or with ``dry_run`` say what that would do. Raises UsageError, SourceError, StoreError."""
    reach.check_adding()
    for source in asked.sources:
        reach.check_source(source)
    if asked.dry_run:
        return _dry_run(reach, asked, work)
    opened = reach.to_add_to(asked.collection, asked.modality)
    report = opened.add(
        *asked.sources,
        exclude=asked.exclude,
        tags=asked.tags,
        metadata=asked.metadata,
        retry=asked.retry,
        progress=work.progress,
        stop=work.stop,
    )
    shape = report_shape(asked.collection, report)
    return Answer({**shape, "dry_run": False, "rejections": shape["rejections"][:SHOWN_REJECTIONS]})


def _dry_run(reach: Reach, asked: AddArguments, work: Work) -> Answer:
    if asked.collection not in reach.names():
        raise QueryError(
            f"there is no collection {asked.collection!r} to try this with",
            hint="a dry run needs one; `morelike add --dry-run` tries a new one",
        )
    opened = reach.to_add_to(asked.collection, None)
    found = opened.dry_run(*asked.sources, exclude=asked.exclude, progress=work.progress, stop=work.stop)
    shape = dry_run_shape(found)
    rejections = shape.pop("rejected")
    shape |= {"rejected": len(rejections), "rejections": rejections[:SHOWN_REJECTIONS]}
    return Answer({"collection": asked.collection, "dry_run": True, **shape})


TOOLS: Final[Sequence[Tool]] = (
    Tool(
        "list_collections",
        "List collections",
        "List the collections that can be searched: what each holds, how many items, and what it takes as a query "
        "(`takes`: text for words, image, audio …).",
        ListArguments,
        COLLECTIONS,
        list_collections,
    ),
    Tool(
        "search",
        "Search by example",
        "Find the items that are most like an example (an item's id, a file's path, a URL, base64 data), that answer "
        "words, or both. Scores are higher for closer; a percentile says how unusual that closeness is in the "
        "collection. A hit's span says where in the item: seconds of a film, a page of a document.",
        SearchArguments,
        HITS,
        search,
    ),
    Tool(
        "show",
        "Show an item",
        "Show all that is known of one item, with a small picture; of a text its words, or with `words` the passage "
        "that answers them.",
        ShowArguments,
        SHOWN,
        show,
    ),
    Tool(
        "add",
        "Add to a collection",
        "Add files, folders, archives, tables or URLs to a collection. What is there already is left alone; what "
        "cannot be used is listed under `rejections`. With dry_run nothing is changed.",
        AddArguments,
        ADDED,
        add,
        adds=True,
    ),
)


def tools_of(reach: Reach) -> dict[str, Tool]:
    """By name, those that the clients of this server have."""
    return {tool.name: tool for tool in TOOLS if reach.limits.adding or not tool.adds}
