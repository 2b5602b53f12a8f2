"""Tables that name files as a source."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from source_server import SourceServer

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources.files import FileSource
from morelike.sources.tables import TableSource
from morelike.types import Blob


def blobs_of(path: Path, text: str | bytes, settings: Settings, *exclude: str) -> list[Blob]:
    """The table's blobs; ``a.jpg`` and ``b.jpg`` lie beside it."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    for name in ("a.jpg", "b.jpg"):
        (path.parent / name).write_text(name)
    return list(TableSource(settings, exclude).blobs(str(path)))


@pytest.mark.parametrize("column", ["path", "FILE", "Filename", "file_name", "image", "image_path", "src", " path "])
@pytest.mark.parametrize(
    ("suffix", "delimiter"), [("csv", ","), ("csv", ";"), ("csv", "\t"), ("tsv", "\t"), ("csv", "|")]
)
def test_columns_and_delimiters(tmp_path: Path, settings: Settings, column: str, suffix: str, delimiter: str) -> None:
    """The file's column and the delimiter are found; a relative path starts at the table's folder."""
    lines = [["label", column], ["cat", "a.jpg"], ["dog", "b.jpg"]]
    table = tmp_path / f"t.{suffix}"

    blobs = blobs_of(table, "\n".join(delimiter.join(line) for line in lines), settings)

    assert TableSource(settings).accepts(str(table)) > 0.5
    assert [blob.uri for blob in blobs] == [str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")]
    assert [blob.read() for blob in blobs] == [b"a.jpg", b"b.jpg"]
    assert [blob.metadata for blob in blobs] == [{"label": "cat"}, {"label": "dog"}]


def test_a_file_is_the_same_from_a_table_and_a_folder(tmp_path: Path, settings: Settings) -> None:
    """A file has one uri, however it was found."""
    (blob,) = blobs_of(tmp_path / "t.csv", "path\n../x/./a.jpg\n".replace("x", tmp_path.name), settings)
    (same,) = FileSource(settings, ("t.csv", "b.jpg")).blobs(str(tmp_path))

    assert (blob.uri, blob.size, blob.modified_ns, blob.path) == (same.uri, same.size, same.modified_ns, same.path)


def test_values_of_csv_are_typed(tmp_path: Path, settings: Settings) -> None:
    """Numbers and truth values come as such; what only resembles one stays text; empty cells are absent."""
    cells = {
        "int": ("12", 12), "minus": ("-3", -3), "float": ("1.5", 1.5), "exp": ("1.5e3", 1500.0), "yes": ("True", True),
        "zip": ("00123", "00123"), "hash": ("12e4", "12e4"), "nan": ("nan", "nan"), "long": ("9" * 30, "9" * 30),
        "words": ("a, b", "a, b"), "zero": ("0", 0), "plus": ("+4", "+4"), "digits": ("٣", "٣"),
    }  # fmt: skip
    header = ",".join(["path", *cells, "empty"])
    row = ",".join(["a.jpg", *(f'"{text}"' for text, _ in cells.values()), ""])

    (blob,) = blobs_of(tmp_path / "t.csv", f"{header}\n{row}\n", settings)

    assert blob.metadata == {name: value for name, (_, value) in cells.items()}
    assert {name: type(value) for name, value in blob.metadata.items()} == {n: type(v) for n, (_, v) in cells.items()}


def test_byte_order_marks_are_understood(tmp_path: Path, settings: Settings) -> None:
    """Tables that spreadsheets save with a mark, in UTF-8 or UTF-16, are read."""
    text = "path,label\r\na.jpg,Zoë\r\n"

    for encoding in ("utf-8-sig", "utf-16"):
        (blob,) = blobs_of(tmp_path / "t.csv", text.encode(encoding), settings)
        assert (blob.name, blob.metadata) == ("a.jpg", {"label": "Zoë"})


@pytest.mark.parametrize(("name", "start"), [("t.csv", b"path,label\n"), ("t.jsonl", b"")])
def test_a_row_that_is_no_utf8_fails_alone(tmp_path: Path, settings: Settings, name: str, start: bytes) -> None:
    """The row with the wrong byte is named, and the others are read."""
    rows = [b"a.jpg,ok", b"b.jpg,caf\xe9", b"a.jpg,fine"]
    if name.endswith("jsonl"):
        rows = [b'{"path": "%s", "label": "%s"}' % tuple(row.split(b",")) for row in rows]

    first, bad, last = blobs_of(tmp_path / name, start + b"\n".join(rows), settings)

    with pytest.raises(SourceError, match=r"row 2 of .* is not UTF-8 \(byte 0xe9\)"):
        bad.open()
    assert [first.read(), last.read()] == [b"a.jpg", b"a.jpg"]


def test_rows_that_name_nothing_good_fail_alone(tmp_path: Path, settings: Settings) -> None:
    """Missing files, folders, empty cells and too many fields are failing blobs that name their row."""
    rows = ["gone.jpg,1", ".,1", ",1", "a.jpg,1,2,3", "a.jpg,1"]

    blobs = blobs_of(tmp_path / "t.csv", "path,n\n" + "\n".join(rows), settings)

    said = []
    for blob in blobs:
        try:
            blob.open().close()
            said.append("fine")
        except SourceError as error:
            said.append(error.message.partition("t.csv ")[2])
    folder = str(tmp_path)
    assert said == [
        f"names {folder}/gone.jpg: no such file or directory",
        f"names {folder}: it is no regular file",
        "names no file",
        "has 4 fields, the header 2",
        "fine",
    ]
    assert blobs[0].metadata == {"n": 1}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.csv", "a,b\n1,2\n", r"no column names a file: there are 'a', 'b' \(name one"),
        ("t.csv", ",".join(["path"] * 600) + "\n", "600 columns"),
        ("t.csv", "path," + "x" * 200_000 + "\n", "header cannot be read"),
        ("t.csv", "path," + "x" * 2_000_000, "a line is longer"),
        ("t.jsonl", '{"a": 1}\n', "no column names a file"),
        ("t.json", '[{"a": 1}]', "no column names a file"),
        ("t.json", '[{"path": ', "is no JSON"),
        ("t.json", '[{"a":' + "[" * 100_000, "is no JSON"),
        ("t.parquet", "PAR1 but not", "row 1 cannot be read"),
        ("t.csv", "", "is no CSV"),
    ],
)
def test_unusable_tables_are_refused_at_once(
    tmp_path: Path, settings: Settings, name: str, text: str, says: str
) -> None:
    """A table that names no file is refused before a blob is asked for, with its columns."""
    (tmp_path / name).write_text(text)

    with pytest.raises(SourceError, match=says):
        TableSource(settings).blobs(str(tmp_path / name))


