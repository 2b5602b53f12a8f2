"""A card's files: are they here, fetch them, check them, take in one's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from morelike.errors import DigestMismatch, DownloadFailed, ModelError, ModelNotHere, MorelikeError
from morelike.models import cards, download
from morelike.models import files as places
from morelike.protocols import Composes
from morelike.registry import ENCODERS
from morelike.settings import Settings
from morelike.types import Audio, Card, WeightsFile

__all__ = [
    "Progress",
    "WeightsStatus",
    "files",
    "import_file",
    "import_pack",
    "pull",
    "pullable",
    "size",
    "status",
    "try_out",
    "verify",
]

Progress = Callable[[str, int, int], None]
"""Called with (file, bytes here, bytes in all, or 0 where unknown)."""


@dataclass(frozen=True, slots=True)
class WeightsStatus:
    """Whether all of a card's files are on this machine. ``size`` is what is here, or what a pull would fetch."""

    here: bool
    folder: Path | None
    size: int
    missing: tuple[str, ...] = ()


def size(card: Card) -> int:
    """Bytes in all, as the card says; 0 where it does not say."""
    return sum(weights.size for weights in card.weights)


def pullable(card: Card) -> bool:
    """Whether every file has an address."""
    return bool(card.weights) and all(weights.url for weights in card.weights)


def status(card: Card, settings: Settings) -> WeightsStatus:
    """Looks at names only: digests are checked by ``files``. A card without files is always here, one that is made of
    others where they are. Raises UnknownName on a part that no card is.
    """
    if card.parts:
        return _of_parts(card, settings)
    return _own(card, settings)


def _of_parts(card: Card, settings: Settings) -> WeightsStatus:
    own = _own(card, settings)
    parts = {name.partition("@")[0]: None for name in card.parts}
    found = [(name, status(cards.find(name, settings), settings)) for name in parts]
    missing = (*own.missing, *(f"{name}/{file}" for name, state in found for file in state.missing))
    return WeightsStatus(not missing, own.folder, own.size + sum(state.size for _, state in found), missing)


def _own(card: Card, settings: Settings) -> WeightsStatus:
    if not card.weights:
        return WeightsStatus(here=True, folder=None, size=0)
    folder, here = places.locate(card, settings)
    missing = tuple(weights.name for weights in card.weights if weights.name not in here)
    if missing:
        return WeightsStatus(here=False, folder=folder if here else None, size=size(card), missing=missing)
    return WeightsStatus(here=True, folder=folder, size=sum(path.stat().st_size for path in here.values()))


def files(card: Card, settings: Settings) -> dict[str, Path]:
    """Every file by its name, the digests that the card names verified (once a file, size and time of change).

    Raises ModelNotHere saying how to get them, DigestMismatch, ModelError.
    """
    state = _own(card, settings)
    if not state.here:
        raise ModelNotHere(
            f"the weights of {card.name!r} are not on this machine ({', '.join(state.missing)})", hint=_how_to_get(card)
        )
    _, here = places.locate(card, settings)
    for weights in card.weights:
        if weights.sha256 and places.digest(here[weights.name], settings) != weights.sha256:
            raise DigestMismatch(
                f"{here[weights.name]} is not the file that the card {card.id} names",
                hint=f"`morelike models verify {card.name}` tells more; remove it and get it again",
            )
    return {weights.name: here[weights.name] for weights in card.weights}


def _how_to_get(card: Card) -> str:
    folder = "a folder of MORELIKE_MODELS"
    if pullable(card):
        other = f", `morelike models convert {card.name} FILE`" if "checkpoint" in card.options else ""
        return f"`morelike models pull {card.name}`{other}, or copy {card.name}/ into {folder}"
    if card.family == "onnx" and card.name.startswith(("panns", "resnet50")):
        return f"`morelike models convert {card.name} CHECKPOINT`, `morelike models import`, or {folder}"
    wanted = " and ".join(f"{weights.of or card.name}/{weights.name}" for weights in card.weights)
    if card.parts:
        return f"put {wanted} into {folder}"
    if card.family == "composer":
        return f"put {wanted} into {folder}, or `morelike models import FOLDER` with card.toml in it"
    return f"put {wanted} into {folder}, or `morelike models import FILE --card {card.name}`"


