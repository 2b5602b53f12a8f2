"""``serve --compat objects3d``: what scripts sent to the older server of 3D models, and what they get."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from compat_held import DEADLINE, Held
from compat_http import Answer, Client, refused
from compat_models import write_box
from compat_pictures import asked
from compat_servers import CompatServers, compat_server

from morelike.library import Library

pytestmark = pytest.mark.xdist_group("port 5000")

LOADED = "Successfully loaded data, total count: {}"
MISSING = "Milvus doesn't have a collection named {}"
ORIGIN = {"Origin": "http://localhost:8001"}


@dataclass(frozen=True)
class Models:
    """A running server, a client of it, and the folder that requests may name."""

    client: Client
    library: Library
    root: Path
    base: str

    def boxes(self, folder: str, *seeds: int, ending: str = ".off") -> Path:
        for seed in seeds:
            write_box(self.root / folder / f"box_{seed:04}{ending}", seed)
        return self.root / folder

    def load(self, place: Path, table: str, expected: int) -> None:
        answer = self.client.post("/img/load", json={"Table": table, "File": str(place)})
        assert (answer.status_code, answer.json()) == (200, LOADED.format(expected))

    def ask(self, table: str | None, path: Path | str) -> Answer:
        named = {"table_name": table} if table else {}
        return self.client.post("/img/search", params={**named, "model_path": str(path)}, headers=ORIGIN)

    def search(self, table: str, path: Path | str) -> list[list[Any]]:
        answer = self.ask(table, path)
        assert answer.status_code == 200, answer.text
        rows: list[list[Any]] = answer.json()
        return rows

    def count(self, table: str | None = None) -> Any:
        answer = self.client.post("/img/count", params={"table_name": table} if table else {})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def progress(self) -> tuple[int, int]:
        current, total = (int(part.split(":")[1]) for part in self.client.get("/progress").json().split(","))
        return current, total


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompatServers]:
    folder = tmp_path_factory.mktemp("models")
    (folder / "root").mkdir()
    with compat_server(folder / "library", "objects3d", allow_roots=(folder / "root",), real="objects3d") as running:
        yield running


@pytest.fixture(scope="module")
def models(servers: CompatServers) -> Models:
    root = servers.library.folder.parent / "root"
    return Models(servers.client("objects3d"), servers.library, root, servers["objects3d"])


@pytest.fixture(scope="module")
def twelve(models: Models) -> Path:
    """Twelve boxes of their own proportions in the table ``twelve``, which no test changes."""
    folder = models.boxes("twelve", *range(12))
    models.load(folder, "twelve", 12)
    return folder


def test_a_script_goes_through_its_day(models: Models) -> None:
    """It drops what is not there, loads a folder, asks how far that is, counts, searches by a path, and drops: in the
    default table, with ten rows, the nearest first.
    """
    client, folder = models.client, models.boxes("day", *range(12))
    first = client.post("/img/drop")
    loaded = client.post("/img/load", json={"File": str(folder)}, headers=ORIGIN)
    progress, count = client.get("/progress").json(), models.count()
    found = models.ask(None, folder / "box_0003.off")
    rows = found.json()

    assert (first.status_code, first.json()) == (200, MISSING.format("milvus_model_search"))
    assert (loaded.json(), progress, count) == (LOADED.format(12), "current: 12, total: 12", 12)
    assert [answer.headers["access-control-allow-origin"] for answer in (loaded, found)] == ["*", "*"]
    assert len(rows) == 10
    assert rows[0] == [str(folder / "box_0003.off"), pytest.approx(0, abs=1e-6)]
    assert [distance for _, distance in rows] == sorted(distance for _, distance in rows)
    assert all(0 <= distance <= 4 for _, distance in rows)
    assert (client.post("/img/drop").json(), models.count()) == ("ok", None)


def test_a_model_is_found_in_another_form(models: Models, twelve: Path) -> None:
    """As OBJ, a thousand times as large, and with its edges along other axes: a path outside of the table is read."""
    for seed in range(0, 12, 3):
        path = write_box(models.root / "asked" / f"{seed}.obj", seed, scale=1000.0, turned=1)

        assert models.search("twelve", path)[0][0] == str(twelve / f"box_{seed:04}.off")


def test_what_is_wrong_is_said_with_a_status_that_says_so_too(models: Models, twelve: Path) -> None:
    """4xx and a sentence, where the older server answered 200 with the failure inside, or ended; no table is made."""
    client, box = models.client, twelve / "box_0000.off"
    (models.root / "words.off").write_text("these are words")
    assert "load a folder into it first" in refused(models.ask("none", box), 404)
    refused(client.post("/img/search", params={"table_name": "twelve"}), 400)
    for place in ("", "http://127.0.0.1/a.off", "s3://bucket/a.off"):
        refused(models.ask("twelve", place), 400)
    for place in (models.root / "no-such.off", models.root / "words.off", twelve):
        refused(models.ask("twelve", place), 400, 422)
    refused(client.post("/img/load", json={"Table": "never"}), 400)
    refused(client.post("/img/load", json=[]), 422)
    for place in ("/", "/etc/passwd", models.root / ".." / "library", models.root / "no-such"):
        refused(client.post("/img/load", json={"Table": "never", "File": str(place)}), 403, 422)
    assert "never" not in models.library.names()


def test_requests_name_only_what_they_may(models: Models, twelve: Path) -> None:
    """A model outside of the folders that requests may name is not read, nor whether there is one said."""
    outside = write_box(models.root.parent / "outside.off", 1)
    link = models.root / "linked.off"
    link.symlink_to(outside)

    for place in (outside, models.root / ".." / "outside.off", link, "/etc/passwd", "../../etc/passwd"):
        refused(models.ask("twelve", place), 403, 422)
    absent = refused(models.ask("twelve", models.root.parent / "absent.off"), 403)
    assert absent.replace("absent", "outside") == refused(models.ask("twelve", outside), 403)


def test_a_model_of_a_table_may_be_asked_with(models: Models, twelve: Path) -> None:
    """By the path of an answer as it stands, whatever the file is called."""
    path = write_box(models.root / "odd" / "a & b #1+2%41? ü.off", 50)
    models.load(path.parent, "odd", 1)
    ((found, _),) = models.search("odd", path)

    assert found == f"{path.parent}/a%20%26%20b%20%231%2B2%2541%3F%20ü.off"
    status, body = asked_by_post(models, f"/img/search?table_name=odd&model_path={found}")
    assert (status, body) == (200, [[found, pytest.approx(0, abs=1e-6)]])
    assert models.search("odd", found)[0][0] == found


def asked_by_post(models: Models, target: str) -> tuple[int, Any]:
    """As a script sends it that puts an address together."""
    answer = models.client.post(target)
    return answer.status_code, answer.json()


def test_bad_files_keep_nobody_from_loading(models: Models) -> None:
    """The good ones are there, ``current`` reaches ``total``, and the bad ones stand in the ledger with reasons."""
    folder = models.boxes("mixed", 20, 21)
    (folder / "torn.off").write_bytes((folder / "box_0020.off").read_bytes()[:40])
    (folder / "words.stl").write_text("these are words")
    (folder / "empty.obj").touch()
    (folder / "notes.txt").write_text("not asked for")

    models.load(folder, "mixed", 2)

    assert models.progress() == (5, 5)
    assert models.count("mixed") == 2
    ledger = models.library.collection("mixed").rejected()
    assert {Path(row.uri).stem for row in ledger} == {"torn", "words", "empty"}
    assert all(row.reason for row in ledger)
    for seed in (20, 21):
        (folder / f"box_{seed:04}.off").unlink()
    said = refused(models.client.post("/img/load", json={"Table": "bad", "File": str(folder)}), 422)
    assert "none of the 3 models" in said


def test_endings_count_in_either_case(models: Models) -> None:
    """Also in folders within the folder; what ends otherwise is passed over, features of the older server too."""
    folder = models.boxes("cases", 30)
    write_box(folder / "deeper" / "a.OFF", 31)
    write_box(folder / "deeper" / "b.Obj", 32)
    write_box(folder / "c.off", 33).rename(folder / "c.npy")

    models.load(folder, "cases", 3)

    assert models.library.collection("cases").rejected_count() == 0


def test_a_copy_has_its_own_row(models: Models) -> None:
    """A model at two paths has two rows at one distance, and counts twice."""
    folder = models.boxes("copies", 40, 41)
    copy = shutil.copy(folder / "box_0040.off", folder / "copy.off")
    models.load(folder, "copies", 3)

    assert models.count("copies") == 3
    rows = models.search("copies", folder / "box_0040.off")
    assert [path for path, _ in rows[:2]] == sorted([str(folder / "box_0040.off"), str(copy)])
    assert rows[0][1] == rows[1][1]


def test_two_loads_of_one_folder_at_once_double_nothing(models: Models) -> None:
    """Not a row, not a count, not a line of the ledger; both say how many models there are."""
    folder = models.boxes("twice", *range(6))
    (folder / "bad.off").write_text("no model")
    with ThreadPoolExecutor(2) as pool:
        for load in [pool.submit(models.load, folder, "twice", 6) for _ in range(2)]:
            load.result(DEADLINE)
    models.load(folder, "twice", 6)

    assert models.count("twice") == 6
    assert models.library.collection("twice").rejected_count() == 1


def test_eight_clients_at_once(models: Models, twelve: Path) -> None:
    """Each searches, counts, and loads a table of its own: every answer is the right one."""

    def client(number: int) -> None:
        own = models.boxes(f"own{number}", 60 + number)
        path = twelve / f"box_{number:04}.off"
        assert models.search("twelve", path)[0][0] == str(path)
        models.load(own, f"own{number}", 1)
        assert models.count(f"own{number}") == 1
        assert models.search(f"own{number}", path)[0][0] == str(own / f"box_{60 + number:04}.off")
        assert models.count("twelve") == 12

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))


def test_a_load_keeps_nobody_waiting(models: Models) -> None:
    """In the middle of it progress is told, not at its end, models are counted, and searches find what was there."""
    held = Held("mesh-shape", lambda mesh: len(mesh.faces) == 10, models.library.settings)
    models.library.collection("busy", modality="mesh", encoder=held)
    before = models.boxes("before", 80, 81)
    models.load(before, "busy", 2)
    coming = models.boxes("coming", 82, 84)
    write_box(coming / "box_0083.off", 83, holes=2)
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(models.load, coming, "busy", 3)
        try:
            assert held.reached.wait(DEADLINE)
            current, total = models.progress()
            assert 0 <= current < total <= 3
            assert 2 <= models.count("busy") < 5
            assert models.search("busy", before / "box_0081.off")[0][0] == str(before / "box_0081.off")
            assert not load.done()
        finally:
            held.go.set()
        load.result(DEADLINE)

    assert models.progress() == (3, 3)
    assert models.count("busy") == 5


def test_no_file_is_given_away(models: Models, twelve: Path) -> None:
    """The server has no route for files."""
    for path in ("/data", f"/data?model_path={twelve}/box_0000.off", "/data/../../../etc/passwd"):
        assert asked(models.base, path)[0] == 404


def test_a_files_name_names_nothing_else(models: Models) -> None:
    """There are no uploads; a path that a request names is read, and no file comes to be beside it."""
    folder = models.boxes("named", 70)
    before = sorted(path for path in models.root.parent.rglob("*.off"))
    models.load(folder, "named", 1)
    models.search("named", folder / "box_0070.off")

    assert sorted(path for path in models.root.parent.rglob("*.off")) == before


@pytest.mark.parametrize("name", ["a;drop table", "a b", "1st", "x" * 65, "../a"])
def test_names_of_tables_are_names(models: Models, twelve: Path, name: str) -> None:
    """Each route refuses any other in a sentence, and nothing comes of it."""
    before, post = models.library.names(), models.client.post

    for answer in (
        post("/img/load", json={"Table": name, "File": str(twelve)}),
        models.ask(name, twelve / "box_0000.off"),
        post("/img/count", params={"table_name": name}),
        post("/img/drop", params={"table_name": name}),
    ):
        assert "cannot be a table's name" in refused(answer, 400)
    assert models.library.names() == before
