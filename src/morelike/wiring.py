"""Which parts stand behind a library: stores from settings, encoders from cards."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from morelike.errors import ModelError, SettingsError, SpaceMismatch, StoreFull, StoreReadOnly, UnknownName
from morelike.models import cards, weights
from morelike.protocols import BlobStore, Catalog, Encoder, SketchStore, TermStore, VectorStore, WriteLock
from morelike.registry import (
    BLOB_STORES,
    CACHES,
    CATALOGS,
    COMPOSITES,
    ENCODERS,
    SKETCH_STORES,
    TERM_STORES,
    VECTOR_STORES,
    Table,
)
from morelike.settings import Settings
from morelike.stores.cache import CountedCache
from morelike.stores.lock import LibraryLock
from morelike.types import Card

__all__ = ["Stores", "load_encoder", "open_stores", "resolve_card"]

_WORD = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that one library keeps, and the lock under which it is written."""

    folder: Path
    settings: Settings
    catalog: Catalog
    vectors: VectorStore
    terms: TermStore
    sketches: SketchStore
    blobs: BlobStore
    cache: CountedCache
    lock: WriteLock

    def close(self) -> None:
        for store in (self.vectors, self.terms, self.sketches, self.blobs, self.cache, self.catalog):
            store.close()


def open_stores(folder: Path, settings: Settings) -> Stores:
    """Open or make the library in ``folder``. Raises StoreError, SettingsError on a store that does not exist."""
    cache = _open_cache(settings)  # connects to nothing yet
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise SettingsError(
            f"{folder} is a file, not a library's folder", hint="--library DIR names another"
        ) from error
    except PermissionError as error:
        raise StoreReadOnly(f"the folder {folder} cannot be made", hint="--library DIR names another") from error
    except OSError as error:
        raise StoreFull(f"the folder {folder} cannot be made: {error.strerror}") from error
    with ExitStack() as opened:  # what was opened before a store that cannot be is closed again
        name = _catalog_name(settings.catalog)
        catalog: Catalog = _choose(CATALOGS, name, "catalog")(folder, settings)
        opened.callback(catalog.close)
        library_id = catalog.library_id()
        vectors: VectorStore = _choose(VECTOR_STORES, _vectors_name(settings.vectors), "vectors")(
            folder, settings, library_id
        )
        opened.callback(vectors.close)
        terms: TermStore = TERM_STORES.load(name if name in TERM_STORES else "sqlite")(folder, settings)
        opened.callback(terms.close)
        stores = Stores(
            folder=folder,
            settings=settings,
            catalog=catalog,
            vectors=vectors,
            terms=terms,
            sketches=SKETCH_STORES.load("sqlite")(folder, settings),
            blobs=_open_blobs(folder, settings, library_id),
            cache=cache,
            lock=catalog.write_lock() or LibraryLock(folder, settings),
        )
        opened.pop_all()
        return stores


def _catalog_name(setting: str) -> str:
    """The row of the registry behind a setting, which may be a server's address."""
    scheme, separator, _ = setting.partition("://")
    if not separator:
        return setting
    plain = scheme.lower().partition("+")[0]  # as SQLAlchemy writes it, mysql+pymysql: the driver is ours to choose
    name = {"mariadb": "mysql", "postgres": "postgresql"}.get(plain, plain)
    if name not in CATALOGS:  # what was written may hold a password: it is not repeated
        raise SettingsError(
            f"the setting 'catalog' names no catalog: {scheme}://…", hint="sqlite, mysql://… or postgresql://…"
        )
    return name


def _vectors_name(setting: str) -> str:
    if setting.lower().startswith(("http://", "https://")) or setting.endswith(".db"):
        return "milvus"
    return setting


def _open_blobs(folder: Path, settings: Settings, library_id: str) -> BlobStore:
    where, kind = folder / "blobs", settings.blobs
    if kind.lower().startswith("s3://"):
        kind = "s3"
    elif kind not in BLOB_STORES:
        where, kind = Path(kind).expanduser(), "folder"
        if not where.is_absolute():
            _choose(BLOB_STORES, settings.blobs, "blobs")
    opened: BlobStore = BLOB_STORES.load(kind)(where, settings, library_id)
    return opened


def _open_cache(settings: Settings) -> CountedCache:
    """A cache by its name, or by the address of its server."""
    name = "redis" if settings.cache.startswith(("redis://", "rediss://", "unix://")) else settings.cache
    if name not in CACHES:  # what was written may hold a password: it is not repeated
        raise SettingsError("the setting 'cache' names no cache", hint="memory, or redis://HOST:6379/0")
    return CountedCache(CACHES.load(name)(settings))


def _choose(table: Table, name: str, setting: str) -> Any:
    try:
        return table.load(name)
    except UnknownName as error:
        # a mistyped address may hold a password: nothing but a plain word is repeated
        shown = f"cannot be {name!r}" if _WORD.fullmatch(name) else "is neither the name of one nor an address"
        raise SettingsError(f"the setting {setting!r} {shown}", hint=error.hint) from None


def resolve_card(name: str, settings: Settings, *, inside: tuple[str, ...] = ()) -> Card:
    """The card ``name`` or ``name@fingerprint``; a composite's parts are pinned to their fingerprints.

    Raises UnknownName, SpaceMismatch where its fingerprint is another one here, ModelError on a card inside itself.
    """
    plain, _, wanted = name.partition("@")
    if plain in inside:
        raise ModelError(f"the card {plain} is made of itself: {' > '.join([*inside, plain])}", hint="mend its parts")
    card = cards.find(plain, settings)
    if not card.parts:
        return cards.find(name, settings)
    parts = tuple(resolve_card(part, settings, inside=(*inside, plain)).id for part in card.parts)
    card = replace(card, parts=parts)
    card = replace(card, fingerprint=cards.fingerprint(card))
    if wanted and wanted != card.fingerprint:
        raise SpaceMismatch(
            f"the encoder {plain} is {card.id} here, not {name}",
            hint="bring back the card and the weights of its parts",
        )
    return card


def load_encoder(card: Card, settings: Settings) -> Encoder:
    """The encoder behind a card; weights are found now, read on the first batch. Raises ModelError, MissingExtra."""
    files = weights.files(card, settings) if card.weights else {}
    if card.parts:
        parts = [load_encoder(resolve_card(part, settings), settings) for part in card.parts]
        composite: Encoder = COMPOSITES.load(card.family)(card, parts, files)
        return composite
    encoder: Encoder = ENCODERS.load(card.family)(card, files, settings)
    return encoder
