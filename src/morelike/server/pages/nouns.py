"""What a person calls the items of a modality, and what they may be asked for with."""

from __future__ import annotations

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
    "document": "pages >= 10 and tag = 'reports'",
    "mesh": "watertight = true and faces < 10000",
    "molecule": "weight < 300 and rings >= 2",
    "sequence": "length >= 1000 and gc > 0.5",
    "text": "words < 500 and tag = 'letters'",
}


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


def example_filter(modality: str) -> str:
    """A filter that could be asked."""
    return FILTERS.get(modality, "width >= 1000 and tag = 'holiday'")
