"""The older servers' own ports, which one test at a time may have, whichever process it runs in."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from morelike.errors import UsageError
from morelike.server.run import listen

__all__ = ["REAL", "alone_on", "listen_on_real"]

REAL: Mapping[str, int] = {
    "audio": 8002,
    "dna": 5001,
    "image": 5000,
    "image-engine": 6200,
    "image-objects": 5000,
    "image-text": 7000,
    "molecule": 5000,
    "objects3d": 5000,
    "qa": 8000,
    "text": 5000,
    "video": 5000,
    "video-objects": 5000,
}
"""As their clients have them. Tests of one port are one ``xdist_group``, so that no process waits for another's."""
_FOLDER = Path(tempfile.gettempdir())  # as it is before a test sets another one
_PATIENCE = 500.0
"""Seconds that other tests may have the port: more than all of them take, and less than a test may."""
_held: set[int] = set()
"""By this process. A lock that it holds itself would be waited for in vain."""


@contextmanager
def alone_on(port: int) -> Iterator[None]:
    """No other test has a server there until the block ends. Fails in a sentence where that does not come to be."""
    assert port not in _held, f"this process has a server on the port {port} already: give one of them a free port"
    lock = FileLock(_FOLDER / f"morelike-tests-{os.getuid()}-port-{port}.lock")
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        pytest.fail(f"other tests have had the port {port} for {_PATIENCE:.0f} s: see who holds {lock.lock_file}")
    _held.add(port)
    try:
        yield
    finally:
        _held.discard(port)
        lock.release()


@contextmanager
def listen_on_real(host: str, name: str) -> Iterator[socket.socket]:
    """A socket on that older server's own port. Fails in a sentence where another program has it."""
    with alone_on(REAL[name]), _listening(host, REAL[name]) as found:
        yield found


def _listening(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except UsageError as error:
        pytest.fail(f"the tests need the older servers' own port {port}: {error.message}; end what has it")
