"""A run's network to a pack of the encoder family ``composer``: two ONNX files, the vocabulary, the card."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import MissingExtra, ModelError, UsageError
from morelike.models import cards, files
from morelike.training.composed.data import Split, numbered, read_split
from morelike.training.composed.retrieval import embeddings
from morelike.training.composed.runs import Checkpoint, Settings, load_checkpoint, read_settings
from morelike.types import Card, WeightsFile
from morelike.vecmath import normalise
from morelike.vocabulary import Vocabulary

if TYPE_CHECKING:
    from morelike.training.composed.models import Composer

__all__ = ["Exported", "export", "usual_name"]

_TOLERANCE = 1e-4  # of vectors of length one
_TRIED = 8  # pictures and texts that the files are held against the network with
_AXES = {"pixels": {0: "n"}, "ids": {0: "n", 1: "length"}, "lengths": {0: "n"}, "embedding": {0: "n"}}


@dataclass(frozen=True, slots=True)
class Exported:
    """What ``export`` wrote. ``pictures``: the rows of img.npy; ``apart``: files and network, at most."""

    folder: Path
    card: Card
    iteration: int
    pictures: int
    apart: float


def usual_name(settings: Settings) -> str:
    """The card's name where none is chosen: ``tirg-css``."""
    return f"{settings.model.replace('_', '-')}-{settings.dataset}"


def export(run: Path, out: Path | None = None, name: str | None = None, *, dataset_path: str | None = None) -> Exported:
    """Write the pack of the run's last checkpoint into ``out`` (without it, ``run/<name>``), and img.npy beside it.

    ``image.onnx``: ``pixels`` (n, 3, h, w) float32 to ``embedding`` (n, dim); ``composer.onnx``: those, ``ids``
    (n, length) int64 padded with 0, and ``lengths`` (n,) int64, to the same. Vectors have length one. ``img.npy``:
    (pictures, dim) float32, those of the test split by their numbers. Both files are compared with the network on
    pictures and texts of the test split (1e-4); the card comes last. Raises UsageError, MissingExtra, ModelError,
    ItemError.
    """
    try:
        import onnx  # noqa: F401 - the exporter needs it, and would say so late
        import torch
    except ModuleNotFoundError as error:
        hint = "pip install 'morelike[train]'"
        raise MissingExtra(f"an export needs the package {error.name!r}", hint=hint) from error
    from morelike.training.composed.network import Evaluating

    settings, checkpoint = read_settings(run), load_checkpoint(run)
    if checkpoint is None:
        raise UsageError(f"{run} has no checkpoint yet", hint="morelike train composed --resume it first")
    settings = replace(checkpoint.settings, dataset_path=dataset_path or settings.dataset_path)
    name = files.checked_name(name or usual_name(settings))
    out = out or run / name
    model, vocabulary = _restored(settings, checkpoint), Vocabulary.from_words(checkpoint.words)
    split = read_split(settings, "test", run.parent / ".pictures")
    cpu = torch.device("cpu")
    with torch.inference_mode():
        vectors = normalise(embeddings(Evaluating(model, vocabulary, split, cpu), np.arange(len(split.targets.rows))))
    packed = _packed(model, settings, split, vocabulary)
    try:
        for file, data in packed.files.items():
            files.write_atomically(out / file, data)
        files.write_atomically(out / "img.npy", _npy(vectors))
    except OSError as error:
        raise ModelError(f"{out} cannot be written: {error.strerror}", hint="--out names another folder") from error
    card = _card(name, settings, checkpoint, packed)
    cards.write(card, out / "card.toml")
    return Exported(out, card, checkpoint.iteration, len(vectors), packed.apart)


def _restored(settings: Settings, checkpoint: Checkpoint) -> Composer:
    from morelike.training.composed.network import build_network

    model = build_network(settings, len(checkpoint.words))
    try:
        model.load_state_dict(checkpoint.model)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise ModelError(f"the checkpoint is of another network: {reason}", hint="train a new run") from error
    model.eval()
    return model


@dataclass(frozen=True, slots=True)
class _Packed:
    files: Mapping[str, bytes]
    taken: Mapping[str, str]
    """Of pixels, ids and lengths each: the name of the composer's input; "" where the network asks for no such."""
    apart: float


