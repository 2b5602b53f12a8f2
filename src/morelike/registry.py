"""Name → "module:attribute" + the extra that it needs. Nothing is imported until it is asked for by name.

Other packages add rows through entry points: the group is ``morelike.`` + the table's name (``morelike.encoders``).
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from morelike.errors import MissingExtra, UnknownName

__all__ = [
    "BLOB_STORES",
    "CACHES",
    "CATALOGS",
    "COMPOSITES",
    "ENCODERS",
    "ENGINES",
    "MODALITIES",
    "MODES",
    "RESCORERS",
    "SKETCH_STORES",
    "SOURCES",
    "TABLES",
    "TERM_STORES",
    "VECTOR_STORES",
    "Row",
    "Table",
]


@dataclass(frozen=True, slots=True)
class Row:
    """Where a part lives, and the extra to install for it (empty: the base has all it needs)."""

    target: str
    extra: str = ""


class Table(Mapping[str, Row]):
    """One alphabetical table of parts, built-in rows and plugins' together."""

    def __init__(self, name: str, noun: str, rows: Mapping[str, Row]) -> None:
        if list(rows) != sorted(rows):
            raise ValueError(f"the rows of {name!r} are not in alphabetical order")
        self.name = name
        self.noun = noun
        self._rows = rows

    @cached_property
    def _plugins(self) -> dict[str, EntryPoint]:
        found = entry_points(group=f"morelike.{self.name}")
        return {point.name: point for point in sorted(found, key=lambda point: point.name)}

    @cached_property
    def _all(self) -> dict[str, Row]:
        plugins = {name: Row(point.value) for name, point in self._plugins.items()}
        return dict(sorted({**plugins, **self._rows}.items()))  # a plugin never replaces a built-in row

    def __getitem__(self, name: str) -> Row:
        try:
            return self._all[name]
        except KeyError:
            near = difflib.get_close_matches(name, self._all, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(self._all) or 'none'}"
            raise UnknownName(f"there is no {self.noun} named {name!r}", hint=hint) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def load(self, name: str) -> Any:
        """Import and return the object behind ``name``. Raises UnknownName, MissingExtra."""
        row = self[name]
        module, _, attribute = row.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name and error.name.split(".")[0] == "morelike":
                raise
            extra = row.extra
            command = f"pip install 'morelike[{extra}]'" if extra else f"pip install {error.name}"
            raise MissingExtra(f"the {self.noun} {name!r} needs the package {error.name!r}", hint=command) from error


