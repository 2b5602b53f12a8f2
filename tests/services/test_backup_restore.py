"""A catalog on a server is dumped and restored by the server's own tools, and the other stores are brought in line."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from databases import DatabaseServer, _missing, shared_server

import morelike
from morelike.collection import OpenCollection
from morelike.library import Library
from morelike.settings import Settings
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

pytestmark = pytest.mark.xdist_group("databases")


@pytest.fixture(scope="module", params=["mysql", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    with shared_server(request.param) as opened:
        yield opened


def tool(*names: str) -> str:
    """A program of the server's package; skips by name without it, and fails in CI."""
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/bin")]
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)])
    found = next(filter(None, (shutil.which(name, path=path) for name in names)), "")
    return found or _missing(f"no {names[0]} on this machine: scripts/databases installs it")


def dump(url: str, file: Path) -> None:
    """As docs/operations.md says."""
    where = urlsplit(url)
    if where.scheme == "mysql":
        options = ["--single-transaction", "--triggers", "--hex-blob", f"--result-file={file}", where.path[1:]]
        _run([tool("mariadb-dump", "mysqldump"), "--no-defaults", *_to_mysql(url), *options])
    else:
        _run([tool("pg_dump"), "--format=custom", f"--file={file}", url])


def restore(file: Path, url: str) -> None:
    where = urlsplit(url)
    if where.scheme == "mysql":
        with file.open("rb") as stream:
            _run([tool("mariadb", "mysql"), "--no-defaults", *_to_mysql(url), where.path[1:]], stdin=stream)
    else:
        _run([tool("pg_restore"), f"--dbname={url}", "--exit-on-error", str(file)])


def _to_mysql(url: str) -> list[str]:
    where = urlsplit(url)
    password = [f"--password={where.password}"] if where.password else []
    return [f"--host={where.hostname}", f"--port={where.port or 3306}", f"--user={where.username}", *password]


def _run(command: list[str], **more: object) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **more)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr


def photos_of(library: Library) -> OpenCollection:
    return library.collection("photos", modality="image", encoder=ToyEncoder())


def test_a_dump_is_the_same_library(server: DatabaseServer, settings: Settings, tmp_path: Path) -> None:
    """Taken while the library is used and restored into an empty database: the same id, and nothing to mend."""
    pictures = write_images(tmp_path / "pictures", 6, seed=1)
    first = settings.model_copy(update={"catalog": server.create()})
    with morelike.open(first) as library:
        photos = photos_of(library)
        photos.add(tmp_path / "pictures", tags=["früh"], metadata={"odd": "a\\'\"\n\U0001f408"})
        dump(first.catalog, tmp_path / "dump")
        before = photos.items()
        identity = library._stores.catalog.library_id()
    second = settings.model_copy(update={"catalog": server.create()})
    restore(tmp_path / "dump", second.catalog)

    with morelike.open(second) as library:
        photos = photos_of(library)
        assert library._stores.catalog.library_id() == identity
        assert photos.items() == before
        assert photos.count(filter="tag = 'früh'") == 6
        assert [photos.search(path, k=1)[0].source for path in pictures] == [str(path) for path in pictures]
        assert library.doctor().findings == []


def test_an_older_dump_is_brought_in_line(server: DatabaseServer, settings: Settings, tmp_path: Path) -> None:
    """What came and went since the dump is swept or made again, filters are those of the dump, and adding goes on."""
    early = write_images(tmp_path / "early", 6, seed=1)
    late = write_images(tmp_path / "late", 3, seed=70)
    first = settings.model_copy(update={"catalog": server.create()})
    with morelike.open(first) as library:
        photos = photos_of(library)
        photos.add(tmp_path / "early")
        dump(first.catalog, tmp_path / "dump")
        photos.add(tmp_path / "late", tags=["late"])
        photos.remove([photos.items()[0].id])
        photos.tag([photos.items()[0].id], add=["late"])
    second = settings.model_copy(update={"catalog": server.create()})
    restore(tmp_path / "dump", second.catalog)

    with morelike.open(second) as library:
        photos = photos_of(library)
        found = {finding.kind for finding in library.doctor().findings}
        assert found == {"missing-blobs", "missing-vectors", "orphan-blobs", "orphan-vectors"}
        assert library.doctor(fix=True).ok
        assert library.doctor().findings == []
        assert photos.count(filter="tag = 'late'") == 0
        assert [photos.search(path, k=1)[0].source for path in early] == [str(path) for path in early]
        assert photos.add(tmp_path / "late").added == 3
        assert [photos.search(path, k=1)[0].source for path in late] == [str(path) for path in late]
        assert library.doctor().findings == []
