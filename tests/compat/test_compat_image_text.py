"""``serve --compat image-text``: what scripts sent to the older server of pictures and words, and what they get."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compat_http import ask as ask_url
from compat_pictures import asked
from compat_servers import compat_server
from composed_server import (
    CARD,
    COUNTED,
    NAME,
    Composed,
    best_first,
    colours,
    composed_server,
    picture,
    refused,
    write_pictures,
)
from numpy.typing import NDArray
from PIL import Image

from morelike.older_settings import older_settings
from morelike.server.compat.older import OLDER, parse
from morelike.server.compat.served import Served
from morelike.testing.toys import COLOURS, ToyEncoder, ToyJointEncoder

pytestmark = pytest.mark.xdist_group("port 7000")

DEADLINE = 60.0
GREY = (140, 120, 130)


class Gated(ToyJointEncoder):
    """Pictures and colour words in one space; a black picture waits until it is let go."""

    def __init__(self) -> None:
        super().__init__("gated")
        self.reached, self.go = threading.Event(), threading.Event()

    def prepare(self, kind: str, payload: Any) -> NDArray[np.float32]:
        if kind == "image" and np.asarray(payload).max() == 0:
            self.reached.set()
            assert self.go.wait(DEADLINE), "nobody let it go"
        return super().prepare(kind, payload)


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    with composed_server(tmp_path_factory.mktemp("composed")) as running:
        yield running


@pytest.fixture(scope="module")
def twelve(composed: Composed) -> NDArray[np.uint8]:
    """Twelve colours in the table ``twelve``, which no test changes."""
    return composed.colours("twelve", 12, seed=1)


def test_a_script_goes_through_its_day(composed: Composed) -> None:
    """It counts, sends a picture and words, and shows what it got: in the default table, ten addresses of this host,
    the nearest first, each the very file, as PNG.
    """
    values = composed.colours("milvus_kt", 24, seed=3, name=NAME)
    counted, answer = composed.count(), composed.ask(None, picture(GREY), "make it red")
    addresses, number = answer.json()

    assert (counted.status_code, counted.json()) == (200, [COUNTED[0].format(24), 200])
    assert (answer.status_code, number) == (200, 200)
    expected = best_first(values, GREY, "red")[:10]
    assert addresses == [f"{composed.base}/getImage?img={NAME.format(at)}" for at in expected]
    assert composed.base == "http://127.0.0.1:7000"
    for address, at in zip(addresses, expected, strict=True):
        shown = ask_url("GET", address)
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
        assert shown.content == picture(values[at])
    assert [one.headers["access-control-allow-origin"] for one in (counted, answer)] == ["*", "*"]


def test_the_words_decide(composed: Composed, twelve: NDArray[np.uint8]) -> None:
    """One picture with three wishes has three answers, each as worked out from the colours."""
    answers = {word: composed.found("twelve", picture(GREY), f"Make it {word}!") for word in ("red", "green", "blue")}

    for word, names in answers.items():
        assert names == [f"twelve_{at}.png" for at in best_first(twelve, GREY, word)[:10]]
    assert len({tuple(names) for names in answers.values()}) == 3


def test_words_that_it_does_not_know_are_left_out(composed: Composed, twelve: NDArray[np.uint8]) -> None:
    """The others still count; of a text without any known word the encoder says what it knows."""
    assert composed.found("twelve", picture(GREY), "make it mauve red") == composed.found(
        "twelve", picture(GREY), "make it red"
    )
    assert "knows none of the words" in refused(composed.ask("twelve", picture(GREY), "purplish"), 400, 422)


def test_a_joint_encoder_adds_the_words(composed: Composed) -> None:
    """A table whose encoder has pictures and words in one space, as the older server's successor had, works as well."""
    values = np.array([COLOURS[name] for name in ("red", "green", "blue")])
    write_pictures(composed.root / "joint", values, "joint_{}.png")
    composed.fill("joint", composed.root / "joint", ToyJointEncoder())

    for at, word in enumerate(("red", "green", "blue")):
        assert composed.found("joint", picture((128, 128, 128)), word)[0] == f"joint_{at}.png"


def test_an_encoder_without_words_is_refused(composed: Composed) -> None:
    """What was asked for would be passed over in silence; the sentence says which encoder would do."""
    composed.colours("wordless", 2, seed=4, encoder=ToyEncoder())

    said = refused(composed.ask("wordless", picture(GREY), "make it red"), 409)
    assert "takes no words" in said
    assert f"`morelike reembed wordless --encoder {CARD}`" in said


