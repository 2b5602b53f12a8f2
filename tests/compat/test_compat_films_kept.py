"""Films that were searched with, as ``video-objects`` keeps them for a while."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest

from morelike.errors import StoreFull
from morelike.server.compat.video_kept import KeptFilms
from morelike.server.errors import Refused
from morelike.settings import Settings
from morelike.types import Blob


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, where temporary files go."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_only_so_many_films_are_kept(settings: Settings) -> None:
    """By number and by bytes, those not played longest go first, and the last one stays; closed, none is left."""
    films = KeptFilms(settings, most=2, most_bytes=250)
    names = [films.keep(Blob.from_bytes(bytes([at]) * 100, "a.mp4")) for at in range(2)]
    films.get(names[0])
    names.append(films.keep(Blob.from_bytes(b"2" * 100, "a.mp4")))
    assert films.get(names[0])[0].read() == bytes(100)
    with pytest.raises(Refused):
        films.get(names[1])
    names.append(films.keep(Blob.from_bytes(b"3" * 1000, "a.mp4")))
    blob, _ = films.get(names[3])
    assert blob.read() == b"3" * 1000
    with pytest.raises(Refused):
        films.get(names[2])
    films.close()
    with pytest.raises(Refused):
        blob.open()
    with pytest.raises(Refused):
        films.get(names[3])


def test_a_film_that_cannot_be_kept_leaves_nothing(settings: Settings, temporary: Path) -> None:
    """Where its bytes break off, and after the end: no file of it stays behind, and no folder is made again."""

    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            if not data:
                raise OSError(errno.ENOSPC, "no space left on device")
            return data

    films = KeptFilms(settings)
    breaking = Blob("upload:a", "a.mp4", lambda: Breaking(bytes(9000)), 9000)
    with pytest.raises(StoreFull):
        films.keep(breaking)
    assert [path.name for path in temporary.rglob("*") if path.is_file()] == []

    films.keep(Blob.from_bytes(b"good", "a.mp4"))
    assert len([path for path in temporary.rglob("*") if path.is_file()]) == 1
    films.close()
    with pytest.raises(Refused):
        films.keep(Blob.from_bytes(b"late", "a.mp4"))
    assert list(temporary.iterdir()) == []
