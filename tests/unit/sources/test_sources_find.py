"""Which source an argument goes to, and its stable name."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources import open_source, origin


def test_each_argument_finds_its_source(tmp_path: Path, online: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content decides between file, archive, table and list; a URL is one by its form."""
    monkeypatch.chdir(tmp_path)
    out = io.BytesIO()
    zipfile.ZipFile(out, "w").close()
    tarfile.open("t.tar", "w").close()
    Path("a.jpg").write_bytes(b"x")
    Path("z.bin").write_bytes(out.getvalue())
    Path("t.csv").write_text("path\na.jpg\n")
    Path("l.txt").write_text("http://example.com/x\n")
    Path("prose.txt").write_text("Once upon a time\n")
    expected = {
        ".": "files", "a.jpg": "files", "*.jpg": "files", "z.bin": "archive", "t.csv": "table", "l.txt": "url",
        "prose.txt": "files", "urls:prose.txt": "url", "HTTPS://example.com/x": "url",
        Path("a.jpg").absolute().as_uri(): "files",
    }  # fmt: skip

    assert {argument: open_source(argument, online)[0] for argument in expected} == expected


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("nowhere/at/all", "no such file or folder: nowhere/at/all"),
        ("ftp://host/x", "no source reads ftp:// addresses"),
        ("", "no such file or folder"),
        ("a\0b", "no such file or folder"),
        ("x" * 5000, "no such file or folder"),
    ],
)
def test_what_no_source_reads(settings: Settings, argument: str, says: str) -> None:
    """The error says what was looked for and what would do."""
    with pytest.raises(SourceError, match=says) as caught:
        open_source(argument, settings)
    assert caught.value.hint


def test_excludes_reach_the_source(tmp_path: Path, settings: Settings) -> None:
    """What is excluded is excluded whichever source answers."""
    for name in ("a.jpg", "b.gif"):
        (tmp_path / name).write_bytes(b"x")

    _, blobs = open_source(str(tmp_path), settings, ["*.gif"])

    assert [blob.name for blob in blobs] == ["a.jpg"]


def test_origins_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However a place is written, ``--sync`` knows it again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    here = os.fspath(tmp_path)

    assert origin("p") == origin("./p/") == origin("~/p") == origin(f"file://{here}/p") == f"{here}/p"
    assert origin("p/**/*.jpg") == f"{here}/p/**/*.jpg"
    assert origin("urls:l.txt") == f"urls:{here}/l.txt"
    assert origin(" https://example.com/x ") == "https://example.com/x"