# What each table's parts are called with:
#   modality(settings) · source(settings, exclude=globs) · encoder(card, files, settings) ·
#   composite(card, encoders, files) ·
#   vector and blob store(folder, settings, library_id) · term and sketch store(folder, settings) ·
#   catalog(folder, settings) · cache(settings) · rescorer() · engine(Adding), see engines/partition.py
#   mode(Asked) -> Ranked, see search/modes.py
BLOB_STORES = Table(
    "blob_stores",
    "blob store",
    {
        "folder": Row("morelike.stores.blobs:FolderBlobStore"),
        "s3": Row("morelike.stores.s3:S3BlobStore", extra="s3"),
    },
)
CACHES = Table(
    "caches",
    "cache",
    {
        "memory": Row("morelike.stores.cache:MemoryCache"),
        "redis": Row("morelike.stores.redis_cache:RedisCache", extra="redis"),
    },
)
CATALOGS = Table(
    "catalogs",
    "catalog",
    {
        "mysql": Row("morelike.stores.catalog.servers:open_mysql_catalog", extra="mysql"),
        "postgresql": Row("morelike.stores.catalog.servers:open_postgresql_catalog", extra="postgresql"),
        "sqlite": Row("morelike.stores.catalog.catalog:open_sqlite_catalog"),
    },
)
COMPOSITES = Table(
    "composites",
    "composition of cards",
    {
        "concat": Row("morelike.composites:Concat"),
        "conse": Row("morelike.conse:Conse"),
        "views": Row("morelike.views:Views"),
    },
)
ENCODERS = Table(
    "encoders",
    "encoder family",
    {
        "callable": Row("morelike.encoders.callable:reopen"),
        "classic": Row("morelike.encoders.classic:ClassicEncoder"),
        "classic-audio": Row("morelike.encoders.classic_audio:ClassicAudioEncoder"),
        "composer": Row("morelike.encoders.composer:ComposerEncoder"),
        "hashed-text": Row("morelike.encoders.hashed_text:HashedTextEncoder"),
        "imported": Row("morelike.encoders.imported:ImportedEncoder"),
        "kmers": Row("morelike.encoders.kmers:KmerEncoder"),
        "landmarks": Row("morelike.encoders.landmarks:LandmarkEncoder"),
        "mesh-shape": Row("morelike.encoders.mesh_shape:MeshShapeEncoder"),
        "minhash": Row("morelike.encoders.minhash:MinHashEncoder"),
        "molecule-bits": Row("morelike.encoders.molecule_bits:MoleculeBitsEncoder", extra="molecules"),
        "onnx": Row("morelike.encoders.onnx:OnnxEncoder"),
        "speech": Row("morelike.encoders.speech:SpeechEncoder"),
    },
)
ENGINES = Table(
    "engines",
    "engine",
    {
        "local": Row("morelike.engines.local:local_engine"),
        "ray": Row("morelike.engines.ray:RayEngine", extra="ray"),
    },
)
MODALITIES = Table(
    "modalities",
    "modality",
    {
        "audio": Row("morelike.modalities.audio:AudioModality", extra="audio"),
        "document": Row("morelike.modalities.document:DocumentModality", extra="documents"),
        "image": Row("morelike.modalities.image:ImageModality"),
        "mesh": Row("morelike.modalities.mesh:MeshModality"),
        "molecule": Row("morelike.modalities.molecule:MoleculeModality", extra="molecules"),
        "sequence": Row("morelike.modalities.sequence:SequenceModality", extra="sequences"),
        "text": Row("morelike.modalities.text:TextModality", extra="text"),
        "vectors": Row("morelike.modalities.vectors:VectorsModality"),
        "video": Row("morelike.modalities.video:VideoModality", extra="video"),
    },
)
MODES = Table(
    "modes",
    "search mode",
    {
        "containment": Row("morelike.search.containment:containment"),
        "hybrid": Row("morelike.search.modes:hybrid"),
        "keyword": Row("morelike.search.modes:keyword"),
        "recording": Row("morelike.search.recording:recording"),
        "similar": Row("morelike.search.modes:similar"),
        "substructure": Row("morelike.search.substructure:substructure", extra="molecules"),
        "superstructure": Row("morelike.search.substructure:superstructure", extra="molecules"),
        "tversky": Row("morelike.search.tversky:tversky"),
    },
)
RESCORERS = Table(
    "rescorers",
    "rescorer",
    {
        "alignment": Row("morelike.rescorers.alignment:AlignmentRescorer", extra="sequences"),
        "tanimoto": Row("morelike.rescorers.tanimoto:TanimotoRescorer", extra="molecules"),
    },
)
SOURCES = Table(
    "sources",
    "source",
    {
        "archive": Row("morelike.sources.archives:ArchiveSource"),
        "files": Row("morelike.sources.files:FileSource"),
        "s3": Row("morelike.sources.s3:S3Source", extra="s3"),
        "table": Row("morelike.sources.tables:TableSource"),
        "url": Row("morelike.sources.urls:UrlSource"),
    },
)
SKETCH_STORES = Table("sketch_stores", "sketch store", {"sqlite": Row("morelike.stores.sketches:SqliteSketchStore")})
TERM_STORES = Table(  # by the catalog's name: the words lie where the catalog does
    "term_stores",
    "term store",
    {
        "mysql": Row("morelike.stores.catalog.terms:open_mysql_terms", extra="mysql"),
        "postgresql": Row("morelike.stores.catalog.terms:open_postgresql_terms", extra="postgresql"),
        "sqlite": Row("morelike.stores.terms:SqliteTermStore"),
    },
)
VECTOR_STORES = Table(
    "vector_stores",
    "vector store",
    {
        "faiss": Row("morelike.stores.vectors.faiss:FaissVectorStore"),
        "memory": Row("morelike.stores.vectors.memory:MemoryVectorStore"),
        "milvus": Row("morelike.stores.vectors.milvus:open_milvus", extra="milvus"),
    },
)

TABLES = (
    BLOB_STORES,
    CACHES,
    CATALOGS,
    COMPOSITES,
    ENCODERS,
    ENGINES,
    MODALITIES,
    MODES,
    RESCORERS,
    SKETCH_STORES,
    SOURCES,
    TERM_STORES,
    VECTOR_STORES,
)