def test_what_is_wrong_is_said_with_a_status_that_says_so_too(
    composed: Composed, twelve: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """4xx, where the older server answered 200 with the failure inside, or with ``null``; the body is its own."""
    client, data = composed.client, picture(GREY)
    filling = f"`morelike add none FOLDER --in-place --encoder {CARD}`"
    for answer in (composed.ask("none", data, "make it red"), composed.count("none")):
        assert filling in refused(answer, 404)
    for text in (None, "", "  "):
        assert "the request has no words" in refused(composed.ask("twelve", data, text), 400)
    refused(composed.ask("twelve", data, "red " * 100), 400, 422)
    refused(composed.ask("twelve", data, "x" * 9000), 400)
    refused(client.post("/getSimilarResult", params={"Text": "make it red", "table_name": "twelve"}), 400)
    for bad in (b"", b"these are words", data[:40]):
        refused(composed.ask("twelve", bad, "make it red"), 400, 415, 422)
    refused(client.get("/getImage"), 400)
    refused(client.get("/no/such/route"), 404)
    refused(client.get("/getSimilarResult"), 405)
    assert "none" not in composed.library.names()

    def fail(*_: object) -> None:
        raise RuntimeError("unheard of")

    monkeypatch.setattr(Served, "opened", fail)
    answer = composed.count("twelve")
    assert "see the log under" in refused(answer, 500)
    assert answer.headers["access-control-allow-origin"] == "*"


def test_only_pictures_of_tables_are_given_away(composed: Composed, twelve: NDArray[np.uint8]) -> None:
    """By their names alone, whatever lies beside them: no path leads out, and no other file of the folder is given."""
    first = composed.root / "twelve" / "twelve_0.png"
    beside = shutil.copy(first, first.with_name("beside.png"))

    for name in ("beside.png", str(first), str(beside), "../twelve/" + first.name, "/etc/passwd", "../../etc/passwd"):
        refused(composed.client.get("/getImage", params={"img": name}), 404)
        refused(composed.client.get("/getImage", params={"img": "x.png", "image_path": f"{name}/../x"}), 404)
    refused(composed.client.get("/getImage", params={"img": "x.png", "image_path": beside}), 404)
    assert composed.client.get("/getImage", params={"img": first.name}).status_code == 200
    assert asked(composed.base, "/getImage/../../../etc/passwd")[0] == 404


def test_each_address_is_a_picture_as_it_stands(composed: Composed) -> None:
    """Whatever the file is called, and where two folders have one name: each address leads to its own picture."""
    values = colours(5, seed=9)
    odd = ("a & b #1+2%41? ü", "same", "same", "x'y\"z", "plain")
    for at, (name, colour) in enumerate(zip(odd, values, strict=True)):
        path = composed.root / "odd" / str(at) / f"{name}.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(picture(colour))
    composed.fill("odd", composed.root / "odd")

    names = composed.found("odd", picture(GREY), "make it green")

    for name, at in zip(names, best_first(values, GREY, "green"), strict=True):
        assert asked(composed.base, f"/getImage?img={name}") == (200, picture(values[at]))
    assert "plain.png" in names


def test_a_part_of_a_picture_can_be_asked_for(composed: Composed, twelve: NDArray[np.uint8]) -> None:
    """Ranges work, as with the other servers' files."""
    answer = composed.client.get("/getImage", params={"img": "twelve_1.png"}, headers={"Range": "bytes=0-7"})

    assert (answer.status_code, answer.content) == (206, picture(twelve[1])[:8])


def test_a_picture_of_another_format_is_sent_as_one(composed: Composed) -> None:
    """The older server called every file a PNG; the bytes and their type are the file's own."""
    path = composed.root / "jpeg" / "photo.JPG"
    path.parent.mkdir()
    Image.new("RGB", (12, 8), GREY).save(path, "JPEG")
    composed.fill("jpeg", path.parent)

    assert composed.found("jpeg", path.read_bytes(), "make it red") == ["photo.JPG"]
    shown = composed.client.get("/getImage", params={"img": "photo.JPG"})
    assert (shown.headers["content-type"], shown.content) == ("image/jpeg", path.read_bytes())


def test_a_copy_has_its_own_row(composed: Composed) -> None:
    """A picture at two places has two addresses, side by side, and counts twice."""
    values = colours(3, seed=11)
    paths = write_pictures(composed.root / "copies", values, "of_{}.png")
    shutil.copy(paths[0], composed.root / "copies" / "copy.png")
    composed.fill("copies", composed.root / "copies")

    names = composed.found("copies", picture(values[0]), "make it red")
    assert composed.count("copies").json() == [COUNTED[0].format(4), 200]
    assert len(names) == 4
    at = names.index("copy.png")
    assert names[at : at + 2] == ["copy.png", "of_0.png"]


def test_a_vector_without_a_picture_is_left_out(composed: Composed, tmp_path: Path) -> None:
    """As the older server left out ids of which its folder had no file; it is counted all the same."""
    composed.colours("vectors", 3, seed=12)
    rows = np.eye(3, dtype=np.float32)[:2]
    np.save(tmp_path / "more.npy", rows)
    composed.library.import_vectors("vectors", tmp_path / "more.npy", encoder=CARD)

    assert composed.count("vectors").json() == [COUNTED[0].format(5), 200]
    assert sorted(composed.found("vectors", picture(GREY), "make it red")) == [f"vectors_{at}.png" for at in range(3)]


def test_an_uploads_name_names_nothing_here(composed: Composed, twelve: NDArray[np.uint8]) -> None:
    """No file of that name comes to be; the older server wrote each one over ``test.png``."""
    for name in ("../../../escaped.png", "/escaped.png", "..\\escaped.png"):
        assert composed.ask("twelve", picture(GREY), "make it red", name).status_code == 200

    places = [composed.root.parent, *Path(tempfile.gettempdir()).glob("morelike-*")]
    assert [path for place in places if place.is_dir() for path in place.rglob("*escaped*")] == []


@pytest.mark.parametrize("name", ["a;drop table", "a b", "1st", "x" * 65, "../a"])
def test_names_of_tables_are_names(composed: Composed, name: str) -> None:
    """Each route refuses any other in a sentence, and nothing comes of it."""
    before = composed.library.names()

    for answer in (composed.ask(name, picture(GREY), "make it red"), composed.count(name)):
        assert "cannot be a table's name" in refused(answer, 400)
    assert composed.library.names() == before


def test_eight_clients_at_once(composed: Composed, twelve: NDArray[np.uint8]) -> None:
    """Each asks with a picture and a wish of its own, and shows what it found: every answer is the right one."""

    def client(number: int) -> None:
        word = ("red", "green", "blue")[number % 3]
        for _ in range(2):
            names = composed.found("twelve", picture(twelve[number]), f"make it {word}")
            expected = best_first(twelve, [int(level) for level in twelve[number]], word)[:10]
            assert names == [f"twelve_{at}.png" for at in expected]
            shown = composed.client.get("/getImage", params={"img": f"twelve_{number}.png"})
            assert shown.content == picture(twelve[number])
            assert composed.count("twelve").json() == [COUNTED[0].format(12), 200]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))


