"""One ONNX file in onnxruntime, untrusted: bounded in size, cut off from other files, its faults made sentences."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.errors import EncodeError, ModelError

__all__ = ["Session", "with_output"]

_LARGEST = 2**31 - 1  # a protobuf message can hold no more
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(float16)": np.float16,
}


class Session:
    """Loads the file at the first ``run``. ``run`` may be called from any thread; it takes turns only to load."""

    def __init__(self, path: Path, *, output: str, threads: int, external: Path | None = None) -> None:
        self._path = path
        self._output = output
        self._threads = threads
        self._external = external
        self._lock = threading.Lock()
        self._session: Any = None

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """The output's values. A feed named "" goes to the only input. Raises ModelError, EncodeError."""
        session = self._loaded()
        inputs = {entry.name: entry for entry in session.get_inputs()}
        named = {self._input_name(name, inputs): value for name, value in feeds.items()}
        if missing := sorted(set(inputs) - set(named)):
            raise ModelError(
                f"the model {self._path.name} also wants {', '.join(missing)}", hint="name its inputs in the card"
            )
        typed = {
            name: value.astype(_TYPES.get(inputs[name].type, value.dtype), copy=False) for name, value in named.items()
        }
        try:
            result: NDArray[Any] = session.run([self._output or session.get_outputs()[0].name], typed)[0]
        except Exception as error:  # onnxruntime's own exceptions share no base class but this one
            raise EncodeError(f"the model {self._path.name} failed: {_first_line(error)}") from error
        return result

    def takes(self, name: str) -> bool:
        """Whether the network has that input."""
        return name in {entry.name for entry in self._loaded().get_inputs()}

    def _input_name(self, name: str, inputs: Mapping[str, Any]) -> str:
        if not name and len(inputs) == 1:
            return next(iter(inputs))
        if name not in inputs:
            raise ModelError(
                f"the model {self._path.name} has no input {name!r}, but {', '.join(inputs)}",
                hint="mend it in the card",
            )
        return name

    def _loaded(self) -> Any:
        with self._lock:
            if self._session is None:
                self._session = self._load()
            return self._session

    def _load(self) -> Any:
        import onnxruntime

        model = _read(self._path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads or _cores()
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised; a library prints nothing
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the decode pool needs those cores
        # Other files are read only where the card names one, so that its digest was checked too.
        folder = self._external.parent if self._external else self._path.with_name(f"{self._path.name}.has-no-data")
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
        present = onnxruntime.get_available_providers()
        providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in present]
        try:
            session = onnxruntime.InferenceSession(model, options, providers=providers)
            if self._output and self._output not in {entry.name for entry in session.get_outputs()}:
                session = onnxruntime.InferenceSession(with_output(model, self._output), options, providers=providers)
        except Exception as error:  # likewise
            raise ModelError(
                f"onnxruntime cannot use {self._path}: {_first_line(error)}",
                hint="`morelike models verify` checks the file; the card names its output",
            ) from error
        return session


def with_output(model: bytes, node: str) -> bytes:
    """The serialised model with an inner value as a further graph output, without the `onnx` package.

    Protobuf merges a message that follows another, so ``ModelProto{graph{output{name}}}`` is simply appended; field
    numbers as in onnx.proto3: ModelProto.graph = 7, GraphProto.output = 12, ValueInfoProto.name = 1.
    """
    return model + _field(7, _field(12, _field(1, node.encode())))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*groups, value))


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if not 0 < size <= _LARGEST:
            raise ModelError(f"{path} has {size} bytes: no ONNX file has")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))  # what this process may use, not what the machine has
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [repr(error)]
    return lines[0][:300]
