"""Texts to token ids by a ``tokenizer.json``, as a card's text tower wants them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import EncodeError, MissingExtra, ModelError

__all__ = ["Tokens"]

_LONGEST = 8192  # characters looked at: any tower's length in tokens is far shorter
_MOST_TOKENS = 8192


class Tokens:
    """``length`` ids a text: prefix + the text's own, cut + suffix, then padded. Loads its file at the first text."""

    def __init__(self, card: str, path: Path, values: Mapping[str, Any], *, extra: str = "clip") -> None:
        """``extra`` is what to install where the package is missing."""
        self._card = card
        self._extra = extra
        self._path = path
        self._length = int(values.get("length", 77))
        self._prefix = [int(token) for token in values.get("prefix", ())]
        self._suffix = [int(token) for token in values.get("suffix", ())]
        self._pad = int(values.get("pad", 0))
        self._before = str(values.get("before", ""))
        self._lowercase = bool(values.get("lowercase", False))
        if not len(self._prefix) + len(self._suffix) < self._length <= _MOST_TOKENS:
            raise ModelError(f"the card {card!r} says length = {self._length} tokens")
        self._lock = threading.Lock()
        self._tokenizer: Any = None

    def ids(self, text: Any) -> NDArray[np.int64]:
        """(2, length): the ids, and a mask of those that are not padding. Safe from any thread."""
        if not isinstance(text, str):
            raise EncodeError(f"a text is a str, this one is {type(text).__name__}")
        wanted = self._before + (text[:_LONGEST].lower() if self._lowercase else text[:_LONGEST])
        wanted = wanted.encode("utf-8", "replace").decode()  # a lone surrogate is no text to the package
        own = self._loaded().encode(wanted, add_special_tokens=False).ids
        own = own[: self._length - len(self._prefix) - len(self._suffix)]
        tokens = [*self._prefix, *own, *self._suffix]
        row = np.full((2, self._length), self._pad, dtype=np.int64)
        row[0, : len(tokens)] = tokens
        row[1] = np.arange(self._length) < len(tokens)
        return row

    def _loaded(self) -> Any:
        with self._lock:
            if self._tokenizer is None:
                self._tokenizer = self._load()
            return self._tokenizer

    def _load(self) -> Any:
        try:
            from tokenizers import Tokenizer
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"words for the card {self._card!r} need the package 'tokenizers'",
                hint=f"pip install 'morelike[{self._extra}]'",
            ) from error
        try:
            tokenizer = Tokenizer.from_file(str(self._path))
            tokenizer.no_padding()
            tokenizer.no_truncation()
        except Exception as error:  # the package raises plain Exception
            raise ModelError(f"{self._path} is not a tokenizer file: {error}") from error
        return tokenizer
