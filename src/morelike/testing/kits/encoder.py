"""What every encoder must keep. Subclass it, give the fixture ``encoder``, and pytest runs the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from morelike.errors import MorelikeError
from morelike.protocols import Encoder
from morelike.types import Audio, Form, Mesh, Metric

__all__ = ["EncoderKit"]


class EncoderKit:
    """``class TestMine(EncoderKit)`` with a fixture ``encoder``; ``payloads`` where it takes a kind of its own."""

    tolerance = 1e-5
    """How far a vector may move with the batch that it is in, as a share of its length."""

    @pytest.fixture
    def encoder(self) -> Encoder:
        """The encoder under test."""
        raise NotImplementedError

    def payloads(self, kind: str) -> list[Any]:
        """At least four different payloads of a kind, extreme ones among them."""
        makers: dict[str, Callable[[], list[Any]]] = {
            "audio": _sounds,
            "composed": _compositions,
            "image": _pictures,
            "mesh": _meshes,
            "molecule": lambda: ["CCO", "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O", "C"],
            "sequence": lambda: ["ACGT" * 40, "A" * 160, "GATTACA" * 20, "TTGACCAGT" * 16],
            "text": lambda: ["a red dress", "two shoes on a floor", "größer als 世界", "x"],
        }
        if kind not in makers:
            pytest.fail(f"override payloads(kind): the kit has none of kind {kind!r}")
        return makers[kind]()

    def test_card_is_sane(self, encoder: Encoder) -> None:
        """The card names its form, metric, width and kinds with the words there are."""
        card = encoder.card
        assert card.form in get_args(Form)
        assert card.metric in get_args(Metric)
        assert card.dim > 0
        assert card.kinds
        assert card.name
        assert len(card.fingerprint) == 12

    def test_vectors_have_the_cards_width_and_type(self, encoder: Encoder) -> None:
        """(n, dim) finite float32, or (n, dim / 8) uint8 for bits, C-contiguous."""
        for kind in encoder.card.kinds:
            payloads = self.payloads(kind)
            vectors = _encoded(encoder, kind, payloads)
            assert vectors.shape == (len(payloads), _width(encoder))
            assert vectors.dtype == _dtype(encoder)
            assert vectors.flags.c_contiguous
            assert np.isfinite(vectors).all()

    def test_cosine_vectors_have_length_one_or_none(self, encoder: Encoder) -> None:
        """Where the metric is the cosine, a vector's length says nothing: it is one (or nought, for an empty one)."""
        if encoder.card.metric != "cosine":
            pytest.skip(f"the metric is {encoder.card.metric}")
        for kind in encoder.card.kinds:
            lengths = np.linalg.norm(_encoded(encoder, kind, self.payloads(kind)), axis=1)
            assert all(math.isclose(length, 1, abs_tol=1e-4) or length == 0 for length in lengths)

    def test_the_same_payload_gives_the_same_vector(self, encoder: Encoder) -> None:
        """Twice the same batch: bit for bit the same vectors."""
        for kind in encoder.card.kinds:
            payloads = self.payloads(kind)
            np.testing.assert_array_equal(_encoded(encoder, kind, payloads), _encoded(encoder, kind, payloads))

    def test_different_payloads_give_different_vectors(self, encoder: Encoder) -> None:
        """The encoder looks at what it is given."""
        for kind in encoder.card.kinds:
            vectors = _encoded(encoder, kind, self.payloads(kind))
            assert len(np.unique(vectors, axis=0)) > 1

    def test_a_vector_does_not_depend_on_its_batch(self, encoder: Encoder) -> None:
        """Alone, in another order or in a larger batch: the same vector, within the tolerance."""
        for kind in encoder.card.kinds:
            prepared = [encoder.prepare(kind, payload) for payload in self.payloads(kind)]
            together = encoder.encode(kind, prepared)
            alone = np.concatenate([encoder.encode(kind, [entry]) for entry in prepared])
            backwards = encoder.encode(kind, prepared[::-1])[::-1]
            self._assert_same(together, alone)
            self._assert_same(together, backwards)

    def test_an_empty_batch_gives_no_rows(self, encoder: Encoder) -> None:
        """(0, dim), of the type of any other batch."""
        for kind in encoder.card.kinds:
            vectors = encoder.encode(kind, [])
            assert vectors.shape == (0, _width(encoder))
            assert vectors.dtype == _dtype(encoder)

    def test_another_kind_is_refused_with_a_sentence(self, encoder: Encoder) -> None:
        """A kind that the card does not take is an error of ours that names the kind."""
        with pytest.raises(MorelikeError, match="no-such-kind"):
            encoder.prepare("no-such-kind", object())

    def test_prepare_is_safe_from_many_threads(self, encoder: Encoder) -> None:
        """What eight threads prepare at once encodes to what one thread's does."""
        for kind in encoder.card.kinds:
            payloads = self.payloads(kind) * 4
            expected = _encoded(encoder, kind, payloads)
            with ThreadPoolExecutor(8) as pool:
                prepared = list(pool.map(lambda payload, kind=kind: encoder.prepare(kind, payload), payloads))
            np.testing.assert_array_equal(encoder.encode(kind, prepared), expected)

    def test_prepare_leaves_the_payload_alone(self, encoder: Encoder) -> None:
        """An array that is prepared keeps its values: others may use it too."""
        for kind in encoder.card.kinds:
            payloads = self.payloads(kind)
            arrays = [part for one in payloads for part in _parts(one) if isinstance(part, np.ndarray)]
            before = [array.copy() for array in arrays]
            _encoded(encoder, kind, payloads)
            assert all(np.array_equal(array, copy) for array, copy in zip(arrays, before, strict=True))

    def _assert_same(self, one: NDArray[Any], other: NDArray[Any]) -> None:
        if one.dtype == np.uint8:
            np.testing.assert_array_equal(one, other)
            return
        lengths = np.maximum(np.linalg.norm(one, axis=1), 1e-12)
        assert (np.linalg.norm(one - other, axis=1) / lengths).max() <= self.tolerance


