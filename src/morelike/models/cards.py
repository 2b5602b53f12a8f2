"""Cards: built in (with their files or without), in the folders of ``MORELIKE_MODELS``, in the models cache, and from
other packages.

A card is a TOML file whose fields are those of ``morelike.types.Card``. Its fingerprint covers all that changes a
vector, digests of weights included, so the same name with other weights is another card.
"""

from __future__ import annotations

import difflib
import json
import logging
import math
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from functools import cache
from hashlib import blake2b
from importlib import resources
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, get_args

from morelike.errors import ModelError, SpaceMismatch, UnknownName
from morelike.models import files
from morelike.settings import Settings
from morelike.types import Card, Form, Metric, WeightsFile

__all__ = ["all_cards", "built_in", "find", "fingerprint", "fits", "from_text", "read", "sealed", "to_text", "write"]

_log = logging.getLogger("morelike.models")

_LARGEST = 256 * 1024  # bytes; a card is a page of text
_DEEPEST = 6
_HEX = frozenset("0123456789abcdef")


def fingerprint(card: Card) -> str:
    """Twelve hex digits over all that changes a vector: neither names, licences, addresses nor descriptions."""
    identity = {
        "family": card.family,
        "form": card.form,
        "dim": card.dim,
        "metric": card.metric,
        "inputs": _plain(card.inputs),
        "options": _plain(card.options),
        "weights": [[weights.name, weights.sha256] for weights in card.weights],
        "parts": list(card.parts),
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _plain(value: Any) -> Any:
    # 1 and 1.0 are one number, however the file that the card came through wrote it.
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def sealed(card: Card) -> Card:
    """The card with its fingerprint filled in."""
    return replace(card, fingerprint=fingerprint(card))


@cache
def _built_in() -> tuple[Card, ...]:
    folder = resources.files("morelike.models") / "cards"
    texts = {entry.name: entry.read_text("utf-8") for entry in folder.iterdir() if entry.name.endswith(".toml")}
    alone = [from_text(text, name) for name, text in sorted(texts.items())]
    return (*alone, *(read(path) for path in sorted(files.shipped().glob("*/card.toml"))))


def built_in() -> list[Card]:
    """The cards that morelike ships, by name."""
    return sorted(_built_in(), key=lambda card: card.name)


def all_cards(settings: Settings) -> list[Card]:
    """Every card there is, by name. A folder's card beats a built-in one, which beats a package's.

    A card file that cannot be read is passed over here; ``find`` says what is wrong with it.
    """
    found: dict[str, Card] = {}
    for card in _everywhere(settings):
        found.setdefault(card.name, card)
    return [_with_digests(found[name], settings, remembered_only=True) for name in sorted(found)]


def find(name: str, settings: Settings) -> Card:
    """The card named ``name`` or ``name@fingerprint``, with the digests of files that are here.

    Raises UnknownName with the nearest names, SpaceMismatch where the card of that name has another fingerprint,
    ModelError on a card file that cannot be used.
    """
    plain, _, wanted = name.partition("@")
    card = next((card for card in _everywhere(settings, strict=plain) if card.name == plain), None)
    if card is None:
        names = [card.name for card in all_cards(settings)]
        near = difflib.get_close_matches(plain, names, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names)}"
        raise UnknownName(f"there is no encoder named {plain!r}", hint=hint)
    card = _with_digests(card, settings, remembered_only=False)
    if wanted and wanted != card.fingerprint:
        raise SpaceMismatch(
            f"the encoder {plain} is {card.id} here, not {name}",
            hint="bring back the weights and the card that the collection was made with, or `morelike reembed` it",
        )
    return card


def _everywhere(settings: Settings, *, strict: str = "") -> Iterator[Card]:
    """All cards, the strongest first, names repeated; faults of a file for the card ``strict`` are raised."""
    for folder in settings.models:
        yield from _in_folder(folder, strict)
    kept = {card.name: card for card in _in_folder(settings.models_cache, strict)}
    for card in _built_in():
        record = kept.pop(card.name, None)
        # A record of a first pull only adds digests; one of another make does not hide the present card.
        yield record if record is not None and (fits(card, record) or _is_conversion(card, record)) else card
    yield from kept.values()
    for point in _announced(entry_points):
        yield from _of_package(point.name, point.load)


@cache
def _announced(asked: Callable[..., Iterable[EntryPoint]]) -> tuple[EntryPoint, ...]:
    """Packages with cards, by name. Read once: all that is installed is looked through, and a page asks often."""
    return tuple(sorted(asked(group="morelike.cards"), key=lambda point: point.name))


def _of_package(name: str, load: Any) -> list[Card]:
    try:
        return [sealed(_checked(card, f"the package's cards {name!r}")) for card in load()()]
    except Exception as error:  # another package's code: its fault must not take every other card away
        _log.warning("the cards %r of an installed package cannot be used: %s", name, error)
        return []


def _in_folder(folder: Path, strict: str) -> Iterator[Card]:
    """``<folder>/<name>/card.toml`` and ``<folder>/<name>.toml``."""
    try:
        paths = sorted([*folder.glob("*/card.toml"), *folder.glob("*.toml")])
    except OSError:
        return
    for path in paths:
        named = path.parent.name if path.name == "card.toml" else path.stem
        try:
            card = read(path)
        except ModelError:
            if named == strict:
                raise
            continue
        if card.name == named:  # a folder called otherwise would be looked for in vain
            yield card
        elif named == strict:
            raise ModelError(f"{path} holds the card {card.name!r}", hint="the folder or file is named as the card is")


