"""Where a card's files lie on this machine, and what their digests are.

A folder of models looks like ``<folder>/<card's name>/<file>``; the folders of ``MORELIKE_MODELS`` come first, then the
models cache, then the packs that lie in the package itself (``models/packs``). A file that is ``of`` another card lies
where that card's files do. A digest is computed once a file, size and time of change, and remembered in
``verified.json`` in the models cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib import resources
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import IO

from morelike.errors import ModelError
from morelike.settings import Settings
from morelike.types import Card

__all__ = [
    "card_folders",
    "checked_file_name",
    "checked_name",
    "digest",
    "folders",
    "hash_file",
    "locate",
    "remember",
    "shipped",
    "sync",
    "write_atomically",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_BLOCK = 1 << 20
_known: dict[str, tuple[int, int, str]] = {}  # what verified.json holds, where it cannot be written


def checked_name(name: object) -> str:
    """A card's name, which is also a folder's. Raises ModelError on anything that could lead elsewhere."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or ".." in name:
        raise ModelError(
            f"a card cannot be named {name!r}", hint="letters, digits, '.', '_' and '-'; at most 100, no '..'"
        )
    return name


def checked_file_name(name: object) -> str:
    """A weights file's name: a relative path of plain parts. Raises ModelError."""
    parts = PurePosixPath(name).parts if isinstance(name, str) else ()
    plain = bool(parts) and len(parts) <= 4 and all(_NAME.fullmatch(part) and ".." not in part for part in parts)
    reserved = bool(parts) and (parts[-1] == "card.toml" or parts[-1].endswith(".part"))
    if not plain or reserved:
        raise ModelError(f"a card's weights cannot be named {name!r}", hint="a plain file name, such as model.onnx")
    return str(name)


def folders(settings: Settings) -> tuple[Path, ...]:
    """Every folder with models, the strongest first; nothing is ever written to the last one, the package's own."""
    return (*settings.models, settings.models_cache, shipped())


def shipped() -> Path:
    """The folder of the packs that morelike brings; onnxruntime reads files, so an installed package has to be some."""
    return Path(str(resources.files("morelike.models") / "packs"))


def card_folders(card: Card, settings: Settings) -> list[Path]:
    """Where the card's files may lie, the strongest first."""
    return _folders_of(card.name, settings)


def _folders_of(name: str, settings: Settings) -> list[Path]:
    return [folder / checked_name(name) for folder in folders(settings)]


def locate(card: Card, settings: Settings) -> tuple[Path, dict[str, Path]]:
    """The first folder that has all of the card's files, else the one with most; and those that are here, by name.

    Files of another card are looked for in the same way in its folders, each card's together.
    """
    names: dict[str, list[str]] = {card.name: []}  # a card without files of its own has a folder all the same
    for weights in card.weights:
        names.setdefault(weights.of or card.name, []).append(checked_file_name(weights.name))
    found = {owner: _located(_folders_of(owner, settings), own) for owner, own in names.items()}
    own = next(owner for owner in names if names[owner] or len(names) == 1)
    return found[own][0], {name: path for _, here in found.values() for name, path in here.items()}


def _located(where: list[Path], names: list[str]) -> tuple[Path, dict[str, Path]]:
    best: tuple[Path, dict[str, Path]] | None = None
    for folder in where:
        here = {name: folder / name for name in names if (folder / name).is_file()}
        if best is None or len(here) > len(best[1]):
            best = folder, here
        if len(here) == len(names):
            return folder, here
    assert best is not None  # noqa: S101 - there is always the models cache
    return best


def digest(path: Path, settings: Settings, *, remembered_only: bool = False) -> str:
    """The file's sha256 in hex; "" where it is not remembered and ``remembered_only``. Raises ModelError."""
    try:
        stat = path.stat()
        stamp = (stat.st_size, stat.st_mtime_ns)
        known = _remembered(settings).get(str(path.absolute()))
        if known is not None and tuple(known[:2]) == stamp:
            return known[2]
        if remembered_only:
            return ""
        value = hash_file(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    remember(path, value, settings)
    return value


def hash_file(path: Path) -> str:
    """sha256 in hex, read now. Raises OSError."""
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


def remember(path: Path, value: str, settings: Settings) -> None:
    """Note that the file, as it is now, has that digest. A cache that cannot be written is no fault."""
    stat = path.stat()
    key = str(path.absolute())
    _known[key] = (stat.st_size, stat.st_mtime_ns, value)
    with suppress(OSError):
        entries = {**_remembered(settings), key: _known[key]}
        text = json.dumps({name: list(entry) for name, entry in sorted(entries.items())}, indent=1)
        write_atomically(settings.models_cache / "verified.json", text.encode())


def _remembered(settings: Settings) -> Mapping[str, tuple[int, int, str]]:
    entries = dict(_known)
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        kept = json.loads((settings.models_cache / "verified.json").read_bytes())
        entries |= {key: (int(size), int(time), str(value)) for key, (size, time, value) in kept.items()}
    return entries


def write_atomically(path: Path, data: bytes) -> None:
    """All of it or nothing, synced. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
        temporary = Path(stream.name)
        try:
            stream.write(data)
            sync(stream)
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def sync(stream: IO[bytes]) -> None:
    """What was written is on the disk when this returns. Raises OSError."""
    stream.flush()
    os.fsync(stream.fileno())
