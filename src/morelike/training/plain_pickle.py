"""Plain data in a pickled .npy, as published data sets have it: read without running any code of the file's.

``numpy.save`` of a dict writes an array without dimensions whose one object is pickled. A pickle may name any function
and call it; here only numpy's own four names are known, and what stands for them is made here, so that nothing of the
file's choice is imported, built or called. What it may hold: None, bool, int, float, str, bytes, lists, tuples, dicts,
and numpy's numbers, strings and arrays, which become plain ones too.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy

from morelike.errors import SourceError, UsageError
from morelike.models.files import write_atomically

__all__ = ["read_plain", "write_plain"]

LARGEST_FILE = 256 * 1024**2
MOST_STEPS = 32_000_000
"""Opcodes of a file; a table with 40 000 scenes of five things has 3.6 million."""
MOST_VALUES = 16_000_000
"""In what is read; a file may name one list many times, and each time counts."""
DEEPEST = 32
LONGEST_STRING = 10_000
"""Letters of a numpy string."""
LETTERS = 64
"""So many bytes of an array count as one value more."""

_STEPS = frozenset(
    {
        *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE"),
        *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("BINSTRING", "SHORT_BINSTRING", "BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES"),
        *("EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
        *("BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET"),
        *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
    }
)
"""What numpy 1 under Python 2 (protocol 2) and any numpy since need for plain data; of these REDUCE calls."""
_PUTS = frozenset({"BINPUT", "LONG_BINPUT"})
_NAMES = {
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("numpy.core.multiarray", "_reconstruct"): "array",
    ("numpy._core.multiarray", "_reconstruct"): "array",
    ("numpy.core.multiarray", "scalar"): "scalar",
    ("numpy._core.multiarray", "scalar"): "scalar",
}
_KIND = re.compile(r"b1|[iu][1248]|f[248]|O[48]?|[SU]\d{1,5}")
_FAULTS = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the standard library and numpy raise on a damaged or made-up file."""


def read_plain(path: Path) -> Any:
    """The object of the file, of plain types throughout; strings that Python 2 wrote are read as Latin-1.

    Raises SourceError where the file cannot be read, is damaged or too large, or holds anything but plain data.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}", hint="check the path") from error
    if len(data) > LARGEST_FILE:
        raise SourceError(f"{path} has more than {LARGEST_FILE // 1024**2} MB", hint="is it the right file?")
    try:
        stream = io.BytesIO(data)
        _read_header(stream)
        pickled = data[stream.tell() :]
        _check_steps(pickled)
        array = _Reader(io.BytesIO(pickled)).load()
        if not isinstance(array, _Array) or array.shape != ():
            raise ValueError("its pickle holds something else than its header says")
        return _Plain().of(array)
    except _FAULTS as error:
        raise SourceError(
            f"{path} cannot be read as plain data: {str(error) or type(error).__name__}",
            hint="fetch or make it anew; what needs code to be read is not read here",
        ) from error


def write_plain(path: Path, value: Any) -> None:
    """``numpy.save`` of the object, which ``numpy.load(path, allow_pickle=True).item()`` reads too; all of it or none.

    Equal values of equal types, their dicts in the same order, give the same bytes. Raises UsageError on what is not
    plain, OSError.
    """
    array = np.empty((), dtype=object)
    array[()] = _Fresh().of(value)
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    write_atomically(path, stream.getvalue())


def _read_header(stream: IO[bytes]) -> None:
    """Leaves ``stream`` where the pickle begins. Raises ValueError on any array but one object."""
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(stream)
    if version not in readers:
        raise ValueError(f"it has version {version} of the .npy format")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on a header that Python 2 might have written: this one says nothing else
            shape, _, dtype = readers[version](stream)
    except (SyntaxError, TokenError) as error:  # numpy takes a damaged header apart as Python
        raise ValueError("its header is damaged") from error
    if shape != () or dtype != np.dtype(object):
        raise ValueError(f"it holds an array {dtype} {shape}, not one object")


def _check_steps(data: bytes) -> None:
    """Before anything of it is followed. Raises ValueError on an opcode that plain data does not need."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        if opcode.name not in _STEPS:
            raise ValueError(f"its pickle has the step {opcode.name}")
        if count > MOST_STEPS:
            raise ValueError(f"its pickle has more than {MOST_STEPS} steps")
        number = argument if isinstance(argument, int) else 0
        # Places are numbered from 0 or 1 on. The reader makes room up to the highest: one number could fill the memory.
        if opcode.name in _PUTS and number > count + 1:
            raise ValueError(f"its pickle keeps a value in the place {number}")
        if opcode.name == "FRAME" and number > len(data):
            raise ValueError("its pickle is cut off")


