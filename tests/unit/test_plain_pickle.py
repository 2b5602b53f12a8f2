"""The reader of pickled tables: plain data comes back as it was, and a file cannot make it do anything."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import struct
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.errors import SourceError, UsageError
from morelike.training import plain_pickle
from morelike.training.plain_pickle import read_plain, write_plain

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(-9, 9), inner, max_size=4)
    ),
    max_leaves=20,
)


def saved(path: Path, value: Any) -> Path:
    """As anybody saves a dict with numpy."""
    array = np.empty((), dtype=object)
    array[()] = value
    np.save(path, array, allow_pickle=True)
    return path


def with_pickle(path: Path, pickled: bytes, header: bytes = b"") -> Path:
    """The .npy of one object, whose pickle is ``pickled``."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": ()})
    path.write_bytes((header or stream.getvalue()) + pickled)
    return path


def holding(value: bytes) -> bytes:
    """The pickle of a 0-d object array (protocol 2), as numpy 1 under Python 2 wrote it, around that of its object."""
    dtype = b"cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01)"
        + dtype
        + b"\x89]"
        + value
        + b"atb."
    )


class Calls:
    """Pickled, it is a call of ``function``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@given(value=PLAIN)
def test_plain_data_comes_back(value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What numpy saved of plain data is read with its values and its types."""
    path = saved(tmp_path_factory.mktemp("plain") / "table.npy", value)

    assert repr(read_plain(path)) == repr(value)


