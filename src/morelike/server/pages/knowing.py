"""What stands in an item's record, in the words of whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from morelike.server.pages.language import N_, _

__all__ = ["known_as", "state_said", "yes_or_no"]

KNOWN: Final[Mapping[str, str]] = {
    "acceptors": N_("acceptors"),
    "album": N_("album"),
    "alphabet": N_("alphabet"),
    "ambiguous": N_("ambiguous letters"),
    "animated": N_("animated"),
    "answer": N_("answer"),
    "area": N_("area"),
    "artist": N_("artist"),
    "author": N_("author"),
    "bit_rate": N_("bits a second"),
    "camera_make": N_("camera's maker"),
    "camera_model": N_("camera"),
    "channels": N_("channels"),
    "chapters": N_("chapters"),
    "characters": N_("characters"),
    "charge": N_("charge"),
    "codec": N_("codec"),
    "content": N_("content"),
    "created": N_("created"),
    "damaged_pages": N_("damaged pages"),
    "date": N_("date"),
    "description": N_("description"),
    "donors": N_("donors"),
    "duration": N_("duration"),
    "exposure_s": N_("exposure in seconds"),
    "extent_x": N_("extent along x"),
    "extent_y": N_("extent along y"),
    "extent_z": N_("extent along z"),
    "f_number": N_("f-number"),
    "faces": N_("faces"),
    "focal_mm": N_("focal length in millimetres"),
    "format": N_("format"),
    "formula": N_("formula"),
    "fps": N_("frames a second"),
    "fragments": N_("fragments"),
    "frames": N_("frames"),
    "gc": N_("share of G and C"),
    "genre": N_("genre"),
    "has_sound": N_("has sound"),
    "heavy_atoms": N_("heavy atoms"),
    "height": N_("height"),
    "identity": N_("identity"),
    "inchikey": N_("InChIKey"),
    "iso": N_("ISO speed"),
    "language": N_("language"),
    "latitude": N_("latitude"),
    "length": N_("length"),
    "lens": N_("lens"),
    "logp": N_("log P"),
    "longitude": N_("longitude"),
    "mirrored": N_("mirrored"),
    "mode": N_("colour mode"),
    "pages": N_("pages"),
    "question": N_("question"),
    "rate": N_("samples a second"),
    "rings": N_("rings"),
    "rotatable": N_("rotatable bonds"),
    "rotation": N_("rotation in degrees"),
    "scanned": N_("scanned"),
    "smiles": N_("SMILES"),
    "software": N_("software"),
    "sound_codec": N_("codec of the sound"),
    "taken": N_("taken"),
    "title": N_("title"),
    "tpsa": N_("polar surface"),
    "vertices": N_("corners"),
    "volume": N_("volume"),
    "watertight": N_("watertight"),
    "weight": N_("weight"),
    "width": N_("width"),
    "words": N_("number of words"),
}
STATES: Final[Mapping[str, str]] = {
    "deleting": N_("This item is being removed."),
    "duplicate": N_("This item is set aside as a duplicate."),
    "pending": N_("This item is not read yet."),
    "rejected": N_("This item could not be used."),
}


def known_as(key: str) -> str:
    """What a fact about an item is called; what no modality of ours tells is called as it is."""
    return _(KNOWN[key]) if key in KNOWN else key.replace("_", " ")


def yes_or_no(value: object) -> object:
    """What is true or not in words; anything else as it is."""
    if not isinstance(value, bool):
        return value
    return _("yes") if value else _("no")


def state_said(state: str) -> str:
    """Why searches do not find an item."""
    return _(STATES[state]) if state in STATES else state
