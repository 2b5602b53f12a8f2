"""Words for any classifier: a composite of a classifier's card and a sentence encoder's is a space of both.

ConSE (Norouzi et al. 2013, "Zero-shot learning by convex combination of semantic embeddings"): a picture or a sound
stands where the names of its likeliest classes do, weighted by how likely they are; a text stands where it stands.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import EncodeError, ModelError, UsageError
from morelike.protocols import Encoder
from morelike.types import Card, Kind, Payload, Vectors
from morelike.vecmath import normalise

__all__ = ["Conse"]

TOP = 10
"""How many of the likeliest classes count where the card says nothing; the paper's own figures are for 1, 10, 1 000."""
LARGEST_FILE = 4 * 1024**2
LONGEST_LABEL = 1000
AT_ONCE = 64
"""Names of classes that are encoded together."""
NEGATIVE = -1e-4
"""Rounding may leave a probability this much below zero."""
_OPTIONS = {"column", "labels", "leave_out", "softmax", "top"}


class Conse:
    """The registry's ``conse`` composition: parts are a classifier (its scores one a class) and a sentence encoder.

    ``options``: ``labels`` names the file among the card's own weights with a label a line, or a CSV with a ``column``
    (``display_name``); ``top`` classes count (10), the first ``leave_out`` of all never do (0: as many as stand for
    "background"), nor does one whose label is empty; ``softmax`` says that the scores are logits.
    """

    def __init__(self, card: Card, encoders: Sequence[Encoder], files: Mapping[str, Path]) -> None:
        """Reads the card only; raises ModelError where it cannot be followed. Labels are read at the first batch."""
        self._card = card
        if len(encoders) != 2:
            raise self._refused(f"is made of a classifier and a sentence encoder, not of {len(encoders)} cards")
        self._classifier, self._sentences = encoders
        self._kind = self._checked_kind()
        if unknown := sorted(set(card.options) - _OPTIONS):
            raise self._refused(f"has unknown options: {', '.join(unknown)}")
        self._top = self._count("top", min(TOP, self._classifier.card.dim), least=1)
        self._leave_out = self._count("leave_out", 0, least=0)
        self._softmax = card.options.get("softmax", False)
        if not isinstance(self._softmax, bool):
            raise self._refused(f"says softmax = {self._softmax!r}, which is neither true nor false")
        name = card.options.get("labels")
        if name not in files:
            raise self._refused(f"says labels = {name!r}, which is not among its own weights")
        self._file = files[str(name)]
        self._lock = Lock()
        self._labels: NDArray[np.float32] | None = None

    @property
    def card(self) -> Card:
        return self._card

    def prepare(self, kind: Kind, payload: Payload) -> Any:
        """What the classifier, or for a text the sentence encoder, makes of it. Raises EncodeError, UsageError."""
        return self._part(kind).prepare(kind, payload)

    def encode(self, kind: Kind, batch: Sequence[Any]) -> Vectors:
        """(n, dim) float32 of length one; a payload in which nothing is recognised at all gives zeros.

        Raises EncodeError, ModelError on labels or scores that do not fit.
        """
        part = self._part(kind)
        if not batch:
            return np.empty((0, self._card.dim), dtype=np.float32)
        vectors = part.encode(kind, batch)
        return normalise(vectors if kind == "text" else self._mixed(np.asarray(vectors, dtype=np.float32)))

    def _part(self, kind: Kind) -> Encoder:
        if kind not in (self._kind, "text"):
            raise UsageError(f"the card {self._card.name} takes {', '.join(self._card.kinds)}, not {kind}")
        return self._sentences if kind == "text" else self._classifier

    def _mixed(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, classes) scores to (n, dim): the sum of the top classes' labels, each weighed by how likely it is."""
        if not np.isfinite(scores).all():
            raise EncodeError(f"the classifier of the card {self._card.name} gave scores that are not finite")
        labels = self._label_vectors()
        likely = _softmax(scores) if self._softmax else scores
        if likely.min(initial=0.0) < NEGATIVE:
            raise self._refused("has a classifier with scores below zero", hint="logits need softmax = true")
        usable = np.flatnonzero(labels.any(axis=1))
        usable = usable[usable >= self._leave_out]
        likely = np.maximum(likely[:, usable], 0)
        best = np.argsort(-likely, axis=1, kind="stable")[:, : self._top]  # ties go to the first class, on any machine
        weights = np.take_along_axis(likely, best, axis=1)
        mixed: NDArray[np.float32] = np.einsum("nk,nkd->nd", weights, labels[usable[best]])
        return mixed

    def _label_vectors(self) -> NDArray[np.float32]:
        """(classes, dim), encoded once; a class without a label has zeros."""
        with self._lock:
            if self._labels is None:
                self._labels = self._encoded(self._read_labels())
            return self._labels

    def _encoded(self, labels: Sequence[str]) -> NDArray[np.float32]:
        """A label "a, b" has two names for one class: the mean of their directions."""
        names = [[name.strip() for name in label.split(",") if name.strip()] for label in labels]
        words = sorted({name for own in names for name in own})
        vectors: dict[str, NDArray[np.float32]] = {}
        for start in range(0, len(words), AT_ONCE):
            some = words[start : start + AT_ONCE]
            rows = self._sentences.encode("text", [self._sentences.prepare("text", word) for word in some])
            vectors.update(zip(some, normalise(rows), strict=True))
        encoded = np.zeros((len(labels), self._card.dim), dtype=np.float32)
        for row, own in enumerate(names):
            if own:
                encoded[row] = np.mean([vectors[name] for name in own], axis=0)
        return normalise(encoded)

    def _read_labels(self) -> list[str]:
        try:
            with self._file.open("rb") as stream:
                data = stream.read(LARGEST_FILE + 1)
            text = data.decode("utf-8-sig")
        except OSError as error:
            raise ModelError(f"the labels {self._file} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ModelError(f"the labels {self._file} are not UTF-8", hint="save them as UTF-8") from error
        if len(data) > LARGEST_FILE:
            raise ModelError(f"the labels {self._file} are larger than {LARGEST_FILE // 1024**2} MB: no labels are")
        labels = self._of_table(text) if self._file.suffix.lower() == ".csv" else _lines(text)
        classes = self._classifier.card.dim
        if len(labels) != classes:
            raise self._refused(
                f"has {classes} classes, and its labels ({self._file.name}) are {len(labels)}", hint="one a class"
            )
        if not any(label.strip(" ,") for label in labels[self._leave_out :]):
            raise self._refused("has no label but empty ones")
        if long := next((label for label in labels if len(label) > LONGEST_LABEL), ""):
            raise self._refused(f"has a label of more than {LONGEST_LABEL} characters: {long[:40]}…")
        return labels

    def _of_table(self, text: str) -> list[str]:
        column = str(self._card.options.get("column", "display_name"))
        try:
            rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
            if column not in (rows.fieldnames or ()):
                raise self._refused(f"says column = {column!r}, which {self._file.name} does not have")
            return [str(row[column] or "") for row in rows]
        except csv.Error as error:
            raise ModelError(f"the labels {self._file} are no CSV table: {error}") from error

    def _checked_kind(self) -> Kind:
        """The kind that the classifier takes; everything that the card says of its parts is true."""
        classifier, sentences = self._classifier.card, self._sentences.card
        if len(classifier.kinds) != 1 or "text" in classifier.kinds:
            raise self._refused(
                f"needs a classifier of one kind, {classifier.name} takes {', '.join(classifier.kinds)}"
            )
        if "text" not in sentences.kinds:
            raise self._refused(f"needs a sentence encoder, {sentences.name} takes {', '.join(sentences.kinds)}")
        if classifier.form != "dense" or sentences.form != "dense":
            raise self._refused("is made of dense cards only")
        if sentences.dim != self._card.dim:
            raise self._refused(f"says dim = {self._card.dim}, its sentence encoder gives {sentences.dim}")
        kind = classifier.kinds[0]
        if set(self._card.kinds) != {kind, "text"}:
            raise self._refused(f"takes {', '.join(self._card.kinds)}, its parts take {kind} and text")
        for key, value in self._card.inputs[kind].items():  # what a modality may decode more cheaply for
            own = classifier.inputs[kind].get(key)
            if own != value:
                raise self._refused(f"says {key} = {value!r} in inputs.{kind}, {classifier.name} has {own!r}")
        return kind

    def _count(self, name: str, usual: int, *, least: int) -> int:
        value = self._card.options.get(name, usual)
        classes = self._classifier.card.dim
        if type(value) is not int or not least <= value <= classes or (name == "leave_out" and value == classes):
            raise self._refused(f"says {name} = {value!r}", hint=f"a whole number from {least}, of {classes} classes")
        return value

    def _refused(self, what: str, *, hint: str = "mend the card") -> ModelError:
        return ModelError(f"the card {self._card.name} {what}", hint=hint)


def _lines(text: str) -> list[str]:
    """A label a line; an empty line in between is a class without one."""
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return shares
