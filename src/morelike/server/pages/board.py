"""What a person is asking, as it stands in the page's address: examples with weights and crops, words, a filter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import urlencode

from morelike.errors import QueryError
from morelike.server.pages.times import range_of, range_value, span_words
from morelike.types import Span

__all__ = ["MOST_PARTS", "SIMILAR", "Board", "Crop", "Form", "Part"]

MOST_PARTS = 16
HEAVIEST = 10.0
SIMILAR, KEYWORD, HYBRID = "similar", "keyword", "hybrid"
WORDED = (KEYWORD, HYBRID)
"""Modes that need words."""
LONGEST = 2000
"""Letters that words or a filter may have."""

Crop = tuple[float, float, float, float]


class Form(Protocol):
    """An address' query, or a form's fields: names may stand in it several times."""

    def get(self, key: str, /) -> object: ...

    def getlist(self, key: str, /) -> Sequence[object]: ...


@dataclass(frozen=True, slots=True)
class Part:
    """One example: an ``item`` by its id, or an ``upload`` by the token that it is kept under."""

    form: str
    name: str
    weight: float = 1.0
    crop: Crop | None = None
    at: tuple[float, float] | None = None
    """Seconds of a sound or a film."""

    @property
    def value(self) -> str:
        """As the address has it: ``item:4f0c…``."""
        return f"{self.form}:{self.name}"

    @property
    def crop_value(self) -> str:
        return "" if self.crop is None else ",".join(f"{edge:g}" for edge in self.crop)

    @property
    def at_value(self) -> str:
        return range_value(self.at)

    @property
    def span(self) -> Span | None:
        return None if self.at is None else Span("seconds", *self.at)

    @property
    def at_words(self) -> str:
        """``0:03.5–0:08.0``"""
        return "" if self.span is None else span_words(self.span)


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that makes up one search; its address brings the same search back."""

    parts: tuple[Part, ...] = ()
    text: str = ""
    text_weight: float = 1.0
    further: tuple[tuple[str, float], ...] = ()
    """Words besides ``text``, each with its weight."""
    filter: str = ""
    threshold: float | None = None
    offset: int = 0
    mode: str = SIMILAR

    @property
    def asks(self) -> bool:
        """Whether there is anything to search for."""
        return bool(self.parts or self.text)

    @property
    def words(self) -> tuple[tuple[str, float], ...]:
        """All words, each with its weight."""
        return ((self.text, self.text_weight), *self.further) if self.text else ()

    @property
    def full(self) -> bool:
        """Whether it takes no further part."""
        return len(self.parts) + len(self.words) >= MOST_PARTS

    @property
    def uploads(self) -> bool:
        """Whether a file that was uploaded is among the examples: its address works as long as that is kept."""
        return any(part.form == "upload" for part in self.parts)

    @property
    def weighs(self) -> bool:
        """Whether weights say anything: one part alone has nothing to be weighed against."""
        weights = [part.weight for part in self.parts] + [weight for _, weight in self.words]
        return len(weights) > 1 or any(weight != 1.0 for weight in weights)

    @classmethod
    def read(cls, form: Form) -> Board:
        """From an address or a form. Raises QueryError where a field cannot be read."""
        names = [str(name) for name in form.getlist("part") if name]
        words = _all_words(form)
        if len(names) + len(words) > MOST_PARTS:
            raise QueryError(f"{len(names) + len(words)} parts are too many", hint=f"a query takes {MOST_PARTS}")
        weights = [str(weight) for weight in form.getlist("weight")]
        crops = [str(crop) for crop in form.getlist("crop")]
        ranges = [str(at) for at in form.getlist("at")]
        parts = tuple(
            _part(name, _at(weights, place), _at(crops, place), _at(ranges, place)) for place, name in enumerate(names)
        )
        threshold = _words(form, "threshold")
        return cls(
            parts=parts,
            text=words[0][0] if words else "",
            text_weight=words[0][1] if words else 1.0,
            further=words[1:],
            filter=_words(form, "filter"),
            threshold=_number(threshold, "threshold") if threshold else None,
            offset=_offset(_words(form, "offset")),
            mode=_words(form, "mode") or SIMILAR,
        )

    def query(self) -> str:
        """The part of an address behind the question mark; "" where nothing is asked."""
        pairs: list[tuple[str, str]] = []
        # by position: all of them or none
        whole = any(part.crop or part.weight != 1.0 for part in self.parts)
        timed = any(part.at for part in self.parts)
        for part in self.parts:
            pairs.append(("part", part.value))
            if whole:
                pairs += [("weight", f"{part.weight:g}"), ("crop", part.crop_value)]
            if timed:
                pairs.append(("at", part.at_value))
        weighed = any(weight != 1.0 for _, weight in self.words)
        for text, weight in self.words:
            pairs.append(("text", text))
            if weighed:
                pairs.append(("text_weight", f"{weight:g}"))
        if self.filter:
            pairs.append(("filter", self.filter))
        if self.threshold is not None:
            pairs.append(("threshold", f"{self.threshold:g}"))
        if self.mode != SIMILAR:
            pairs.append(("mode", self.mode))
        if self.offset:
            pairs.append(("offset", str(self.offset)))
        return urlencode(pairs)

    def only(self, part: Part) -> Board:
        """A new search with one example, within the same filter."""
        return Board(parts=(part,), filter=self.filter, mode=self.mode)

    def plus(self, part: Part) -> Board:
        """With a further example; one that is there already gets the new weight."""
        others = tuple(one for one in self.parts if one.value != part.value)
        return replace(self, parts=(*others, part), threshold=None, offset=0, mode=self._mode_of_examples())

    def plus_words(self, words: str, weight: float = 1.0) -> Board:
        """With further words; the same ones get the new weight."""
        kept = [one for one in self.words if one[0] != words]
        text, first = kept[0] if kept else (words, weight)
        further = (*kept[1:], (words, weight)) if kept else ()
        return replace(self, text=text, text_weight=first, further=further, threshold=None, offset=0)

    def instead(self, place: int, part: Part) -> Board:
        """With another example at a place, of the same weight and the same part of it."""
        old = self.parts[place]
        new = replace(part, weight=old.weight, crop=old.crop, at=old.at)
        return replace(self, parts=(*self.parts[:place], new, *self.parts[place + 1 :]), offset=0)

    def without(self, place: int) -> Board:
        """Without the example at a place."""
        return replace(self, parts=self.parts[:place] + self.parts[place + 1 :], threshold=None, offset=0)

    def without_words(self, place: int) -> Board:
        """Without the words at a place."""
        words = self.words[:place] + self.words[place + 1 :]
        text, weight = words[0] if words else ("", 1.0)
        return replace(self, text=text, text_weight=weight, further=words[1:], threshold=None, offset=0)

    def _mode_of_examples(self) -> str:
        """Of keywords an example has none: with it, a search by words is one by both, or by likeness alone."""
        if self.mode not in WORDED:
            return self.mode
        return HYBRID if self.text else SIMILAR

    def free(self) -> Board:
        """Without filter and threshold."""
        return replace(self, filter="", threshold=None, offset=0)

    def page(self, offset: int) -> Board:
        return replace(self, offset=offset)


