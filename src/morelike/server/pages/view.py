"""From values to HTML: the templates, and what they may call."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from morelike import __version__
from morelike.access import allows
from morelike.collection import OpenCollection
from morelike.library import Library
from morelike.records import Role
from morelike.registry import MODALITIES
from morelike.server.pages.board import Part
from morelike.server.pages.failing import foreign, heading_of
from morelike.server.pages.figures import figures_of, place_words, quoted_words, tags_of, why_query
from morelike.server.pages.found import found_query
from morelike.server.pages.knowing import known_as, state_said, yes_or_no
from morelike.server.pages.language import LANGUAGES, N_, NN_, _, language_of, ngettext, speaking, translations
from morelike.server.pages.nouns import example_filter, icon_of, kind_of, noun_of, nouns_of, takes_of
from morelike.server.pages.outcomes import outcome_of, spare_of
from morelike.server.pages.passages import leaf_of, passage_of, title_of
from morelike.server.pages.telling import alignment_lines, alignment_of, called_of, facts_of, units_of
from morelike.server.pages.times import clock, plain, range_value, span_words
from morelike.server.pages.working import JOB_WORDS, lasting
from morelike.types import WHOLE, Hit, Item, Span

__all__ = [
    "collection_path",
    "hit_path",
    "item_path",
    "joins",
    "length_of",
    "library_of",
    "name_of",
    "peaks_path",
    "preview_path",
    "redirect",
    "render",
    "sounds",
    "spread",
]

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
UNITS = ("kB", "MB", "GB", "TB")
SPREAD = 6
MARKED = 10
"""Marks that an address names."""
COUNTED = {
    "gap": NN_("%(n)s gap", "%(n)s gaps"),
    "group": NN_("%(n)s group", "%(n)s groups"),
    "item": NN_("%(n)s item", "%(n)s items"),
    "page": NN_("%(n)s page", "%(n)s pages"),
    "reading": NN_("%(n)s reading", "%(n)s readings"),
    "word": NN_("%(n)s word", "%(n)s words"),
}
TALLIED = (("same", N_("there already")), ("rejected", N_("rejected")))


def render(request: Request, template: str, /, *, status: int = 200, **values: Any) -> Response:
    """A page. Every value is escaped; a name that the template uses and nobody gave is an error."""
    language = language_of(request)
    page = _environment(language).get_template(template)
    with speaking(language):
        text = page.render(here=request.scope["path"], session=session_of(request), language=language, **values)
    headers = {"Cache-Control": "private, no-cache", "Content-Language": language, "Vary": "Accept-Language, Cookie"}
    return HTMLResponse(text, status, headers)


def redirect(path: str) -> Response:
    """Look there now: the answer to every form that was sent."""
    return RedirectResponse(path, 303)


def library_of(request: Request) -> Library:
    library: Library = request.app.state.library
    return library


def session_of(request: Request) -> dict[str, Any]:
    """Who looks: the name of the key, "" without one, and what it may do."""
    key = getattr(request.state, "key", None)
    role: Role | None = getattr(request.state, "role", None) or None
    return {
        "name": key.name if key is not None else "",
        "writes": role is not None and allows(role, "writer"),
        "rules": role is not None and allows(role, "admin"),
    }


def collection_path(name: str, *rest: str, query: str = "") -> str:
    """``/c/NAME/…``"""
    path = "/".join(["/c", quote(name, safe=""), *rest])
    return f"{path}?{query}" if query else path


def item_path(collection: str, item: str) -> str:
    return f"/i/{quote(collection, safe='')}/{quote(item, safe='')}"


def _api_path(collection: str, item: str) -> str:
    return f"/api/v1/collections/{quote(collection, safe='')}/items/{quote(item, safe='')}"


def preview_path(collection: str, item: str, side: int = 320, span: Span = WHOLE) -> str:
    """Of the whole item, or of a part of it."""
    path = f"{_api_path(collection, item)}/preview?side={side}"
    if span.unit == "page":
        return f"{path}&page={span.start:.0f}"
    if span.unit == "characters":
        return f"{path}&characters={span.start:.0f}-{span.end:.0f}"
    return path if span.unit != "seconds" else f"{path}&start={plain(span.start)}&end={plain(span.end)}"


def shown_path(collection: str, item: str, modality: str, side: int, hit: Hit | None = None) -> str:
    """What an item looks like; a molecule is drawn, with the part marked that ``hit`` shares with what was asked."""
    if modality != "molecule":
        return preview_path(collection, item, side)
    shared = {} if hit is None else hit.why.get("shared", {})
    atoms = shared.get("atoms", ()) if isinstance(shared, Mapping) else ()
    path = f"{item_path(collection, item)}/drawing"
    return f"{path}?atoms={','.join(map(str, atoms))}" if atoms else path


def model_path(collection: str, item: str) -> str:
    """A 3D model, for a viewer."""
    return f"{_api_path(collection, item)}/model"


def peaks_path(collection: str, item: str) -> str:
    return f"{_api_path(collection, item)}/peaks"


def moment_path(collection: str, item: str, span: Span, at: float | None = None) -> str:
    """The item's page, opened at a part of it; ``at``: the second to stand at, its beginning where none is named."""
    if span.unit != "seconds":
        return item_path(collection, item)
    standing = "" if at is None else f"&t={plain(at)}"
    return f"{item_path(collection, item)}?at={range_value((span.start, span.end))}{standing}"


