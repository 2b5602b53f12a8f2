"""Hits in a notebook's cell: pictures, players, formulas, alignments, words. Plain HTML without scripts or styles of
its own, which every notebook shows, on light ground and on dark.

Everything foreign is escaped, and what a page may weigh is bounded, whatever is in it: see ``Room``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Protocol, runtime_checkable

from morelike.errors import MorelikeError
from morelike.explained import alignment_lines, units_of, where_of
from morelike.times import clock
from morelike.types import WHOLE, Hit, Preview, Quote, Span

__all__ = ["Previews", "Room", "grid_html"]

MOST_CELLS = 100
PICTURES, PLAYERS = 1_500_000, 2_500_000
"""Bytes of HTML that all pictures and all players of a page may take; what comes later is shown without."""
MOST_PLAYED = 500_000
"""Bytes of one recording or film, before they are written as text."""
LONGEST_NAME, LONGEST_TEXT = 120, 2_000
SMALL, WIDE = 192, 288  # pixels a side of a cell
DRAWN = 288
"""Pixels a side of what is drawn for it: sharp on screens with small pixels; from 200 on a 3D model turns."""
SHOWN = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
HEARD = frozenset({"audio/mpeg"})
WATCHED = frozenset({"video/mp4", "video/webm"})
SOUNDS = frozenset({"audio", "recording"})


class Previews(Protocol):
    """What can draw an item: an open collection."""

    def preview(self, item_id: str, side: int = ..., span: Span = ..., *, parts: Sequence[int] = ...) -> Preview: ...


@runtime_checkable
class Playing(Protocol):
    """And what gives something to hear or watch, too."""

    def playable(self, item_id: str, span: Span = ..., most: int = ...) -> Preview: ...


class Room:
    """What the pictures and players of one page may yet weigh."""

    def __init__(self) -> None:
        self._left = {"picture": PICTURES, "player": PLAYERS}
        self.cells = MOST_CELLS

    def any(self, what: str) -> bool:
        return self._left[what] > 0

    def take(self, what: str, html: str) -> str:
        """The HTML, or nothing where it has no room any more."""
        if len(html) > self._left[what]:
            return ""
        self._left[what] -= len(html)
        return html


def grid_html(hits: Sequence[Hit], previews: Previews, room: Room | None = None) -> str:
    """One cell a hit, best first: what is alike, its score and its source. Of more than a hundred hits the first ones.

    ``room`` is shared by what stands on one page. A page is below 5 MB.
    """
    if not hits:
        return "<p>no hits</p>"
    room = room or Room()
    shown = hits[: room.cells]
    room.cells -= len(shown)
    cells = "".join(_cell(place, hit, previews, room) for place, hit in enumerate(shown, start=1))
    left = f"<p>… and {len(hits) - len(shown)} more</p>" if len(hits) > len(shown) else ""
    return f'<div style="display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start">{cells}</div>{left}'


def _cell(place: int, hit: Hit, previews: Previews, room: Room) -> str:
    """Words take the whole width, sounds and films more than pictures."""
    lines = _cut(alignment_lines(hit))
    body = f'<pre style="margin:0;overflow:auto;max-height:200px;font-size:11px">{escape(lines)}</pre>' if lines else ""
    if hit.quote is not None:
        picture = "" if hit.quote.page is None else _picture(hit, previews, room)  # of the page
        body = f'<div style="display:flex;gap:12px">{picture}<div>{_words(hit.quote)}</div></div>'
        return _figure("100%", body, _caption(place, hit))
    if hit.span.unit == "seconds" or hit.kind in SOUNDS:
        return _figure(f"{WIDE}px", _moving(hit, previews, room), _caption(place, hit))
    picture = _picture(hit, previews, room) or _nothing(SMALL)
    return _figure("100%" if body else f"{SMALL}px", picture + body, _caption(place, hit))


def _figure(width: str, body: str, caption: str) -> str:
    style = f"margin:0;width:{width};max-width:100%;font:12px/1.45 system-ui,sans-serif"
    return f'<figure style="{style}">{body}{caption}</figure>'


def _moving(hit: Hit, previews: Previews, room: Room) -> str:
    """A film in a player where it is small, else its frame at that moment; a sound's picture; and what plays it."""
    picture = _preview(hit, previews) if room.any("picture") else None
    drawn = room.take("picture", _image(hit, picture, WIDE)) if picture is not None else ""
    played = _playable(hit, previews) if room.any("player") else None
    if played is not None and played.media_type in WATCHED:
        moment = f"#t={hit.span.start:g},{hit.span.end:g}" if hit.span.unit == "seconds" else ""
        poster = f' poster="{_data(picture)}"' if picture is not None and drawn else ""
        film = f'<video controls muted src="{_data(played)}{moment}"{poster} style="width:100%;display:block"></video>'
        if film := room.take("player", film):
            return film
    elif played is not None and played.media_type in HEARD:
        label = escape(_cut(_name(hit), LONGEST_NAME))
        sound = f'<audio controls src="{_data(played)}" aria-label="{label}" style="width:100%;display:block"></audio>'
        return (drawn or _nothing(WIDE)) + room.take("player", sound)
    return drawn or _nothing(WIDE)


