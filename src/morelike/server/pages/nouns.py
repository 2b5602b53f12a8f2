"""What a person calls the items of a modality, and what they may be asked for with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from morelike.expressions import Compare
from morelike.search.filter import filter_text
from morelike.server.pages.figures import tags_of
from morelike.server.pages.language import N_, NN_, _, ngettext

__all__ = ["example_filter", "icon_of", "kind_of", "noun_of", "nouns_of", "takes_of"]

NOUNS = {
    "audio": NN_("sound", "sounds"),
    "document": NN_("document", "documents"),
    "image": NN_("picture", "pictures"),
    "mesh": NN_("3D model", "3D models"),
    "molecule": NN_("molecule", "molecules"),
    "sequence": NN_("sequence", "sequences"),
    "text": NN_("text", "texts"),
    "video": NN_("film", "films"),
}
FILE = NN_("file", "files")
KINDS = {
    "audio": N_("sound"),
    "composed": N_("pictures changed by words"),
    "image": N_("pictures"),
    "molecule": N_("molecules"),
    "sequence": N_("letters"),
    "text": N_("words"),
}
"""What encoders compare."""
ICONS = {
    "audio": "sound",
    "document": "document",
    "mesh": "solid",
    "molecule": "molecule",
    "sequence": "sequence",
    "text": "text",
    "video": "film",
}
PICTURES = "image/*,.heic,.heif,.avif,.tif,.tiff"
SOUNDS = "audio/*,.flac,.opus,.aif,.aiff,.m4a,.mka,.wma,.caf,.webm"
FILMS = "video/*,.mkv,.avi,.mov,.ogv,.flv"
MOLECULES = ".smi,.smiles,.inchi,.sdf,.sd,.mol,.csv,.tsv,.txt,.gz"
TEXTS = "text/plain,.txt,.text,.md,.markdown,.rst,.html,.htm,.log"
DOCUMENTS = "application/pdf,.pdf,.docx,.pptx,.epub,.html,.htm"
MODELS = ".stl,.obj,.ply,.off,.glb,.gltf,.3mf,model/*"
SEQUENCES = ".fasta,.fa,.fna,.ffn,.faa,.fastq,.fq,.gb,.gbk,.genbank,.csv,.tsv,.txt,.gz"
TAKEN = {
    "audio": (N_("a sound"), SOUNDS),
    "document": (N_("a document or a picture of a page"), f"{DOCUMENTS},{PICTURES}"),
    "image": (N_("a picture"), PICTURES),
    "mesh": (N_("a 3D model"), MODELS),
    "molecule": (N_("a molecule"), MOLECULES),
    "sequence": (N_("a sequence"), SEQUENCES),
    "text": (N_("a text"), TEXTS),
    "video": (N_("a film, a picture or a sound"), f"{FILMS},{PICTURES},{SOUNDS}"),
}
"""What may be asked with: in words, and for a file dialogue."""
FILTERS = {
    "audio": "duration < 60 and tag = 'birds'",
    "document": "pages >= 10 and tag = 'reports'",
    "mesh": "watertight = true and faces < 10000",
    "molecule": "weight < 300 and rings >= 2",
    "sequence": "length >= 1000 and gc > 0.5",
    "text": "words < 500 and tag = 'letters'",
    "video": "duration >= 60 and has_sound = true",
}
"""Where nobody knows more of the collection."""
ASKED_OF = {
    "audio": ("duration", "channels"),
    "document": ("pages", "words"),
    "image": ("width", "height"),
    "mesh": ("faces", "vertices"),
    "molecule": ("weight", "rings"),
    "sequence": ("length", "gc"),
    "text": ("words",),
    "video": ("duration", "width"),
}
"""Numbers that a filter is likely to ask of, the likeliest first."""
LONGEST_TAG = 30


def noun_of(modality: str) -> str:
    """What a person calls one of its items."""
    return ngettext(*NOUNS.get(modality, FILE), 1)


def nouns_of(modality: str) -> str:
    """What a person calls its items."""
    return ngettext(*NOUNS.get(modality, FILE), 2)


def kind_of(kind: str) -> str:
    """What a person calls what an encoder compares."""
    return _(KINDS[kind]) if kind in KINDS else kind


def icon_of(modality: str) -> str:
    return ICONS.get(modality, "picture")


def takes_of(modality: str) -> tuple[str, str]:
    """(what may be asked with, in words; the same for a file dialogue)"""
    words, types = TAKEN.get(modality, (N_("a file"), ""))
    return _(words), types


def example_filter(modality: str, infos: Iterable[Mapping[str, Any]] = ()) -> str:
    """A filter that could be asked: of what these items have, where they are given."""
    known = [info for info in infos if info]
    found = []
    for name in ASKED_OF.get(modality, ()):
        values = [info[name] for info in known if type(info.get(name)) in (int, float) and 0 < info[name] < math.inf]
        if values:
            found.append(f"{name} >= {_rounded(median(values))}")
    if tag := next((tag for info in known for tag in tags_of(info) if len(tag) <= LONGEST_TAG), ""):
        found.insert(1, filter_text(Compare("tag", "=", tag)))
    return " and ".join(found[:2]) or FILTERS.get(modality, "width >= 1000 and tag = 'holiday'")


def _rounded(value: float) -> str:
    """To two digits, as people write it."""
    short = round(value, 1 - math.floor(math.log10(value)))
    return f"{short:.0f}" if short >= 10 or short == int(short) else f"{short:g}"
