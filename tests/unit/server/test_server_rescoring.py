"""Molecules and sequences over HTTP: modes with options, alignments, shared atoms, previews that mark them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rdkit", reason="molecules need rdkit (extra molecules)")
pytest.importorskip("Bio", reason="alignments need biopython (extra sequences)")

from PIL import Image
from serving_library import API, Served, problem_in, running

import morelike
from morelike.settings import Settings

MOLECULES = "CC(=O)Oc1ccccc1C(=O)O aspirin\nOC(=O)c1ccccc1O salicylic\nCCO ethanol\nc1ccccc1 benzene\n"
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


def dna(seed: int, length: int = 300) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("rescoring")
    (folder / "list.smi").write_text(MOLECULES)
    (folder / "all.fasta").write_text("".join(f">s{seed}\n{dna(seed)}\n" for seed in range(8)))
    settings = Settings(library=folder / "library", models_cache=folder / "models", offline=True, allow_roots=(folder,))
    with morelike.open(settings) as library:
        library.collection("molecules", modality="molecule").add(folder / "list.smi")
        library.collection("sequences", modality="sequence").add(folder / "all.fasta")
        with running(library) as serving:
            yield serving


def search(served: Served, collection: str, **query: Any) -> Any:
    return served.client.post(f"{API}/collections/{collection}/search", json=query)


def smiles_of(answer: Any) -> list[str]:
    return [hit["metadata"]["smiles"] for hit in answer.json()["hits"]]


def test_a_substructure_is_asked_for_by_a_text(served: Served) -> None:
    """SMARTS or SMILES, with why where it is asked for."""
    answer = search(served, "molecules", examples=[{"text": "c1ccccc1[OH]"}], mode="substructure", explain=True)

    assert smiles_of(answer) == ["O=C(O)c1ccccc1O"]
    assert len(answer.json()["hits"][0]["why"]["shared"]["atoms"]) == 7


def test_options_reach_the_mode(served: Served) -> None:
    """Numbers, texts, true and false; what a mode does not have is a problem."""
    part = {"examples": [{"text": ASPIRIN}], "mode": "tversky"}

    holds = search(served, "molecules", **part, options={"alpha": 1, "beta": 0.0})
    held = search(served, "molecules", **part, options={"alpha": 0, "beta": 1.0})

    assert all(set(hit["unit"]) == {"tversky"} for hit in holds.json()["hits"])
    assert [hit["score"] for hit in holds.json()["hits"]] != [hit["score"] for hit in held.json()["hits"]]
    assert "no option" in problem_in(search(served, "molecules", **part, options={"gamma": 1}), 400)["detail"]
    problem_in(search(served, "molecules", **part, options={"alpha": [1]}), 422)
    problem_in(search(served, "molecules", **part, options={"alpha": "much"}), 400)
    problem_in(search(served, "molecules", **part, options={f"o{number}": 1 for number in range(17)}), 422)


def test_an_impossible_part_is_a_problem(served: Served) -> None:
    """With the place."""
    problem = problem_in(search(served, "molecules", examples=[{"text": "c1cc(C"}], mode="substructure"), 400)

    assert "at letter 5" in problem["detail"]


def test_sequences_are_aligned(served: Served) -> None:
    """Bits, identity and aligned letters in every answer; the alignment where it is asked for."""
    query = dna(3)[20:250]
    plain = search(served, "sequences", examples=[{"text": query}], k=2).json()["hits"][0]
    told = search(served, "sequences", examples=[{"text": query}], k=2, explain=True).json()["hits"][0]
    without = search(served, "sequences", examples=[{"text": query}], options={"rescore": False}).json()["hits"][0]

    assert plain["unit"] == {
        "bits": plain["score"],
        "identity": 1.0,
        "aligned": 230.0,
        "length": 230.0,
        "coverage": 1.0,
        "cosine": plain["unit"]["cosine"],
    }
    assert plain["span"] == {"unit": "bases", "start": 20.0, "end": 250.0}
    assert "why" not in plain
    assert "".join(block["query"] for block in told["why"]["alignment"]["blocks"]) == query
    assert set(without["unit"]) == {"cosine"}


def test_the_preview_marks_atoms(served: Served) -> None:
    """Those that a hit shares; others than there are, are passed over; anything else is refused."""
    hit = search(served, "molecules", examples=[{"text": "OC(=O)c1ccccc1"}], explain=True, k=1).json()["hits"][0]
    path = f"{API}/collections/molecules/items/{hit['item']}/preview?side=256"
    atoms = ",".join(map(str, hit["why"]["shared"]["atoms"]))

    plain, marked, beyond = (served.client.get(f"{path}{more}") for more in ("", f"&atoms={atoms}", "&atoms=9999"))

    assert [answer.status_code for answer in (plain, marked, beyond)] == [200, 200, 200]
    assert pixels(plain.content).shape == pixels(marked.content).shape
    assert (pixels(plain.content) != pixels(marked.content)).any()
    assert (pixels(plain.content) == pixels(beyond.content)).all()
    assert marked.headers["etag"] != plain.headers["etag"]
    for wrong in ("a", "1,,2", "-1", "1;2", "1," * 3000):
        problem_in(served.client.get(f"{path}&atoms={wrong}"), 422)


def pixels(data: bytes) -> Any:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))