def _picture(hit: Hit, previews: Previews, room: Room) -> str:
    picture = _preview(hit, previews) if room.any("picture") else None
    return room.take("picture", _image(hit, picture, SMALL)) if picture is not None else ""


def _preview(hit: Hit, previews: Previews) -> Preview | None:
    """As a browser shows it; None where there is none."""
    try:
        return _known(previews.preview(hit.item, DRAWN, hit.span, parts=_shared(hit)), SHOWN)
    except (MorelikeError, OSError):  # a file that was added in place may be gone; the hit is shown all the same
        return None


def _playable(hit: Hit, previews: Previews) -> Preview | None:
    if not isinstance(previews, Playing):
        return None
    try:
        return _known(previews.playable(hit.item, hit.span, MOST_PLAYED), HEARD | WATCHED)
    except (MorelikeError, OSError):  # silent, or too large
        return None


def _known(found: Preview, media_types: frozenset[str]) -> Preview | None:
    return found if found.media_type in media_types else None


def _shared(hit: Hit) -> list[int]:
    """The atoms that the hit shares with the example, where it was explained."""
    shared = hit.why.get("shared")
    atoms = shared.get("atoms", ()) if isinstance(shared, Mapping) else ()
    return [atom for atom in atoms if isinstance(atom, int)]


def _image(hit: Hit, picture: Preview, side: int) -> str:
    alt = escape(_cut(_name(hit), LONGEST_NAME))
    style = f"max-width:100%;max-height:{side}px;display:block"
    return f'<img src="{_data(picture)}" alt="{alt}" style="{style}">'


def _data(found: Preview) -> str:
    return f"data:{found.media_type};base64,{base64.b64encode(found.data).decode('ascii')}"


def _nothing(width: int) -> str:
    style = f"width:{width}px;max-width:100%;height:96px;box-sizing:border-box;border:1px dashed;opacity:.5"
    return f'<div style="{style}"></div>'


def _words(quote: Quote) -> str:
    """A passage with what answers marked, and its reply; the first letters of a long one."""
    text, said, at = quote.text[:LONGEST_TEXT], [], 0
    for start, end in quote.marks:
        said += [escape(text[at:start]), f"<mark>{escape(text[start:end])}</mark>" if start < len(text) else ""]
        at = max(end, at)
    said.append(escape(text[at:]) + ("…" if len(quote.text) > len(text) else ""))
    reply = f'<div style="white-space:pre-wrap">→ {escape(_cut(quote.reply))}</div>' if quote.reply else ""
    return f'<div style="white-space:pre-wrap;max-height:160px;overflow:auto">{"".join(said)}</div>{reply}'


def _caption(place: int, hit: Hit) -> str:
    score, units, where = f"{hit.score:.3f}", units_of(hit), _where(hit)
    told = [*([] if any(unit.endswith(score) for unit in units) else [score]), *units, *([where] if where else [])]
    lines = [_cut(f"{place}. " + " · ".join(told)), *([share] if (share := _share(hit)) else [])]
    name, source = (escape(_cut(text, LONGEST_NAME)) for text in (_name(hit), hit.source))
    return (
        f'<figcaption style="margin-top:4px">{"<br>".join(map(escape, lines))}<br>'
        f'<span title="{source}" style="overflow-wrap:anywhere;opacity:.75">{name}</span></figcaption>'
    )


def _share(hit: Hit) -> str:
    """How much of both is marked, or would be; the atoms themselves are in ``hit.why``."""
    shared = hit.why.get("shared")
    if not isinstance(shared, Mapping):
        return ""
    example = shared.get("query")
    of_it = f"shared {100 * shared.get('share', 0.0):.0f} %"
    return f"{of_it}, of the example {100 * example.get('share', 0.0):.0f} %" if isinstance(example, Mapping) else of_it


def _where(hit: Hit) -> str:
    if hit.quote is not None:
        return "" if hit.quote.page is None else f"page {hit.quote.page}"
    if hit.span.unit == "seconds" and hit.span.end <= hit.span.start:
        return clock(hit.span.start)
    return "" if hit.span == WHOLE else where_of(hit)


def _name(hit: Hit) -> str:
    """What a person calls it: a record's name, else the file with its folder, which often says more than the name."""
    name = hit.metadata.get("name")
    if "#record=" in hit.source and isinstance(name, str) and name:
        return name
    return "/".join(part for part in hit.source.rstrip("/").split("/")[-2:] if part) or hit.source


def _cut(text: str, most: int = LONGEST_TEXT) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
