"""What every modality must do, as tests: subclass ``ModalityKit``, give it a modality and a few samples."""

from __future__ import annotations

import json
import math
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.protocols import LoadsRuns, Modality
from morelike.types import Audio, Blob, Kind, Mesh, Payload, SegmentSpec, Span

__all__ = ["ModalityKit"]

HEAD = 4096
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]*")
_FIELD = re.compile(r"[a-z][a-z0-9_]*")
_SIDES = (1, 16, 64, 256)

Sample = tuple[bytes, str]


class ModalityKit:
    """Needs the fixtures ``modality`` and ``samples``; the others may be overridden."""

    @pytest.fixture
    def modality(self) -> Modality:
        """The modality to be proved."""
        raise NotImplementedError

    @pytest.fixture
    def samples(self) -> list[Sample]:
        """A few valid files: (bytes, name)."""
        raise NotImplementedError

    @pytest.fixture
    def garbage(self) -> list[Sample]:
        """Files that the modality must refuse: (bytes, name)."""
        rng = np.random.default_rng(0)
        return [(rng.bytes(size), f"noise-{size}") for size in (1, 8, 64, 5000)]

    @pytest.fixture
    def options(self, modality: Modality) -> dict[str, Any]:
        """The collection's options that ``split`` gets."""
        return dict(modality.settle({}))

    @pytest.fixture
    def part(self) -> Span:
        """A part that each sample has, where the medium has parts that follow one another."""
        return Span("seconds", 0.0, 0.25)

    @pytest.fixture
    def tolerance(self) -> float:
        """How far, as a share of the full scale, a payload of a run may be from the one that is loaded alone."""
        return 1e-3

    @pytest.fixture
    def wants(self) -> dict[Kind, dict[str, Any]]:
        """What an encoder wants of each kind."""
        return {"image": {"side": 32}, "audio": {"rate": 16_000}, "recording": {"rate": 8_000}}

    def test_names_itself_and_its_kinds(self, modality: Modality) -> None:
        """A modality has a plain name and at least one payload kind."""
        assert _FIELD.fullmatch(modality.name)
        assert modality.kinds
        assert all(_FIELD.fullmatch(kind) for kind in modality.kinds)

    def test_sniff_recognises_the_samples(self, modality: Modality, samples: list[Sample]) -> None:
        """Each sample gets a confidence above 0 and at most 1."""
        assert samples
        for data, name in samples:
            assert 0 < modality.sniff(data[:HEAD], name) <= 1, name

    def test_sniff_never_raises(self, modality: Modality, samples: list[Sample]) -> None:
        """Any bytes under any name get a confidence between 0 and 1."""
        rng = np.random.default_rng(1)
        heads = [b"", b"\x00", *(rng.bytes(int(size)) for size in rng.integers(1, HEAD, 30))]
        heads += [data[: int(rng.integers(0, HEAD))] for data, _ in samples]
        names = ["", ".", "a\x00b", "\ud800.jpg", "x" * 5000, "../../etc", "ü.PNG", *(name for _, name in samples)]
        for head in heads:
            for name in names:
                assert 0 <= modality.sniff(head, name) <= 1

    def test_media_type_is_one(self, modality: Modality, samples: list[Sample]) -> None:
        """Each sample has a media type of the form ``type/subtype``."""
        for data, name in samples:
            assert _MEDIA_TYPE.fullmatch(modality.media_type(data[:HEAD], name)), name

    def test_describe_gives_flat_json(self, modality: Modality, samples: list[Sample]) -> None:
        """A description has plain field names and strings, finite numbers or booleans, and is always the same."""
        for data, name in samples:
            info = dict(modality.describe(Blob.from_bytes(data, name)))
            assert info == json.loads(json.dumps(info, allow_nan=False)), name
            assert all(_FIELD.fullmatch(field) for field in info), name
            assert all(isinstance(value, str | int | float) for value in info.values()), name
            assert info == modality.describe(Blob.from_bytes(data, name)), name

    def test_options_are_complete(self, modality: Modality) -> None:
        """The options of a new collection are JSON, and what is settled once stays as it is."""
        settled = dict(modality.settle({}))
        assert settled == json.loads(json.dumps(settled, allow_nan=False))
        assert settled == modality.settle(settled)

    def test_options_that_are_none_are_refused(self, modality: Modality) -> None:
        """An option that the modality does not know is a UsageError that names it."""
        with pytest.raises(UsageError, match="no_such_option"):
            modality.settle({"no_such_option": 1})

    def test_a_part_is_cut_as_such(
        self, modality: Modality, samples: list[Sample], options: dict[str, Any], part: Span
    ) -> None:
        """A part has segments of its own, all of them within it; what has no such parts raises QueryError."""
        for data, name in samples:
            blob = Blob.from_bytes(data, name)
            if not isinstance(modality, LoadsRuns):
                with pytest.raises(QueryError):
                    list(modality.split(blob, options, part))
                continue
            specs = list(modality.split(blob, options, part))
            assert specs, name
            assert {spec.span.unit for spec in specs} == {part.unit}, name
            assert all(part.start - 1e-6 <= spec.span.start < spec.span.end <= part.end + 1e-6 for spec in specs), name

    def test_a_part_beyond_the_end_is_refused(
        self, modality: Modality, samples: list[Sample], options: dict[str, Any]
    ) -> None:
        """A part that the medium does not have raises QueryError."""
        for data, name in samples:
            with pytest.raises(QueryError):
                list(modality.split(Blob.from_bytes(data, name), options, Span("seconds", 1e6, 1e6 + 1)))

    def test_a_run_gives_what_each_gives_alone(
        self,
        modality: Modality,
        samples: list[Sample],
        options: dict[str, Any],
        wants: dict[Kind, dict[str, Any]],
        tolerance: float,
    ) -> None:
        """Segments decoded in one pass are those that ``load`` gives, in the same order."""
        if not isinstance(modality, LoadsRuns):
            return
        for data, name in samples:
            blob = Blob.from_bytes(data, name)
            specs = list(modality.split(blob, options))
            for kind in modality.kinds:
                own, want = [spec for spec in specs if spec.kind == kind], wants.get(kind, {})
                run = list(modality.load_run(blob, own, want)) if own else []
                assert len(run) == len(own), name
                for spec, payload in zip(own, run, strict=True):
                    check_payload(kind, payload)
                    assert near_payload(payload, modality.load(blob, spec, want), tolerance), (name, spec)

    def test_split_is_deterministic(self, modality: Modality, samples: list[Sample], options: dict[str, Any]) -> None:
        """The same bytes have the same segments, at least one, of announced kinds, with spans that run forwards."""
        for data, name in samples:
            specs = list(modality.split(Blob.from_bytes(data, name), options))
            assert specs, name
            assert specs == list(modality.split(Blob.from_bytes(data, name), options)), name
            assert {spec.kind for spec in specs} <= set(modality.kinds), name
            assert all(spec.span.start <= spec.span.end for spec in specs), name
            assert len(set(specs)) == len(specs), name

    def test_load_gives_the_kind_s_payload(
        self,
        modality: Modality,
        samples: list[Sample],
        options: dict[str, Any],
        wants: dict[Kind, dict[str, Any]],
    ) -> None:
        """Every segment loads as the type that its kind names, with and without an encoder's wishes."""
        for data, name in samples:
            for spec in modality.split(Blob.from_bytes(data, name), options):
                for want in ({}, wants.get(spec.kind, {})):
                    check_payload(spec.kind, modality.load(Blob.from_bytes(data, name), spec, want))

    def test_load_is_deterministic(
        self,
        modality: Modality,
        samples: list[Sample],
        options: dict[str, Any],
        wants: dict[Kind, dict[str, Any]],
    ) -> None:
        """The same segment loads as the same payload from four threads at once."""

        def load(spec: SegmentSpec, sample: Sample) -> Payload:
            return modality.load(Blob.from_bytes(*sample), spec, wants.get(spec.kind, {}))

        with ThreadPoolExecutor(4) as pool:
            for sample in samples:
                spec = next(iter(modality.split(Blob.from_bytes(*sample), options)))
                first, *others = pool.map(lambda _: load(spec, sample), range(4))  # noqa: B023  # used at once
                assert all(same_payload(first, other) for other in others), sample[1]

    def test_garbage_is_a_decode_error(
        self, modality: Modality, garbage: list[Sample], options: dict[str, Any]
    ) -> None:
        """Bytes that are no such medium raise DecodeError: when described, or split and loaded, or shown."""
        for data, name in garbage:
            blob = Blob.from_bytes(data, name)
            with pytest.raises(DecodeError):
                modality.describe(blob)
            with pytest.raises(DecodeError):
                for spec in modality.split(blob, options):
                    modality.load(blob, spec, {})
            with pytest.raises(DecodeError):
                modality.preview(blob, SegmentSpec(modality.kinds[0]).span, 64)

    def test_decode_errors_name_the_item(self, modality: Modality, garbage: list[Sample]) -> None:
        """The message of a DecodeError holds the item's name."""
        for data, name in garbage:
            with pytest.raises(DecodeError) as caught:
                modality.describe(Blob.from_bytes(data, name))
            assert name in caught.value.message

    def test_preview_keeps_to_its_side(
        self, modality: Modality, samples: list[Sample], options: dict[str, Any]
    ) -> None:
        """A preview is some bytes of a stated media type, no larger than the asked side."""
        for data, name in samples:
            spec = next(iter(modality.split(Blob.from_bytes(data, name), options)))
            for side in _SIDES:
                preview = modality.preview(Blob.from_bytes(data, name), spec.span, side)
                assert preview.data, name
                assert _MEDIA_TYPE.fullmatch(preview.media_type), name
                assert max(preview.width, preview.height) <= side, name

    def test_identity_is_stable(self, modality: Modality, samples: list[Sample]) -> None:
        """The canonical identity is None or the same non-empty text each time."""
        for data, name in samples:
            identity = modality.identity(Blob.from_bytes(data, name))
            assert identity is None or identity, name
            assert identity == modality.identity(Blob.from_bytes(data, name)), name


