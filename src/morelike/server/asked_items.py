"""What the API takes of items and their sources, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, RootModel, StringConstraints, model_validator

from morelike.server.asked import Asked, Metadata, Tag, Text
from morelike.tasks import MOST_SAMPLED

__all__ = [
    "LONGEST_URI",
    "MOST_ITEMS",
    "MOST_KNOWN",
    "AddRequest",
    "Each",
    "EachFile",
    "KnownRequest",
    "PatchItem",
    "PatchItems",
    "RemoveRequest",
]

MOST_SOURCES: Final = 1000
MOST_KNOWN: Final = 1000
MOST_ITEMS: Final = 1000
LONGEST_URI: Final = 2048
INT64: Final = 2**63


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text cannot hold NUL")
    return text


Uri = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_URI), AfterValidator(_without_nul)]
# longer by what the server itself puts before it
StoredUri = Annotated[str, StringConstraints(min_length=1, max_length=2 * LONGEST_URI)]
ItemIds = Annotated[list[Text], Field(max_length=MOST_ITEMS)]


class AddRequest(Asked):
    """Sources to add, as a job."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["sources"], "properties": {"sources": {"minItems": 1}}},
                {
                    "required": ["retry"],
                    "properties": {"retry": {"anyOf": [{"const": True}, {"type": "array", "minItems": 1}]}},
                },
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
    retry: bool | Annotated[list[Text], Field(max_length=MOST_SOURCES)] = Field(
        default=False,
        description="Try again what was rejected before; all of it where no source is named. "
        "Instead of sources it takes uris of the ledger, and tries those rows.",
    )
    only: Annotated[list[Text], Field(max_length=100)] = Field(
        default_factory=list, description="Globs, whatever the case; files with another name are passed over."
    )
    tags: Annotated[list[Tag], Field(max_length=100)] = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)

    dry_run: bool = Field(
        default=False,
        description="Add nothing: the job tries a sample, and its result says how long all would take, and how much "
        "room. Of the other fields only `exclude` and `in_place` count then.",
    )
    sample: Annotated[int, Field(ge=1, le=MOST_SAMPLED)] = Field(64, description="How many a dry run tries.")

    @model_validator(mode="after")
    def _something(self) -> AddRequest:
        if not self.sources and (self.dry_run or not self.retry):
            raise ValueError("sources is empty: name at least one, or retry")
        if self.sources and isinstance(self.retry, list) and self.retry and not self.dry_run:
            raise ValueError("rows of the ledger are tried again without sources")
        return self


class PatchItem(Asked):
    """What to change of an item."""

    add_tags: Annotated[list[Tag], Field(max_length=100)] = Field(default_factory=list)
    remove_tags: Annotated[list[Tag], Field(max_length=100)] = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict, description="Merged into the item's own; null removes a key.")


class PatchItems(PatchItem):
    """What to change of several items."""

    items: Annotated[ItemIds, Field(min_length=1)] = Field(description="Their ids, or unique beginnings of them.")


class RemoveRequest(Asked):
    """Items to remove, or sources, and then the items that have none left: one of the two."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["items"]}, {"required": ["sources"]}]},
    )

    items: Annotated[ItemIds, Field(min_length=1)] = Field(
        default_factory=list, description="Their ids, or unique beginnings of them."
    )
    sources: Annotated[list[StoredUri], Field(min_length=1, max_length=MOST_ITEMS)] = Field(
        default_factory=list, description="Their uris, as items show them; those that are not there are passed over."
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> RemoveRequest:
        if bool(self.items) == bool(self.sources):
            raise ValueError("name items or sources: one of the two")
        return self


class KnownRequest(Asked):
    """What to look for."""

    items: Annotated[list[Text], Field(max_length=MOST_KNOWN)] = Field(default_factory=list, description="Whole ids.")
    uris: Annotated[list[StoredUri], Field(max_length=MOST_KNOWN)] = Field(
        default_factory=list, description="As items show them: an upload's begins with `upload:`."
    )
    content: Annotated[
        list[Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]], Field(max_length=MOST_KNOWN)
    ] = Field(default_factory=list, description="BLAKE3 of the bytes, 64 hex digits.")


class EachFile(Asked):
    """Where one uploaded file was found. `upload:` is put before `uri` and `origin`, unless they begin with it."""

    uri: Uri = Field(description="The same uri with other bytes later: the file changed.")
    origin: Annotated[str, StringConstraints(max_length=LONGEST_URI), AfterValidator(_without_nul)] = Field(
        "", description="The folder, archive or table that it came through; `sources` lists by it."
    )
    modified_ns: Annotated[int, Field(ge=-INT64, lt=INT64)] | None = Field(
        None, description="Nanoseconds since 1970. With it, a uri of the same size and time is passed over."
    )
    metadata: Metadata = Field(default_factory=dict)


class Each(RootModel[list[EachFile]]):
    """One for each file, in order."""
