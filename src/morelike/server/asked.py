"""What the API takes, as pydantic models: strict, and what they do not name is refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    RootModel,
    StringConstraints,
    model_validator,
)
from pydantic import Tag as PartTag

from morelike.registry import MODES
from morelike.search.several import AUTO
from morelike.tagging import MOST_LABELS, THRESHOLD

__all__ = [
    "MOST_PARTS",
    "AddRequest",
    "AutoTagRequest",
    "BatchQuery",
    "CalibrateRequest",
    "DedupRequest",
    "DistinctRequest",
    "FilePart",
    "ItemPart",
    "JsonQuery",
    "NewCollection",
    "Part",
    "PatchItem",
    "QueryIn",
    "ReembedRequest",
    "SearchForm",
    "SearchRequest",
    "SeveralForm",
    "SeveralRequest",
    "TextPart",
    "UndoRequest",
    "UrlPart",
]

LARGEST_K = 1000
DEEPEST_OFFSET = 10_000
MOST_PARTS = 32
MOST_QUERIES = 64
MOST_ADDRESSES = 64
"""That all queries of one request may have fetched together."""
MOST_SOURCES = 1000

Text = Annotated[str, StringConstraints(min_length=1, max_length=8192)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


Crop = tuple[Fraction, Fraction, Fraction, Fraction]


def _mode(name: str) -> str:
    if name not in MODES:
        raise ValueError(f"there are: {', '.join(MODES)}")
    return name


Mode = Annotated[str, AfterValidator(_mode), Field(json_schema_extra=lambda schema: schema.update(enum=list(MODES)))]
ModeOrAuto = Annotated[
    str,
    AfterValidator(lambda name: name if name == AUTO else _mode(name)),
    Field(json_schema_extra=lambda schema: schema.update(enum=[AUTO, *MODES])),
]
Metadata = dict[Annotated[str, StringConstraints(min_length=1, max_length=128)], JsonValue]


class Asked(BaseModel):
    """A request: what it does not name is refused, so that a misspelt field is not passed over."""

    model_config = ConfigDict(extra="forbid", strict=True)


class At(Asked):
    """A span of the example: seconds of a sound or a film; a page, characters … as its unit says.

    ``pixels`` is a region as a hit has it: its corners are y * 65536 + x. ``crop`` says the same in fractions.
    """

    unit: Literal["whole", "seconds", "page", "characters", "bases", "view", "pixels"] = "seconds"
    start: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    end: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0

    @model_validator(mode="after")
    def _forwards(self) -> At:
        if self.unit == "seconds" and self.start >= self.end:
            raise ValueError('a part ends after it begins: {"start": 3, "end": 8.5} are seconds')
        return self


class _Part(Asked):
    """What all parts of a query have."""

    weight: Finite = Field(1.0, description="How much it counts; a negative one pushes away.")


class _SeenPart(_Part):
    crop: Crop | None = Field(
        None, description="Left, top, right, bottom: the box of the picture that counts, as fractions."
    )
    at: At | None = Field(None, description="The part of it that counts, in seconds.")


class ItemPart(_SeenPart):
    """An item of the collection."""

    item: Text = Field(description="Its id, or a unique beginning of it.")


class UrlPart(_SeenPart):
    """A file behind an http(s) address."""

    url: Text = Field(description="Only public addresses are fetched.")


class FilePart(_SeenPart):
    """A file of the same multipart request."""

    file: Annotated[int, Field(ge=0, lt=MOST_PARTS)] = Field(description="The number of its `example` part, from 0.")


class TextPart(_Part):
    """Words, where the collection's encoder understands them; to one that composes, how the first picture is to change
    (then with a weight from 0, the picture as it is, to 1).
    """

    text: Text


def _kind_of_part(given: object) -> str | None:
    """By the one key that tells the parts apart; None: not exactly one of them."""
    if isinstance(given, dict):
        kinds = [name for name in ("item", "url", "file", "text") if name in given]
    else:
        kinds = [name for name in ("item", "url", "file", "text") if hasattr(given, name)]
    return kinds[0] if len(kinds) == 1 else None


Part = Annotated[
    Annotated[ItemPart, PartTag("item")]
    | Annotated[UrlPart, PartTag("url")]
    | Annotated[FilePart, PartTag("file")]
    | Annotated[TextPart, PartTag("text")],
    Discriminator(
        _kind_of_part,
        custom_error_type="part",
        custom_error_message="A part of a query is exactly one of item, url, file and text",
    ),
]
"""One part of a query."""


class QueryIn(Asked):
    """A query by examples."""

    examples: Annotated[list[Part], Field(max_length=MOST_PARTS)] = Field(
        default_factory=list,
        description="The parts of the query. In a multipart request without any, each `example` file is one.",
    )
    filter: Annotated[str, StringConstraints(max_length=10_000)] | None = Field(
        None, description="Only items that match.", examples=["width >= 1000 and tag = 'holiday'"]
    )
    k: Annotated[int, Field(ge=1, le=LARGEST_K)] = Field(10, description="How many hits.")
    offset: Annotated[int, Field(ge=0, le=DEEPEST_OFFSET)] = Field(0, description="Leave out the first: the next page.")
    threshold: Finite | None = Field(None, description="Leave out hits with a lower score.")
    mode: Mode = Field("similar", description="How to search.")
    options: Annotated[
        dict[Name, bool | float | Annotated[str, StringConstraints(max_length=200)]], Field(max_length=16)
    ] = Field(
        default_factory=dict,
        description="What the mode can be told: `alpha` and `beta` of `tversky`; `stereo` and `read` (`auto`, "
        "`smarts`, `smiles`) of `substructure`; `rescore` of `similar`: false leaves out the alignment of sequences.",
        examples=[{"alpha": 0.9, "beta": 0.1}],
    )
    explain: bool = Field(default=False, description="Say why, and where the time went.")


class JsonQuery(QueryIn):
    """A query that has no files beside it."""

    examples: Annotated[list[Part], Field(min_length=1, max_length=MOST_PARTS)] = Field(
        description="The parts of the query."
    )


class BatchQuery(Asked):
    """Several queries in one request."""

    queries: Annotated[list[JsonQuery], Field(min_length=1, max_length=MOST_QUERIES)] = Field(
        description=f"Up to {MOST_QUERIES}; the answer holds an answer for each, in order."
    )

    @model_validator(mode="after")
    def _not_too_far(self) -> BatchQuery:
        if sum(isinstance(part, UrlPart) for query in self.queries for part in query.examples) > MOST_ADDRESSES:
            raise ValueError(f"the queries name more than {MOST_ADDRESSES} addresses together")
        return self


def _kind_of_search(given: object) -> str:
    return "queries" if (isinstance(given, dict) and "queries" in given) or hasattr(given, "queries") else "query"


class SearchRequest(RootModel[Any]):
    """One query, or several under ``queries``, which stand alone."""

    root: Annotated[
        Annotated[JsonQuery, PartTag("query")] | Annotated[BatchQuery, PartTag("queries")],
        Discriminator(_kind_of_search),
    ]


class SearchForm(RootModel[Any]):
    """The same beside files, where a query without parts means all of them."""

    root: Annotated[
        Annotated[QueryIn, PartTag("query")] | Annotated[BatchQuery, PartTag("queries")],
        Discriminator(_kind_of_search),
    ]


class SeveralForm(QueryIn):
    """One query to several collections, with files beside it."""

    mode: ModeOrAuto = Field(
        AUTO, description="How to search; `auto`: for words by meaning and as they stand, whichever a collection has."
    )
    collections: Annotated[list[Name], Field(min_length=1, max_length=MOST_QUERIES)] | None = Field(
        None,
        description="Their names, or globs (`photo*`); every collection of the library where this is left out.",
    )


class SeveralRequest(SeveralForm):
    """One query to several collections."""

    examples: Annotated[list[Part], Field(min_length=1, max_length=MOST_PARTS)] = Field(
        description="The parts of the query."
    )


class NewCollection(Asked):
    """A collection to make."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")] = Field(
        description="Letters, digits, `-` and `_`, at most 64.", examples=["photos"]
    )
    modality: Name = Field("image", description="What it holds.")
    encoder: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        "auto",
        description="A name that `GET /encoders` lists, several between commas where the modality has several kinds "
        "(a film's frames and its sound), or `auto`: the best that can be had.",
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="How items are cut, fixed from then on, in seconds: `window` and `hop` of sound; `every` of a "
        "film's frames, which are those of its shots without it. `regions` of pictures: `grid`, `detector:NAME`.",
        examples=[{"window": 2, "hop": 1}],
    )


