"""How a query may be answered. A mode ranks segments in the spaces it knows; ``rank.py`` makes items of them.

A mode is ``(Asked, n) -> list[Ranked]``: at most ``n`` segments a space, best first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from morelike.errors import QueryError
from morelike.protocols import ReadsText
from morelike.search.clips import NEAREST, Aligned, Aligning, Clip, clip_of
from morelike.search.clock import Clock
from morelike.search.composing import COMPOSED, composer_of
from morelike.search.embed import Embedder, Embedding, texts_of, units
from morelike.types import Ids, ItemState, Metadata, Query, Scores, Segment, Space, Span, Vectors, Within

__all__ = ["Asked", "Detail", "Ranked", "hybrid", "keyword", "settled", "similar"]

OPTIONS: Mapping[str, Mapping[str, bool | float | str]] = {
    "containment": {"of": "query"},
    "hybrid": {},
    "keyword": {},
    "recording": {},
    "similar": {"rescore": True},
    "substructure": {"read": "auto", "stereo": False},
    "superstructure": {"stereo": False},
    "tversky": {"alpha": 0.9, "beta": 0.1},
}
"""What each mode can be told, with what holds where it is not. Modes that are not named here check for themselves."""
WORDS: Mapping[str, str] = {"image": "conse-mobilenet-v2", "audio": "conse-yamnet"}
"""A card of each kind that takes words besides and is small, for those who would search with words and cannot."""
_YES_AND_NO = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def settled(mode: str, given: Metadata) -> dict[str, Any]:
    """A mode's options, complete. Texts stand for numbers and for yes and no, as on a command line.

    Raises QueryError on one that the mode does not know or cannot use.
    """
    known = OPTIONS.get(mode)
    if known is None:
        return dict(given)
    strange = [name for name in given if name not in known]
    if strange:
        hint = f"it takes: {', '.join(known)}" if known else "it takes none"
        raise QueryError(f"the mode {mode} has no option {strange[0]!r}", hint=hint)
    return {name: _option(name, given[name], usual) if name in given else usual for name, usual in known.items()}


def _option(name: str, value: Any, usual: bool | float | str) -> bool | float | str:
    if isinstance(usual, bool):
        found = value if isinstance(value, bool) else _YES_AND_NO.get(str(value).strip().lower())
        if found is not None:
            return found
        raise QueryError(f"the option {name} cannot be {value!r}", hint="true or false")
    if isinstance(usual, str):
        if isinstance(value, str):
            return value
        raise QueryError(f"the option {name} cannot be {value!r}", hint=f"for example {usual!r}")
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise QueryError(f"the option {name} cannot be {value!r}", hint=f"a number, for example {usual:g}")
    return number


@dataclass(slots=True, eq=False)
class Asked:
    """A query on its way, with what was worked out already: a mode is called again when more segments are needed."""

    embedder: Embedder
    spaces: Sequence[Space]
    query: Query
    states: Mapping[str, ItemState]
    """Of the items among the examples, by whole id."""
    within_of: Callable[[Space], Within | None]
    clock: Clock = field(default_factory=Clock)
    embeddings: dict[int, Embedding] = field(default_factory=dict)
    vectors: dict[int, Vectors] = field(default_factory=dict)
    near: dict[tuple[int, int], tuple[Ids, Scores]] = field(default_factory=dict)
    """By space and how many were asked for: the (m, n) nearest segments, where they are known already."""
    aligned: dict[int, list[Aligned]] = field(default_factory=dict)
    """By space: the items in which a clip was looked for, best first."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The query's own, complete, as ``settled`` gives them."""
    explain: Callable[[Sequence[Segment]], list[Metadata]] | None = None
    """Set by a mode that can say why of the hits that are shown; asked of no others."""

    def embedding(self, space: Space) -> Embedding:
        """The examples, decoded; at the encoder or not yet."""
        if space.id not in self.embeddings:
            self.embeddings[space.id] = self.embedder.begin(space, self.query, self.states, self.clock)
        return self.embeddings[space.id]

    def query_vectors(self, space: Space) -> Vectors:
        """(m, dim); waits for the encoder."""
        if space.id not in self.vectors:
            self.vectors[space.id] = self.embedding(space).vectors()
        return self.vectors[space.id]

    def clip(self, space: Space) -> Clip | None:
        """The example, where it is a course of frames in time; waits for the encoder."""
        vectors = self.query_vectors(space)
        return clip_of(self.embedding(space).spans(), vectors) if space.kind == "image" else None

    def nearest(self, space: Space, n: int) -> tuple[Ids, Scores]:
        """(m, n) ids and scores, as a vector store gives them."""
        found = self.near.pop((space.id, n), None)
        if found is None:
            queries = self.query_vectors(space)
            with self.clock.stage("vectors"):
                found = self.embedder.stores.vectors.search(space, queries, n, within=self.within_of(space))
        return found

    def dense_spaces(self) -> list[Space]:
        """Those in which likeness is measured."""
        return [space for space in self.spaces if space.has_vectors and not space.is_screen]


@dataclass(frozen=True, slots=True)
class Detail:
    """What a mode found out about a segment besides its score: where in the item, further units, and why."""

    span: Span | None = None
    """The part that matches, where that is not the segment's own span."""
    unit: Mapping[str, float] = field(default_factory=dict)
    why: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranked:
    """One space's answer: (n,) ids and scores, best first; ``all``: the space has no more than these."""

    space: Space
    ids: Ids
    scores: Scores
    all: bool
    details: Mapping[int, Detail] = field(default_factory=dict)
    """By segment id, where there is more to say."""
    unit: str = ""
    """What the scores are, where that is not the space's own metric."""


