"""The older servers that load folders: what each did badly, and does well now. README.md has the whole table."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from compat_each import EACH, Running, each_server, running
from compat_http import Answer, refused
from compat_pictures import asked
from compat_servers import CompatServers

from morelike.server.compat.served import Served

NAMES = ["a;drop table", "a b", "1st", "x" * 65, "ü", "a'--", "../a", "a\n"]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompatServers]:
    with each_server(tmp_path_factory.mktemp("each")) as found:
        yield found


@pytest.fixture(params=EACH)
def one(servers: CompatServers, request: pytest.FixtureRequest) -> Running:
    """One of them after the other."""
    return running(servers, request.param)


@pytest.fixture
def three(one: Running) -> list[Path]:
    """Three files in the table ``three``."""
    paths = one.each.write_several(one.folder("three"), 3, seed=10)
    one.make("three")
    one.load("three", one.folder("three"))
    return paths


def by_table(one: Running, table: str) -> list[Answer]:
    """What each route that takes a table's name says to this one."""
    load = {"Table": table, "File": str(one.folder("three"))}
    named = {"params": {"table_name": table}}
    counting = one.client.get if one.each.name == "audio" else one.client.post
    return [
        one.client.post(f"{one.each.routes}/load", json=load),
        counting(f"{one.each.routes}/count", **named),
        one.drop(table),
        one.ask(table, one.each.query(10)),
    ]


def test_a_missing_table_is_said_in_the_old_words(one: Running) -> None:
    """Its count is ``null``, its drop the older server's sentence with 200; a drop of one that is there is ``ok``."""
    one.make("short")

    assert one.counted("short") == 0
    assert one.drop(one.table("short")).text == '"ok"'
    gone = one.drop(one.table("short"))
    assert (gone.status_code, gone.json()) == (200, one.each.missing.format(one.table("short")))
    assert one.counted("short") is None


def test_a_search_in_no_table_is_an_error(one: Running) -> None:
    """404 with a sentence that says what to do first."""
    assert "load a folder into it first" in refused(one.ask("nowhere", one.each.query(1)), 404)


def test_bad_files_keep_nobody_from_loading(one: Running) -> None:
    """The good ones are there, ``current`` reaches ``total``, and the bad ones stand in the ledger with reasons."""
    folder = one.folder("mixed")
    (good, *_) = one.each.write_several(folder, 2, seed=20)
    ending = one.each.ending
    (folder / f"torn{ending}").write_bytes(good.read_bytes()[:30])
    (folder / f"words{ending}").write_bytes(b"these are words")
    (folder / f"empty{ending}").touch()
    (folder / "notes.txt").write_text("not asked for")
    one.make("mixed")

    one.load("mixed", folder)

    assert one.progress() == (5, 5)
    assert one.counted("mixed") == 2 * one.each.frames
    ledger = one.opened("mixed").rejected()
    assert {Path(row.uri).stem for row in ledger} == {"torn", "words", "empty"}
    assert all(row.reason for row in ledger)
    assert one.search("mixed", 20)[0][0] == str(good)


def test_endings_count_in_either_case(one: Running) -> None:
    """Also in folders within the folder; what ends otherwise is no file of its kind, whatever is in it."""
    folder = one.folder("cases")
    for number, ending in enumerate(one.each.endings):
        one.each.write(folder / ("deeper/" * number) / f"{number}{ending}", 30 + number)
    one.each.write(folder / f"other{one.each.ending}", 39).rename(folder / "other.bin")
    one.make("cases")

    one.load("cases", folder)

    assert one.counted("cases") == len(one.each.endings) * one.each.frames
    assert one.opened("cases").rejected_count() == 0


def test_a_copy_is_a_file_of_its_own(one: Running) -> None:
    """It has a row at the same distance, and counts: but a film's frames once, and of one object the first row."""
    folder = one.folder("copies")
    paths = one.each.write_several(folder, 2, seed=40)
    copy = Path(shutil.copy(paths[0], folder / f"copy{one.each.ending}"))
    one.make("copies")

    one.load("copies", folder)

    rows = one.search("copies", 40)
    assert one.opened("copies").count_sources() == 3
    assert one.counted("copies") == (4 if one.each.name == "video" else 3)
    if one.each.name == "video-objects":
        assert [path for path, _ in rows].count(str(paths[0])) == 1
    else:
        assert [path for path, _ in rows[:2]] == sorted([str(paths[0]), str(copy)])
        assert rows[0][1] == rows[1][1]


