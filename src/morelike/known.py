"""What the catalog knew of a run's sources before it: what has not changed since is passed over, unread."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from threading import Event

from morelike.ledger import Ledger
from morelike.prepare import chunked
from morelike.progress import Meter
from morelike.sync import Seen
from morelike.types import Blob, Collection, Source
from morelike.wiring import Stores
from morelike.work import Options

__all__ = ["DONE", "Known"]

DONE = frozenset({"ready", "duplicate"})
"""States in which there is nothing left to do: what was set aside as a duplicate is not taken up again."""


class Known:
    """One instance serves one run, which tells it of each origin with ``begin``; ``forgive`` is for any thread."""

    def __init__(
        self,
        stores: Stores,
        collection: Collection,
        options: Options,
        *,
        meter: Meter,
        ledger: Ledger,
        stop: Event,
    ) -> None:
        self._catalog = stores.catalog
        self._collection = collection
        self._options = options
        self._meter = meter
        self._ledger = ledger
        self._stop = stop
        self._window = stores.settings.look_ahead
        self._rows = Seen()
        self._earlier: dict[str, tuple[str, Source]] = {}
        self.attempts: dict[str, int] = {}
        """How often each source had been rejected that was, and was not forgiven since."""
        self.origin = ""
        self.seen = Seen()
        """What ``sync`` met below this origin."""

    def begin(self, origin: str) -> None:
        self.origin = origin
        self.seen.clear()
        self._earlier.clear()

    def changed(self, blobs: Iterable[Blob]) -> Generator[Blob]:
        """Those that are new, changed, or to be tried again."""
        for window in chunked(blobs, self._window, 0.2):
            uris = [blob.uri for blob in window]
            known = self._catalog.known_sources(self._collection, uris)
            rejected = self._catalog.rejected_before(self._collection, uris)
            self.attempts.update({uri: row.attempts for uri, row in rejected.items()})
            for blob in window:
                if self._stop.is_set():
                    return
                self._meter.seen += 1
                if self._options.sync:
                    self.seen.add(blob.uri)
                before = rejected.get(blob.uri)
                stamp = (blob.size, blob.modified_ns)
                unchanged = before is not None and (before.size, before.modified_ns) == stamp
                if self.is_same(blob, known.get(blob.uri)):
                    self._meter.passed()
                    if before is not None:
                        self._ledger.forgive([blob.uri])
                elif unchanged and blob.modified_ns is not None and not self._options.retry:
                    self._meter.rejected_before += 1
                else:
                    if blob.metadata:
                        self._rows.add(blob.uri)
                    if blob.uri in known:
                        self._remember(blob, *known[blob.uri][:2])
                    yield blob
                    continue
                self._meter.tick(blob.name)

    def is_same(self, blob: Blob, known: tuple[Source, str, str] | None) -> bool:
        """Whether the catalog has all that this run would write of the blob."""
        if known is None or blob.modified_ns is None:
            return False
        if blob.metadata and blob.uri in self._rows:  # another row of a table said something else of it
            return False
        source, _, state = known
        wanted = {**blob.metadata, **self._options.metadata}
        return (
            state in DONE
            and (source.size, source.modified_ns) == (blob.size, blob.modified_ns)
            and all(source.metadata.get(key) == value for key, value in wanted.items())
            and not self._options.tags
        )

    def _remember(self, blob: Blob, source: Source, item_id: str) -> None:
        """What people wrote about it, and where it came from first, where this run says nothing of that."""
        if not self.origin or source.metadata.keys() - blob.metadata.keys() - self._options.metadata.keys():
            self._earlier[blob.uri] = item_id, source

    def earlier(self, blob: Blob) -> tuple[str, Source]:
        """The item that the blob's uri led to, and its source then; ("", an empty one) where nothing is to be kept."""
        rows = bool(blob.metadata)  # a table may come to the same path again
        return (self._earlier.get if rows else self._earlier.pop)(blob.uri, ("", Source("", "", 0)))

    def forgive(self, uris: Iterable[str]) -> None:
        """They are no bad sources any more."""
        for uri in uris:
            if self.attempts.pop(uri, None) is not None:
                self._ledger.forgive([uri])
