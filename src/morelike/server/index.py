"""The index of large collections, made beside the requests: uploads, and other processes, only add rows to it."""

from __future__ import annotations

import logging
import threading
from typing import Final

from morelike.errors import MorelikeError
from morelike.library import Library

__all__ = ["IndexKeeper"]

LOOK_AGAIN: Final = 10.0
"""Seconds. Asking whether anything is due costs next to nothing."""
_log = logging.getLogger(__name__)


class IndexKeeper:
    """A thread that makes what is due until it is closed."""

    def __init__(self, library: Library, *, look_again: float = LOOK_AGAIN) -> None:
        self._library = library
        self._look_again = look_again
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="index", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while True:
            try:
                if self._library.build_index(self._stop):
                    _log.info("the index was brought up to date")
            except MorelikeError as error:
                _log.warning("the index was not brought up to date: %s", error)
            except Exception:
                _log.exception("the index was not brought up to date")
            if self._stop.wait(self._look_again):
                return

    def close(self) -> None:
        """Ends what is being made within about a second; what was made until then is kept."""
        self._stop.set()
        self._thread.join()
