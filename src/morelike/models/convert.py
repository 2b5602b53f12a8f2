"""A published sentence encoder (safetensors) to an ONNX file and its card, without torch."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import DigestMismatch, MissingExtra, ModelError
from morelike.models import bert, cards, files, weights
from morelike.settings import Settings
from morelike.types import Card, WeightsFile

__all__ = ["convert"]

_TENSORS, _TOKENIZER, _CONFIG = "model.safetensors", "tokenizer.json", "config.json"
_LARGEST = {_TENSORS: 2**31 - 1, _TOKENIZER: 64 * 1024**2, _CONFIG: 1024**2}  # bytes
_MOST_MEMBERS = 10_000
_BLOCK = 1 << 20


def convert(name: str, source: Path, out: Path | None, settings: Settings) -> Card:
    """Write the network's ONNX file, its tokenizer and card.toml into ``out``; the card, with the files' digests.

    Without ``out``, into the models cache. ``source`` is a ``model.safetensors`` with ``tokenizer.json`` and
    ``config.json`` beside it, a folder that holds them, or a wheel that does. Where the card's options name the digest
    of the ``checkpoint``, it has to be that one. Raises UnknownName, MissingExtra, DigestMismatch, ModelError.
    """
    card = cards.find(name, settings)
    network, tokenizer = _names(card)
    folder = out or settings.models_cache / card.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _opened(source, folder) as found, TemporaryDirectory(dir=folder, prefix=".") as work:
            origin = files.hash_file(found[_TENSORS])
            _check_origin(card, source, origin)
            made = {network: Path(work) / "network.onnx", tokenizer: found[_TOKENIZER]}
            shape = bert.Shape.of(_config(found[_CONFIG]))
            if card.inputs["text"].get("length", 0) > shape.positions:
                raise ModelError(
                    f"the card {card.name!r} wants longer texts than {shape.positions} tokens, the network's"
                )
            made[network].write_bytes(bert.build(_tensors(found[_TENSORS]), shape))
            card = _filled(card, made, network, f"{source.name}, sha256 {origin}")
            weights.try_out(card, made, settings)
            for file, path in made.items():
                _put(path, folder / file)
                files.remember(folder / file, files.hash_file(path), settings)
    except OSError as error:
        raise ModelError(f"{folder} cannot be written: {error.strerror or error}") from error
    cards.write(card, folder / "card.toml")
    return card


def _names(card: Card) -> tuple[str, str]:
    """The card's files: the network's, and the tokenizer's. Raises ModelError where it is no sentence encoder's."""
    text = card.inputs.get("text")
    if card.family != "onnx" or text is None or len(card.inputs) != 1 or not card.weights:
        raise ModelError(
            f"the card {card.name!r} is not that of a sentence encoder: nothing can be converted for it",
            hint="`morelike models list` names the cards; an ONNX file is taken in by `morelike models import`",
        )
    return str(text.get("file", card.weights[0].name)), str(text.get("tokenizer", _TOKENIZER))


def _check_origin(card: Card, source: Path, origin: str) -> None:
    wanted = card.options.get("checkpoint", origin)
    if origin != wanted:
        raise DigestMismatch(
            f"the weights in {source.name} have the sha256 {origin}, the card {card.name!r} says {wanted}",
            hint="for other weights of the same network, copy the card's TOML file under another name",
        )


def _filled(card: Card, made: Mapping[str, Path], network: str, origin: str) -> Card:
    """The card of the files that were made. The network's has no address: what the hub has is another file."""
    entries = tuple(
        WeightsFile(
            file,
            url=next((entry.url for entry in card.weights if entry.name == file and file != network), ""),
            sha256=files.hash_file(path),
            size=path.stat().st_size,
        )
        for file, path in made.items()
    )
    for entry in card.weights:
        ours = next((one for one in entries if one.name == entry.name), None)
        if ours is None:
            raise ModelError(f"the card {card.name!r} also names {entry.name}, which a conversion does not make")
        if entry.name != network and entry.sha256 not in ("", ours.sha256):
            raise DigestMismatch(f"the {entry.name} found is not the file that the card {card.name!r} names")
    source = card.source.partition("; here from ")[0]
    return cards.sealed(replace(card, weights=entries, source=f"{source}; here from {origin}"))


@contextmanager
def _opened(source: Path, beside: Path) -> Iterator[dict[str, Path]]:
    """The three files by their names, unpacked where they lie in a wheel."""
    if source.is_file() and source.suffix in (".whl", ".zip"):
        with TemporaryDirectory(dir=beside, prefix=".") as work:
            yield _unpacked(source, Path(work))
        return
    folder = source if source.is_dir() else source.parent
    found = {name: folder / name for name in _LARGEST}
    if source.is_file():
        found[_TENSORS] = source
    for name, path in found.items():
        if not path.is_file():
            raise ModelError(f"there is no file {path}", hint=f"{', '.join(_LARGEST)} are expected side by side")
        if path.stat().st_size > _LARGEST[name]:
            raise ModelError(f"{path} has {path.stat().st_size} bytes: no such file has")
    yield found


def _unpacked(source: Path, folder: Path) -> dict[str, Path]:
    try:
        with zipfile.ZipFile(source) as archive:
            names = archive.namelist()
            tensors = [name for name in names[:_MOST_MEMBERS] if name.rpartition("/")[2] == _TENSORS]
            if len(tensors) != 1:
                raise ModelError(f"{source} holds {len(tensors)} files named {_TENSORS}, not one")
            inside = tensors[0].removesuffix(_TENSORS)
            for name, most in _LARGEST.items():
                if inside + name not in names:
                    raise ModelError(f"{source} has no {inside + name}", hint="it lies beside the weights elsewhere")
                with archive.open(inside + name) as stream:
                    _copy(stream, folder / name, most)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"{source} cannot be unpacked: {error}") from error
    return {name: folder / name for name in _LARGEST}


def _copy(stream: IO[bytes], target: Path, most: int) -> None:
    """At most so many bytes, whatever the archive says how many there are."""
    with target.open("wb") as file:
        while block := stream.read(_BLOCK):
            most -= len(block)
            if most < 0:
                raise ModelError(f"the {target.name} in the archive is too large: no such file is")
            file.write(block)


def _put(path: Path, target: Path) -> None:
    """In place whole, unless it is there."""
    if target.exists() and files.hash_file(target) == files.hash_file(path):
        return
    if target.exists():
        raise ModelError(
            f"{target} is there already, with other content: collections may have been made with it",
            hint="remove it, or write elsewhere with --output",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    files.write_atomically(target, path.read_bytes())


def _config(path: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path.name} holds no object")
    return config


def _tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Of numbers of 16 bits and more; a checkpoint in bfloat16 has to be written as float32 first."""
    try:
        from safetensors import safe_open
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"converting needs the package {error.name!r}", hint="pip install 'morelike[convert]'"
        ) from error
    try:
        with safe_open(str(path), framework="numpy") as opened:
            found = {name: np.asarray(opened.get_tensor(name)) for name in opened.keys()}  # noqa: SIM118  no mapping
    except Exception as error:  # the package has one kind for a damaged header, others for types that numpy lacks
        raise ModelError(f"{path.name} cannot be read: {str(error)[:300]}") from error
    return {name: array for name, array in found.items() if array.dtype.kind == "f"}