@dataclass(frozen=True, slots=True)
class Fields:
    """A form of plain values, for addresses that are made from scratch."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def get(self, key: str, /) -> object:
        return next(iter(self.values.get(key, ())), None)

    def getlist(self, key: str, /) -> Sequence[object]:
        return self.values.get(key, ())


def _at(values: Sequence[str], place: int) -> str:
    return values[place] if place < len(values) else ""


def _part(value: str, weight: str, crop: str, at: str) -> Part:
    form, _, name = value.partition(":")
    if form not in {"item", "upload"} or not name or len(name) > 200:
        raise QueryError(f"{value[:80]!r} is no example", hint="an example is item:ID, or a file that was uploaded")
    return Part(form, name, _weight(weight), _crop(crop) if crop else None, range_of(at) if at else None)


def _weight(text: str) -> float:
    weight = _number(text, "weight") if text else 1.0
    if abs(weight) > HEAVIEST:
        raise QueryError(f"the weight {text[:20]} is too large", hint=f"from -{HEAVIEST:g} to {HEAVIEST:g}")
    return weight


def _all_words(form: Form) -> tuple[tuple[str, float], ...]:
    """The words of each field that has any, with the weight at the field's place."""
    weights = [str(weight) for weight in form.getlist("text_weight")]
    found = ((_text(text, "text"), _at(weights, place)) for place, text in enumerate(form.getlist("text")))
    return tuple((text, _weight(weight)) for text, weight in found if text)


def _crop(text: str) -> Crop:
    edges = [_number(edge, "crop") for edge in text.split(",")]
    if len(edges) != 4:
        raise QueryError(
            f"the crop {text[:80]!r} has not four edges", hint="left,top,right,bottom as fractions, 0 to 1"
        )
    left, top, right, bottom = (round(edge, 4) for edge in edges)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise QueryError(f"the crop {text[:80]} is no part of a picture", hint="left,top,right,bottom, each 0 to 1")
    return left, top, right, bottom


def _words(form: Form, name: str) -> str:
    return _text(form.get(name), name)


def _text(value: object, name: str) -> str:
    words = value.strip() if isinstance(value, str) else ""
    if len(words) > LONGEST:
        raise QueryError(f"the {name} is longer than {LONGEST} letters")
    return words


def _offset(text: str) -> int:
    if not text:
        return 0
    if not text.isdecimal() or len(text) > 7:
        raise QueryError(f"the offset {text[:20]!r} is no number", hint="0 or more")
    return int(text)


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise QueryError(f"the {name} {text[:20]!r} is no number")
    return value