def test_a_stored_path_is_an_address_as_it_stands(one: Running) -> None:
    """Only ``& # + % ?`` and blanks are encoded, ``/data`` decodes them, and the very file comes."""
    path = one.each.write(one.folder("odd") / f"a & b #1+2%41? ü{one.each.ending}", 50)
    one.make("odd")
    one.load("odd", one.folder("odd"))

    ((found, _),) = one.search("odd", 50)

    assert found == f"{one.folder('odd')}/a%20%26%20b%20%231%2B2%2541%3F%20ü{one.each.ending}"
    assert one.shown(found) == (200, path.read_bytes())
    assert one.client.get("/data", params={one.each.data: str(path)}).content == path.read_bytes()


def test_only_files_of_tables_are_given_away(one: Running, three: list[Path]) -> None:
    """Not one beside them, not by a way around, not a folder, and none of the system's; nor without a name."""
    beside = Path(shutil.copy(three[0], three[0].with_name(f"beside{one.each.ending}")))
    around = f"{three[0].parent}/../three/{three[0].name}"
    try:
        for path in (str(beside), around, str(three[0].parent), f"{three[0]}/", "/etc/passwd", "../../etc/passwd"):
            refused(one.client.get("/data", params={one.each.data: path}), 404)
    finally:
        beside.unlink()
    refused(one.client.get("/data"), 400)
    assert asked(one.client.base, "/data/../../../etc/passwd")[0] == 404
    assert one.client.get("/data", params={one.each.data: str(three[0])}).content == three[0].read_bytes()


def test_an_uploads_name_names_nothing_here(one: Running, three: list[Path]) -> None:
    """No file of that name comes to be: not beside the library, and not where temporary files are."""
    _, data = one.each.query(10)
    for name in ("../../../escaped.png", "/escaped.png", "..\\escaped.png"):
        assert one.ask(one.table("three"), (name, data)).status_code == 200

    places = [one.root.parent, *Path(tempfile.gettempdir()).glob("morelike-*")]
    assert [path for place in places if place.is_dir() for path in place.rglob("*escaped*")] == []


@pytest.mark.parametrize("name", NAMES)
def test_names_of_tables_are_names(one: Running, three: list[Path], name: str) -> None:
    """Each route refuses any other in a sentence, and nothing comes of it."""
    before = one.servers.library.names()

    for answer in by_table(one, name):
        assert "cannot be a table's name" in refused(answer, 400)

    assert one.servers.library.names() == before


def test_folders_elsewhere_are_not_loaded(one: Running, tmp_path: Path) -> None:
    """One that ``--allow-root`` does not name, one that is not there, or none: refused, and no table is made."""
    one.each.write_several(tmp_path / "elsewhere", 1, seed=70)
    load = f"{one.each.routes}/load"
    table = one.table("never")

    for folder in (tmp_path / "elsewhere", "/", one.root / ".." / "library", one.root / "no-such"):
        refused(one.client.post(load, json={"Table": table, "File": str(folder)}), 403, 422)
    refused(one.client.post(load, json={"Table": table}), 400)
    refused(one.client.post(load, data=b"{", headers={"Content-Type": "application/json"}), 422)
    assert table not in one.servers.library.names()


def test_what_is_no_upload_is_an_error(one: Running, three: list[Path]) -> None:
    """A search without a file, with an empty one, or with one that is of no kind: 4xx and a sentence."""
    table = one.table("three")

    refused(one.client.post(one.each.search, params={"table_name": table}), 400)
    refused(one.ask(table, ("a.png", b"")), 400, 415, 422)
    refused(one.ask(table, ("a.png", b"these are words")), 400, 415, 422)


def test_a_fault_is_an_error_that_any_page_may_read(one: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody expected: 500, a sentence with the log's number, and the header that lets a web client see it."""

    def fail(*_: object) -> None:
        raise RuntimeError("unheard of")

    monkeypatch.setattr(Served, "opened", fail)
    method = one.client.get if one.each.name == "audio" else one.client.post
    answer = method(f"{one.each.routes}/count", headers={"Origin": "http://localhost:8001"})

    assert "see the log under" in refused(answer, 500)
    assert answer.headers["access-control-allow-origin"] == "*"