def test_an_open_quotation_ends_the_table(tmp_path: Path, settings: Settings) -> None:
    """Rows before it are read; one failing blob tells where reading stopped."""
    text = 'path,label\na.jpg,x\nb.jpg,"' + "no end\n" * 30_000

    good, broken = blobs_of(tmp_path / "t.csv", text, settings)

    assert good.read() == b"a.jpg"
    with pytest.raises(SourceError, match=r"row 2 cannot be read.*quotation"):
        broken.open()


def test_quoted_cells_may_hold_lines_and_delimiters(tmp_path: Path, settings: Settings) -> None:
    """CSV's own quoting is understood."""
    (blob,) = blobs_of(tmp_path / "t.csv", 'path,label\n"a.jpg","one, ""two""\nthree"\n\n', settings)

    assert blob.metadata == {"label": 'one, "two"\nthree'}


def test_jsonl_keeps_nested_values(tmp_path: Path, settings: Settings) -> None:
    """JSON's types are kept, null and empty values left out, and a bad line fails alone."""
    row = {"file_name": "a.jpg", "n": 1, "x": 1.5, "ok": False, "box": [1, 2], "who": {"a": ["b"]}, "no": None, "e": ""}
    text = "\n".join(
        [json.dumps(row), "", "{bad", "[1]", '{"path": "a\\u0000"}', json.dumps({"path": "b.jpg", "v": 2**70})]
    )

    blobs = blobs_of(tmp_path / "t.jsonl", text, settings)

    assert blobs[0].metadata == {"n": 1, "x": 1.5, "ok": False, "box": [1, 2], "who": {"a": ["b"]}}
    assert blobs[4].metadata == {"v": str(2**70)}
    for bad, says in zip(blobs[1:4], ["row 3 .* is no JSON", "row 4 .* no JSON object", "row 5 .*null"], strict=True):
        with pytest.raises(SourceError, match=says):
            bad.open()