def pull(card: Card, settings: Settings, progress: Progress | None = None) -> Card:
    """Fetch what is not here, of its parts too; the card with all digests and its fingerprint, also written beside the
    files.

    A digest that the card does not name yet is recorded (the hub's own where it tells) and checked ever after.
    Raises DownloadFailed, DigestMismatch, ModelNotHere where the card has no address.
    """
    for part in card.parts:
        pull(cards.find(part.partition("@")[0], settings), settings, progress)
    if not card.weights:
        return card
    state = _own(card, settings)
    if state.here:
        files(card, settings)
        return cards.find(card.name, settings) if not all(entry.sha256 for entry in card.weights) else card
    if not pullable(card):
        raise ModelNotHere(f"the card {card.name!r} has no address for its weights", hint=_how_to_get(card))
    with _turns(card, settings) as folders:
        fetched = tuple(_pulled(weights, folders[weights.name], settings, progress) for weights in card.weights)
        complete = cards.sealed(replace(card, weights=fetched))
        cards.write(complete, settings.models_cache / card.name / "card.toml")
    return complete


@contextmanager
def _turns(card: Card, settings: Settings) -> Iterator[dict[str, Path]]:
    """The folder that each of the card's files belongs in, by its name; all of them are one's own for this while."""
    folders = {weights.name: _home(card, weights, settings) for weights in card.weights}
    own = settings.models_cache / places.checked_name(card.name)
    with ExitStack() as turns:
        for folder in sorted({own, *folders.values()}):  # in one order, so that no two wait for each other
            turns.enter_context(_turn(folder))
        yield folders


def _home(card: Card, weights: WeightsFile, settings: Settings) -> Path:
    return settings.models_cache / places.checked_name(weights.of or card.name)


def _pulled(weights: WeightsFile, folder: Path, settings: Settings, progress: Progress | None) -> WeightsFile:
    target = folder / places.checked_file_name(weights.name)
    if target.is_file() and weights.sha256 and places.digest(target, settings) == weights.sha256:
        return weights
    order = download.Order(weights.url, target, weights.sha256, weights.size, weights.name)
    got = download.fetch(order, settings, progress)
    places.remember(target, got.sha256, settings)
    return replace(weights, url=_pinned(weights.url, got.commit), sha256=got.sha256, size=got.size)