class AddRequest(Asked):
    """Sources to add, as a job."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["sources"], "properties": {"sources": {"minItems": 1}}},
                {"required": ["retry"], "properties": {"retry": {"const": True}}},
            ]
        }
    )

    sources: Annotated[list[Text], Field(max_length=MOST_SOURCES)] = Field(
        default_factory=list,
        description="http(s) addresses; and files, folders and globs of the server, or `s3://` addresses, below its "
        "`--allow-root` places.",
        examples=[["https://example.org/cat.jpg"]],
    )
    exclude: Annotated[list[Text], Field(max_length=100)] = Field(
        default_factory=list, description="Globs of what to leave out."
    )
    in_place: bool = Field(default=False, description="Refer to the files where they are; do not copy.")
    sync: bool = Field(default=False, description="Also remove what came from these sources before and is gone now.")
    retry: bool = Field(
        default=False, description="Try again what was rejected before; all of it where no source is named."
    )
    tags: Annotated[list[Tag], Field(max_length=100)] = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _something(self) -> AddRequest:
        if not self.sources and not self.retry:
            raise ValueError("sources is empty: name at least one, or retry")
        return self


class PatchItem(Asked):
    """What to change of an item."""

    add_tags: Annotated[list[Tag], Field(max_length=100)] = Field(default_factory=list)
    remove_tags: Annotated[list[Tag], Field(max_length=100)] = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict, description="Merged into the item's own; null removes a key.")


class ReembedRequest(Asked):
    """Another encoder for the collection, or with `rollback` the one before this: one of the two."""

    encoder: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="A name that `GET /encoders` lists."
    )
    rollback: bool = Field(default=False, description="Go back to the space before this one.")
    allow_missing: bool = Field(
        default=False, description="Go on where originals are gone; their items are not found any more."
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
