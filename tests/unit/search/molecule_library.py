"""A library with a few molecules, and RDKit's own answers about them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import morelike
from morelike.collection import OpenCollection
from morelike.settings import Settings
from morelike.types import Example, Query

SMILES = {
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "salicylic acid": "OC(=O)c1ccccc1O",
    "ethanol": "CCO",
    "benzene": "c1ccccc1",
    "caffeine": "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "l-alanine": "C[C@H](N)C(=O)O",
    "d-alanine": "C[C@@H](N)C(=O)O",
    "toluene": "Cc1ccccc1",
    "pyrrole": "c1cc[nH]c1",
}


@contextmanager
def molecules(settings: Settings, folder: Path, smiles: dict[str, str]) -> Iterator[OpenCollection]:
    """The collection ``molecules`` of these, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "list.smi"
    path.write_text("".join(f"{text} {name.replace(' ', '_')}\n" for name, text in smiles.items()))
    with morelike.open(settings) as library:
        opened = library.collection("molecules", modality="molecule")
        opened.add(path)
        yield opened


def sample(test_data: Path, count: int) -> dict[str, str]:
    """Real molecules, evenly spread over the list."""
    with (test_data / "data" / "molecules" / "delaney-processed.csv").open(newline="") as stream:
        rows = [row["smiles"] for row in csv.DictReader(stream)]
    step = max(len(rows) // count, 1)
    return {f"m{number}": smiles for number, smiles in enumerate(rows[::step])}


def asked(opened: OpenCollection, text: str, mode: str, k: int = 1000, **more: Any) -> list[str]:
    """The SMILES of the hits, in order."""
    hits = opened.search(Query((Example("text", text),), mode=mode, k=k, **more))
    return [hit.metadata["smiles"] for hit in hits]


def all_of(opened: OpenCollection) -> list[str]:
    """The SMILES of every item."""
    return [str(item.info["smiles"]) for item in opened.items(limit=10_000)]
