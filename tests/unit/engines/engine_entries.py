"""What the tests of engines share."""

from __future__ import annotations

import pickle
from pathlib import Path
from threading import Event

from morelike.engines.lists import Entry
from morelike.engines.partition import Adding
from morelike.engines.tally import Tally
from morelike.known import Known
from morelike.ledger import Ledger
from morelike.settings import Settings
from morelike.sources import open_source
from morelike.sources.keys import Key, key_of
from morelike.types import Blob


def blobs_of(place: Path, settings: Settings) -> list[Blob]:
    return list(open_source(str(place), settings)[1])


def known_of(adding: Adding, tally: Tally) -> tuple[Known, Ledger]:
    ledger = Ledger(adding.stores, adding.collection, tally)
    stop = Event()
    return Known(adding.stores, adding.collection, adding.options, meter=tally, ledger=ledger, stop=stop), ledger


def entries_of(place: Path, settings: Settings) -> list[Entry]:
    made = []
    for blob in blobs_of(place, settings):
        key = key_of(blob)
        assert key is not None
        made.append(Entry(blob, key, str(place), 0))
    return made


def travelled(key: Key) -> Key:
    found: Key = pickle.loads(pickle.dumps(key))
    return found
