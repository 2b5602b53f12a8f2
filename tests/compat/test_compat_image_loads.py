"""``serve --compat image``: folders that are loaded, once, twice, at once, and with bad files in them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from compat_pictures import DEADLINE, Held, Pictures, picture_server
from PIL import Image

from morelike.testing.images import synthetic_image, write_images


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pictures]:
    with picture_server(tmp_path_factory.mktemp("loads")) as running:
        yield running


def test_bad_files_do_not_keep_the_good_ones_out(pictures: Pictures) -> None:
    """The load succeeds, progress reaches its end, and each bad file stands in the ledger with its reason."""
    folder = pictures.root / "mixed"
    write_images(folder, 3, seed=80)
    (folder / "torn.jpg").write_bytes((folder / "00000.jpg").read_bytes()[:200])
    (folder / "text.png").write_text("no picture")
    (folder / "empty.jpg").touch()
    (folder / "notes.txt").write_text("not asked for")

    pictures.load(folder, "mixed")

    assert pictures.progress() == (6, 6)
    assert pictures.count("mixed") == 3
    ledger = pictures.library.collection("mixed").rejected()
    assert {Path(row.uri).name for row in ledger} == {"torn.jpg", "text.png", "empty.jpg"}
    assert all(row.reason for row in ledger)


def test_formats_whatever_their_case(pictures: Pictures) -> None:
    """``.JPEG`` and ``.PNG`` are loaded, in folders within the folder, too."""
    folder = pictures.root / "cases"
    for number, name in enumerate(("a.JPEG", "sub/b.Png", "sub/deeper/c.webp", "sub/d.BMP")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(synthetic_image(90 + number, 48)).save(folder / name)

    pictures.load(folder, "cases")

    assert pictures.count("cases") == 4


def test_copies_have_a_row_each(pictures: Pictures) -> None:
    """A picture that lies at three paths is there three times, in the count and in the rows, at one distance."""
    folder = pictures.root / "copies"
    one, other = write_images(folder, 2, seed=100)
    paths = [one, *(Path(shutil.copy(one, folder / name)) for name in ("again.jpg", "once more.jpg"))]
    pictures.load(folder, "copies")

    rows = pictures.search("copies", one.read_bytes())

    assert pictures.count("copies") == 4
    assert sorted(path for path, _ in rows[:3]) == sorted(str(path).replace(" ", "%20") for path in paths)
    assert len({distance for _, distance in rows[:3]}) == 1
    assert rows[3][0] == str(other)
    assert len(pictures.search("copies", one.read_bytes(), 2)) == 2


def test_loading_twice_is_loading_once(pictures: Pictures, loaded: list[Path]) -> None:
    """A second load of the same folder adds nothing, and its progress ends all the same."""
    pictures.load(pictures.root / "four", "four")

    assert pictures.count("four") == len(loaded)
    assert pictures.progress() == (4, 4)


def test_two_loads_at_once_do_not_double(pictures: Pictures) -> None:
    """Neither in the count, nor in the rows, nor in the ledger; both succeed."""
    folder = pictures.root / "both"
    paths = write_images(folder, 25, seed=110, size=40)
    (folder / "bad.jpg").write_bytes(b"no picture")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: pictures.load(folder, "both"), range(2)))

    rows = pictures.search("both", paths[0].read_bytes())

    assert pictures.count("both") == 25
    assert sorted(path for path, _ in rows) == sorted(map(str, paths))
    assert pictures.library.collection("both").rejected_count() == 1
    current, total = pictures.progress()
    assert current == total


def test_progress_is_told_while_a_load_runs(pictures: Pictures) -> None:
    """It answers meanwhile, and says two equal numbers, which clients take for the end, only at the end."""
    encoder = Held("held-for-progress")
    pictures.library.collection("slow", modality="image", encoder=encoder)
    folder = pictures.root / "slow"
    write_images(folder, 5, seed=150, size=40)
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(pictures.load, folder, "slow")
        try:
            assert encoder.asked.wait(DEADLINE)
            current, total = pictures.progress()
            assert current == 0 < total
            assert not load.done()
        finally:
            encoder.go.set()
        load.result(DEADLINE)

    assert pictures.progress() == (5, 5)


def test_searches_go_on_during_a_load(pictures: Pictures) -> None:
    """Each finds what was there before, at its distance, and nothing else that is not whole."""
    before = write_images(pictures.root / "before", 3, seed=160, size=40)
    pictures.load(pictures.root / "before", "busy")
    write_images(pictures.root / "coming", 150, seed=170, size=40)
    picture = before[0].read_bytes()
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(pictures.load, pictures.root / "coming", "busy")
        searched = 0
        while not load.done() or not searched:
            (first, *_) = rows = pictures.search("busy", picture, 200)
            assert first == [str(before[0]), pytest.approx(0, abs=1e-5)]
            assert {str(path) for path in before} <= {path for path, _ in rows}
            searched += 1
        load.result(DEADLINE)

    assert pictures.count("busy") == 153


def test_eight_clients_at_once(pictures: Pictures, loaded: list[Path]) -> None:
    """Searches, uploads, counts and pictures side by side: every answer is the right one."""

    def client(number: int) -> None:
        own = write_images(pictures.root / f"client{number}", 1, seed=400 + number, size=40)[0].read_bytes()
        for _ in range(3):
            wanted = loaded[number % 4]
            rows = pictures.search("four", wanted.read_bytes(), 1)
            assert rows == [[str(wanted), pytest.approx(0, abs=1e-5)]]
            assert pictures.shown(rows[0][0]) == (200, wanted.read_bytes())
            assert pictures.upload("crowd", own, f"{number}.jpg").status_code == 200
            assert pictures.count("four") == 4

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))

    assert pictures.count("crowd") == 8
