"""Free ports for servers that have to be told one. Those that can choose a port and say which get port 0 instead.

A port that was found free is anybody's again until the server listens, and while a test has the server down. These ones
lie below those that the system gives out, and a locked file keeps each of them for the process that took it.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

import pytest

__all__ = ["BELOW", "free_ports"]

BELOW = 16_384
"""Servers that look for a port by themselves are given a range down here: what is reserved lies above."""
_END = 32_768
_FOLDER = Path(tempfile.gettempdir()) / f"morelike-tests-{os.getuid()}-ports"  # as it is before a test sets another
_TRIES = 10_000
_chance = random.SystemRandom()  # what a test seeds must not lead two processes along the same ports
_held: list[int] = []
"""Open files: their locks end with this process, however that ends."""


def free_ports(count: int) -> list[int]:
    """So many, on which nothing listens; until this process ends no other process of tests is given them."""
    _FOLDER.mkdir(exist_ok=True)
    found: list[int] = []
    for _ in range(_TRIES):
        if len(found) == count:
            return found
        port = _chance.randrange(BELOW, _END)
        if _take(port):
            found.append(port)
    pytest.fail(f"no {count} free ports from {BELOW} to {_END}")


def _take(port: int) -> bool:
    handle = os.open(_FOLDER / str(port), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.create_server(("127.0.0.1", port)):
            _held.append(handle)
            return True
    except OSError:  # it is locked, or something listens
        os.close(handle)
        return False
