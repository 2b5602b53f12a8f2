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

__all__ = [
    "MOST_PARTS",
    "MOST_QUERIES",
    "Asked",
    "BatchQuery",
    "CompareForm",
    "CompareRequest",
    "FilePart",
    "Finite",
    "ItemPart",
    "JsonQuery",
    "Metadata",
    "Name",
    "NewCollection",
    "Part",
    "QueryIn",
    "SearchForm",
    "SearchRequest",
    "SeveralForm",
    "SeveralRequest",
    "Tag",
    "Text",
    "TextPart",
    "UrlPart",
    "VectorPart",
]

LARGEST_K = 1000
DEEPEST_OFFSET = 10_000
LARGEST_VECTOR = 16_384
MOST_PARTS = 32
MOST_QUERIES = 64
MOST_ADDRESSES = 64
"""That all queries of one request may have fetched together."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=8192)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Float32 = Annotated[float, Field(ge=-3.4e38, le=3.4e38)]


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


class VectorPart(_Part):
    """A vector itself, as the collection's encoder would give it."""

    vector: Annotated[list[Float32], Field(min_length=1, max_length=LARGEST_VECTOR)] = Field(
        description="As many numbers as the encoder's `dim`."
    )


KINDS_OF_PARTS = ("item", "url", "file", "text", "vector")


def _kind_of_part(given: object) -> str | None:
    """By the one key that tells the parts apart; None: not exactly one of them."""
    if isinstance(given, dict):
        kinds = [name for name in KINDS_OF_PARTS if name in given]
    else:
        kinds = [name for name in KINDS_OF_PARTS if hasattr(given, name)]
    return kinds[0] if len(kinds) == 1 else None


Part = Annotated[
    Annotated[ItemPart, PartTag("item")]
    | Annotated[UrlPart, PartTag("url")]
    | Annotated[FilePart, PartTag("file")]
    | Annotated[TextPart, PartTag("text")]
    | Annotated[VectorPart, PartTag("vector")],
    Discriminator(
        _kind_of_part,
        custom_error_type="part",
        custom_error_message="A part of a query is exactly one of item, url, file, text and vector",
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
    space: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$")] | None = Field(
        None, description="The id of a space to ask alone, whether or not it is the one that is searched."
    )


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


class CompareForm(Asked):
    """Two examples to compare, with files beside them; without `examples` the files themselves."""

    examples: Annotated[list[Part], Field(max_length=2)] = Field(
        default_factory=list, description="Two parts, as a query has them; their weights do not count."
    )


class CompareRequest(CompareForm):
    """Two examples to compare."""

    examples: Annotated[list[Part], Field(min_length=2, max_length=2)] = Field(
        description="Two parts, as a query has them; their weights do not count."
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