def test_a_json_array_of_objects_is_a_table(tmp_path: Path, settings: Settings) -> None:
    """The same rows as in JSON lines, in brackets."""
    blobs = blobs_of(tmp_path / "t.json", json.dumps([{"path": "a.jpg", "n": 1}, 5, {"path": "b.jpg"}]), settings)

    assert [blob.metadata for blob in blobs] == [{"n": 1}, {}, {}]
    with pytest.raises(SourceError, match="row 2"):
        blobs[1].open()


def test_values_are_bounded(tmp_path: Path, settings: Settings) -> None:
    """Neither long texts nor huge nested values nor endless numbers of them get into the catalog."""
    wide = json.dumps({"path": "a.jpg", **{f"c{number}": 1 for number in range(600)}})
    row = json.dumps({"path": "a.jpg", "text": "x" * 50_000, "list": list(range(50_000)), "k" * 500: 1, "s": "\ud800"})

    long, many = blobs_of(tmp_path / "t.jsonl", f"{row}\n{wide}\n", settings)

    assert long.metadata == {"text": "x" * 8192, "k" * 128: 1, "s": "\\ud800"}
    with pytest.raises(SourceError, match="601 values"):
        many.open()


def test_parquet_in_batches(tmp_path: Path, settings: Settings) -> None:
    """Rows of several row groups come with typed metadata; dates as ISO texts."""
    pyarrow = pytest.importorskip("pyarrow")
    from datetime import date

    from pyarrow import parquet

    rows: list[dict[str, Any]] = [
        {"image": name, "n": number, "day": date(2024, 5, 1), "price": Decimal("1.50"), "tags": ["x"], "raw": b"x"}
        for number, name in enumerate(["a.jpg", "b.jpg"] * 100)
    ]
    rows[3]["image"] = None
    table = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(rows), table, row_group_size=70)

    blobs = blobs_of(table, table.read_bytes(), settings)

    assert [blob.metadata["n"] for blob in blobs] == list(range(200))
    assert blobs[0].metadata == {"n": 0, "day": "2024-05-01", "price": 1.5, "tags": ["x"]}
    assert blobs[199].read() == b"b.jpg"
    with pytest.raises(SourceError, match=r"row 4 .* names no file"):
        blobs[3].open()


def test_parquet_may_hold_the_bytes(tmp_path: Path, settings: Settings) -> None:
    """The cell of a data set that carries its pictures gives them."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = tmp_path / "t.parquet"
    cells = [{"bytes": b"pixels", "path": "../x.jpg"}, {"bytes": b"more", "path": None}]
    parquet.write_table(pyarrow.Table.from_pylist([{"image": cell, "label": 3} for cell in cells]), table)

    blobs = blobs_of(table, table.read_bytes(), settings)

    assert [(blob.uri, blob.name, blob.read()) for blob in blobs] == [
        (f"{table}#row=1", "x.jpg", b"pixels"),
        (f"{table}#row=2", "t.parquet#row=2", b"more"),
    ]
    assert blobs[0].metadata == {"label": 3}


def test_truncated_parquet_is_refused(tmp_path: Path, settings: Settings) -> None:
    """A Parquet file without its footer says so at once."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.Table.from_pylist([{"path": "a.jpg"}]), table)
    table.write_bytes(table.read_bytes()[:-20])

    with pytest.raises(SourceError, match="cannot be read"):
        TableSource(settings).blobs(str(table))


