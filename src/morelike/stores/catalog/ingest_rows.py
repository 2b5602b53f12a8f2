"""What ``add`` writes: claims, finished items, rejections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, exists, insert, not_, select, update

from morelike import faults
from morelike.errors import UsageError
from morelike.stores.catalog import statements
from morelike.stores.catalog.connections import chunks, now, retried
from morelike.stores.catalog.duplicates import bring_back_theirs
from morelike.stores.catalog.encoding import pack
from morelike.stores.catalog.item_rows import (
    bounded,
    numbers_of,
    rejection_of,
    segment_values,
    source_of,
    source_values,
)
from morelike.stores.catalog.quick import QuickRows
from morelike.stores.catalog.schema import TAG_LENGTH, asides, item_tags, items, key_of, ledger, segments, sources
from morelike.types import Claim, Collection, Finished, ItemState, Rejection, Source

__all__ = ["IngestRows", "add_tags", "check_tags", "left_alone"]


class IngestRows(QuickRows):
    """The first half of ``CatalogIngest``."""

    def known(self, collection: Collection, item_ids: Sequence[str]) -> dict[str, ItemState]:
        """An item that is being deleted is not known: a claim takes it up again as new."""
        with self._asking() as ask:
            rows = [row for some in chunks(list(item_ids)) for row in ask(statements.STATES, collection.id, some)]
        return {item_id: state for item_id, state in rows if state != "deleting"}

    def known_sources(self, collection: Collection, uris: Sequence[str]) -> dict[str, tuple[Source, str, ItemState]]:
        found: dict[str, tuple[Source, str, ItemState]] = {}
        with self._reading() as connection:
            for some in chunks(uris):
                query = (
                    select(sources, items.c.item_id, items.c.state)
                    .join(items, items.c.number == sources.c.item)
                    .where(
                        sources.c.collection_id == collection.id,
                        sources.c.uri_key.in_([key_of(uri) for uri in some]),
                        items.c.state != "deleting",
                    )
                )
                for row in connection.execute(query):
                    found[row.uri] = (source_of(row), row.item_id, row.state)
        return found

    @retried
    def claim(self, collection: Collection, claims: Sequence[Claim]) -> list[str]:
        if not claims:
            return []
        for claim in claims:
            check_tags(claim.tags)
        at = now()
        with self._writing(collection) as connection:
            numbers = _claim_items(connection, collection, claims, at)
            losers = _claim_sources(connection, collection, claims, numbers, at)
            add_tags(connection, {(numbers[claim.item_id], tag) for claim in claims for tag in claim.tags})
            alone = left_alone(connection, losers)
        faults.reached("catalog.claimed")
        return alone

    @retried
    def finish(self, collection: Collection, finished: Sequence[Finished]) -> None:
        """An item removed meanwhile stays removed, and one set aside stays so. A ready item's segments are replaced."""
        if not finished:
            return
        at = now()
        with self._writing(collection) as connection:
            rows = numbers_of(connection, collection.id, [each.item_id for each in finished])
            # The last word on an item counts, and what is being deleted does not come back.
            last = {each.item_id: each for each in finished}
            there = [
                (rows[item_id].number, each)
                for item_id, each in last.items()
                if item_id in rows and rows[item_id].state != "deleting"
            ]
            for some in chunks([number for number, _ in there]):
                connection.execute(delete(segments).where(segments.c.item.in_(some)))
            _insert_segments(connection, collection, there)
            if there:
                ready = update(items).where(items.c.number == bindparam("of"))
                state = case((items.c.state == "duplicate", "duplicate"), else_="ready")
                ready = ready.values(state=state, info=bindparam("info_of"), updated_at=at)
                connection.execute(ready, [{"of": number, "info_of": dict(each.info)} for number, each in there])
            faults.reached("catalog.writing")
        faults.reached("catalog.finished")

    @retried
    def reject(self, collection: Collection, rejections: Sequence[Rejection]) -> None:
        if not rejections:
            return
        at = now()
        with self._writing(collection) as connection:
            _write_ledger(connection, collection, rejections, at)
            named = {rejection.item_id for rejection in rejections if rejection.item_id}
            found = numbers_of(connection, collection.id, named)
            pending = {item_id: row.number for item_id, row in found.items() if row.state == "pending"}
            bring_back_theirs(connection, collection, list(pending))  # or no search would find any of them
            for some in chunks(list(pending.values())):
                connection.execute(delete(segments).where(segments.c.item.in_(some)))  # of an earlier, better time
                connection.execute(
                    update(items).where(items.c.number.in_(some)).values(state="rejected", updated_at=at)
                )

    @retried
    def requeue(self, collection: Collection, item_ids: Sequence[str]) -> None:
        if not item_ids:
            return
        with self._writing(collection) as connection:
            for some in chunks(item_ids):
                mine = (items.c.collection_id == collection.id, items.c.item_id.in_(some), items.c.state == "ready")
                connection.execute(update(items).where(*mine).values(state="pending", updated_at=now()))

    def rejected_before(self, collection: Collection, uris: Sequence[str]) -> dict[str, Rejection]:
        found: dict[str, Rejection] = {}
        with self._reading() as connection:
            for some in chunks([key_of(uri) for uri in uris]):
                query = select(ledger).where(ledger.c.collection_id == collection.id, ledger.c.uri_key.in_(some))
                found.update({row.uri: rejection_of(row) for row in connection.execute(query)})
        return found

    @retried
    def forgive(self, collection: Collection, uris: Sequence[str]) -> None:
        if not uris:
            return
        with self._writing(collection) as connection:
            for some in chunks([key_of(uri) for uri in uris]):
                connection.execute(
                    delete(ledger).where(ledger.c.collection_id == collection.id, ledger.c.uri_key.in_(some))
                )


