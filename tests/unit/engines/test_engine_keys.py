"""Blobs that go to another process by name, or with their bytes."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_entries import blobs_of, travelled

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources.keys import Reopener, carried, key_of
from morelike.types import Blob


def test_a_file_goes_by_its_path(pictures: Path, settings: Settings) -> None:
    """Nothing of it is read; opened again it is the same blob, with its path."""
    blob = replace(blobs_of(pictures, settings)[0], metadata={"year": 1990})
    key = key_of(blob)
    assert key is not None

    again = Reopener(settings).blob(travelled(key))

    assert (key.kind, key.bytes) == ("file", 0)
    assert again.read() == blob.read()
    assert replace(again, open=blob.open) == blob


@pytest.mark.parametrize("change", ["grown", "touched", "gone"])
def test_a_file_that_is_another_one_is_not_seen(pictures: Path, settings: Settings, change: str) -> None:
    """Another machine's file of that path is told by its size and time."""
    blob = blobs_of(pictures, settings)[0]
    key = key_of(blob)
    assert key is not None
    assert blob.path is not None
    reopener = Reopener(settings)
    assert reopener.sees(key)

    if change == "grown":
        blob.path.write_bytes(b"more")
    elif change == "touched":
        key = replace(key, modified_ns=1)
    else:
        blob.path.unlink()

    assert not reopener.sees(key)


def test_a_member_of_an_archive_goes_with_its_bytes(pictures: Path, settings: Settings, tmp_path: Path) -> None:
    """There is no other way to it; name, time and size stay."""
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as into:
        into.write(next(pictures.iterdir()), "a.jpg")
    [blob] = blobs_of(tmp_path / "more.zip", settings)

    assert key_of(blob) is None
    again = Reopener(settings).blob(travelled(carried(blob, 10**9)))

    assert again.read() == blob.read()
    assert (again.uri, again.name, again.size, again.modified_ns) == (blob.uri, blob.name, blob.size, blob.modified_ns)


def test_a_failing_blob_fails_there_too(settings: Settings) -> None:
    """With the same words: the ledger's row is the one that this machine would have written."""

    def fail() -> Any:
        raise SourceError("the bytes are gone", hint="look for them")

    key = travelled(carried(Blob("memory:x", "x.jpg", fail), 100))

    assert key.kind == "failing"
    with pytest.raises(SourceError, match="the bytes are gone") as caught:
        Reopener(settings).blob(key).read()
    assert caught.value.hint == "look for them"


def test_too_many_bytes_do_not_travel(settings: Settings) -> None:
    """A blob beyond the limit is a failing one; nothing of it goes along."""
    key = carried(Blob.from_bytes(b"x" * 101, "x.jpg"), 100)

    assert (key.kind, key.bytes) == ("failing", 0)


def test_a_url_goes_by_itself(settings: Settings, tmp_path: Path) -> None:
    """It is fetched where it is needed, under that machine's guard: offline, never."""
    listed = tmp_path / "list.urls"
    listed.write_text("http://127.0.0.1:9/a.jpg#part\n")
    [blob] = blobs_of(listed, settings.model_copy(update={"offline": False}))
    key = key_of(blob)
    assert key is not None

    again = Reopener(settings).blob(travelled(key))

    assert (key.kind, key.where, again.uri) == ("url", None, "http://127.0.0.1:9/a.jpg")
    with pytest.raises(SourceError, match="offline"):
        again.read()


def test_a_key_does_not_lead_out_of_the_allowed_folders(pictures: Path, settings: Settings, tmp_path: Path) -> None:
    """What a server's library may not read, an actor of its run may not read either."""
    key = key_of(blobs_of(pictures, settings)[0])
    assert key is not None
    walled = settings.model_copy(update={"allow_roots": (tmp_path / "elsewhere",)})

    with pytest.raises(SourceError, match="does not lie below"):
        Reopener(walled).blob(key).read()