def _packed(model: Composer, settings: Settings, split: Split, vocabulary: Vocabulary) -> _Packed:
    """The pack's files but for the card, held against the network. Raises ModelError where they differ."""
    import torch

    from morelike.training.composed.network import Unit, pixels_of

    cpu = torch.device("cpu")
    rows = np.linspace(0, len(split.targets.rows) - 1, _TRIED).astype(np.int64)
    targets = pixels_of(split.targets.rows[rows], split.targets, cpu).contiguous()
    sources = pixels_of(split.sources.rows[rows], split.sources, cpu).contiguous()
    ids, lengths = (torch.from_numpy(array) for array in numbered(vocabulary, _texts(split.triplets.texts)))
    image, composer = Unit(model, "image").eval(), Unit(model, "compose").eval()
    made = {
        "image.onnx": _onnx(image, (targets[:2],), ("pixels",)),
        "composer.onnx": _onnx(composer, (sources[:2], ids[:2], lengths[:2]), ("pixels", "ids", "lengths")),
        "vocabulary.txt": "".join(f"{word}\n" for word in vocabulary.words).encode("ascii"),
    }
    apart = _apart(made["image.onnx"], image, [{"pixels": targets}, {"pixels": targets[:1]}])
    together = {"pixels": sources, "ids": ids, "lengths": lengths}
    # As the encoder asks: one at a time, without padding.
    alone = [
        {"pixels": sources[[row]], "ids": ids[[row], : lengths[row]], "lengths": lengths[[row]]}
        for row in range(len(ids))
    ]
    apart = max(apart, _apart(made["composer.onnx"], composer, [together, *alone]))
    if not apart <= _TOLERANCE:
        raise ModelError(
            f"the files do not give what the network gives: vectors of {settings.model} are {apart:g} apart",
            hint="nothing was written; another version of torch or onnxruntime may do better",
        )
    inputs = _inputs(_session(made["composer.onnx"]))
    return _Packed(made, {name: name if name in inputs else "" for name in together}, apart)


def _texts(texts: Sequence[str]) -> list[str]:
    """``_TRIED`` of the split's texts, from the shortest to the longest."""
    by_length = sorted(dict.fromkeys(texts), key=lambda text: (len(text.split()), text)) or [""]
    return [by_length[int(place)] for place in np.linspace(0, len(by_length) - 1, _TRIED)]


def _onnx(module: Any, example: tuple[Any, ...], inputs: tuple[str, ...]) -> bytes:
    import torch

    stream = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter that needs no further package is called legacy by torch; its file is checked right after.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            example,
            stream,
            input_names=list(inputs),
            output_names=["embedding"],
            dynamic_axes={key: _AXES[key] for key in (*inputs, "embedding")},
            opset_version=17,
            dynamo=False,
        )
    return stream.getvalue()


def _apart(data: bytes, module: Any, trials: Sequence[Mapping[str, Any]]) -> float:
    """The largest difference between the file's numbers and the network's."""
    import torch

    session = _session(data)
    taken = _inputs(session)
    worst = 0.0
    for trial in trials:
        with torch.no_grad():
            expected = module(*trial.values()).numpy()
        (got,) = session.run(["embedding"], {key: value.numpy() for key, value in trial.items() if key in taken})
        if got.shape != expected.shape:
            return float("inf")
        worst = max(worst, float(np.abs(got - expected).max()))
    return worst


def _session(data: bytes) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


def _inputs(session: Any) -> set[str]:
    """By name; a model that looks at the picture or at the words alone has not all three."""
    return {entry.name for entry in session.get_inputs()}


def _card(name: str, settings: Settings, checkpoint: Checkpoint, packed: _Packed) -> Card:
    made = packed.files.items()
    weights = tuple(WeightsFile(file, sha256=sha256(data).hexdigest(), size=len(data)) for file, data in made)
    image = {"file": "image.onnx", "name": "pixels", "output": "embedding", **settings.pixels()}
    taken = packed.taken
    composed = {"file": "composer.onnx", "name": taken["pixels"], "ids": taken["ids"], "lengths": taken["lengths"]}
    trained = f"{settings.model}, trunk {settings.trunk}, {settings.loss}, {checkpoint.iteration} iterations"
    return cards.sealed(
        Card(
            name,
            family="composer",
            form="dense",
            dim=settings.dim,
            metric="cosine",
            inputs={"image": image, "composed": {**composed, "output": "embedding", "vocabulary": "vocabulary.txt"}},
            weights=weights,
            source=f"morelike train composed: {trained}, seed {settings.seed}",
            description=f"A picture and words that change it, learnt from {settings.dataset}.",
        )
    )


def _npy(array: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()
