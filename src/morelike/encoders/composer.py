"""Trained composers: a picture and the words that change it, to where the changed picture would stand.

Two networks in one space: ``image.onnx`` for the pictures that are searched, and one that takes a picture with words
(TIRG and its kin; Vo et al. 2019, "Composing text and image for image retrieval"). `morelike train export` makes such
a pack. A composition is run by itself, whatever waits beside it: the same query has the same vector, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.encoders._batches import check_kind, finished, named_file, nothing
from morelike.encoders._pixels import Pixels
from morelike.encoders._session import Session
from morelike.errors import EncodeError, ModelError, QueryError
from morelike.settings import Settings
from morelike.types import Card, Kind, Payload, Vectors
from morelike.vocabulary import Vocabulary

__all__ = ["ComposerEncoder"]

_KINDS = ("image", "composed")
_COMPOSED_KEYS = {"file", "name", "ids", "lengths", "output", "vocabulary"}
_IMAGE_KEYS = {"file", "name", "output"}
_MOST_WORDS = 64
_LONGEST_TEXT = 8192
_LARGEST_VOCABULARY = 1 << 20
_SHOWN = 12
"""So many of the words that it knows are named where a text has none of them."""
_SAID_OF_NONE = """
a an and are be can could i is it its just me now of please so that the then these this those to want would you
"""
_SILENT = frozenset(_SAID_OF_NONE.split())
"""Left out without a word about it: nothing of what is asked is lost with them. "Not" is none of these."""


class ComposerEncoder:
    """The registry's ``composer`` family: kind ``image``, and kind ``composed``, a pair (picture, words)."""

    def __init__(self, card: Card, files: Mapping[str, Path], settings: Settings) -> None:
        """Reads the card only; raises ModelError where it cannot be followed. Files are read at the first batch."""
        self._card = card
        self._check()
        image, composed = card.inputs["image"], card.inputs["composed"]
        self._pixels = Pixels.from_card(card.name, {key: image[key] for key in Pixels.keys() & set(image)})
        self._image = self._session(files, image, settings)
        self._composer = self._session(files, composed, settings)
        self._file = named_file(card, files, composed, "vocabulary", "vocabulary.txt")
        self._lock = Lock()
        self._read: Vocabulary | None = None

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> Any:
        """A picture to uint8 (height, width, 3); a pair (picture, text) to that and the ids int64 (words,) of the words
        that it knows, in order.

        Raises EncodeError; QueryError on a text of too many words, or of none that it knows; ModelError on a vocabulary
        that cannot be read.
        """
        check_kind(self._card, kind)
        if kind == "image":
            return self._pixels.cut(payload)
        if not isinstance(payload, tuple) or len(payload) != 2 or not isinstance(payload[1], str):
            raise EncodeError("a composition is a pair: a picture and the words that change it")
        picture, text = payload
        return self._pixels.cut(picture), self._ids(text)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """(n, dim) float32 of length one. Raises EncodeError, ModelError."""
        check_kind(self._card, kind)
        if not batch:
            return nothing(self._card)
        if kind == "image":
            vectors = self._run(self._image, kind, {"name": self._pixels.stack(batch)})
        else:
            vectors = np.concatenate([self._composed(*one) for one in batch])
        return finished(self._card, vectors, len(batch), unit=True)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """The words of a text that it does not know and leaves out, as they are written; of words such as "the" and
        "please" nothing is said. Raises QueryError on a text of too many words, ModelError.
        """
        _check_length(text)
        return tuple(word for word in self._vocabulary().unknown(text) if _bare(word) not in _SILENT)

    def known_words(self, most: int) -> tuple[str, ...]:
        """The first words that it knows. Raises ModelError."""
        return tuple(self._vocabulary().words[1 : most + 1])

    def _ids(self, text: str) -> NDArray[np.int64]:
        _check_length(text)
        ids = [number for number in self._vocabulary().ids(text) if number]
        if not ids:
            raise QueryError(
                f"{self._card.name} knows none of the words in {text[:80]!r}",
                hint=f"it knows {len(self._vocabulary().words) - 1}, among them {', '.join(self.known_words(_SHOWN))}",
            )
        return np.array(ids, dtype=np.int64)

    def _composed(self, picture: NDArray[np.uint8], ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """(1, dim): one run of the network, without padding."""
        feeds: dict[str, NDArray[Any]] = {
            "name": self._pixels.stack([picture]),
            "ids": ids[None],
            "lengths": np.array([len(ids)], dtype=np.int64),
        }
        return self._run(self._composer, "composed", feeds)

    def _run(self, session: Session, kind: Kind, feeds: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """``feeds`` by the card's key. Under "" the network has no such input: a baseline that looks at the picture or
        at the words alone. Everything else has to be there, so that no word is passed over.
        """
        usual = {"name": "pixels", "ids": "ids", "lengths": "lengths"}
        named = {str(self._card.inputs[kind].get(key, usual[key])): value for key, value in feeds.items()}
        output = np.asarray(session.run({name: value for name, value in named.items() if name}), dtype=np.float32)
        return output.reshape(len(output), -1)

    def _vocabulary(self) -> Vocabulary:
        with self._lock:
            if self._read is None:
                self._read = _vocabulary_in(self._file)
            return self._read

    def _check(self) -> None:
        """Raises ModelError on a card that is none of a composer."""
        card = self._card
        faults = [f"it takes {' and '.join(_KINDS)}"] if set(card.inputs) != set(_KINDS) else []
        if card.form != "dense" or card.metric != "cosine":
            faults.append('it needs form = "dense" and metric = "cosine"')
        known = {"image": _IMAGE_KEYS | Pixels.keys(), "composed": _COMPOSED_KEYS}
        for kind, keys in known.items():
            strange = sorted(set(card.inputs.get(kind, {})) - keys)
            faults += [f"inputs.{kind}.{key} is unknown" for key in strange]
        if card.options:
            faults.append(f"options.{next(iter(card.options))} is unknown")
        if faults:
            raise ModelError(f"the card {card.name!r} does not fit `composer`: {'; '.join(faults)}")

    def _session(self, files: Mapping[str, Path], values: Mapping[str, Any], settings: Settings) -> Session:
        path = named_file(self._card, files, values, "file", "")
        return Session(path, output=str(values.get("output", "")), threads=settings.encoder_threads)


def _bare(word: str) -> str:
    return "".join(letter for letter in word if letter.isalnum()).lower()


def _check_length(text: str) -> None:
    if len(text) > _LONGEST_TEXT or len(text.split()) > _MOST_WORDS:
        raise QueryError(
            f"the words are more than {_MOST_WORDS}: {text[:80]!r}…", hint="say in a sentence how the picture changes"
        )


def _vocabulary_in(path: Path) -> Vocabulary:
    """A word a line, the first one <UNK>. Raises ModelError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST_VOCABULARY + 1)
        lines = data.decode("ascii").replace("\r\n", "\n").removesuffix("\n").split("\n")
    except OSError as error:
        raise ModelError(f"the vocabulary {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"the vocabulary {path} is not ASCII") from error
    if len(data) > _LARGEST_VOCABULARY:
        raise ModelError(f"the vocabulary {path} is larger than {_LARGEST_VOCABULARY // 1024} KB: no vocabulary is")
    try:
        return Vocabulary.from_words(lines)
    except ModelError as error:
        raise ModelError(f"{path}: {error.message}", hint=error.hint) from error