class _Reader(pickle.Unpickler):
    """What is not in ``_NAMES`` is not looked up at all."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream, encoding="latin1")

    def find_class(self, module: str, name: str) -> _Name:
        known = _NAMES.get((module, name))
        if known is None:
            raise pickle.UnpicklingError(f"it asks for {module[:100]}.{name[:100]}")
        return _Name(known)


class _Name:
    """Stands for a function or a class of numpy's."""

    __slots__ = ("_known",)

    def __init__(self, known: str) -> None:
        self._known = known

    def __call__(self, *arguments: Any) -> Any:
        if self._known == "dtype":
            return _Kind(arguments[0])
        if self._known == "scalar":
            kind, raw = arguments
            return _Array((1, (), kind, False, raw), scalar=True)
        if self._known == "array" and isinstance(arguments[0], _Name):  # of the type, an empty shape, a letter
            return _Array()
        raise pickle.UnpicklingError(f"it calls numpy's {self._known}")

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError(f"it changes numpy's {self._known}")


class _Kind:
    """Stands for a numpy dtype: numbers, truth, strings, objects."""

    __slots__ = ("_letters", "_order")

    def __init__(self, letters: str) -> None:
        if not isinstance(letters, str) or not _KIND.fullmatch(letters):
            raise pickle.UnpicklingError(f"it holds values of numpy's type {str(letters)[:20]!r}")
        if letters[0] in "SU" and int(letters[1:]) > LONGEST_STRING:
            raise pickle.UnpicklingError(f"it holds strings of {letters[1:]} letters")
        self._letters = letters
        self._order: Literal["<", ">", "|", "="] = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """(version, byte order, …): only the order is not in the letters."""
        order = state[1]
        if order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"it holds numbers of the byte order {str(order)[:20]!r}")
        self._order = order

    @property
    def of_objects(self) -> bool:
        return self._letters[0] == "O"

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self._letters).newbyteorder(self._order)


class _Array:
    """Stands for a numpy array or scalar. Its bytes become values when it is copied, where what is made is counted."""

    __slots__ = ("_fortran", "_kind", "_raw", "cost", "count", "shape")

    def __init__(self, state: tuple[Any, ...] | None = None, *, scalar: bool = False) -> None:
        self.shape: tuple[int, ...] | None = None
        self.cost = 0
        if state is not None:
            self.__setstate__(state)
        if scalar and self._kind.of_objects:
            raise pickle.UnpicklingError("it holds an object as a number")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, raw = state  # the version first
        if self.shape is not None or not isinstance(kind, _Kind):
            raise pickle.UnpicklingError("it holds an array that is none")
        self._kind, self._raw, self._fortran = kind, raw, bool(fortran)
        self.count = _count(shape)
        if not kind.of_objects:  # objects cost when they are copied in their turn
            lists = math.prod(max(side, 1) for side in shape)
            self.cost = lists + self.count * kind.dtype.itemsize // LETTERS
        self.shape = shape

    def content(self) -> Any:
        """What ``tolist`` of the array gives; what Python 2 calls a string is one here too. Raises ValueError."""
        if self.shape is None:
            raise ValueError("it holds an array without content")
        if self._kind.of_objects:
            return self._objects(self.shape)
        raw, dtype = self._raw, self._kind.dtype
        data = raw.encode("latin1") if isinstance(raw, str) else raw
        if not isinstance(data, bytes) or len(data) != self.count * dtype.itemsize:
            raise ValueError(f"it has other bytes than an array {dtype} {self.shape}")
        if not data:  # empty strings, or nothing
            return np.zeros(self.shape, "U1" if isinstance(raw, str) else dtype).tolist()
        values = np.frombuffer(data, dtype)
        if isinstance(raw, str) and dtype.kind == "S":
            values = np.char.decode(values, "latin1")
        return values.reshape(self.shape, order="F" if self._fortran else "C").tolist()

    def _objects(self, shape: tuple[int, ...]) -> Any:
        if not isinstance(self._raw, list) or len(self._raw) != self.count or len(shape) > 1:
            raise ValueError(f"it has other objects than a list of {self.count}")
        return self._raw if shape else self._raw[0]