def check_payload(kind: Kind, payload: Payload) -> None:
    """Assert that a payload has the type that its kind promises; kinds of plugins are passed over."""
    if kind == "image":
        assert isinstance(payload, np.ndarray)
        assert payload.dtype == np.uint8
        assert payload.ndim == 3
        assert payload.shape[2] == 3
        assert min(payload.shape) > 0
        assert payload.flags.c_contiguous
    elif kind in {"audio", "recording"}:
        assert isinstance(payload, Audio)
        assert payload.samples.dtype == np.float32
        assert payload.samples.ndim == 1
        assert payload.rate > 0
        assert math.isfinite(float(np.abs(payload.samples).max(initial=0)))
    elif kind == "mesh":
        assert isinstance(payload, Mesh)
        assert payload.vertices.dtype == np.float32
        assert payload.vertices.shape[1:] == (3,)
        assert payload.faces.dtype == np.int32
        assert payload.faces.shape[1:] == (3,)
    elif kind in {"text", "molecule", "sequence"}:
        assert isinstance(payload, str)
        assert payload


def same_payload(first: Payload, second: Payload) -> bool:
    """Whether two payloads of one kind hold the same values."""
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second)
    if isinstance(first, Audio):
        return first.rate == second.rate and np.array_equal(first.samples, second.samples)
    if isinstance(first, Mesh):
        return np.array_equal(first.vertices, second.vertices) and np.array_equal(first.faces, second.faces)
    return bool(first == second)


def near_payload(first: Payload, second: Payload, tolerance: float) -> bool:
    """Whether two payloads of one kind are the same but for a share of the full scale."""
    if isinstance(first, np.ndarray) and first.dtype == np.uint8:
        apart = np.abs(first.astype(np.int16) - second) if first.shape == second.shape else np.array([255])
        return int(apart.max(initial=0)) <= 255 * tolerance
    if isinstance(first, Audio):
        if first.rate != second.rate or first.samples.shape != second.samples.shape:
            return False
        return float(np.abs(first.samples - second.samples).max(initial=0)) <= tolerance
    return same_payload(first, second)
