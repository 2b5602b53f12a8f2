"""The command line on a server: every command that opens a library works on it, or says what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from morelike.cli.run import run
from morelike.cli.session import HERE

pytestmark = pytest.mark.xdist_group("library suite")


@dataclass(frozen=True)
class Ran:
    """What one call did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Far = Callable[..., Ran]


@pytest.fixture
def far(both: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Far:
    """``far("ls", "--json")`` on the server, whose key is in the environment."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("MORELIKE_API_KEY", both.key)

    def call(*arguments: object, server: str | None = both.url) -> Ran:
        capsys.readouterr()
        code = run([*map(str, arguments), *(["--server", server] if server else [])])
        out, err = capsys.readouterr()
        assert both.key not in out + err
        return Ran(code, out, err)

    return call


def test_pictures_are_added_searched_and_listed(far: Far, there: Any) -> None:
    """A new collection of what lies here, by one command; its items by the others."""
    folder = there.folder(4)
    (folder / "bad.jpg").write_text("no picture")
    name = f"cli-{folder.name}"

    added = far("add", name, folder, "--encoder", "classic", "--tag", "new")

    assert added.code == 3
    assert "added 4" in added.out
    assert f"--server {there.both.url}" in added.out
    assert far("count", name).out.strip() == "4"
    assert far("add", name, folder, "--json").json["same"] == 4
    hits = far("search", name, folder / "00002.jpg", "-k", 2, "--json").json["hits"]
    assert hits[0]["source"] == there.uri(folder / "00002.jpg")
    item = hits[0]["item"]
    assert far("show", name, item[:8], "--json").json["tags"] == ["new"]
    assert far("tag", name, item, "--add", "cat", "--meta", "year=2024").code == 0
    assert far("ls", name, "--filter", "tag = 'cat' and year = 2024", "--json").json["items"][0]["item"] == item
    assert far("ls", name, "--rejected", "--json").json["rejected"][0]["source"] == there.uri(folder / "bad.jpg")
    assert name in {one["name"] for one in far("ls", "--json").json["collections"]}
    out = folder / "got.jpg"
    assert far("get", name, item, "-o", out).code == 0
    assert out.read_bytes() == (folder / "00002.jpg").read_bytes()
    assert far("rm", name, item, "--yes", "--json").json["removed"] == 1
    assert far("dedup", name, "--json").json["looked_at"] == 3
    assert far("reembed", name, "--json").json["spaces"][0]["vectors"] == 3
    assert far("drop", name, "--yes", "--json").json == {"dropped": name, "items": 3}


def test_several_are_searched_and_the_library_is_looked_at(far: Far, there: Any, twenty: Callable[[str], Any]) -> None:
    """By words over all that matches; jobs, storage, measures and encoders of the server."""
    twenty("local")

    found = far("search", "twent*", "--text", "red", "-k", 1, "--json").json

    assert found["fused"][0]["source"].endswith("red.png")
    assert far("eval", "twenty", "--labels", "info:format", "--json").json["queries"] == 20
    assert far("jobs", "--limit", 1, "--json").json["jobs"][0]["kind"] == "evaluate"
    job = far("jobs", "--limit", 1, "--json").json["jobs"][0]["id"]
    assert far("jobs", job[:10], "--json").json["id"] == job
    assert far("storage", "--json").json["total"] > 0
    assert "classic" in {one["name"] for one in far("encoders", "--json").json["encoders"]}
    assert far("tag", "twenty", "--auto", "red,green", "--dry-run", "--json").json["dry_run"]


def test_what_the_server_has_itself_is_added_by_a_job(far: Far, there: Any) -> None:
    """``server:`` names a place of its own; tried first, in place, and not outside what it may read."""
    folder = there.folder(3)
    photos = there.collection()

    tried = far("add", photos.name, f"server:{folder}", "--dry-run", "--json")
    added = far("add", photos.name, f"server:{folder}", "--in-place", "--json")

    assert tried.json["files"] == 3
    assert added.json["added"] == 3
    assert {item.sources[0].uri for item in photos.items()} == {str(path) for path in folder.glob("*.jpg")}
    assert all(item.in_place for item in photos.items())
    outside = far("add", photos.name, "server:/etc")
    assert (outside.code, "may not read" in outside.err) == (2, True)
    here = far("add", photos.name, folder, "--dry-run")
    assert (here.code, "without being sent" in here.err) == (2, True)
    kept = far("add", photos.name, folder, "--in-place")
    assert (kept.code, "cannot stay in place" in kept.err) == (2, True)


@pytest.mark.parametrize("command", sorted(HERE - {"demo", "train"}))
def test_what_needs_the_machine_says_so(
    far: Far, both: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """By the option, and by the environment."""
    arguments = {"models": ["list"], "keys": ["ls"], "export": [tmp_path], "import": [tmp_path]}.get(command, [])

    asked = far(command, *arguments)
    monkeypatch.setenv("MORELIKE_SERVER", both.url)
    inherited = far(command, *arguments, server=None)

    for ran in (asked, inherited):
        assert ran.code == 2
        assert f"`morelike {command}` does not work over HTTP" in ran.err
        assert "hint: run it on the server's machine" in ran.err


def test_the_environment_names_a_server_and_an_option_another_library(
    far: Far, both: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``MORELIKE_SERVER`` is as good as ``--server``; ``--library`` is stronger; both options are too much."""
    monkeypatch.setenv("MORELIKE_SERVER", both.url)

    assert far("ls", server=None).code == 0
    assert far("ls", "--library", tmp_path / "new", "--json", server=None).json == {"collections": []}
    both_named = far("ls", "--library", tmp_path / "new")
    assert (both_named.code, "name two libraries" in both_named.err) == (2, True)
    missing = far("ls", "--server", server=None)
    assert (missing.code, "--server needs an address" in missing.err) == (2, True)


def test_a_wrong_key_and_a_wrong_place_are_sentences(far: Far, monkeypatch: pytest.MonkeyPatch, both: Any) -> None:
    """With what to do."""
    monkeypatch.setenv("MORELIKE_API_KEY", "ml_" + "x" * 43)
    wrong = far("ls")
    monkeypatch.delenv("MORELIKE_API_KEY")
    none = far("ls")
    odd = far("ls", server="ftp://example.org")

    for ran in (wrong, none):
        assert ran.code == 2
        assert "needs an API key" in ran.err
        assert "MORELIKE_API_KEY" in ran.err
    assert (odd.code, "is no server's address" in odd.err) == (2, True)


def test_standard_input_is_an_example(far: Far, there: Any, monkeypatch: pytest.MonkeyPatch, twenty: Any) -> None:
    """As on this machine."""
    path = twenty("local").items()[0].sources[0].uri
    reading = os.open(path, os.O_RDONLY)
    with os.fdopen(reading, "rb") as stream:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"isatty": lambda _: False, "buffer": stream})())
        found = far("search", "twenty", "-", "-k", 1, "--json")

    assert found.json["hits"][0]["source"] == path