@given(value=PLAIN)
def test_what_is_written_is_read(value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The project's own files are read by the project and by numpy alike."""
    path = tmp_path_factory.mktemp("plain") / "table.npy"
    write_plain(path, value)

    assert repr(read_plain(path)) == repr(np.load(path, allow_pickle=True).item()) == repr(value)


def test_equal_values_give_equal_bytes(tmp_path: Path) -> None:
    """Whether two strings or lists are one object or two does not show in the file."""
    word, pair = "small", ["small", 1.5]
    shared = {"a": [word, word], "b": [pair, pair]}
    apart = {"a": ["".join(["sm", "all"]), "small"], "b": [["".join(["s", "mall"]), 1.5], ["small", 1.5]]}
    write_plain(tmp_path / "shared.npy", shared)
    write_plain(tmp_path / "apart.npy", apart)

    assert (tmp_path / "shared.npy").read_bytes() == (tmp_path / "apart.npy").read_bytes()


def test_numpy_values_become_plain(tmp_path: Path) -> None:
    """Numbers, strings and arrays of numpy's within the data are read as what ``tolist`` makes of them."""
    value = {
        "single": np.float32(0.5),
        "whole": np.int64(-7),
        "big end": np.array([1, 2], dtype=">i2"),
        "truth": np.bool_(1),
        "word": np.str_("hé"),
        "no word": np.str_(""),
        "bytes": np.bytes_(b"ab"),
        "turned": np.arange(6).reshape(2, 3).T,
        "nothing": np.zeros((0, 3)),
        "objects": np.array(["a", None], dtype=object),
        np.str_("key"): (np.float64(1.5), [np.uint8(255)]),
    }
    expected = {
        **{key: item.tolist() for key, item in list(value.items())[:-1]},
        "key": (1.5, [255]),
    }

    assert repr(read_plain(saved(tmp_path / "table.npy", value))) == repr(expected)
    assert repr(read_plain(saved(tmp_path / "one.npy", np.float64(0.5)))) == "0.5"


def test_python_2_wrote_it(tmp_path: Path) -> None:
    """A table of numpy 1 under Python 2 is read: its strings are bytes there, and text here."""
    number = (
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNN"
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbU\x08" + struct.pack("<d", 0.25) + b"tR"
    )
    word = (
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\nU\x02S3K\x00K\x01\x87R(K\x03U\x01|NNNK\x03K\x01K\x00tb"
        b"U\x03redtR"
    )
    value = (
        b"}q\x05(U\x05trainq\x06}q\x07(U\x05shapeU\x06circleU\x04pos2(" + number + b"G?\xe0\x00\x00\x00\x00\x00\x00"
        b"tU\x05colorq\x08" + word + b"U\x01\xe9X\x02\x00\x00\x00\xc3\xa9U\x04long\x8a\x01\x05"
        b"U\x04fromq\x09]q\x0a(K\x01M\x00\x02J\x00\x00\x01\x00eU\x04sameh\x0au\x55\x04testNu"
    )
    pickled = holding(value)

    expected = {
        "train": {
            "shape": "circle",
            "pos2": (0.25, 0.5),
            "color": "red",
            "é": "é",
            "long": 5,
            "from": [1, 512, 65536],
            "same": [1, 512, 65536],
        },
        "test": None,
    }
    assert read_plain(with_pickle(tmp_path / "table.npy", pickled)) == expected


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("where", ["array", "value", "key", "deep"])
def test_a_command_is_not_run(tmp_path: Path, protocol: int, where: str) -> None:
    """A file that asks for a command is refused by the command's name, and nothing is run."""
    mark = tmp_path / "mark"
    call = Calls(os.system, f"touch {mark}")
    table: Any = {"value": {"train": call}, "key": {(1, call): 1}, "deep": [[({"a": [call]},)]]}.get(where)
    pickled = pickle.dumps(call, protocol=protocol)
    if table is not None:
        array = np.empty((), dtype=object)
        array[()] = table
        pickled = pickle.dumps(array, protocol=protocol)
    path = with_pickle(tmp_path / "table.npy", pickled)

    with pytest.raises(SourceError, match="cannot be read as plain data"):
        read_plain(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Calls(os.system, "true"), "asks for posix.system"),
        (Calls(builtins.eval, "1"), "asks for builtins.eval"),
        (Calls(getattr, "a", "upper"), "asks for builtins.getattr"),
        (Calls(np.load, "table.npy"), "asks for numpy.load"),
        (Calls(np.ones, (2, 2)), "asks for numpy"),
        (OrderedDict(a=1), "asks for collections.OrderedDict"),
        (Path("a"), "asks for pathlib"),
        ({1, 2}, "the step EMPTY_SET"),
        (bytearray(b"a"), "asks for builtins.bytearray"),
        (1j, "asks for builtins.complex"),
        (np.datetime64("2020-01-01"), "numpy's type 'M8'"),
        (np.zeros(1, dtype=[("a", "f8")]), "numpy's type 'V8'"),
        (np.array([[object]], dtype=object), "asks for builtins.object"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_other_objects_are_named(tmp_path: Path, value: Any, named: str) -> None:
    """Anything that is not plain data is refused, in words that say what it was."""
    path = saved(tmp_path / "table.npy", [value])

    with pytest.raises(SourceError, match=named) as caught:
        read_plain(path)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (b"(cnumpy\ndtype\nU\x02f8K\x00K\x01\x87RU\x01at\x52", "not callable"),
        (b"cnumpy\ndtype\n}U\x01aK\x01sb", "changes numpy's dtype"),
        (b"cnumpy.core.multiarray\n_reconstruct\nN}U\x08__code__K\x01s\x86b", "changes numpy's array"),
        (b"cnumpy\nndarray\nK\x05\x85R", "calls numpy's ndarray"),
        (b"cnumpy\nndarray\n", "numpy's types as a value"),
        (b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R", "numpy's types as a value"),
        (b"cnumpy\ndtype\nK\x05\x85R", "type '5'"),
        (b"cnumpy\ndtype\nU\x06S99999\x85R", "99999 letters"),
        (b"cnumpy\ndtype\nU\x02f8\x85R(K\x03U\x01?tb", "byte order"),
        (b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02O8\x85R]\x86R", "an object as a number"),
        (b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02f8\x85RU\x07abcdefg\x86R", "other bytes"),
        (b"}(}K\x01u", "unhashable"),
        (b"h\x07", "not found at index"),
        (b"\x30", "the step POP"),
        (b"Pid\n", "the step PERSID"),
        (b"\x82\x01", "the step EXT1"),
        (b"(ios\nsystem\n", "the step INST"),
        (b")\x81", "the step NEWOBJ"),
    ],
)
def test_made_up_steps_are_refused(tmp_path: Path, value: bytes, named: str) -> None:
    """No order of the known steps reaches beyond plain data."""
    with pytest.raises(SourceError, match=named):
        read_plain(with_pickle(tmp_path / "table.npy", holding(value)))


@pytest.mark.parametrize(
    "shape", [b"J\xff\xff\xff\x7f\x85", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86", b"J\xff\xff\xff\xff\x85"]
)
def test_an_absurd_array_is_not_made(tmp_path: Path, shape: bytes) -> None:
    """An array's size is held against its bytes before there is an array."""
    kind = b"cnumpy\ndtype\nU\x02f8\x85R"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01" + shape + kind
    path = with_pickle(tmp_path / "table.npy", holding(array + b"\x89U\x08abcdefghtb"))

    with pytest.raises(SourceError, match="it holds an array"):
        read_plain(path)


def test_a_place_far_away_takes_no_room(tmp_path: Path) -> None:
    """The number of a kept value cannot make the reader fill the memory."""
    path = with_pickle(tmp_path / "table.npy", holding(b"Nr" + struct.pack("<I", 2**31)))

    with pytest.raises(SourceError, match="the place 2147483648"):
        read_plain(path)


def test_lists_that_double_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short file whose lists hold each other twice and twice again is no long one."""
    monkeypatch.setattr(plain_pickle, "MOST_VALUES", 10_000)
    value: list[Any] = []
    for _ in range(25):
        value = [value, value]

    with pytest.raises(SourceError, match="more than 10000 values"):
        read_plain(saved(tmp_path / "table.npy", value))


def test_arrays_that_share_their_bytes_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One string of bytes under many arrays counts each time, before it becomes lists."""
    monkeypatch.setattr(plain_pickle, "MOST_VALUES", 10_000)
    array = np.zeros(4_000, dtype="u1")
    read_plain(saved(tmp_path / "one.npy", [array]))

    with pytest.raises(SourceError, match="more than 10000 values"):
        read_plain(saved(tmp_path / "two.npy", [array, array]))


def test_a_list_within_itself_is_refused(tmp_path: Path) -> None:
    """Data without an end is found to be too deep."""
    value: list[Any] = []
    value.append(value)

    with pytest.raises(SourceError, match="32 deep"):
        read_plain(saved(tmp_path / "list.npy", value))


def test_an_array_within_itself_is_refused(tmp_path: Path) -> None:
    """As with lists."""
    array = np.empty((), dtype=object)
    array[()] = [array]

    with pytest.raises(SourceError, match="32 deep"):
        read_plain(saved(tmp_path / "array.npy", array))


def test_too_many_steps_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound on a pickle's steps holds before it is followed."""
    monkeypatch.setattr(plain_pickle, "MOST_STEPS", 100)

    with pytest.raises(SourceError, match="more than 100 steps"):
        read_plain(saved(tmp_path / "table.npy", [None] * 100))


def test_a_file_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more of a file is read than the bound allows."""
    monkeypatch.setattr(plain_pickle, "LARGEST_FILE", 1024**2)
    path = tmp_path / "table.npy"
    path.write_bytes(bytes(1024**2 + 1))

    with pytest.raises(SourceError, match="more than 1 MB"):
        read_plain(path)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    """A file that ends too early is refused, wherever it ends."""
    whole = saved(tmp_path / "table.npy", {"train": [1, 2.5, ("a", np.float64(1))]}).read_bytes()
    for end in range(len(whole)):
        (tmp_path / "cut.npy").write_bytes(whole[:end])
        with pytest.raises(SourceError):
            read_plain(tmp_path / "cut.npy")


@given(place=st.integers(0, 10_000), other=st.integers(0, 255))
def test_a_changed_byte_gives_plain_data_or_a_sentence(
    place: int, other: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Damage is either read over, or said; no other exception comes of it."""
    path = saved(tmp_path_factory.mktemp("plain") / "table.npy", {"train": [1, 2.5, ("a", np.arange(3))]})
    data = bytearray(path.read_bytes())
    data[place % len(data)] = other
    path.write_bytes(bytes(data))

    with suppress(SourceError):
        assert only_plain(read_plain(path))


def only_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(only_plain(item) for item in value)
    if type(value) is dict:
        return all(only_plain(item) for pair in value.items() for item in pair)
    return value is None or type(value) in (bool, int, float, str, bytes)


@pytest.mark.parametrize("array", [np.arange(3), np.array(["a", {}], dtype=object)], ids=["numbers", "objects"])
def test_an_array_of_several_is_refused(tmp_path: Path, array: Any) -> None:
    """The file holds one object, or it is another file."""
    np.save(tmp_path / "table.npy", array, allow_pickle=True)

    with pytest.raises(SourceError, match="not one object"):
        read_plain(tmp_path / "table.npy")


def test_a_pickle_of_something_else_is_refused(tmp_path: Path) -> None:
    """A pickle that is no array of one object, though the header says so, is refused."""
    path = with_pickle(tmp_path / "table.npy", pickle.dumps({"train": 1}, protocol=4))

    with pytest.raises(SourceError, match="its header says"):
        read_plain(path)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(SourceError, match=r"none\.npy cannot be read"):
        read_plain(tmp_path / "none.npy")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({1, 2}, "the type set"),
        ([np.float64(1)], "the type float64"),
        ({"a": np.str_("b")}, "the type str_ is not plain"),
        (2**63, "64 bits"),
        (OrderedDict(a=1), "the type OrderedDict"),
    ],
    ids=["set", "number", "string", "large", "dict"],
)
def test_only_plain_data_is_written(tmp_path: Path, value: Any, named: str) -> None:
    """What could not be read again is not written, and leaves no file behind."""
    with pytest.raises(UsageError, match=named):
        write_plain(tmp_path / "table.npy", value)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table is replaced as a whole, or stays."""
    path = tmp_path / "table.npy"
    write_plain(path, {"train": 1})

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_plain(path, {"train": 2})

    assert read_plain(path) == {"train": 1}
    assert list(tmp_path.iterdir()) == [path]
