"""Every registered modality through the kit: a new one needs a row in ``SAMPLES`` or a ``test_modality_NAME.py``."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from morelike.protocols import Modality
from morelike.registry import MODALITIES
from morelike.settings import Settings
from morelike.testing.images import synthetic_image
from morelike.testing.kits.modality import ModalityKit, Sample


def _pictures() -> list[Sample]:
    formats = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF", "tif": "TIFF", "bmp": "BMP", "avif": "AVIF"}
    samples = []
    for seed, (suffix, encoder) in enumerate(formats.items()):
        buffer = io.BytesIO()
        Image.fromarray(synthetic_image(seed, (200, 120 + seed))).save(buffer, encoder)
        samples.append((buffer.getvalue(), f"picture.{suffix}"))
    return samples


SAMPLES: dict[str, Callable[[], list[Sample]]] = {"image": _pictures}


@pytest.mark.parametrize("name", SAMPLES)
class TestModality(ModalityKit):
    """The kit, once a row of the registry."""

    @pytest.fixture
    def modality(self, name: str, settings: Settings) -> Modality:
        """The registered modality of that name."""
        return MODALITIES.load(name)(settings)

    @pytest.fixture
    def samples(self, name: str) -> list[Sample]:
        """The samples of that name."""
        return SAMPLES[name]()


def test_none_is_left_out() -> None:
    """Every registered modality goes through the kit, here or in a file of its own."""
    own = {path.stem.removeprefix("test_modality_") for path in Path(__file__).parent.glob("test_modality_*.py")}
    assert set(MODALITIES) <= {*SAMPLES, *own}
