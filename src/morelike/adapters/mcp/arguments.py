"""What the tools take, as pydantic models: bounded, and what they do not name is refused."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

__all__ = ["LARGEST_DATA", "AddArguments", "ListArguments", "SearchArguments", "ShowArguments", "schema_of"]

LARGEST_DATA = 8 * 1024**2
"""Bytes of an example that comes in the call itself."""
MOST_HITS = 50
DEEPEST_OFFSET = 10_000
LARGEST_SIDE = 1024

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Place = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=8192)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Arguments(BaseModel):
    """A misspelt argument is refused, not passed over."""

    model_config = ConfigDict(extra="forbid")


class ListArguments(_Arguments):
    """Nothing to choose."""


class SearchArguments(_Arguments):
    """One query, to one collection or several."""

    collections: Annotated[list[Name], Field(min_length=1, max_length=64)] | None = Field(
        None, description="Names of collections, or globs (photo*); all of them where left out."
    )
    text: Words | None = Field(
        None,
        description="Words to search for; a molecule as SMILES or a sequence as its letters. With an example, where "
        "the encoder composes: how the example is to change.",
    )
    item: Id | None = Field(None, description="The id of an item: more like this one, which is left out itself.")
    path: Place | None = Field(
        None, description="The absolute path of a file to search by; only below the folders the server may read."
    )
    url: Words | None = Field(None, description="The http(s) address of a file to search by; public addresses only.")
    data: Annotated[str, StringConstraints(min_length=1, max_length=LARGEST_DATA * 4 // 3 + 4)] | None = Field(
        None, description=f"A file to search by, in base64, of at most {LARGEST_DATA // 1024**2} MiB."
    )
    crop: tuple[Fraction, Fraction, Fraction, Fraction] | None = Field(
        None, description="Left, top, right, bottom: the box of the example's picture that counts, as fractions."
    )
    at: tuple[Seconds, Seconds] | None = Field(
        None, description="From, to in seconds: the part of the example's sound or film that counts."
    )
    filter: Annotated[str, StringConstraints(max_length=10_000)] | None = Field(
        None,
        description="Only items that match, for example: width >= 1000 and tag = 'holiday'. `show` lists the fields "
        "that an item has.",
    )
    threshold: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        None, description="Leave out hits with a lower score."
    )
    k: Annotated[int, Field(ge=1, le=MOST_HITS)] = Field(10, description="How many hits.")
    offset: Annotated[int, Field(ge=0, le=DEEPEST_OFFSET)] = Field(0, description="Leave out the first: the next page.")
    mode: Name = Field(
        "auto",
        description="How to search: auto, similar, keyword, hybrid, recording, containment, substructure, "
        "superstructure, tversky.",
    )


class ShowArguments(_Arguments):
    """One item."""

    collection: Name = Field(description="The collection's name.")
    item: Id = Field(description="The item's id, or its beginning (six characters or more).")
    words: Words | None = Field(
        None, description="Give the passage of the item that answers these words best, with what matches marked."
    )
    preview: bool = Field(default=True, description="Give a small picture of the item.")
    side: Annotated[int, Field(ge=64, le=LARGEST_SIDE)] = Field(
        512, description="The picture's longer side, in pixels."
    )
    at: tuple[Seconds, Seconds] | None = Field(
        None, description="From, to in seconds: the part of a sound or film that the picture shows, as a hit's span."
    )


class AddArguments(_Arguments):
    """Sources to add."""

    collection: Name = Field(description="The collection's name.")
    sources: Annotated[list[Words], Field(min_length=1, max_length=100)] = Field(
        description="Absolute paths of files, folders, archives and tables below the folders that the server may read, "
        "and http(s) addresses."
    )
    dry_run: bool = Field(
        default=False, description="Only say what it would cost and reject, from a sample; change nothing."
    )
    modality: Name | None = Field(
        None,
        description="Make the collection where it is missing, to hold this: image, audio, video, text, document, "
        "molecule, sequence, mesh.",
    )
    exclude: Annotated[list[Tag], Field(max_length=100)] = Field(
        default_factory=list, description="Globs of what to leave out."
    )
    tags: Annotated[list[Tag], Field(max_length=100)] = Field(
        default_factory=list, description="Tags of everything that is added."
    )
    metadata: Annotated[dict[Tag, JsonValue], Field(max_length=100)] = Field(
        default_factory=dict, description="Metadata of everything that is added."
    )
    retry: bool = Field(default=False, description="Try again what was rejected before.")


def schema_of(arguments: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema that clients are shown, without pydantic's titles."""
    schema = arguments.model_json_schema()
    schema.pop("title", None)
    schema.pop("description", None)
    for property_ in schema.get("properties", {}).values():
        property_.pop("title", None)
    return schema
