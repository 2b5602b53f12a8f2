"""Every registered rescorer, and the toy that proves the kit, through the kit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from morelike.errors import MissingExtra
from morelike.protocols import Rescorer
from morelike.registry import RESCORERS
from morelike.testing.images import synthetic_image
from morelike.testing.kits.rescorer import RescorerKit
from morelike.testing.toys import ToyRescorer

PAYLOADS: dict[str, Sequence[Any]] = {
    "image": [synthetic_image(seed) for seed in range(4)],
    "molecule": ["CC(=O)Oc1ccccc1C(=O)O", "O=C(O)c1ccccc1O", "CCO", "C", "c1ccc2ccccc2c1", "[Na+]"],
    "sequence": [
        "ATGGCCATTGTAATGGGCCGCTGAAAGGGTGCCCGATAG",
        "ATGGCCATTGTTATGGGCCGCTGAAGGGTGCCCGATAG",
        "TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT",
        "CTATCGGGCACCCTTTCAGCGGCCCATTACAATGGCCAT",
        "NNNNNNNNRYACGTACGT",
        "A",
    ],
}
"""Samples of each kind that a rescorer compares; a new kind adds its own row."""


class TestRescorers(RescorerKit):
    """A new row of the registry is tested unasked."""

    @pytest.fixture(params=["toy-colour", *RESCORERS])
    def rescorer(self, request: pytest.FixtureRequest) -> Rescorer:
        if request.param == "toy-colour":
            return ToyRescorer()
        try:
            made: Rescorer = RESCORERS.load(request.param)()
            sample = PAYLOADS[made.kinds[0]][0]
            made.score(sample, sample)
        except (MissingExtra, ImportError) as error:
            pytest.skip(f"the rescorer {request.param} needs its extra: {error}")
        return made

    @pytest.fixture
    def payloads(self, rescorer: Rescorer) -> Sequence[Any]:
        return PAYLOADS[rescorer.kinds[0]]


class TestProteins(RescorerKit):
    """The alignment of proteins, which has another scoring."""

    @pytest.fixture
    def rescorer(self) -> Rescorer:
        pytest.importorskip("Bio", reason="the rescorer alignment needs biopython")
        made: Rescorer = RESCORERS.load("alignment")()
        return made

    @pytest.fixture
    def payloads(self) -> Sequence[str]:
        return ["MKTAYIAKQRQISFVKSHFSRQ", "MKTAYIARQRQISFVKSHFS", "WWWWWPPPPPLLLLL", "MKXBZJOUKS", "QRQISFVK"]
