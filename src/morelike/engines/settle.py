"""After an actor died: what of its list is done already, by what the catalog says, and what others have to do."""

from __future__ import annotations

from dataclasses import replace

from morelike.engines.lists import WorkList
from morelike.engines.partition import Adding, PartReport
from morelike.errors import ItemError
from morelike.known import DONE, Known
from morelike.ledger import Ledger
from morelike.types import Blob, Rejection, Source
from morelike.work import Options

__all__ = ["MOST_DEATHS", "divided", "give_up", "settled"]

NOWHERE = Source("", "", 0)
MOST_DEATHS = 3
"""A list that so many actors died of is divided; of a single key the ledger gets a row."""


def settled(adding: Adding, known: Known, work: WorkList, since: str) -> PartReport:
    """What the dead actor had made durable and could not report any more; the list keeps the rest.

    ``since``: when it began, by its own clock, as the catalog writes times. What is done by then, but was not by the
    actor, is passed over by whoever gets the rest.
    """
    catalog, collection = adding.stores.catalog, adding.collection
    uris = [entry.blob.uri for entry in work.entries]
    sources = catalog.known_sources(collection, uris)
    ledger = catalog.rejected_before(collection, uris)
    items = catalog.get_items(collection, sorted({item_id for _, item_id, _ in sources.values()}))
    last = {entry.blob.uri: entry for entry in work.entries}  # of the rows that name one path it is the one that counts
    finished: list[str] = []
    rejections: list[Rejection] = []
    through: set[str] = set()
    for uri, entry in last.items():
        row = ledger.get(uri)
        source, item_id, state = sources.get(uri, (NOWHERE, "", "pending"))
        done = state in DONE and items[item_id].updated_at >= since
        if row is not None and row.attempts > entry.attempts:
            rejections.append(replace(row, attempts=1))
        elif done and _says(source, entry.blob, adding.options):
            finished.append(item_id)
            known.forgive([uri])
        else:
            continue
        through.add(uri)
    earlier = sum(entry.blob.uri in through and last[entry.blob.uri] is not entry for entry in work.entries)
    work.entries = [entry for entry in work.entries if entry.blob.uri not in through]
    return PartReport(finished=tuple(finished), same=earlier, rejections=tuple(rejections))


def _says(source: Source, blob: Blob, options: Options) -> bool:
    """Whether the catalog has of the source what this list says of it, and not what an earlier one did."""
    wanted = {**blob.metadata, **options.metadata}
    same = blob.size in (None, source.size) and blob.modified_ns == source.modified_ns
    return same and all(source.metadata.get(key) == value for key, value in wanted.items())


def divided(work: WorkList) -> list[WorkList]:
    """What is left, to be tried again: in two where it has cost too many actors, so that the one key is found."""
    if work.deaths < MOST_DEATHS or len(work.entries) < 2:
        return [work] if work.entries else []
    middle = len(work.entries) // 2
    halves = (work.entries[:middle], work.entries[middle:])
    return [
        WorkList(half, alone=True, deaths=MOST_DEATHS - 1, as_bytes=work.as_bytes) for half in halves
    ]  # in their order


def give_up(adding: Adding, ledger: Ledger, work: WorkList) -> None:
    """The keys become rows of the ledger, and their items are rejected."""
    uris = [entry.blob.uri for entry in work.entries]
    sources = adding.stores.catalog.known_sources(adding.collection, uris)
    for entry in work.entries:
        _, item_id, _ = sources.get(entry.blob.uri, (NOWHERE, "", ""))
        error = ItemError(
            f"{work.deaths} processes that worked on {entry.blob.name or entry.blob.uri} ended at once",
            hint="is it too large for their memory? add it again with --retry and the local engine",
        )
        ledger.reject(entry.blob, item_id, error)