def _pinned(url: str, commit: str) -> str:
    """A branch's address to that of the commit it stood for."""
    if not commit or not url.startswith("hub:"):
        return url
    repository, _, rest = url.partition("@")
    return f"{repository}@{commit}/{rest.partition('/')[2]}"


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """One process at a time fetches a card; another waits and finds it done."""
    from filelock import FileLock

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_name(f".{folder.name}.lock"))
        lock.acquire()
    except OSError as error:
        raise DownloadFailed(
            f"{folder} cannot be written: {error.strerror}", hint="MORELIKE_MODELS_CACHE names another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


def verify(card: Card, settings: Settings) -> list[str]:
    """Read every file again; one sentence a fault, none where all is well."""
    _, here = places.locate(card, settings)
    faults = []
    for weights in card.weights:
        path = here.get(weights.name)
        if path is None:
            faults.append(f"{card.name}: {weights.name} is not here; {_how_to_get(card)}")
            continue
        try:
            value = places.hash_file(path)
        except OSError as error:
            faults.append(f"{path} cannot be read: {error.strerror}")
            continue
        if weights.sha256 and value != weights.sha256:
            faults.append(f"{path}: its sha256 is {value}, the card says {weights.sha256}")
        elif weights.size and path.stat().st_size != weights.size:
            faults.append(f"{path} has {path.stat().st_size} bytes, the card says {weights.size}")
    return faults


def import_pack(folder: Path, settings: Settings) -> Card:
    """Take a folder with ``card.toml`` and all files that it names into the models cache. Raises as ``import_file``."""
    card_file = folder / "card.toml"
    if not card_file.is_file():
        raise ModelError(f"{folder} has no card.toml", hint="name the model's file, and its card with --card")
    card = cards.read(card_file)
    if not card.weights and not card.parts:
        raise ModelError(f"the card {card_file} names no files", hint="one [[weights]] with a name for each of them")
    return _imported(card, folder, settings)


def import_file(file: Path, card_file: Path | str, settings: Settings) -> Card:
    """Take a model file into the models cache under a card (a TOML file, or the name of a card there is).

    The card's other files are expected beside ``file``. The model runs once on random input first, so that a card that
    does not fit is refused. Raises ModelError, DigestMismatch.
    """
    path = Path(card_file)
    card = cards.read(path) if path.is_file() else cards.find(str(card_file), settings)
    return _imported(card, file, settings)


def _imported(card: Card, file: Path, settings: Settings) -> Card:
    """``file`` is one of the card's files, or the folder of all."""
    if card.parts:
        raise ModelError(
            f"the card {card.name!r} is made of {' and '.join(card.parts)}: it has no model of its own to import",
            hint=f"put {card.name}.toml into a folder of MORELIKE_MODELS, and import its parts",
        )
    if not card.weights:
        card = replace(card, weights=(WeightsFile(name=file.name),))
    given = _given(card, file)
    filled = []
    for weights in card.weights:
        value = places.digest(given[weights.name], settings)
        if weights.sha256 and value != weights.sha256:
            raise DigestMismatch(f"{given[weights.name]} is not the file that the card {card.name!r} names")
        filled.append(replace(weights, sha256=value, size=given[weights.name].stat().st_size))
    card = cards.sealed(replace(card, weights=tuple(filled)))
    _check_name_is_free(card, settings)
    try_out(card, given, settings)
    with _turns(card, settings) as folders:
        for weights in card.weights:
            target = folders[weights.name] / weights.name
            _copy(given[weights.name], target)
            places.remember(target, weights.sha256, settings)
        cards.write(card, settings.models_cache / card.name / "card.toml")
    return card


def _given(card: Card, file: Path) -> dict[str, Path]:
    names = [places.checked_file_name(weights.name) for weights in card.weights]
    if file.is_dir():
        given = {name: file / name for name in names}
    else:
        first = file.name if file.name in names else names[0]
        given = {name: file if name == first else file.parent / name for name in names}
    if missing := [str(path) for path in given.values() if not path.is_file()]:
        raise ModelError(
            f"there is no file {', '.join(missing)}", hint=f"the card {card.name!r} needs {', '.join(names)}"
        )
    return given


def _check_name_is_free(card: Card, settings: Settings) -> None:
    free = ModelError(
        f"there is another card named {card.name!r} already", hint="give this one another name in its TOML file"
    )
    for known in cards.all_cards(settings):
        if known.name == card.name and not cards.fits(known, card):
            raise free
    for weights in card.weights:
        there = _home(card, weights, settings) / weights.name
        if there.is_file() and places.digest(there, settings) != weights.sha256:
            raise free


def try_out(card: Card, given: dict[str, Path], settings: Settings) -> None:
    """One random item of each kind that is known here, through the whole encoder. Raises ModelError."""
    generator = np.random.default_rng(0)
    rate = card.inputs.get("audio", {}).get("rate", 16_000)
    trials: dict[str, Any] = {
        "audio": Audio(generator.standard_normal(32_000, dtype=np.float32) / np.float32(8), rate),
        "image": generator.integers(0, 256, (96, 128, 3), dtype=np.uint8),
        "text": "a photograph",
    }
    encoder = ENCODERS.load(card.family)(card, given, settings)
    try:
        if isinstance(encoder, Composes):
            trials["composed"] = trials["image"], " ".join(encoder.known_words(3))
        for kind in card.kinds:
            if kind in trials:
                encoder.encode(kind, [encoder.prepare(kind, trials[kind])])
    except ModelError:
        raise
    except MorelikeError as error:
        raise ModelError(
            f"the model does not run as the card {card.name!r} says: {error.message}", hint=error.hint
        ) from error


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.samefile(source):
            return
        shutil.copyfile(source, part)
        with part.open("rb+") as stream:
            places.sync(stream)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ModelError(f"{source} cannot be copied to {target}: {error.strerror}") from error
