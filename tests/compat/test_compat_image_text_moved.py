"""The composed server's published data, ``img.npy`` and its pictures, moved and then served by ``image-text``."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compat_servers import compat_server
from composed_server import CARD, NAME, best_first, colours, directions, models_folder, picture, write_pictures
from numpy.typing import NDArray

import morelike
from morelike.cli.run import run
from morelike.errors import SpaceMismatch, UsageError
from morelike.library import Library
from morelike.moving.older import Old

ROWS = 24
TABLE = "milvus_kt"
GREY = (140, 120, 130)


@dataclass(frozen=True)
class Published:
    """A folder with ``img.npy`` and ``images``, as it was published; the vectors have the length that was learned."""

    folder: Path
    values: NDArray[np.uint8]

    @property
    def vectors(self) -> NDArray[np.float32]:
        return (4 * directions(self.values)).astype(np.float32)

    def save(self, vectors: NDArray[Any]) -> None:
        np.save(self.folder / "img.npy", vectors)

    def old(self, **more: str) -> Old:
        return Old("bootcamp", "", npy=str(self.folder / "img.npy"), **more)


@pytest.fixture
def published(tmp_path: Path) -> Published:
    made = Published(tmp_path / "css", colours(ROWS, seed=20))
    write_pictures(made.folder / "images", made.values)
    made.save(made.vectors)
    return made


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    models = models_folder(tmp_path)
    with morelike.open(library=tmp_path / "library", models=(models,), offline=True) as opened:
        yield opened


def test_moved_data_are_served_as_before(published: Published, tmp_path: Path) -> None:
    """By a server that may read no folder: the numbers of the old rows in the addresses, the nearest first, and each
    address is the picture with that number; a second import brings nothing anew.
    """
    models = models_folder(tmp_path)
    settings = {"models": (models,), "offline": True}
    with morelike.open(library=tmp_path / "library", **settings) as library:
        report = library.import_older(TABLE, published.old(), encoder=CARD)
        again = library.import_older(TABLE, published.old(), encoder=CARD)
        sources = [source for item in library.collection(TABLE).items(limit=ROWS) for source in item.sources]
    with compat_server(tmp_path / "library", "image-text", models=(models,)) as servers:
        client = servers.client("image-text")
        counted = client.get("/countTable").json()
        files = {"Image": ("query.png", picture(GREY))}
        answer = client.post("/getSimilarResult", params={"Text": "make it blue"}, files=files).json()
        shown = client.get("/getImage", params={"img": NAME.format(7)})

    assert (report.added, report.vectors, report.rejected) == (ROWS, ROWS, 0)
    assert (again.added, again.same) == (0, ROWS)
    assert {source.metadata["milvus_id"] for source in sources} == {str(number) for number in range(ROWS)}
    assert counted == [f"{ROWS},{ROWS}", 200]
    start = f"{servers['image-text']}/getImage?img="
    assert answer == [
        [start + NAME.format(at) for at in best_first(published.values, GREY, "blue")[:10]],
        200,
    ]
    assert (shown.status_code, shown.content) == (200, picture(published.values[7]))


def test_vectors_of_other_weights_are_refused(published: Published, library: Library) -> None:
    """Nothing is compared that cannot be: a few pictures are encoded and held against their rows, no table is made,
    and the sentence says how the pictures come in anew.
    """
    published.save(published.vectors[:, ::-1])

    with pytest.raises(SpaceMismatch, match=f"{CARD} did not make these vectors") as refused:
        library.import_older(TABLE, published.old(), encoder=CARD)
    assert f"`morelike add {TABLE} FOLDER --in-place" in refused.value.hint
    assert library.names() == []


def test_another_width_is_refused(published: Published, library: Library) -> None:
    """Before anything is made; the sentence names both widths."""
    published.save(np.ones((ROWS, 512), dtype=np.float32))

    with pytest.raises(SpaceMismatch, match="has 512 numbers a vector, and tirg-css makes 3"):
        library.import_older(TABLE, published.old(), encoder=CARD)
    assert library.names() == []


def test_it_asks_whose_vectors_they_are(published: Published, library: Library) -> None:
    """Without an encoder they mean nothing, and the automatic one would take no words."""
    with pytest.raises(UsageError, match=r"which encoder made the vectors of img\.npy") as asked:
        library.import_older(TABLE, published.old())
    assert "--encoder NAME, one of 3 numbers" in asked.value.hint
    assert library.names() == []


def test_bad_rows_stand_in_the_ledger(published: Published, library: Library) -> None:
    """A row without its picture, one that is no picture, and vectors of zeros or of no numbers: each with its reason;
    the others come in, and what is mended comes with the next run.
    """
    vectors = published.vectors
    vectors[3], vectors[4, 1] = 0, np.nan
    published.save(vectors)
    gone, torn = (published.folder / "images" / NAME.format(number) for number in (5, 6))
    kept = gone.read_bytes()
    gone.unlink()
    torn.write_bytes(b"these are words")

    report = library.import_older(TABLE, published.old(), encoder=CARD)
    ledger = {Path(row.uri).name: row.reason for row in library.collection(TABLE).rejected()}
    gone.write_bytes(kept)
    again = library.import_older(TABLE, published.old(), encoder=CARD)

    assert (report.added, report.rejected) == (ROWS - 4, 4)
    assert set(ledger) == {NAME.format(number) for number in (3, 4, 5, 6)}
    assert "is 0 long" in ledger[NAME.format(3)]
    assert "not finite" in ledger[NAME.format(4)]
    assert (again.added, again.same, again.rejected) == (1, ROWS - 4, 3)


def test_two_imports_at_once_double_nothing(published: Published, library: Library) -> None:
    """Not a row, not a vector."""
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(library.import_older, TABLE, published.old(), encoder=CARD) for _ in range(2)]
        reports = [one.result(60) for one in runs]
    opened = library.collection(TABLE)

    assert sum(report.added for report in reports) == ROWS
    assert (opened.count(), opened.count_sources(), opened.vectors_in(opened.spaces[0])) == (ROWS, ROWS, ROWS)


def test_the_command_brings_them(
    published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder in the file's place, as the older loader took it, and the pictures where ``OUT_PATH`` says."""
    (published.folder / "images").rename(tmp_path / "pictures")
    for name, value in {"LIBRARY": tmp_path / "library", "MODELS": models_folder(tmp_path), "OFFLINE": 1}.items():
        monkeypatch.setenv(f"MORELIKE_{name}", str(value))
    command = ["import", "--from", "bootcamp", TABLE, "--npy", str(published.folder), "--encoder", CARD]

    assert run(command) == 2
    assert "--pictures DIR" in capsys.readouterr().err
    monkeypatch.setenv("OUT_PATH", str(tmp_path / "pictures"))
    assert run([*command, "--dry-run"]) == 0
    assert f"{ROWS} rows would go into {TABLE} (image), with their vectors of 3 numbers" in capsys.readouterr().out
    assert run([*command, "--quiet"]) == 0
    assert f"imported {ROWS} into {TABLE}" in capsys.readouterr().out
