"""What was read of documents lately, by their bytes: each is asked for many times, while it is added and when a hit
shows its words, and reading a scanned page takes seconds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Final

from morelike.modalities._document_words import Words

__all__ = ["Kept"]

_MOST: Final = 128 << 20


class Kept:
    """The last documents' words, of at most so many bytes together. Safe from any thread."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[str, Words] = OrderedDict()
        self._size = 0
        self._being_read: dict[str, Future[Words]] = {}

    def get(self, key: str, read: Callable[[], Words]) -> Words:
        """What is kept under the key, else what ``read`` gives, once for all who ask meanwhile. Raises what it does."""
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                return known
            waiting = self._being_read.get(key)
            mine = self._being_read.setdefault(key, Future()) if waiting is None else None
        if waiting is not None:
            return waiting.result()
        assert mine is not None  # noqa: S101 - for mypy: who waits for nobody reads
        try:
            words = read()
        except BaseException as error:
            with self._lock:
                del self._being_read[key]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._being_read[key]
            self._keep(key, words)
        mine.set_result(words)
        return words

    def _keep(self, key: str, words: Words) -> None:
        self._kept[key] = words
        self._size += words.size
        while self._size > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._size -= oldest.size