def similar(asked: Asked, n: int) -> list[Ranked]:
    """Nearest neighbours in every active space that the examples speak to. A clip is more than its frames: items are
    ranked by the stretch in which its frames follow one another.
    """
    spaces = asked.dense_spaces()
    wordless = all(not {"text", COMPOSED}.intersection(space.card.kinds) for space in spaces)
    written = isinstance(asked.embedder.modality, ReadsText)  # a text may be an item itself
    if wordless and not written and any(example.form == "text" for example in asked.query.examples):
        raise QueryError(_why_nothing(asked), hint=_what_instead(asked))
    spoken_to = [space for space in spaces if len(asked.query_vectors(space))]
    answers = [_in_time(asked, space, n) or _best_of(space, *asked.nearest(space, n), n) for space in spoken_to]
    if not answers:
        raise QueryError(_why_nothing(asked), hint=_what_instead(asked))
    return answers


def keyword(asked: Asked, n: int) -> list[Ranked]:
    """BM25 over the collection's texts."""
    words = texts_of(asked.query.examples)
    spaces = [space for space in asked.spaces if space.card.form == "terms"]
    if not spaces:
        name = asked.embedder.collection.name
        raise QueryError(f"the collection {name} has no keyword index", hint="search it by example")
    if asked.query.mode == "keyword" and any(one.form == "text" and one.weight < 0 for one in asked.query.examples):
        raise QueryError("a keyword search cannot push away from words", hint="the modes similar and hybrid can")
    if not words.strip():
        raise QueryError("a keyword search needs words", hint="give them with --text")
    answers = []
    for space in spaces:
        with asked.clock.stage("terms"):
            ids, scores = asked.embedder.stores.terms.search(space, words, n, within=asked.within_of(space))
        answers.append(Ranked(space, ids, scores, len(ids) < n))
    return answers


def hybrid(asked: Asked, n: int) -> list[Ranked]:
    """Both, to be fused by rank."""
    return [*similar(asked, n), *keyword(asked, n)]


def _best_of(space: Space, ids: Ids, scores: Scores, n: int) -> Ranked:
    """(q, n) answers of several query vectors to one list: a segment's best score counts."""
    everything = bool((ids[:, -1] == -1).all()) if n else True
    flat_ids, flat_scores = ids.ravel(), scores.ravel()
    real = flat_ids != -1
    flat_ids, flat_scores = flat_ids[real], flat_scores[real]
    order = np.lexsort((flat_ids, -flat_scores))
    _, first = np.unique(flat_ids[order], return_index=True)
    keep = order[np.sort(first)][:n]  # beyond n, segments may be missing that no query had among its best n
    return Ranked(space, flat_ids[keep], flat_scores[keep], everything)


def _in_time(asked: Asked, space: Space, n: int) -> Ranked | None:
    """What a clip's frames together say; None where the example is no clip, or the items have no time.

    The score is the mean similarity along the clip, times the share of it that is found; so one frame alone counts for
    as much as one frame is.
    """
    clip = asked.clip(space)
    if clip is None:
        return None
    n = max(n, NEAREST)
    ids, scores = asked.nearest(space, n)
    if space.id not in asked.aligned:
        with asked.clock.stage("align"):
            aligning = Aligning(asked.embedder, space, clip, asked.clock)
            asked.aligned[space.id] = aligning.found(ids[:, :NEAREST], scores[:, :NEAREST], asked.states)
    aligned = asked.aligned[space.id]
    if not aligned:
        return None
    rest = _best_of(space, ids, scores, n)
    worst = aligned[-1].score
    alone = np.minimum(np.clip(rest.scores, 0.0, 1.0) / len(clip.moments), worst).astype(np.float32)
    details = {
        identifier: Detail(unit={**units(space, score), "coverage": 1.0 / len(clip.moments)})
        for identifier, score in zip(rest.ids.tolist(), rest.scores.tolist(), strict=True)
    }
    for one in aligned:
        unit = {**units(space, one.closest), "coverage": one.match.coverage, "speed": one.match.speed}
        details[one.segment] = Detail(Span("seconds", *one.match.item), unit, {"aligned": one.explained()})
    first = np.array([one.segment for one in aligned], dtype=np.int64)
    others = ~np.isin(rest.ids, first)
    return Ranked(
        space,
        np.concatenate([first, rest.ids[others]]),
        np.concatenate([np.array([one.score for one in aligned], dtype=np.float32), alone[others]]),
        rest.all,
        details,
    )


def _why_nothing(asked: Asked) -> str:
    name = asked.embedder.collection.name
    if any(example.form == "text" for example in asked.query.examples):
        if composer := composer_of(asked.dense_spaces()):
            return f"the encoder {composer} composes a picture and words: give a picture too"
        cards = ", ".join(space.card.name for space in asked.spaces) or "none"
        return f"the collection {name} cannot be searched with words: its encoder ({cards}) has no text tower"
    return f"the example has nothing that the collection {name} indexes"


def _what_instead(asked: Asked) -> str:
    if any(example.form == "text" for example in asked.query.examples):
        name = asked.embedder.collection.name
        if composer_of(asked.dense_spaces()):
            return "an example that the words change: a file, a URL, an item's id"
        words = next((WORDS[space.kind] for space in asked.spaces if space.kind in WORDS), "NAME")
        return (
            f"`morelike reembed {name} --encoder {words}` gives it one that takes words; `morelike encoders` has more"
        )
    kinds = ", ".join(space.kind for space in asked.spaces)
    return f"it indexes: {kinds or 'nothing yet'}"
