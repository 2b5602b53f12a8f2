"""A run's figures: ``curve.jsonl``, and the same as events for TensorBoard."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import time
from typing import IO, Any

from morelike import faults
from morelike.errors import ModelError
from morelike.models import files

__all__ = ["Curve", "Events", "read_curve"]

_ROOM = "make room, then `morelike train composed --resume` it"
_LARGEST = 256 * 1024**2  # bytes


def read_curve(run: Path) -> list[dict[str, Any]]:
    """The lines of ``curve.jsonl`` in order; a last one that broke off is left out. Raises ModelError."""
    path = run / "curve.jsonl"
    try:
        lines = _read(path).splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    try:
        found = [json.loads(line) for line in lines]
        if not all(isinstance(values, dict) and type(values.get("iteration")) is int for values in found):
            raise ValueError("a line names no iteration")
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not a run's curve: {error}", hint="start a new run") from error
    return found


class Curve:
    """``curve.jsonl``: a line for each figure of a run. The same run gives the same lines, however often it stopped."""

    def __init__(self, run: Path, *, after: int) -> None:
        """``after``: the iteration that the run goes on from; later lines are cut off. Raises ModelError."""
        self._path = run / "curve.jsonl"
        kept = [values for values in read_curve(run) if values["iteration"] <= after]
        try:
            files.write_atomically(self._path, "".join(map(_line, kept)).encode())
            self._stream: IO[bytes] = self._path.open("ab")
        except OSError as error:
            raise self._unwritten(error) from error

    def add(self, values: Mapping[str, Any]) -> None:
        """One line, handed to the system at once. Raises ModelError."""
        try:
            self._stream.write(_line(values).encode())
            self._stream.flush()
            faults.reached("curve.written")
        except OSError as error:
            raise self._unwritten(error) from error

    def sync(self) -> None:
        """What was added is on the disk when this returns. Raises ModelError."""
        try:
            files.sync(self._stream)
        except OSError as error:
            raise self._unwritten(error) from error

    def close(self) -> None:
        with suppress(OSError):  # what could not be written was told before
            self._stream.close()

    def _unwritten(self, error: OSError) -> ModelError:
        return ModelError(f"{self._path} cannot be written: {error.strerror}", hint=_ROOM)


def _line(values: Mapping[str, Any]) -> str:
    return json.dumps(values, separators=(",", ":")) + "\n"


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ModelError(f"{path} has more than {_LARGEST} bytes: no run writes such a file")
    return data


class Events:
    """Scalars for TensorBoard in the run's folder, written at once and by the caller's thread: a full disk is told."""

    def __init__(self, run: Path, *, after: int) -> None:
        """``after``: the iteration that the run goes on from; TensorBoard forgets later ones. Raises ModelError."""
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog
        from tensorboardX.proto.summary_pb2 import Summary

        self._run, self._event, self._summary = run, Event, Summary
        try:
            self._writer = EventsWriter(str(run / "events"), f".{os.getpid()}")
            if after:
                start = SessionLog(status=SessionLog.START)
                self._writer.write_event(Event(wall_time=time(), step=after + 1, session_log=start))
        except OSError as error:
            raise self._unwritten(error) from error

    def add(self, iteration: int, scalars: Mapping[str, float]) -> None:
        """Raises ModelError."""
        values = [self._summary.Value(tag=name, simple_value=value) for name, value in scalars.items()]
        event = self._event(wall_time=time(), step=iteration, summary=self._summary(value=values))
        try:
            self._writer.write_event(event)
            self._writer.flush()
        except OSError as error:
            raise self._unwritten(error) from error

    def close(self) -> None:
        with suppress(OSError):  # what could not be written was told before
            self._writer.close()

    def _unwritten(self, error: OSError) -> ModelError:
        return ModelError(f"the events in {self._run} cannot be written: {error.strerror}", hint=_ROOM)