def passage_path(collection: str, item: str, hit: Hit | None) -> str:
    """The page of a text or a document, opened where a hit's words stand, or at its page."""
    if hit is None:
        return item_path(collection, item)
    quote, span = hit.quote, hit.span
    page = quote.page if quote else int(span.start) if span.unit == "page" else None
    asked = [("page", str(page))] if page is not None else []
    if span.unit == "characters":
        asked.append(("passage", f"{span.start:.0f}-{span.end:.0f}"))
    if quote is not None:
        asked += [("mark", f"{quote.start + start}-{quote.start + end}") for start, end in quote.marks[:MARKED]]
    place = "#here" if asked else ""
    return f"{item_path(collection, item)}{'?' if asked else ''}{urlencode(asked)}{place}"


def hit_path(collection: str, item: str, hit: Hit | None) -> str:
    """The item's page, opened at what the hit found: a moment, a region, atoms, letters. Words have `passage_path`."""
    if hit is None:
        return item_path(collection, item)
    if hit.span.unit == "seconds":
        return moment_path(collection, item, hit.span, stands_at(hit))
    found = found_query(hit)
    return item_path(collection, item) + (f"?{found}" if found else "")


def has_words(modality: str) -> bool:
    """Whether its items are shown as words: texts and documents."""
    return hasattr(MODALITIES.load(modality), "quote")


def joins(opened: OpenCollection) -> bool:
    """Whether several examples can be asked with at once; fingerprints and sketches compare with one at a time."""
    return any(space.active and space.card.form == "dense" for space in opened.spaces)


def stands_at(hit: Hit) -> float:
    """The second of a hit that its picture shows: a frame's is the middle of what it stands for."""
    frame = hit.kind == "image" and "coverage" not in hit.unit  # of an aligned clip the beginning counts
    return round((hit.span.start + hit.span.end) / 2, 3) if frame else hit.span.start


def length_of(info: Mapping[str, Any]) -> float:
    """Seconds; 0 of what has no time."""
    seconds = info.get("duration")
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return 0.0
    return max(0.0, float(seconds))


def sounds(modality: str, info: Mapping[str, Any]) -> bool:
    """Whether an item has a waveform."""
    audible = modality == "audio" or bool(info.get("has_sound"))
    return audible and length_of(info) > 0 and hasattr(MODALITIES.load(modality), "peaks")


def player_of(media_type: str) -> str:
    """The element that a browser plays it with; nothing for a picture, moving or not."""
    family = media_type.partition("/")[0]
    return family if family in {"audio", "video"} else ""


def content_path(collection: str, item: str) -> str:
    return f"{_api_path(collection, item)}/content"


def name_of(uri: str) -> str:
    """The last part of where something was found: what a person calls it."""
    return uri.removeprefix("upload:").rstrip("/").rpartition("/")[2] or uri or "unnamed"


def place_of(uri: str) -> str:
    """With the folder that it lies in, which often says more than the name."""
    if uri.startswith("upload:"):
        return name_of(uri)
    return "/".join(part for part in uri.rstrip("/").split("/")[-2:] if part) or name_of(uri)


