"""A redis-server process of a test's own: in memory only, ended by its pid."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from ports import free_ports

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "redis"
READY = 120


class RedisProcess:
    """Started and killed as often as a test likes, always on the same port."""

    def __init__(self, program: str, password: str = "") -> None:
        (self.port,) = free_ports(1)
        self._program = program
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        user = f":{self._password}@" if self._password else ""
        return f"redis://{user}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Returns when it answers."""
        command = [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        if self._password:
            command += ["--requirepass", self._password]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        deadline = time.monotonic() + READY
        while time.monotonic() < deadline:
            try:
                said = self.say("PING")
            except OSError:
                time.sleep(0.02)
                continue
            if said.startswith((b"+PONG", b"-NOAUTH")):
                return
        pytest.fail("redis-server does not answer")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def say(self, *words: str | bytes) -> bytes:
        """One command past the client under test, and what comes back."""
        parts = [word.encode() if isinstance(word, str) else word for word in words]
        message = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as line:
            line.sendall(message)
            return line.recv(1 << 20)


@contextmanager
def running_redis(password: str = "") -> Iterator[RedisProcess]:
    """Skips by name without the package or the program; in CI that is a failure.

    Meanwhile a cache waits for it however long the machine stands still: a look-up that misses is none that failed.
    """
    if importlib.util.find_spec("redis") is None:
        _missing("the package redis is not installed (the extra redis)")
    program = shutil.which("redis-server")
    if program is None:
        subprocess.run([str(SCRIPT)], check=False, stdout=subprocess.DEVNULL)
        program = shutil.which("redis-server") or _missing("no redis-server on this machine: scripts/redis installs it")
    process = RedisProcess(program, password)
    try:
        process.start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("morelike.stores.redis_cache.WAIT", 120.0)
            yield process
    finally:
        process.kill()


def _missing(sentence: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)
