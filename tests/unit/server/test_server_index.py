"""The thread that makes the index beside the requests."""

from __future__ import annotations

import threading

from morelike.errors import StoreBusy
from morelike.server.index import IndexKeeper


class _Library:
    """Counts how often it was asked, and fails the first time."""

    def __init__(self) -> None:
        self.asked = 0
        self.twice = threading.Event()
        self.stopped = threading.Event()

    def build_index(self, stop: threading.Event) -> bool:
        self.asked += 1
        if self.asked == 1:
            raise StoreBusy("somebody writes")
        self.twice.set()
        stop.wait()  # a build that takes long
        self.stopped.set()
        return True


def test_a_failure_is_not_the_end() -> None:
    """What failed once is tried again, and closing ends a build that is under way."""
    library = _Library()

    keeper = IndexKeeper(library, look_again=0.01)  # type: ignore[arg-type]
    assert library.twice.wait(120)
    keeper.close()

    assert library.stopped.is_set()
    assert library.asked == 2