def check_tags(tags: Iterable[str]) -> None:
    for tag in tags:
        if not tag or len(pack(tag)) > TAG_LENGTH:
            raise UsageError(f"{tag[:40]!r} cannot be a tag", hint=f"a tag has 1 to {TAG_LENGTH} characters")


def add_tags(connection: Connection, wanted: set[tuple[int, str]]) -> None:
    """Pairs of (item's number, tag); those that are there already are passed over."""
    there: set[tuple[int, str]] = set()
    for some in chunks(sorted({number for number, _ in wanted})):
        rows = connection.execute(select(item_tags).where(item_tags.c.item.in_(some)))
        there.update((row.item, row.tag) for row in rows)
    if missing := sorted(wanted - there):
        connection.execute(insert(item_tags), [{"item": number, "tag": tag} for number, tag in missing])


def left_alone(connection: Connection, numbers: Iterable[int]) -> list[str]:
    """Ids of those items that have no source any more; not of those that are being deleted anyway."""
    alone: list[str] = []
    for some in chunks(sorted(set(numbers))):
        has_source = exists().where(sources.c.item == items.c.number)
        query = select(items.c.item_id).where(items.c.number.in_(some), items.c.state != "deleting", not_(has_source))
        alone.extend(connection.scalars(query.order_by(items.c.number)))
    return alone


def _claim_items(connection: Connection, collection: Collection, claims: Sequence[Claim], at: str) -> dict[str, int]:
    """Item id to number. New items become pending; rejected and half deleted ones again."""
    first = {claim.item_id: claim for claim in reversed(claims)}
    kept = {claim.item_id for claim in claims if not claim.in_place}  # one source that must be kept decides
    first = {item_id: replace(claim, in_place=item_id not in kept) for item_id, claim in first.items()}
    found = numbers_of(connection, collection.id, first)
    new = [claim for item_id, claim in reversed(first.items()) if item_id not in found]
    if new:
        fixed = {"collection_id": collection.id, "state": "pending", "info": {}, "added_at": at, "updated_at": at}
        connection.execute(insert(items), [{**fixed, "item_id": claim.item_id, **_content(claim)} for claim in new])
        found |= numbers_of(connection, collection.id, [claim.item_id for claim in new])
    again = [
        (found[item_id].number, claim)
        for item_id, claim in first.items()
        if found[item_id].state in {"rejected", "deleting"}
    ]
    if again:
        # A half deleted item starts anew: what it was may be gone from the other stores already.
        for some in chunks([row.number for row in found.values() if row.state == "deleting"]):
            for table in (segments, sources, item_tags, asides):
                connection.execute(delete(table).where(table.c.item.in_(some)))
        content: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _content(again[0][1])}
        renew = update(items).where(items.c.number == bindparam("of"))
        renew = renew.values(state="pending", updated_at=at, **content)
        connection.execute(
            renew,
            [{"of": number, **{f"new_{k}": v for k, v in _content(claim).items()}} for number, claim in again],
        )
    kept_now = [row.number for item_id, row in found.items() if item_id in kept and row.in_place]
    for some in chunks(kept_now):
        connection.execute(update(items).where(items.c.number.in_(some)).values(in_place=False))
    return {item_id: row.number for item_id, row in found.items()}


