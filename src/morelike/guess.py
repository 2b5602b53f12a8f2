"""Which modality a new collection is of, from a look at what comes first into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any

from morelike.errors import ItemError, MissingExtra, UsageError
from morelike.examples import as_blob, as_sources
from morelike.protocols import Modality
from morelike.registry import MODALITIES
from morelike.settings import Settings
from morelike.types import Blob
from morelike.unpacking import holds_of

__all__ = ["Guess", "guess_modality", "guess_of"]

HEAD = 4096
MOST_FILES = 200
MOST_SECONDS = 2.0
_WEB = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Guess:
    """``modality`` is empty where there was nothing to look at; ``recognised`` of ``looked_at`` blobs are of it."""

    modality: str
    recognised: int
    looked_at: int

    def __str__(self) -> str:
        if self.looked_at == 1:
            return f"a collection of {self.modality}, as its first file is"
        return f"a collection of {self.modality}: {self.recognised} of the {self.looked_at} first files are"


def guess_modality(things: Sequence[Any], settings: Settings, exclude: tuple[str, ...] = ()) -> Guess:
    """From what ``add`` would be given. Nothing is fetched: of a URL only the name counts, and no stream is read.

    Raises UsageError where nothing is recognised, SourceError where a source cannot be used.
    """
    return guess_of(_blobs(things, settings, exclude), settings)


def guess_of(blobs: Iterable[Blob], settings: Settings) -> Guess:
    """From the first of these blobs. Raises UsageError where nothing is recognised."""
    modalities = _modalities(settings)
    sums: Counter[str] = Counter()
    firsts: Counter[str] = Counter()
    looked_at = 0
    until = monotonic() + MOST_SECONDS
    for blob in islice(blobs, MOST_FILES):
        looked_at += 1
        head = _head(blob)
        sure = {modality.name: modality.sniff(head, blob.name) for modality in modalities}
        best = max(sure, key=lambda name: sure[name])
        if sure[best] > 0:
            sums.update(sure)
            firsts[best] += 1
        if monotonic() > until:
            break
    if not looked_at:
        return Guess("", 0, 0)
    if not firsts:
        names = ", ".join(modality.name for modality in modalities)
        raise UsageError(
            f"nothing in the {looked_at} first files is known here" if looked_at > 1 else "the file is not known here",
            hint=f"say what the collection holds: --modality NAME; there are: {names}",
        )
    chosen = max(firsts, key=lambda name: sums[name])
    return Guess(chosen, firsts[chosen], looked_at)


def _modalities(settings: Settings) -> list[Modality]:
    found = []
    for name in MODALITIES:
        with suppress(MissingExtra, ImportError):  # what cannot be used here is not guessed
            found.append(MODALITIES.load(name)(settings))
    return found


def _blobs(things: Sequence[Any], settings: Settings, exclude: tuple[str, ...]) -> Iterator[Blob]:
    from morelike.sources.fetch import name_in_url

    for thing in things:
        if isinstance(thing, str) and thing[:8].lower().startswith(_WEB):
            yield Blob(thing, name_in_url(thing), lambda: Blob.from_bytes(b"").open())
        elif isinstance(thing, str | Path):
            for _, _, blobs in as_sources((thing,), settings, exclude, holds_of(None, settings)):
                yield from blobs
        elif hasattr(thing, "read") and not isinstance(thing, Blob):
            yield Blob.from_bytes(b"", str(getattr(thing, "name", "")))
        else:
            yield as_blob(thing, settings)


def _head(blob: Blob) -> bytes:
    if blob.uri[:8].lower().startswith(_WEB):
        return b""
    try:
        return blob.read(HEAD)
    except (ItemError, OSError):
        return b""  # ``add`` will say what is wrong with it
