"""The older servers by name: their port, their defaults, and the module that answers as they did."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from morelike.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from fastapi import APIRouter

__all__ = ["OLDER", "Asked", "Older", "parse", "router_of"]

PICTURES: Final = ("*.jpg", "*.jpeg", "*.png", "*.bmp", "*.webp", "*.gif")
SOUNDS: Final = ("*.wav", "*.aif", "*.aiff", "*.mp3", "*.ogg", "*.flac", "*.m4a")
MOLECULES: Final = tuple(
    f"*{ending}{packed}"
    for ending in (".smi", ".smiles", ".ism", ".can", ".inchi", ".sdf", ".sd", ".mol", ".csv", ".tsv", ".tab", ".txt")
    for packed in ("", ".gz")
)
MODELS: Final = ("*.off", "*.stl", "*.obj", "*.ply", "*.glb", "*.gltf", "*.3mf")
TABLES: Final = ("*.csv", "*.tsv", "*.jsonl", "*.ndjson", "*.json")
FILMS: Final = ("*.gif", "*.mp4", "*.avi", "*.mov", "*.mkv", "*.webm", "*.flv", "*.wmv", "*.mpg", "*.mpeg")


@dataclass(frozen=True, slots=True)
class Older:
    """One older server. ``encoders``: its own, the first that is here is taken; where none is, or no card is its own,
    as ``--encoder auto`` chooses.
    """

    name: str
    title: str
    module: str
    """Has ``routes(served) -> APIRouter``."""
    port: int
    modality: str
    encoders: tuple[str, ...]
    table: str
    top_k: int
    formats: tuple[str, ...]
    """Globs, whatever the case: files of a loaded folder that match none are passed over."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the collections that it makes."""
    by_objects: bool = False
    """Whether queries are cut into the objects that they show; so are items where ``options`` have ``regions``."""
    limit: float | None = None
    """Squared L2 of unit vectors: what is no nearer is not answered. None: everything is."""
    metric: str = "L2"
    """What it compared by where ``METRIC_TYPE`` says nothing. ``JACCARD``, of fingerprints, whatever that says."""
    by_words: bool = False
    """Whether it is asked with a picture and words; such a server loads nothing itself."""
    things: str = "file"
    """What is loaded, in a sentence."""
    kmer: int | None = None
    """Its ``KMER_K``: how many letters its words had. None: it knew none."""


_ROWS: Final = (
    Older(
        "audio",
        "Audio search",
        "morelike.server.compat.audio",
        8002,
        "audio",
        ("panns-cnn14",),
        "audio_table",
        10,
        SOUNDS,
        {"window": 60.0, "hop": 60.0},  # one vector for a sound of up to two minutes, as it was
    ),
    Older(
        "dna",
        "DNA sequence search",
        "morelike.server.compat.dna",
        5001,
        "sequence",
        ("dna-kmers-768",),
        "dna_sequence",
        10,
        ("*.txt", "*.tsv", "*.csv"),
        {"alphabet": "dna", "window": 10_000_000, "hop": 10_000_000},  # one vector a sequence, as it was
        metric="IP",
        things="sequence",
        kmer=4,
    ),
    Older(
        "image",
        "Reverse image search",
        "morelike.server.compat.image",
        5000,
        "image",
        ("resnet50",),
        "milvus_img_search",
        10,
        PICTURES,
    ),
    Older(
        "image-engine",
        "「以图搜图」接口",
        "morelike.server.compat.image_engine",
        6200,
        "image",
        ("resnet50-gem-512", "resnet50"),
        "image_search_engine",
        100,
        PICTURES,
    ),
    Older(
        "image-objects",
        "Image search by objects",
        "morelike.server.compat.image_objects",
        5000,
        "image",
        ("resnet50",),
        "milvus_obj_det",
        10,
        PICTURES,
        {"regions": "grid"},  # or the detector that is here
        by_objects=True,
    ),
    Older(
        "image-text",
        "Image search by a picture and words",
        "morelike.server.compat.image_text",
        7000,
        "image",
        ("tirg-css",),
        "milvus_kt",
        10,
        PICTURES,
        by_words=True,
    ),
    Older(
        "molecule",
        "Molecule search",
        "morelike.server.compat.molecule",
        5000,
        "molecule",
        ("morgan-512",),
        "milvus_mol_search",
        10,
        MOLECULES,
        {"fragment": "all", "neutralise": False},  # fingerprints of what was written, salts and all
        metric="JACCARD",
        things="molecule",
    ),
    Older(
        "objects3d",
        "3D model search",
        "morelike.server.compat.objects3d",
        5000,
        "mesh",
        (),
        "milvus_model_search",
        10,
        MODELS,
        things="model",
    ),
    Older(
        "qa",
        "Questions and answers",
        "morelike.server.compat.qa",
        8000,
        "text",
        (),
        "qa_search",
        10,
        TABLES,
        {"column": "question"},
        metric="IP",
        things="question",
    ),
    Older(
        "text",
        "Text search",
        "morelike.server.compat.text",
        5000,
        "text",
        (),
        "test_table",
        9,
        TABLES,
        {"column": "title"},
        metric="IP",
        things="text",
    ),
    Older(
        "video",
        "Video search by a picture",
        "morelike.server.compat.video",
        5000,
        "video",
        ("resnet50",),
        "milvus_video_search",
        40,
        FILMS,
        {"every": 1.0},
    ),
    Older(
        "video-objects",
        "Objects in a video",
        "morelike.server.compat.video_objects",
        5000,
        "image",
        ("resnet50",),
        "video_obj_det",
        10,
        PICTURES,
        by_objects=True,
        limit=0.5,
    ),
)
OLDER: Final[Mapping[str, Older]] = {row.name: row for row in _ROWS}


@dataclass(frozen=True, slots=True)
class Asked:
    """One ``--compat NAME[:PORT]``."""

    older: Older
    port: int


def parse(given: Sequence[str]) -> tuple[Asked, ...]:
    """Raises UsageError on an unknown name, on what is no port, and where two would have the same port."""
    asked: list[Asked] = []
    for argument in given:
        name, colon, port = argument.partition(":")
        if name not in OLDER:
            raise UsageError(f"--compat {argument}: no older server has that name", hint=f"one of {', '.join(OLDER)}")
        if colon and not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
            raise UsageError(f"--compat {argument}: {port!r} is no port", hint=f"{name}:{OLDER[name].port}")
        asked.append(Asked(OLDER[name], int(port) if colon else OLDER[name].port))
        for other in asked[:-1]:
            if other.older is asked[-1].older:
                raise UsageError(f"--compat names {name} twice", hint="one port has all of its tables")
            if asked[-1].port == other.port != 0:
                raise UsageError(
                    f"--compat: {other.older.name} and {name} would both have the port {other.port}",
                    hint=f"give one of them another port: --compat {name}:{other.port + 1}",
                )
    return tuple(asked)


def router_of(older: Older) -> Callable[..., APIRouter]:
    """What makes its routes: ``routes(served)``. Raises MissingExtra."""
    try:
        routes: Callable[..., APIRouter] = importlib.import_module(older.module).routes
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "morelike":
            raise
        raise MissingExtra(
            f"--compat {older.name} needs the package {error.name!r}", hint="pip install 'morelike[server]'"
        ) from error
    return routes