def test_a_load_keeps_nobody_waiting(composed: Composed) -> None:
    """In the middle of an ``add`` beside it, rows are counted, and searches find what was there before."""
    gated = Gated()
    composed.colours("busy", 3, seed=14, encoder=gated)
    write_pictures(composed.root / "coming", np.array([(200, 10, 10), (0, 0, 0), (10, 200, 10)]), "new_{}.png")
    opened = composed.library.collection("busy")
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(opened.add, str(composed.root / "coming"), in_place=True)
        try:
            assert gated.reached.wait(DEADLINE)
            assert composed.count("busy").status_code == 200
            assert set(composed.found("busy", picture(GREY), "red")) >= {f"busy_{at}.png" for at in range(3)}
            assert not load.done()
        finally:
            gated.go.set()
        load.result(DEADLINE)

    assert composed.count("busy").json() == [COUNTED[0].format(6), 200]


def test_it_says_how_its_table_is_filled(composed: Composed) -> None:
    """By the older server's own encoder where that is here; else by another one that takes a picture and words, and
    what that means; it has its own port, and refuses a width that its encoder has not.
    """
    (served,) = composed.servers.served.values()
    other = replace(served, older=replace(served.older, encoders=("no-such-encoder",)), encoder="")

    filling = f"`morelike add milvus_kt FOLDER --in-place --encoder {CARD}`"
    assert composed.servers.said == [f"image-text: it loads nothing itself; {filling} fills its table"]
    said = other.settle()
    assert "the older server's encoder no-such-encoder is not here" in said
    assert other.encoder
    assert f"--encoder {other.encoder}`" in said
    assert parse(["image-text"])[0].port == OLDER["image-text"].port == 7000


def test_the_older_servers_variables_are_read(composed: Composed, tmp_path: Path) -> None:
    """``MILVUS_TABLE`` is the table that no request needs to name, ``TOP_K`` its rows; a width that the encoder has not
    is said at the start, and the folder of pictures is not needed.
    """
    older = older_settings({"MILVUS_TABLE": "milvus_k", "TOP_K": "3", "VECTOR_DIMENSION": "512", "OUT_PATH": "images"})
    models = composed.library.settings.models
    with compat_server(tmp_path / "library", "image-text", models=models, older=older, allow_roots=(tmp_path,)) as one:
        write_pictures(tmp_path / "pictures", colours(6, seed=15))
        one.library.collection("milvus_k", modality="image", encoder=CARD).add(str(tmp_path / "pictures"))
        files = {"Image": ("query.png", picture(GREY))}
        rows, _ = one.client("image-text").post("/getSimilarResult", params={"Text": "make it red"}, files=files).json()

    assert len(rows) == 3
    assert any("`morelike add milvus_k FOLDER" in said for said in one.said)
    assert any("VECTOR_DIMENSION is 512, and tirg-css gives 3 numbers" in said for said in one.said)
    assert any(said.startswith("OUT_PATH is not used") for said in one.said)