def _encoded(encoder: Encoder, kind: str, payloads: list[Any]) -> NDArray[Any]:
    return encoder.encode(kind, [encoder.prepare(kind, payload) for payload in payloads])


def _width(encoder: Encoder) -> int:
    return encoder.card.dim // 8 if encoder.card.form == "bits" else encoder.card.dim


def _dtype(encoder: Encoder) -> type[np.generic]:
    return np.uint8 if encoder.card.form == "bits" else np.float32


def _pictures() -> list[NDArray[np.uint8]]:
    """Noise, a gradient, a black picture, one pixel, a long strip."""
    generator = np.random.default_rng(7)
    ramp = np.linspace(0, 255, 90, dtype=np.uint8)
    return [
        generator.integers(0, 256, (64, 96, 3), dtype=np.uint8),
        np.broadcast_to(ramp[None, :, None], (70, 90, 3)).copy(),
        np.zeros((50, 40, 3), dtype=np.uint8),
        np.full((1, 1, 3), 200, dtype=np.uint8),
        generator.integers(0, 256, (4, 900, 3), dtype=np.uint8),
    ]


def _parts(payload: Any) -> tuple[Any, ...]:
    """A pair's two; itself of anything else."""
    return payload if isinstance(payload, tuple) else (payload,)


def _compositions() -> list[tuple[NDArray[np.uint8], str]]:
    """Pictures with words of different number; "make" and "red" have to be among those that the encoder knows."""
    texts = ("make it red", "red", "make red make red make red", "Make it RED, please!", "make")
    return list(zip(_pictures(), texts, strict=True))


def _sounds() -> list[Audio]:
    tone = np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000).astype(np.float32)
    noise = np.random.default_rng(7).standard_normal(32_000).astype(np.float32)
    return [
        Audio(tone, 16_000),
        Audio(noise, 16_000),
        Audio(np.zeros(16_000, dtype=np.float32), 16_000),
        Audio(noise[:8_000], 16_000),
    ]


def _meshes() -> list[Mesh]:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
    faces = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]], dtype=np.int32)
    scales = ([1, 1, 1], [1, 1, 4], [3, 1, 1], [1, 0.2, 1])
    return [Mesh((corners * np.array(scale)).astype(np.float32), faces) for scale in scales]
