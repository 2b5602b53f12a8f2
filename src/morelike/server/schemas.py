"""What the API gives, as pydantic models: they describe the answers, and nothing is checked against them on the way."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, JsonValue

__all__ = [
    "Answer",
    "AnswerOrProblem",
    "Answers",
    "BroughtBack",
    "CollectionList",
    "CollectionOut",
    "Dropped",
    "HitOut",
    "ItemList",
    "ItemOut",
    "JobList",
    "JobOut",
    "PeakList",
    "Problem",
    "RejectedList",
    "Removed",
    "SegmentList",
    "UploadReport",
]


class Problem(BaseModel):
    """What went wrong and what to do next (RFC 9457)."""

    type: str = Field(
        description="Names the problem for programs.", examples=["urn:morelike:problem:no-such-collection"]
    )
    title: str
    status: int
    detail: str = Field(description="What happened, and to what.")
    hint: str = Field(description="What to do next; may be empty.")
    request_id: str = Field("", description="The id under which the server's log knows the request.")
    fields: list[dict[str, str]] = Field(default_factory=list, description="The parts of the request that are wrong.")


class BroughtBack(BaseModel):
    """Items that are found again."""

    brought_back: int


class CollectionOut(BaseModel):
    """A collection."""

    name: str
    modality: str
    items: int = Field(description="How many items are searchable.")
    rejected: int = Field(description="How many rows its ledger has.")
    encoders: list[str]
    options: dict[str, JsonValue] = Field(
        description="How its items are cut: `window`, `hop`, `every` in seconds; `regions`."
    )
    created_at: str


class CollectionList(BaseModel):
    """All collections, by name."""

    collections: list[CollectionOut]


class Dropped(BaseModel):
    """A collection that is gone, and how many items it had."""

    dropped: str
    items: int


class SourceOut(BaseModel):
    """Where an item was found."""

    uri: str
    name: str
    size: int
    modified_ns: int | None = Field(description="Nanoseconds since 1970, where the source said it.")
    metadata: dict[str, Any]
    origin: str = Field(description="The source argument that it came through; empty: through none that stays.")
    added_at: str


class ItemOut(BaseModel):
    """An item."""

    item: str
    source: str
    state: Literal["pending", "ready", "rejected", "deleting", "duplicate"]
    media_type: str
    size: int
    blake3: str
    md5: str
    tags: list[str]
    info: dict[str, Any] = Field(description="What the content itself says.")
    sources: list[SourceOut]
    in_place: bool
    added_at: str
    updated_at: str


class ItemList(BaseModel):
    """A page of items, oldest first."""

    items: list[ItemOut]
    more: bool = Field(description="Another page exists.")


class Removed(BaseModel):
    """Items that are gone."""

    removed: int
    items: list[str]


class RejectionOut(BaseModel):
    """A row of the ledger."""

    source: str
    item: str
    stage: str
    reason: str
    attempts: int
    at: str


class RejectedList(BaseModel):
    """A page of the ledger."""

    rejected: list[RejectionOut]
    more: bool


class UploadedFile(BaseModel):
    """What became of one uploaded file."""

    name: str
    state: Literal["added", "same", "rejected"] = Field(description="`same`: the content was there already.")
    item: str = Field(description="The item's id; empty where the file was rejected before it became one.")
    stage: str = Field("", description="Where a rejected one failed.")
    reason: str = ""
    before: bool = Field(default=False, description="It was rejected earlier, and not tried again: see `retry`.")
    records: int = Field(0, description="How many items a file of many held: a list of molecules, a FASTA file.")


class UploadReport(BaseModel):
    """What an upload did; all of it is durable and searchable."""

    collection: str
    added: int
    same: int
    rejected: int
    rejected_before: int = Field(description="Not tried again; always 0 with `retry`.")
    replaced: int = Field(description="Items that went because the bytes at their only source changed.")
    files: list[UploadedFile]
    seconds: float


class SpanOut(BaseModel):
    """Where a segment lies in its item."""

    unit: str
    start: float
    end: float
    box: list[int] | None = Field(
        None, description="Left, top, right, bottom in pixels, where the unit is `pixels`: a region of a picture."
    )


class SegmentOut(BaseModel):
    """A part that searches answer with."""

    kind: str = Field(description="What it is compared by: `image`, `audio` …", examples=["audio"])
    span: SpanOut


class SegmentList(BaseModel):
    """A page of them, in the item's order."""

    segments: list[SegmentOut]
    more: bool


