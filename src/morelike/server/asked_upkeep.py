"""What the API takes to look after collections and the library, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from morelike.arguments import LONGEST_LABELS
from morelike.server.asked import Asked, Finite, Name, Tag, Text
from morelike.tagging import MOST_LABELS, THRESHOLD

__all__ = [
    "AsideRequest",
    "AutoTagRequest",
    "CalibrateRequest",
    "DedupRequest",
    "DistinctRequest",
    "DoctorRequest",
    "DuplicatesRequest",
    "EvaluateRequest",
    "MapItemsRequest",
    "MapRequest",
    "PurgeRequest",
    "ReembedRequest",
    "UndoRequest",
]


MOST_CHOSEN: Final = 10_000


class ReembedRequest(Asked):
    """Another encoder for the collection, or with `rollback` the one before this: one of the two."""

    encoder: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="A name that `GET /encoders` lists."
    )
    rollback: bool = Field(default=False, description="Go back to the space before this one.")
    allow_missing: bool = Field(
        default=False, description="Go on where originals are gone; their items are not found any more."
    )
    switch: bool = Field(
        default=True, description="Search in the new space once it is whole; without, it is filled and left beside."
    )


class DedupRequest(Asked):
    """How to look for duplicates. Without `apply` nothing is changed: the job's result says what would be."""

    near: bool = Field(default=True, description="Near duplicates too, not only equal bytes.")
    threshold: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="How alike near duplicates are at least."
    )
    keep: Literal["best", "largest", "oldest", "newest"] = Field(
        "best", description="Which of a group stays: `best` has the most pixels, then the most bytes."
    )
    apply: bool = Field(default=False, description="Set all others of each group aside.")
    contained: bool = Field(default=False, description="Set aside what lies in a longer film or recording, too.")


class AsideIn(Asked):
    """An item, and the one that stays for it."""

    item: Text = Field(description="Its id.")
    keeper: Text = Field(description="The id of the one that stays.")
    score: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="How alike they are, as whoever compared them says."
    )


class AsideRequest(Asked):
    """Items to set aside as duplicates, as one run."""

    asides: Annotated[list[AsideIn], Field(min_length=1, max_length=MOST_CHOSEN)] = Field(description="Each item once.")


class UndoRequest(Asked):
    """Which run of `dedup` to undo."""

    run: Name | None = Field(None, description="As the job's result names it; the last one where it is left out.")


class DistinctRequest(Asked):
    """Items that are no duplicates, whatever it looks like."""

    items: Annotated[list[Text], Field(min_length=2, max_length=100)] = Field(
        description="Their ids; it is remembered of each two of them."
    )


class AutoTagRequest(Asked):
    """Labels to tag items with. With `dry_run` nothing is changed: the job's result says what would be."""

    labels: Annotated[list[Tag], Field(min_length=1, max_length=MOST_LABELS)] = Field(
        description="Words; an item gets those that it stands nearest to, or none.", examples=[["cat", "dog"]]
    )
    wording: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^{}]*\{\}[^{}]*$")] = Field(
        "{}", description="How a label is put to the encoder.", examples=["a photo of a {}"]
    )
    prefix: Annotated[str, StringConstraints(max_length=100)] = Field(
        "", description="Before each tag; with one, tags of these labels that no longer hold are taken off."
    )
    threshold: Finite = Field(THRESHOLD, description="Standard deviations above everyday words, at the least.")
    top: Annotated[int, Field(ge=1, le=MOST_LABELS)] = Field(1, description="How many tags an item gets at the most.")
    filter: Annotated[str, StringConstraints(max_length=10_000)] | None = Field(
        None, description="Only items that match."
    )
    dry_run: bool = Field(default=False, description="Change nothing.")


class CalibrateRequest(Asked):
    """Nothing to choose yet."""


class DuplicatesRequest(Asked):
    """How to look for duplicates; nothing is changed."""

    near: bool = Field(default=True, description="Near duplicates too, not only equal bytes.")
    threshold: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="How alike near duplicates are at least."
    )
    keep: Literal["best", "largest", "oldest", "newest"] = Field("best", description="Which of a group stands first.")


class PurgeRequest(Asked):
    """What that was set aside is to go."""

    run: Name | None = Field(None, description="Of one run of `dedup`; of all where it is left out.")


class EvaluateRequest(Asked):
    """How to measure how well a collection finds its own kind."""

    labels: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_LABELS)] = Field(
        "parent-folder",
        description="Where an item's label is: `parent-folder`, `tag`, `meta:KEY`, `info:KEY`, or `name:REGEX`, a "
        "regular expression in which at most two things repeat or can be left out, one where it does not begin "
        "with `^`, and no group.",
    )
    folds: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_LABELS)] | None = Field(
        None, description="Leave out answers of the query's own fold: `meta:KEY`, or such an expression."
    )
    kind: Name | None = Field(None, description="Which of the collection's kinds; the first where it is left out.")
    queries: Annotated[int, Field(ge=1, lt=2**31)] | None = Field(
        None, description="Ask only this many items, drawn by chance."
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="Which items are drawn.")


class MapRequest(Asked):
    """What a map is to show."""

    kind: Name | None = Field(None, description="Which of the collection's kinds; the first where it is left out.")


class MapItemsRequest(Asked):
    """Points of one map. With `made_at` and `revision` of that map alone: 404 once it was made anew."""

    places: Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=MOST_CHOSEN)] = Field(
        description="They count from 0 through all its pages."
    )
    kind: Name | None = Field(None, description="As for the map itself.")
    made_at: Annotated[str, StringConstraints(max_length=64)] | None = None
    revision: int | None = None


class DoctorRequest(Asked):
    """Whether to look only, or to mend what can be mended."""

    fix: bool = Field(default=False, description="Mend it.")
    rescue: Annotated[str, StringConstraints(max_length=64)] = Field(
        "", description="With `fix`: a collection that takes in blobs of no item, which are removed otherwise."
    )
