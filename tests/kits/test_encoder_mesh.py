"""The encoders of 3D models through the kit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from morelike.models import cards
from morelike.protocols import Encoder
from morelike.registry import COMPOSITES, ENCODERS
from morelike.settings import Settings
from morelike.testing.kits.encoder import EncoderKit
from morelike.testing.toys import ToyEncoder, ToyJointEncoder
from morelike.types import Card, Mesh


def meshes() -> list[Mesh]:
    """A tetrahedron, a sheet, a hundred triangles at random, and one far from the origin."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], dtype=np.int32)
    noise = np.random.default_rng(0).standard_normal((300, 3)).astype(np.float32)
    return [
        Mesh(corners, faces),
        Mesh(corners[:3], faces[:1]),
        Mesh(noise, np.arange(300, dtype=np.int32).reshape(-1, 3)),
        Mesh(corners + 100, faces),
    ]


class TestMeshShape(EncoderKit):
    """The built-in card without weights."""

    tolerance = 0.0

    @pytest.fixture
    def encoder(self, settings: Settings) -> Encoder:
        """The card as it is shipped."""
        encoder: Encoder = ENCODERS.load("mesh-shape")(cards.find("mesh-shape", settings), {}, settings)
        return encoder

    def payloads(self, kind: str) -> list[Any]:
        """Closed, open, and of many pieces."""
        assert kind == "mesh"
        return meshes()


@pytest.mark.parametrize("views", ["corners", "sides", "ring"])
@pytest.mark.parametrize("pool", ["mean", "max"])
class TestViews(EncoderKit):
    """Views of each arrangement through a toy encoder of pictures."""

    @pytest.fixture
    def encoder(self, views: str, pool: str) -> Encoder:
        """One that draws small pictures."""
        options = {"views": views, "pool": pool, "side": 48}
        part = ToyEncoder()
        numbers = part.card.dim, part.card.metric
        card = cards.sealed(Card("v", "views", "dense", *numbers, {"mesh": {}}, options, parts=("toy",)))
        encoder: Encoder = COMPOSITES.load("views")(card, [part], {})
        return encoder

    def payloads(self, kind: str) -> list[Any]:
        """Closed, open, and of many pieces."""
        assert kind == "mesh"
        return meshes()


class TestJointViews(EncoderKit):
    """Views through a card that takes words, too."""

    @pytest.fixture
    def encoder(self) -> Encoder:
        """Models and words in one space."""
        part = ToyJointEncoder()
        inputs: dict[str, dict[str, Any]] = {"mesh": {}, "text": {}}
        numbers = part.card.dim, part.card.metric
        card = cards.sealed(Card("v", "views", "dense", *numbers, inputs, {"side": 48}, parts=("toy-joint",)))
        encoder: Encoder = COMPOSITES.load("views")(card, [part], {})
        return encoder

    def payloads(self, kind: str) -> list[Any]:
        """Models, or words."""
        return meshes() if kind == "mesh" else ["red", "a green chair", "blue"]
