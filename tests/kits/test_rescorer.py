"""Every registered rescorer, and the toy that proves the kit, through the kit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from morelike.protocols import Rescorer
from morelike.registry import RESCORERS
from morelike.testing.images import synthetic_image
from morelike.testing.kits.rescorer import RescorerKit
from morelike.testing.toys import ToyRescorer

PAYLOADS: dict[str, Sequence[Any]] = {"image": [synthetic_image(seed) for seed in range(4)]}
"""Samples of each kind that a rescorer compares; a new kind adds its own row."""


class TestRescorers(RescorerKit):
    """A new row of the registry is tested unasked."""

    @pytest.fixture(params=["toy-colour", *RESCORERS])
    def rescorer(self, request: pytest.FixtureRequest) -> Rescorer:
        return ToyRescorer() if request.param == "toy-colour" else RESCORERS.load(request.param)()

    @pytest.fixture
    def payloads(self, rescorer: Rescorer) -> Sequence[Any]:
        return PAYLOADS[rescorer.kinds[0]]
