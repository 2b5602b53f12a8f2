"""One query to several collections: what each is asked, and the answers as one body, with its models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from morelike.errors import MorelikeError
from morelike.hits import GroupedHits, Reply
from morelike.library import Library
from morelike.server.errors import problem_of
from morelike.server.queries import Observe
from morelike.server.schemas import AnswerOrProblem, HitOut
from morelike.shapes import answer_shape, several_shape
from morelike.types import Query

__all__ = ["Grouped", "asked_of_each", "grouped"]


class PlacedOut(HitOut):
    """A hit of one of several collections."""

    collection: str
    modality: str
    rrf: float = Field(description="What the list is in the order of; `score` is that of the hit's own collection.")
    also: list[str] = Field(description="Further collections that found the same item.")


class GroupOut(BaseModel):
    """The hits of one modality, best first."""

    modality: str
    collections: list[str]
    hits: list[PlacedOut]
    more: bool


class SilentOut(BaseModel):
    """A collection without an answer, and why."""

    collection: str
    modality: str
    reason: str
    hint: str


class Grouped(BaseModel):
    """The hits of several collections: as one list, by modality, by collection."""

    fused: list[PlacedOut]
    groups: list[GroupOut] = Field(description="The one with the best hit first.")
    silent: list[SilentOut]
    more: bool = Field(description="Another page exists: ask with `offset`.")
    answers: list[AnswerOrProblem]


def asked_of_each(library: Library, query: Query, collections: Sequence[str] | None) -> dict[str, Query]:
    """What each of several collections is to be asked. Raises UsageError where none is meant, QueryError."""
    return library.asked(query, library.matching(collections))


def grouped(replies: Sequence[Reply], query: Query, *, explain: bool, observe: Observe) -> dict[str, Any]:
    """The answers of several collections to one query: as one list, by modality, and each with what went wrong."""
    found = GroupedHits(replies, k=query.k, offset=query.offset)
    each: list[dict[str, Any]] = []
    for reply in replies:
        named = {"collection": reply.collection, "modality": reply.modality}
        if isinstance(reply.answer, MorelikeError):
            each.append({**named, "problem": problem_of(reply.answer)})
            continue
        observe(reply.answer.timings)
        page = found.answers[reply.collection]
        each.append({**named, **answer_shape(page, explain=explain)})
    return {**several_shape(found, explain=explain), "answers": each}