def _content(claim: Claim) -> dict[str, Any]:
    return {
        "blake3": claim.digest.blake3,
        "md5": claim.digest.md5,
        "size": claim.digest.size,
        "media_type": claim.media_type,
        "in_place": claim.in_place,
    }


def _claim_sources(
    connection: Connection, collection: Collection, claims: Sequence[Claim], numbers: dict[str, int], at: str
) -> set[int]:
    """Write the source rows; the numbers of the items that lost one."""
    last = {key_of(claim.source.uri): claim for claim in claims}
    there: dict[str, int] = {}
    for some in chunks(list(last)):
        query = select(sources.c.uri_key, sources.c.item)
        rows = connection.execute(query.where(sources.c.collection_id == collection.id, sources.c.uri_key.in_(some)))
        there.update({row.uri_key: row.item for row in rows})
    rows_of = {
        key: source_values(collection.id, numbers[claim.item_id], claim.source, at) for key, claim in last.items()
    }
    if new := [row for key, row in rows_of.items() if key not in there]:
        connection.execute(insert(sources), new)
    if old := [row for key, row in rows_of.items() if key in there]:
        changed = [name for name in old[0] if name not in {"collection_id", "uri_key", "added_at"}]
        renew = update(sources).where(sources.c.collection_id == collection.id, sources.c.uri_key == bindparam("of"))
        renew = renew.values({name: bindparam(f"new_{name}") for name in changed})
        connection.execute(
            renew, [{"of": row["uri_key"], **{f"new_{name}": row[name] for name in changed}} for row in old]
        )
    moved = {number for key, number in there.items() if number != rows_of[key]["item"]}
    # Two claims of one uri in one group: the earlier item never got it.
    beaten = {numbers[claim.item_id] for claim in claims if last[key_of(claim.source.uri)] is not claim}
    return moved | beaten


def _insert_segments(connection: Connection, collection: Collection, there: Sequence[tuple[int, Finished]]) -> None:
    rows = [segment_values(collection, number, segment) for number, each in there for segment in each.segments]
    if rows:
        connection.execute(insert(segments), rows)


def _write_ledger(connection: Connection, collection: Collection, rejections: Sequence[Rejection], at: str) -> None:
    last = {key_of(rejection.uri): rejection for rejection in rejections}
    tries: dict[str, int] = {}
    for rejection in rejections:
        key = key_of(rejection.uri)
        tries[key] = tries.get(key, 0) + 1
    there: dict[str, int] = {}
    for some in chunks(list(last)):
        query = select(ledger.c.uri_key, ledger.c.attempts)
        rows = connection.execute(query.where(ledger.c.collection_id == collection.id, ledger.c.uri_key.in_(some)))
        there.update({row.uri_key: row.attempts for row in rows})
    values = {
        key: {
            "item_id": rejection.item_id,
            "stage": rejection.stage,
            "reason": rejection.reason,
            "attempts": there.get(key, 0) + tries[key],
            "size": bounded(rejection.size),
            "modified_ns": bounded(rejection.modified_ns),
            "at": rejection.at or at,
        }
        for key, rejection in last.items()
    }
    new = [
        {"collection_id": collection.id, "uri_key": key, "uri": last[key].uri, **row}
        for key, row in values.items()
        if key not in there
    ]
    if new:
        connection.execute(insert(ledger), new)
    if old := [(key, row) for key, row in values.items() if key in there]:
        renew = update(ledger).where(ledger.c.collection_id == collection.id, ledger.c.uri_key == bindparam("of"))
        renew = renew.values({name: bindparam(f"new_{name}") for name in old[0][1]})
        connection.execute(renew, [{"of": key, **{f"new_{k}": v for k, v in row.items()}} for key, row in old])
