"""Bytes held for blobs: in memory while that is cheap, else in files."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morelike.errors import SourceError
from morelike.sources.spool import Held, Lazily, Spool


def too_large() -> SourceError:
    return SourceError("too large")


@pytest.fixture
def spool_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_memory_is_given_back(spool_folder: Path) -> None:
    """Memory for all together is bounded; what is let go makes room for the next."""
    spool = Spool(together=10, each=8)

    first, second = (spool.keep([b"1234", b"56"], 100, too_large) for _ in range(2))
    assert len(list(spool_folder.iterdir())) == 1
    assert [held.open().read() for held in (first,)] == [b"123456"]
    with second.open() as stream:
        assert stream.read() == b"123456"

    del first, second
    gc.collect()
    third = spool.keep([b"123456"], 100, too_large)
    assert list(spool_folder.iterdir()) == []
    assert third.size == 6


@given(chunks=st.lists(st.binary(max_size=12), max_size=8), each=st.integers(0, 40), together=st.integers(0, 60))
def test_what_is_kept_is_what_came(chunks: list[bytes], each: int, together: int) -> None:
    """Wherever bytes end up, they and their number are those that came."""
    held = Spool(together, each).keep(chunks, 1000, too_large)

    with held.open() as stream:
        assert stream.read() == b"".join(chunks)
    assert held.size == len(b"".join(chunks))


@pytest.mark.parametrize("each", [2, 100])
def test_too_much_leaves_nothing(spool_folder: Path, each: int) -> None:
    """Beyond the limit the caller's own error is raised and no file remains."""
    with pytest.raises(SourceError, match="too large"):
        Spool(each=each).keep([b"1234"] * 5, 10, too_large)

    assert list(spool_folder.iterdir()) == []


def test_no_room_for_files_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where temporary files cannot be written the error says how to choose another folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))

    with pytest.raises(SourceError, match="TMPDIR"):
        Spool(each=1).keep([b"1234"], 10, too_large)


def test_a_failed_fetch_is_tried_again() -> None:
    """A failure is not remembered; a success is."""
    calls: list[int] = []

    def fetch() -> Held:
        calls.append(1)
        if len(calls) == 1:
            raise SourceError("not yet")
        return Held(b"x", 1)

    lazily = Lazily(fetch)
    with pytest.raises(SourceError):
        lazily.open()

    assert [lazily.open().read(), lazily.open().read()] == [b"x", b"x"]
    assert len(calls) == 2
