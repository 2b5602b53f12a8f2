"""Items that people write down where they search: a molecule as SMILES, a sequence as its letters."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from morelike.collection import OpenCollection
from morelike.errors import MorelikeError
from morelike.protocols import ReadsText
from morelike.registry import MODES
from morelike.server.pages.board import LONGEST
from morelike.server.pages.language import N_
from morelike.server.pages.view import has_words
from morelike.settings import Settings
from morelike.types import WHOLE
from morelike.unpacking import configured

__all__ = ["CHOICES", "Writing", "drawn_of", "fits_address", "modes_of", "writing_of"]

SIDE = 640


@dataclass(frozen=True, slots=True)
class Writing:
    """How items of a modality are written down: what the field is called, an example, how many lines it has; the page
    says both in its language.

    ``live``: whether the search follows what is typed; ``draws``: whether it can be drawn as well; ``words``: whether
    what is written is not an item in a notation of its own, but words that items are about.
    """

    called: str
    example: str = ""
    rows: int = 1
    live: bool = False
    draws: bool = False
    words: bool = False


WORDS = Writing(N_("Words"), N_("Words, a question, or a passage"), words=True)
WRITINGS: Mapping[str, Writing] = {
    "molecule": Writing(N_("SMILES or InChI"), "CC(=O)Oc1ccccc1C(=O)O", live=True, draws=True),
    "sequence": Writing(N_("Letters or FASTA"), ">name\nACGTACGTACGTACGT…", rows=4),
}
CHOICES: Sequence[tuple[str, str, str]] = (
    ("recording", "recording", N_("The same recording")),
    ("substructure", "substructure", N_("Contains this")),
    ("superstructure", "substructure", N_("Is part of this")),
    ("containment", "genome", N_("Contains it (genomes)")),
    ("keyword", "terms", N_("By words")),
    ("hybrid", "terms", N_("Both")),
)
"""(mode, the kind of payload that a collection must have for it, what a person calls it)."""
LIKE = {
    "audio": N_("What sounds alike"),
    "document": N_("By meaning"),
    "text": N_("By meaning"),
    "molecule": N_("Similar"),
    "sequence": N_("Similar letters"),
}


def writing_of(opened: OpenCollection) -> Writing | None:
    """None where items of the collection cannot be written down."""
    if has_words(opened.modality):
        return WORDS
    if not opened.reads_text:
        return None
    return WRITINGS.get(opened.modality, Writing(N_("Written down")))


def fits_address(words: str) -> bool:
    """Whether it can stand in an address; what cannot is kept as a file that was uploaded."""
    return len(words) <= LONGEST and len(words.splitlines()) == 1


def modes_of(opened: OpenCollection) -> list[tuple[str, str]]:
    """(mode, what it is called, for the page to say in its language), where there is a choice."""
    kinds = {space.kind for space in opened.spaces if space.active}
    found = [(mode, called) for mode, kind, called in CHOICES if mode in MODES and kind in kinds]
    return [("similar", LIKE.get(opened.modality, N_("Similar"))), *found] if found else []


def drawn_of(opened: OpenCollection, settings: Settings, text: str) -> tuple[str, str]:
    """(what is written, as a picture in an address of its own, ``data:``; a molecule's SMILES); "" where it is no item:
    a pattern, say.
    """
    modality = configured(opened.modality, settings, opened.options)
    if not isinstance(modality, ReadsText):
        return "", ""
    try:
        blob = modality.of_text(text)
        preview = modality.preview(blob, WHOLE, SIDE)
        smiles = str(modality.describe(blob).get("smiles") or "")
    except MorelikeError:
        return "", ""
    return f"data:{preview.media_type};base64,{b64encode(preview.data).decode('ascii')}", smiles
