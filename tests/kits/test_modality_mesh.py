"""The modality of 3D models through the kit."""

from __future__ import annotations

import pytest

from morelike.protocols import Configured, Modality
from morelike.registry import MODALITIES
from morelike.settings import Settings
from morelike.testing.kits.modality import ModalityKit, Sample
from morelike.testing.solids import all_formats, ply


class TestMeshModality(ModalityKit):
    """A box in each format."""

    @pytest.fixture
    def modality(self, settings: Settings) -> Modality:
        """The registered one."""
        return MODALITIES.load("mesh")(settings)

    @pytest.fixture
    def samples(self) -> list[Sample]:
        """Text and binary forms too."""
        return all_formats()

    @pytest.fixture
    def garbage(self) -> list[Sample]:
        """Noise, and what is named like a model, or begins like one."""
        return [
            (b"\x07" * 300, "noise"),
            (b"", "empty.stl"),
            (b"", "empty.glb"),
            (b"\x07" * 300, "noise.ply"),
            (b"Kaydara FBX Binary  ", "scene.fbx"),
            (ply()[:150], "cut off.ply"),
            (b"v 1 2 3\nv 1 2 4\n", "two points.obj"),
        ]


class TestTurnedMeshModality(TestMeshModality):
    """The same for a collection that turns models to their principal axes."""

    @pytest.fixture
    def modality(self, settings: Settings) -> Modality:
        """One with options."""
        registered = MODALITIES.load("mesh")(settings)
        assert isinstance(registered, Configured)
        return registered.configured({"pose": "principal", "up": "z"})

    @pytest.fixture
    def samples(self) -> list[Sample]:
        """Formats make no difference here."""
        return all_formats()[:2]