def fits(card: Card, record: Card) -> bool:
    """Whether ``record`` is ``card`` with digests that it did not name yet, or the same."""
    pairs = zip(card.weights, record.weights, strict=False)
    return _bare(card) == _bare(record) and all(ours.sha256 in ("", theirs.sha256) for ours, theirs in pairs)


def _is_conversion(card: Card, record: Card) -> bool:
    """Whether ``record`` is ``card`` with files made here from the very checkpoint that it names: they have no address
    (and it has another fingerprint).
    """
    pairs = zip(card.weights, record.weights, strict=False)
    same = all(ours.sha256 == theirs.sha256 or not theirs.url for ours, theirs in pairs)
    return "checkpoint" in card.options and _bare(card) == _bare(record) and same


def _bare(card: Card) -> str:
    """Its fingerprint without any digests."""
    return fingerprint(replace(card, weights=tuple(replace(weights, sha256="") for weights in card.weights)))


def _with_digests(card: Card, settings: Settings, *, remembered_only: bool) -> Card:
    """Fill in digests that the card does not name from the files that lie here, so that its fingerprint is true."""
    if all(weights.sha256 for weights in card.weights):
        return card
    here = files.locate(card, settings)[1]
    filled = tuple(
        replace(weights, sha256=files.digest(here[weights.name], settings, remembered_only=remembered_only))
        if not weights.sha256 and weights.name in here
        else weights
        for weights in card.weights
    )
    return sealed(replace(card, weights=filled))


def read(path: Path) -> Card:
    """The card in a TOML file, sealed. Raises ModelError saying what is wrong with it."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise ModelError(f"the card {path} cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST:
        raise ModelError(f"the card {path} is larger than {_LARGEST // 1024} KB: no card is")
    return from_text(data.decode("utf-8", "replace"), str(path))


def from_text(text: str, where: str) -> Card:
    """The card in a TOML text; ``where`` is named in what is raised (ModelError)."""
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ModelError(f"{where} is not a card: {error}") from error
    values.pop("fingerprint", None)  # written for people to read; what counts is computed
    for key in ("inputs", "weights", "options"):
        if not isinstance(values.get(key, {}), list if key == "weights" and key in values else dict):
            raise ModelError(f"{where} is not a card: {key} is not a table")
    try:
        card = Card.from_dict(values)
    except TypeError as error:
        known = ", ".join(field.name for field in fields(Card))
        raise ModelError(f"{where} is not a card: {_field_fault(error)}", hint=f"its fields are {known}") from error
    return sealed(_checked(card, where))


def _field_fault(error: TypeError) -> str:
    return str(error).replace("Card.__init__()", "it").replace("WeightsFile.__init__()", "an entry of weights")


def _checked(card: Card, where: str) -> Card:
    files.checked_name(card.name)
    faults: list[str] = []
    if not isinstance(card.family, str) or not card.family:
        faults.append(f"family = {card.family!r}")
    if card.form not in get_args(Form):
        faults.append(f"form = {card.form!r}, not one of {', '.join(get_args(Form))}")
    if card.metric not in get_args(Metric):
        faults.append(f"metric = {card.metric!r}, not one of {', '.join(get_args(Metric))}")
    if type(card.dim) is not int or not (0 if card.form in ("terms", "sketch") else 1) <= card.dim <= 65_536:
        faults.append(f"dim = {card.dim!r}")
    if card.form == "bits" and isinstance(card.dim, int) and card.dim % 8:
        faults.append(f"dim = {card.dim}, which is no number of whole bytes")
    if not card.inputs or not all(isinstance(values, Mapping) for values in card.inputs.values()):
        faults.append("inputs names no kind")
    for weights in card.weights:
        faults += _weights_faults(weights)
    if len({weights.name for weights in card.weights}) < len(card.weights):
        faults.append("two of its files have one name")
    if not (_values_only(card.inputs) and _values_only(card.options)):
        faults.append("inputs and options hold numbers, texts, lists and tables only")
    if faults:
        raise ModelError(f"{where} is not a card: {'; '.join(faults)}")
    return card


def _weights_faults(weights: WeightsFile) -> list[str]:
    files.checked_file_name(weights.name)
    if weights.of:
        files.checked_name(weights.of)
    faults = []
    if weights.sha256 and (len(weights.sha256) != 64 or not _HEX.issuperset(weights.sha256)):
        faults.append(f"the sha256 of {weights.name} is not 64 hex digits")
    if type(weights.size) is not int or weights.size < 0:
        faults.append(f"the size of {weights.name} is {weights.size!r}")
    if weights.url and not weights.url.startswith(("hub:", "https://")):
        faults.append(f"the url of {weights.name} is neither hub:… nor https://…")
    return faults


def _values_only(value: Any, depth: int = 0) -> bool:
    if depth > _DEEPEST:
        return False
    if isinstance(value, Mapping):
        return all(_values_only(entry, depth + 1) for entry in value.values())
    if isinstance(value, list | tuple):
        return all(_values_only(entry, depth + 1) for entry in value)
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def to_text(card: Card) -> str:
    """The card as TOML; empty fields left out."""
    import tomli_w

    values = {key: value for key, value in card.to_dict().items() if value or key == "dim"}
    if card.weights:
        values["weights"] = [{key: value for key, value in asdict(entry).items() if value} for entry in card.weights]
    ordered = {key: value for key, value in values.items() if not isinstance(value, dict)}
    return tomli_w.dumps({**ordered, **{key: value for key, value in values.items() if key not in ordered}})


def write(card: Card, path: Path) -> None:
    """Write the card as TOML, all of it or nothing. Raises ModelError."""
    try:
        files.write_atomically(path, to_text(card).encode())
    except OSError as error:
        raise ModelError(f"the card {path} cannot be written: {error.strerror}") from error
