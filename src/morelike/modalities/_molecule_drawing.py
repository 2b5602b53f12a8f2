"""Molecules drawn in two dimensions, with a part of them marked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

from morelike.errors import DecodeError
from morelike.modalities._molecule_rdkit import from_smiles
from morelike.rdkit_log import quiet

__all__ = ["drawing_places", "drawn", "picture_of", "size_of"]

_MOST_ATOMS: Final = 400
"""Heavy atoms: what has more is a grey cloud, and takes seconds."""
_SMALLEST: Final = 64
_LARGEST: Final = 2048
_MARK: Final = (0.55, 0.85, 0.65)
"""A green on which every atom's colour can be read."""


def size_of(side: int) -> tuple[int, int]:
    """(width, height) of a drawing whose longer side is ``side`` pixels: 4 to 3."""
    side = min(max(side, 1), _LARGEST)
    return side, max(1, side * 3 // 4)


def drawn(
    smiles: str, side: int, highlight_atoms: Sequence[int] = (), highlight_bonds: Sequence[int] | None = None
) -> bytes:
    """An SVG of a molecule, ``side`` pixels wide, on white; atoms are numbered as the SMILES names them, from 0.

    Bonds between two marked atoms are marked where ``highlight_bonds`` does not say which. The SVG has shapes alone: no
    scripts, no links, no fonts. Raises DecodeError.
    """
    from rdkit.Chem.Draw import rdMolDraw2D

    width, height = size_of(max(side, _SMALLEST))
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    drawer.drawOptions().includeMetadata = False
    svg: str = _draw(drawer, smiles, highlight_atoms, highlight_bonds)
    return svg.encode()


def picture_of(
    smiles: str, side: int, highlight_atoms: Sequence[int] = (), highlight_bonds: Sequence[int] | None = None
) -> bytes:
    """The same as a PNG of exactly ``size_of(side)``, for where no SVG is shown: terminals, notebooks."""
    from PIL import Image
    from rdkit.Chem.Draw import rdMolDraw2D

    wanted = size_of(side)
    drawer = rdMolDraw2D.MolDraw2DCairo(*size_of(max(side, _SMALLEST)))
    png: bytes = _draw(drawer, smiles, highlight_atoms, highlight_bonds)
    with Image.open(io.BytesIO(png)) as picture:
        small = picture.convert("RGB")
    if small.size != wanted:
        small = small.resize(wanted, Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "PNG")
    return stream.getvalue()


def drawing_places(smiles: str, side: int) -> tuple[Any, tuple[int, int], list[tuple[float, float]]]:
    """(the molecule, (width, height), where its atoms stand in ``drawn`` of the same side). Raises DecodeError."""
    from rdkit.Chem.Draw import rdMolDraw2D

    size = size_of(max(side, _SMALLEST))
    drawer = rdMolDraw2D.MolDraw2DSVG(*size)
    _draw(drawer, smiles, (), None)
    molecule = from_smiles(smiles, "the molecule")
    places = [drawer.GetDrawCoords(atom) for atom in range(molecule.GetNumAtoms())]
    return molecule, size, [(place.x, place.y) for place in places]


def _draw(drawer: Any, smiles: str, atoms: Sequence[int], bonds: Sequence[int] | None) -> Any:
    from rdkit.Chem.Draw import rdMolDraw2D

    molecule = from_smiles(smiles, "the molecule")
    if molecule.GetNumHeavyAtoms() > _MOST_ATOMS:
        raise DecodeError(f"the molecule has too many atoms to be drawn: more than {_MOST_ATOMS}")
    marked = [int(atom) for atom in atoms if 0 <= atom < molecule.GetNumAtoms()]
    if bonds is None:
        chosen = set(marked)
        bonds = [
            bond.GetIdx()
            for bond in molecule.GetBonds()
            if bond.GetBeginAtomIdx() in chosen and bond.GetEndAtomIdx() in chosen
        ]
    try:
        with quiet():
            options = drawer.drawOptions()
            options.clearBackground = True
            options.setHighlightColour(_MARK)
            rdMolDraw2D.PrepareAndDrawMolecule(
                drawer, molecule, highlightAtoms=marked, highlightBonds=[int(bond) for bond in bonds]
            )
            drawer.FinishDrawing()
            return drawer.GetDrawingText()
    except (RuntimeError, ValueError) as error:
        raise DecodeError(f"the molecule cannot be drawn: {error}") from error