def _count(shape: tuple[int, ...]) -> int:
    """How many values. Raises UnpicklingError on what is no shape, or one of too many lists in lists."""
    if not isinstance(shape, tuple) or not all(type(side) is int and 0 <= side <= MOST_VALUES for side in shape):
        raise pickle.UnpicklingError(f"it holds an array {str(shape)[:100]}")
    if len(shape) >= DEEPEST or math.prod(max(side, 1) for side in shape) > MOST_VALUES:
        raise pickle.UnpicklingError(f"it holds an array {str(shape)[:100]}")
    return math.prod(shape)


class _Plain:
    """Copies what was read, each value as often as it occurs: so a list within itself is found to be too deep."""

    def __init__(self) -> None:
        self._left = MOST_VALUES

    def of(self, value: Any, depth: int = 0) -> Any:
        """Raises ValueError."""
        self._spend(1)
        if isinstance(value, _Name | _Kind):
            raise ValueError("it holds one of numpy's types as a value")
        if isinstance(value, _Array):
            if depth >= DEEPEST:
                raise ValueError(f"arrays within arrays, {DEEPEST} deep")
            self._spend(value.cost)
            return self.of(value.content(), depth + 1)
        return _copied(value, depth, self.of)

    def _spend(self, values: int) -> None:
        self._left -= values
        if self._left < 0:
            raise ValueError(f"it holds more than {MOST_VALUES} values")


class _Fresh:
    """Copies what is to be written: pickle writes a value that it met before as a reference, by identity.

    So equal strings become one, and nothing else is shared.
    """

    def __init__(self) -> None:
        self._known: dict[str | bytes, str | bytes] = {}

    def of(self, value: Any, depth: int = 0) -> Any:
        """Raises UsageError."""
        if isinstance(value, str | bytes):
            if type(value) not in (str, bytes):
                raise UsageError(
                    f"a value of the type {type(value).__name__} is not plain data", hint="write it as str or bytes"
                )
            return self._known.setdefault(value, value)
        if type(value) is int and not -(2**63) <= value < 2**63:
            raise UsageError(f"a number of {value.bit_length()} bits cannot be written", hint="64 bits are the most")
        try:
            return _copied(value, depth, self.of)
        except ValueError as error:
            raise UsageError(f"this cannot be written as plain data: {error}", hint="use plain types") from error


def _copied(value: Any, depth: int, copy: Callable[[Any, int], Any]) -> Any:
    """What holds others anew, its values by ``copy``. Raises ValueError on other than plain types, or too deep."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str, bytes):
        return value
    if depth >= DEEPEST:
        raise ValueError(f"lists within lists, {DEEPEST} deep")
    if kind is list:
        return [copy(item, depth + 1) for item in value]
    if kind is tuple:
        return tuple([copy(item, depth + 1) for item in value])
    if kind is dict:
        return {copy(key, depth + 1): copy(item, depth + 1) for key, item in value.items()}
    raise ValueError(f"a value of the type {kind.__name__}")