def test_file_urls_and_web_urls_in_cells(tmp_path: Path, online: Settings, server: SourceServer) -> None:
    """A cell may be a URL; the web is asked only when the blob is opened."""
    address = server.give("/p/c.jpg", b"from afar")
    local = (tmp_path / "a.jpg").as_uri()

    near, far = blobs_of(tmp_path / "t.csv", f"label,url\nx,{local}\ny,{address}\n", online)

    assert (near.uri, near.read()) == (str(tmp_path / "a.jpg"), b"a.jpg")
    assert server.asked == []
    assert (far.uri, far.name, far.metadata, far.read()) == (address, "c.jpg", {"label": "y"}, b"from afar")


def test_offline_rows_fail_alone(tmp_path: Path, settings: Settings) -> None:
    """Offline a row with a URL fails, a row with a file does not."""
    near, far = blobs_of(tmp_path / "t.csv", "path,url\na.jpg,\n,http://example.com/x.jpg\n", settings)

    assert near.read() == b"a.jpg"
    with pytest.raises(SourceError, match="offline"):
        far.open()


def test_the_first_column_that_is_filled_counts(tmp_path: Path, settings: Settings) -> None:
    """A table with a path and a URL column uses the path, and keeps the other as metadata."""
    blobs = blobs_of(tmp_path / "t.csv", "url,path\nhttp://example.com/a,a.jpg\n", settings)

    assert [(blob.name, blob.metadata) for blob in blobs] == [("a.jpg", {"url": "http://example.com/a"})]


def test_excluded_rows(tmp_path: Path, settings: Settings) -> None:
    """Excludes match a cell's path and the absolute one."""
    text = "path\na.jpg\nb.jpg\n"

    assert [blob.name for blob in blobs_of(tmp_path / "t.csv", text, settings, "a.*")] == ["b.jpg"]
    assert [blob.name for blob in blobs_of(tmp_path / "t.csv", text, settings, f"{tmp_path}/b.jpg")] == ["a.jpg"]


def test_large_files_are_refused(tmp_path: Path) -> None:
    """The file limit holds for rows too."""
    (blob,) = blobs_of(tmp_path / "t.csv", "path\na.jpg\n", Settings(max_file_size=2))

    with pytest.raises(SourceError, match="MORELIKE_MAX_FILE_SIZE"):
        blob.open()


@pytest.mark.parametrize(
    ("name", "data"),
    [("t.csv", b"\x89PNG\0"), ("t.jsonl", b"[1]"), ("t.json", b'{"a": 1}'), ("t.txt", b"path\na.jpg"), ("t.csv", b"")],
)
def test_what_is_no_table_is_not_accepted(tmp_path: Path, settings: Settings, name: str, data: bytes) -> None:
    """The extension alone makes no table."""
    (tmp_path / name).write_bytes(data)

    assert TableSource(settings).accepts(str(tmp_path / name)) == 0


def test_a_pipe_is_not_read(tmp_path: Path, settings: Settings) -> None:
    """Asking about a pipe that looks like a table does not wait for it."""
    os.mkfifo(tmp_path / "t.csv")

    assert TableSource(settings).accepts(str(tmp_path / "t.csv")) == 0


@profile(max_examples=150, deadline=None)
@given(
    suffix=st.sampled_from(["csv", "tsv", "jsonl", "json", "parquet"]), data=st.binary(max_size=300), head=st.booleans()
)
def test_no_bytes_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: bytes, head: bool
) -> None:
    """Whatever a table holds, it is refused or its rows read or fail."""
    starts = {"jsonl": b'{"path": "a"}\n', "json": b'[{"path": ', "parquet": b"PAR1"}
    path = tmp_path_factory.getbasetemp() / f"t.{suffix}"
    path.write_bytes((starts.get(suffix, b"path,label\n") if head else b"") + data)
    failed = 0
    try:
        blobs = list(TableSource(Settings(offline=True)).blobs(str(path)))
    except SourceError:
        blobs = []
    for blob in blobs:
        try:
            blob.open().close()
        except SourceError:
            failed += 1

    assert failed <= len(blobs)
