"""Pictures that are cut into regions, through the same kit as whole ones."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from morelike.modalities.image import ImageModality
from morelike.protocols import Modality
from morelike.settings import Settings
from morelike.testing.images import synthetic_image
from morelike.testing.kits.modality import ModalityKit, Sample
from morelike.testing.tiny_onnx import colour_detector


@pytest.mark.parametrize("regions", ["grid", "detector:colours"])
class TestRegions(ModalityKit):
    """The kit, once for each way of cutting."""

    @pytest.fixture
    def modality(self, regions: str, settings: Settings) -> Modality:
        """Pictures, on a machine that has a detector."""
        settings.models_cache.mkdir()
        (settings.models_cache / "colours.onnx").write_bytes(colour_detector(side=128))
        return ImageModality(settings)

    @pytest.fixture
    def samples(self) -> list[Sample]:
        """A JPEG and a PNG, each with something red, which the detector finds."""
        found = []
        for seed, (suffix, encoder) in enumerate({"jpg": "JPEG", "png": "PNG"}.items()):
            pixels = synthetic_image(seed, (400, 300))
            pixels[100:200, 150:300] = (250, 10, 10)
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, encoder)
            found.append((buffer.getvalue(), f"picture.{suffix}"))
        return found

    @pytest.fixture
    def options(self, modality: Modality, regions: str) -> dict[str, Any]:
        """As a collection has them that was made with that option."""
        return dict(modality.settle({"regions": regions}))