def size(count: int) -> str:
    """Bytes for people: ``1.4 MB``."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in UNITS:
        value /= 1000
        if value < 999.5 or unit == UNITS[-1]:
            break
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}"


def number(count: int) -> str:
    """With thin spaces between thousands."""
    return f"{count:,}".replace(",", "\u2009")


def counted(count: int, noun: str) -> str:
    """``1 item``, ``2 items``. Raises KeyError for a noun that is not in the list."""
    return ngettext(*COUNTED[noun], count, n=number(count)).replace(" ", "\u00a0")


def when(stamp: str) -> str:
    """An ISO time as people write it, to the minute, UTC."""
    try:
        return datetime.fromisoformat(stamp).strftime(_("%d %b %Y, %H:%M"))
    except ValueError:
        return stamp


def percentile(value: float) -> str:
    """How much is further away; never a full 100, which a sample cannot know."""
    if value > 99.9:
        return _("all but 0.1 %")
    return f"{value:.1f} %" if value >= 99 else f"{value:.0f} %"


def scaled(width: Any, height: Any, side: int = 320) -> tuple[int, int]:
    """The size of a preview of a picture: inside a square of ``side``; 4:3 where nobody knows."""
    if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
        return side, side * 3 // 4
    factor = min(1.0, side / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def spread(opened: OpenCollection, count: int) -> list[Item]:
    """Some items that differ: neighbours often came from one folder, or are one film's frames."""
    items = opened.items(limit=count * SPREAD)
    step = max(1, len(items) // count)
    return items[::step][:count]


def part_of(item: str, weight: float) -> Part:
    """An item as a further example."""
    return Part("item", item, float(weight))


def slider_of(weight: float, low: float = -2.0, high: float = 2.0) -> dict[str, str]:
    """A weight's slider: its ends, which hold the weight, its step, which does not round it, and what it says."""
    sign = "−" if weight < 0 else "+" if weight > 0 else ""
    return {
        "low": f"{min(low, math.floor(weight)):g}",
        "high": f"{max(high, math.ceil(weight)):g}",
        "step": "0.1" if math.isclose(weight * 10, round(weight * 10), abs_tol=1e-6) else "any",
        "value": f"{weight:g}",
        "said": f"{sign} {abs(weight):g}×".strip(),
    }


def tally_of(progress: Mapping[str, Any]) -> str:
    """A job's progress in one line; the page's script writes the same while it runs."""
    words = []
    done, total, found = progress.get("done"), progress.get("total"), progress.get("found")
    if isinstance(found, int):
        words.append(_("%(n)s found", n=number(found)))
    if isinstance(done, int) and (found is None or isinstance(total, int)):
        of = {"done": number(done), "total": number(total) if isinstance(total, int) else ""}
        words.append(_("%(done)s of %(total)s", **of) if of["total"] else _("%(done)s done", **of))
    words += [f"{number(progress[name])} {_(label)}" for name, label in TALLIED if progress.get(name)]
    if progress.get("rate"):
        words.append(_("%(rate)s a second", rate=f"{progress['rate']:.0f}"))
    if progress.get("eta"):
        words.append(_("%(time)s left", time=lasting(progress["eta"])))
    if progress.get("note"):
        words.append(str(progress["note"]))
    return " · ".join(words)


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined] # the extension's
    environment.filters |= _filters()
    environment.globals |= _globals() | dict(JOB_WORDS)
    return environment


def _filters() -> dict[str, Any]:
    return {
        "clock": clock,
        "counted": counted,
        "has_words": has_words,
        "kind_words": kind_of,
        "known": known_as,
        "name": name_of,
        "number": number,
        "percentile": percentile,
        "place": place_of,
        "said": _,
        "plain": plain,
        "size": size,
        "span": span_words,
        "when": when,
        "yes_or_no": yes_or_no,
    }


def _globals() -> dict[str, Any]:
    return {
        "figures_of": figures_of,
        "place_words": place_words,
        "quoted_words": quoted_words,
        "tags_of": tags_of,
        "why_query": why_query,
        "part_of": part_of,
        "tally_of": tally_of,
        "slider_of": slider_of,
        "alignment_lines": alignment_lines,
        "alignment_of": alignment_of,
        "called_of": called_of,
        "collection_path": collection_path,
        "content_path": content_path,
        "example_filter": example_filter,
        "facts_of": facts_of,
        "foreign": foreign,
        "has_words": has_words,
        "heading_of": heading_of,
        "hit_path": hit_path,
        "icon_of": icon_of,
        "item_path": item_path,
        "joins": joins,
        "leaf_of": leaf_of,
        "length_of": length_of,
        "model_path": model_path,
        "moment_path": moment_path,
        "noun_of": noun_of,
        "nouns_of": nouns_of,
        "outcome_of": outcome_of,
        "passage_of": passage_of,
        "passage_path": passage_path,
        "peaks_path": peaks_path,
        "player_of": player_of,
        "shown_path": shown_path,
        "sounds": sounds,
        "spare_of": spare_of,
        "stands_at": stands_at,
        "state_said": state_said,
        "said": _,
        "takes_of": takes_of,
        "title_of": title_of,
        "units_of": units_of,
        "preview_path": preview_path,
        "scaled": scaled,
        "version": __version__,
        "languages": LANGUAGES,
    }
