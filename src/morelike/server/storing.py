"""How much the library takes, measured beside the requests: for its growth, its forecast and ``/metrics``."""

from __future__ import annotations

import logging
import threading
from typing import Final

from morelike.errors import MorelikeError
from morelike.library import Library

__all__ = ["StorageKeeper"]

LOOK_AGAIN: Final = 600.0
"""Seconds. At a million items one look takes a second or two."""
LEAVE_AFTER: Final = 5.0
"""Seconds. Somebody waits for the server to end."""
_log = logging.getLogger(__name__)


class StorageKeeper:
    """A thread that measures until it is closed, and says in the log what there is to warn of, once."""

    def __init__(self, library: Library, *, look_again: float = LOOK_AGAIN) -> None:
        self._library = library
        self._look_again = look_again
        self._said: tuple[str, ...] = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="storage", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while True:
            try:
                self._tell(self._library.storage().warnings)
            except MorelikeError as error:
                _log.info("how much the library takes could not be measured: %s", error)
            except Exception:
                _log.exception("how much the library takes could not be measured")
            if self._stop.wait(self._look_again):
                return

    def _tell(self, warnings: tuple[str, ...]) -> None:
        if bool(warnings) and not self._said:
            for sentence in warnings:
                _log.warning("%s", sentence)
        self._said = warnings

    def close(self) -> None:
        """After what is being measured, unless a store keeps it waiting: then it finds that store closed."""
        self._stop.set()
        self._thread.join(LEAVE_AFTER)