class PeakList(BaseModel):
    """A waveform."""

    peaks: list[float] = Field(description="The loudest sample of each piece, 0 to 1.")
    start: float = Field(description="Seconds: where the first piece begins.")
    end: float | None = Field(description="Where the last one ends; null where the length is not known.")


class QuoteOut(BaseModel):
    """A hit's words."""

    text: str
    start: int = Field(description="Where they begin, in characters of all the item's words.")
    page: int | None = Field(description="Counted from 1, where the item has pages.")
    marks: list[tuple[int, int]] = Field(
        description="What answers the query, as (from, to) in the characters of `text`: one sentence; in mode "
        "`keyword` the query's words. None where no word is shared."
    )
    reply: str = Field(description="What goes with the words unsearched: the answer to a question.")


class HitOut(BaseModel):
    """An item and how close it is."""

    item: str
    source: str
    score: float = Field(description="Higher is closer.")
    percentile: float | None = Field(
        description="0 to 100: the share of the collection's random pairs that are less alike; null: not calibrated."
    )
    unit: dict[str, float] = Field(
        description="The score in the field's own measure: `cosine`, `tanimoto`; of aligned sequences `bits`, "
        "`identity`, `aligned` and `length` (letters), `coverage`."
    )
    span: SpanOut = Field(
        description="Which part of the item it is: seconds of a sound or a film, a region of a picture, characters "
        "of a text."
    )
    kind: str = Field("", description="What was compared: `image`, `audio`, `text` …")
    segment: str = Field(description="The segment's id: a decimal number of up to 63 bits.")
    metadata: dict[str, Any]
    quote: QuoteOut | None = Field(None, description="Of a hit that has words these; otherwise absent.")
    why: dict[str, Any] = Field(
        default_factory=dict,
        description="With `explain`: of molecules `shared` (`atoms` and `bonds`, numbered from 0 as in the SMILES; the "
        "preview marks them: `?atoms=0,1,5`), of sequences `alignment` (places, strand, lines in `blocks`).",
    )


class Answer(BaseModel):
    """One page of hits, best first."""

    hits: list[HitOut]
    more: bool = Field(description="Another page exists: ask with `offset`.")
    nothing_similar: bool = Field(description="Even the best hit is no closer than chance would have it.")
    unknown_words: list[str] = Field(
        default_factory=list, description="Of the query's words those that the encoder does not know, left out."
    )
    timings: dict[str, float] = Field(default_factory=dict, description="Seconds a stage; with `explain`.")


class AnswerOrProblem(BaseModel):
    """One of several answers: a page of hits, or the problem that this one had."""

    collection: str = ""
    modality: str = ""
    hits: list[HitOut] = Field(default_factory=list)
    more: bool = False
    nothing_similar: bool = False
    unknown_words: list[str] = Field(default_factory=list)
    timings: dict[str, float] = Field(default_factory=dict)
    problem: Problem | None = None


class Answers(BaseModel):
    """An answer for each query, in order."""

    answers: list[AnswerOrProblem]


class JobOut(BaseModel):
    """A job."""

    id: str
    kind: str
    collection: str
    arguments: dict[str, Any]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: dict[str, Any] = Field(description="`done`, `total`, `rate`, `eta`, `note` and the kind's own numbers.")
    result: dict[str, Any]
    error: str
    hint: str
    attempts: int
    cancelling: bool
    created_at: str
    started_at: str
    finished_at: str


class JobList(BaseModel):
    """A page of jobs, newest first, and how many there are in each state."""

    jobs: list[JobOut]
    more: bool
    counts: dict[str, int]
