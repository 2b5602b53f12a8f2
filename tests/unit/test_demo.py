"""The demo: what it shows is true."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from morelike import demo, demo_scenes
from morelike.cli.run import run
from morelike.errors import MissingExtra


def digests(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The demo with four photographs, in a folder of the test's own."""
    monkeypatch.setattr(demo, "PHOTOGRAPHS", ("chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def test_pictures_are_the_same_every_time(few: Path) -> None:
    """Each photograph has its original and four altered copies, a query beside them, byte by byte the same."""
    made, queries = demo.make_pictures(few / "one")
    demo.make_pictures(few / "two")
    before = digests(few / "one")
    demo.make_pictures(few / "one")

    assert sorted(path.stem for path in (made / "coffee").iterdir()) == [
        *("cropped", "original", "re-encoded", "recoloured", "rotated"),
    ]
    assert len(list(queries.iterdir())) == 4
    assert before == digests(few / "one") == digests(few / "two")


def test_every_photograph_is_there() -> None:
    """Every photograph that the demo names is in the installed package."""
    assert len(demo._photographs()) == len(demo.PHOTOGRAPHS) == 20


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the photographs the demo says what to install, or to name a folder."""
    monkeypatch.setattr(demo, "PHOTOGRAPHS", ("none.png",))

    with pytest.raises(MissingExtra, match="scikit-image"):
        demo.make_pictures(tmp_path)


def test_demo_finds_the_altered_copies(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A picture that the library has not seen finds the five others of the same photograph first."""
    assert run(["demo", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)

    assert answer["add"]["added"] == 20
    assert [Path(search["example"]).stem for search in answer["searches"]] == list(demo.SHOWN)
    for search in answer["searches"]:
        name = Path(search["example"]).stem
        assert [Path(hit["source"]).parent.name for hit in search["hits"][:5]] == [name] * 5


def test_demo_changes_a_scene_by_words(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A picture with words that change it finds the picture of the changed scene first, with the encoder shipped."""
    assert run(["demo", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)["scenes"]
    picture, text, wanted = demo_scenes.make_scenes(few / "demo-pictures" / "scenes")

    assert (Path(answer["example"]).name, answer["text"]) == (picture.name, text)
    assert text == "make the red cube small"
    assert Path(answer["hits"][0]["source"]).name == wanted.name


def test_demo_once(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--once`` prints one search as a table of 80 columns; a second run adds nothing and prints the same."""
    printed = []
    for _ in range(2):
        assert run(["demo", "--once"]) == 0
        printed.append(capsys.readouterr().out)

    assert printed[0] == printed[1]
    assert "most like demo-pictures/queries/coffee.jpg" in printed[0]
    assert "demo-pictures/library/coffee/original.png" in printed[0]
    assert max(map(len, printed[0].splitlines())) <= 80


def test_demo_serves_its_page(few: Path) -> None:
    """After the searches the page is served, at the address that is said, until it is told to stop."""
    driver = (
        "import sys; from morelike import demo;"
        "demo.PHOTOGRAPHS = ('chelsea.png', 'coffee.png', 'motorcycle_left.png');"
        "from morelike.cli.run import run; sys.exit(run(['demo', '--port', '0']))"
    )
    command = [sys.executable, "-c", driver]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if line.startswith("http://127.0.0.1:"))
            page = httpx.get(line.split()[0], headers={"Accept": "text/html"}, timeout=120).text
        finally:
            process.terminate()
            process.communicate(timeout=300)

    assert "photographs" in page
    assert process.returncode == 0


def test_demo_of_ones_own_pictures(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a folder the demo takes that, in place, and says what to try next."""
    made, _ = demo.make_pictures(few / "own")
    assert run(["demo", str(made / "coffee"), "--no-serve"]) == 0
    out = capsys.readouterr().out

    assert "5 pictures in the collection pictures" in out
    assert "try next:" in out
    assert not list((few / "demo-library" / "blobs").rglob("*.jpg"))


def test_demo_of_an_empty_folder(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without pictures is a sentence."""
    (few / "empty").mkdir()

    assert run(["demo", str(few / "empty")]) == 2
    assert "there is no picture in" in capsys.readouterr().err


def test_examples_come_from_the_folder_that_was_named(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After another folder, the demo asks with pictures of the one that is named now."""
    made, queries = demo.make_pictures(few / "own")
    for folder in (made, queries):
        assert run(["demo", str(folder), "--json", "--quiet"]) == 0
        answer = json.loads(capsys.readouterr().out)

    assert len(answer["searches"]) == 3
    assert all(Path(search["example"]).parent == queries for search in answer["searches"])
