"""What the API takes of a download, and gives as JSON, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, StringConstraints

from morelike.server.asked import Asked, Finite, Text
from morelike.server.schemas import ItemOut

__all__ = ["MOST_DOWNLOADED", "DownloadRequest", "Downloaded", "Found"]

MOST_DOWNLOADED: Final = 1000


class Found(Asked):
    """An item, and what a search said of it."""

    item: Text = Field(description="Its id, or a unique beginning of it.")
    score: Finite | None = None
    percentile: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    span: Annotated[str, StringConstraints(max_length=100)] = Field("", description="Where in the item: `0:12–0:14`.")


class DownloadRequest(Asked):
    """What to download, and as what."""

    items: Annotated[list[Text | Found], Field(min_length=1, max_length=MOST_DOWNLOADED)] = Field(
        description="Ids, or unique beginnings of them; or items with what a search said of them, which stands in the "
        "table then."
    )
    format: Literal["zip", "csv", "json"] = Field(
        "zip", description="`zip`: the originals; `csv` and `json`: what is known of them."
    )


class DownloadedItem(ItemOut):
    """An item, with what the search said of it where that was sent."""

    score: float | None = None
    percentile: float | None = None
    span: str = ""


class Downloaded(BaseModel):
    """What is known of several items."""

    items: list[DownloadedItem]
    missing: list[str] = Field(description="Ids that are not there any more.")
