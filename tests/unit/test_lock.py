"""The write lock between threads, between processes, and after a kill."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from morelike.errors import StoreBusy, StoreReadOnly
from morelike.protocols import WriteLock
from morelike.settings import Settings
from morelike.stores.lock import LibraryLock

HOLDER = """
import sys, time
from pathlib import Path
from morelike.settings import Settings
from morelike.stores.lock import LibraryLock
folder = Path(sys.argv[1])
with LibraryLock(folder, Settings(library=folder)).hold("add photos"):
    print("held", flush=True)
    sys.stdin.readline()
"""
TURNS = """
import sys
from pathlib import Path
from morelike.settings import Settings
from morelike.stores.lock import LibraryLock
import time
from filelock import FileLock, Timeout
folder, name, other = Path(sys.argv[1]), *sys.argv[2:]
lock = LibraryLock(folder, Settings(library=folder))

def is_waited_for():
    turn = FileLock(folder / "write.next")
    try:
        turn.acquire(timeout=0)
    except Timeout:
        return True
    turn.release()
    return False

for _ in range(12):
    with lock.hold(name), (folder / "turns").open("a") as turns:
        turns.write(name)
        turns.flush()
        while not is_waited_for() and not (folder / other).exists():
            time.sleep(0.003)
(folder / name).touch()
"""


def make(folder: Path, timeout: float = 300.0) -> LibraryLock:
    return LibraryLock(folder, Settings(library=folder, lock_timeout=timeout))


@contextmanager
def held_elsewhere(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_it_follows_the_protocol(tmp_path: Path) -> None:
    """As whoever wires it expects."""
    assert isinstance(make(tmp_path), WriteLock)


def test_a_thread_may_hold_it_twice(tmp_path: Path) -> None:
    """The inner hold is free, and the outer one is still held after it."""
    lock, other = make(tmp_path), make(tmp_path, 0.0)
    with lock.hold("outer"):
        with lock.hold("inner"):
            pass
        with pytest.raises(StoreBusy), other.hold("other"):
            pass
    with other.hold("other"):
        held = True

    assert held


def test_one_thread_at_a_time(tmp_path: Path) -> None:
    """Through the same object or through another of the same folder."""
    locks = [make(tmp_path), make(tmp_path)]
    inside = 0
    most = 0

    def work(lock: LibraryLock) -> None:
        nonlocal inside, most
        for _ in range(3):
            with lock.hold("work"):
                inside += 1
                most = max(most, inside)
                threading.Event().wait(0.005)
                inside -= 1

    threads = [threading.Thread(target=work, args=(locks[i % 2],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (inside, most) == (0, 1)


def sentence_to_a_waiter(folder: Path) -> str:
    """The first that a waiter hears; then it gives up."""
    told: list[str] = []

    def hear(sentence: str) -> None:
        told.append(sentence)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), make(folder).hold("mine", waiting=hear):
        pass
    return told[0]


def test_a_waiter_is_told_who_writes(tmp_path: Path) -> None:
    """The process, since when, and what it does; the same sentence is the error after the time-out."""
    with held_elsewhere(tmp_path) as process:
        told = sentence_to_a_waiter(tmp_path)
        with pytest.raises(StoreBusy) as raised, make(tmp_path, 0.0).hold("mine"):
            pass
        expected = rf"pid {process.pid} has been writing for \d+ s: add photos"

    assert re.fullmatch(expected, told)
    assert re.fullmatch(expected, raised.value.message)
    assert "lock_timeout" in raised.value.hint


def test_another_thread_is_named_as_such(tmp_path: Path) -> None:
    """The own pid would puzzle."""
    with make(tmp_path).hold("add"):
        told = sentence_to_a_waiter(tmp_path)

    assert re.fullmatch(r"another thread of this process has been writing for \d+ s: add", told)


def test_it_is_free_when_its_process_is_killed(tmp_path: Path) -> None:
    """Nobody has to clean up, and the dead holder's note does no harm."""
    with held_elsewhere(tmp_path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with make(tmp_path).hold("next"):
            note = json.loads((tmp_path / "write.json").read_text())

    assert (note["pid"], note["purpose"]) == (os.getpid(), "next")


def test_it_is_free_after_an_error(tmp_path: Path) -> None:
    """In the block, or in the waiter's own callback."""

    def cancel(sentence: str) -> None:
        raise KeyboardInterrupt(sentence)

    lock = make(tmp_path)
    with pytest.raises(ZeroDivisionError), lock.hold("fails"):
        raise ZeroDivisionError
    with lock.hold("outer"), pytest.raises(KeyboardInterrupt), make(tmp_path).hold("x", waiting=cancel):
        pass
    with make(tmp_path, 0.0).hold("next"):
        held = True

    assert held
    assert not (tmp_path / "write.json").exists()


def test_a_waiter_gets_its_turn(tmp_path: Path) -> None:
    """Two processes that come again and again take turns: whoever waits is next, however quick the other one is."""
    command = [sys.executable, "-c", TURNS, str(tmp_path)]
    processes = [subprocess.Popen([*command, *names]) for names in ("ab", "ba")]
    codes = [process.wait(300) for process in processes]

    assert codes == [0, 0]
    assert (tmp_path / "turns").read_text() in ("ab" * 12, "ba" * 12)


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff", b"9" * 10_000, None])
def test_a_spoiled_note_does_no_harm(tmp_path: Path, note: bytes | None) -> None:
    """The lock holds without it; only the sentence is poorer."""
    told: list[str] = []
    with make(tmp_path).hold("add"):
        (tmp_path / "write.json").unlink()
        if note is not None:
            (tmp_path / "write.json").write_bytes(note)
        with pytest.raises(StoreBusy), make(tmp_path, 0.0).hold("x", waiting=told.append):
            pass

    assert make(tmp_path).holder() == "another process is writing"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, not after the time-out."""
    monkeypatch.setattr(os, "access", lambda *_arguments, **_options: False)

    with pytest.raises(StoreReadOnly, match="cannot be written"), make(tmp_path).hold("add"):
        pass


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    """The first command on a fresh library may be the one that writes."""
    with make(tmp_path / "new" / "library").hold("add"):
        held = (tmp_path / "new" / "library" / "write.lock").exists()

    assert held
