"""``morelike serve --compat`` as a process: what it says, what it refuses, how it begins and ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from compat_http import ask, get, post
from compat_ports import REAL, alone_on
from databases import DatabaseServer

import morelike
from morelike.cli.run import run
from morelike.errors import UsageError
from morelike.older_settings import OlderSettings, older_settings
from morelike.server.compat.older import parse
from morelike.server.compat.opening import check_compat
from morelike.server.options import ServerOptions
from morelike.settings import Settings
from morelike.stores.catalog.engine.mysql_making import make_database
from morelike.testing.images import write_images

DEADLINE = 60.0
PASSWORD = "s3cr:t/@#word"


@dataclass(frozen=True)
class Process:
    """A running ``morelike serve``, the addresses that it printed, and where its standard error goes."""

    process: subprocess.Popen[str]
    main: str
    compat: Mapping[str, str]
    log: Path

    def said(self) -> list[str]:
        """The sentences of its log but those of requests, so far."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line["message"] for line in lines if not line["logger"].endswith(".requests")]

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """The exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)


@contextmanager
def serving(library: Path, *options: str, **variables: str) -> Iterator[Process]:
    """Killed at the end if it is still there."""
    command = [sys.executable, "-m", "morelike", "--library", str(library), "serve", "--port", "0", "--json", *options]
    log = library.parent / f"{library.name}.log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, text=True, env={**os.environ, **variables}
        ) as process,
    ):
        try:
            assert process.stdout is not None
            text = ""
            while not text.endswith("\n}\n"):
                line = process.stdout.readline()
                assert line, log.read_text()
                text += line
            said = json.loads(text)
            yield Process(process, said["url"], said["compat"], log)
        finally:
            if process.poll() is None:
                process.kill()


def is_open(url: str) -> bool:
    """Whether anything listens there."""
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname, address.port or 80), 5).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One process with two older servers, which no test ends."""
    folder = tmp_path_factory.mktemp("both")
    with serving(folder / "library", "--compat", "image:0", "--compat", "audio:0", MORELIKE_OFFLINE="1") as running:
        yield running


# -- one process


def test_several_servers_in_one_process(both: Process) -> None:
    """Each has the port that it says, beside the library's own."""
    assert list(both.compat) == ["image", "audio"]
    assert len({both.main, *both.compat.values()}) == 3
    assert get(f"{both.main}/healthz").status_code == 200
    assert post(f"{both.compat['image']}/img/count").text == "null"
    assert get(f"{both.compat['audio']}/audio/count").text == "null"


def test_it_says_which_encoder_is_taken(both: Process) -> None:
    """For each server: the older one's own, or why not, which one instead, and what that means."""
    image, audio = both.said()[:2]

    for sentence, name, theirs, ours in (
        (image, "image", "resnet50", "classic"),
        (audio, "audio", "panns-cnn14", "classic-audio"),
    ):
        assert sentence.startswith(f"{name}: the older server's encoder {theirs} is not here")
        assert f"are made with {ours}" in sentence


@pytest.mark.parametrize(
    "path", ["/api/v1/collections", "/api/v1/encoders", "/api/v1/jobs", "/healthz", "/metrics", "/", "/login"]
)
def test_an_older_servers_port_has_nothing_of_the_library(both: Process, path: str) -> None:
    """Not the project's own API, not its page, not its figures."""
    for address in both.compat.values():
        answer = get(f"{address}{path}")
        assert answer.status_code == 404
        assert answer.json() == {"status": False, "msg": f"GET {path}: not found"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/progress"),
        ("GET", "/data"),
        ("POST", "/img/count"),
        ("POST", "/img/drop"),
        ("POST", "/api/v1/train"),
        ("GET", "/audio/count"),
    ],
)
def test_the_librarys_port_has_nothing_of_the_older_servers(both: Process, method: str, path: str) -> None:
    """Whoever has no key there cannot take the way round by an older form; nor is one server's route the other's."""
    assert ask(method, f"{both.main}{path}").status_code == 404
    assert post(f"{both.compat['audio']}/img/count").status_code == 404


def test_each_port_describes_itself(both: Process) -> None:
    """``/docs`` loads with all that it asks for from that port, and ``/openapi.json`` names the routes of that one."""
    for name, route in (("image", "/img/search"), ("audio", "/audio/search")):
        address = both.compat[name]
        page = get(f"{address}/docs")
        assert page.status_code == 200
        files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
        assert len(files) >= 5
        for file in files:
            assert get(f"{address}{file}").status_code == 200, file
        paths = get(f"{address}/openapi.json").json()["paths"]
        assert route in paths
        assert not [path for path in paths if path.startswith("/api/v1/coll")]


@pytest.mark.xdist_group("port 5000")
def test_each_has_the_port_that_it_always_had(tmp_path: Path) -> None:
    """Where nothing else is said; the library's own is another one."""
    names = ("audio", "image", "image-engine")
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(alone_on(REAL[name]))
        running = stack.enter_context(serving(tmp_path / "library", *(f"--compat={name}" for name in names)))

        assert running.compat == {name: f"http://127.0.0.1:{REAL[name]}" for name in names}
        assert get(f"{running.compat['audio']}/audio/count").text == "null"
        assert post(f"{running.compat['image']}/img/count").text == "null"
        assert get(f"{running.compat['image-engine']}/").json() == {"message": "Hello World"}
        assert running.end() == 0


# -- its end


def test_an_interrupt_ends_all_of_it_also_during_a_load(tmp_path: Path) -> None:
    """Exit code 0, every port closed, the load is answered by a sentence, and what it had begun can be gone on with."""
    pictures = write_images(tmp_path / "pictures", 160, size=96)
    command = ("--compat", "image:0", "--compat", "audio:0", "--allow-root", str(tmp_path / "pictures"))
    with serving(tmp_path / "library", *command, MORELIKE_OFFLINE="1") as running, ThreadPoolExecutor(1) as pool:
        image = running.compat["image"]
        body = {"File": str(tmp_path / "pictures")}
        load = pool.submit(post, f"{image}/img/load", json=body, timeout=DEADLINE)
        until = time.monotonic() + DEADLINE
        while get(f"{image}/progress").json() == "current: 0, total: 0":
            assert time.monotonic() < until
        code = running.end()
        answer = load.result(DEADLINE)

        assert code == 0, running.log.read_text()
        assert not any(map(is_open, (running.main, *running.compat.values())))
        assert answer.status_code == 503
        assert "is being stopped" in answer.json()["msg"]
        assert "Traceback" not in running.log.read_text()
    with morelike.open(tmp_path / "library", offline=True, allow_roots=(tmp_path / "pictures",)) as library:
        collection = library.collection("milvus_img_search")
        there = collection.count()
        report = collection.add(tmp_path / "pictures", in_place=True)
        assert there + report.added == collection.count() == len(pictures)


# -- what it refuses


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--compat", "image", "--compat", "video"], ("image and video", "the port 5000", "--compat video:5001")),
        (["--compat", "image:8000"], ("--port and --compat image", "the port 8000", "image:8001")),
        (["--compat", "image:65535", "--port", "65535"], ("the port 65535", "image:1")),
        (["--compat", "image", "--compat", "image:5001"], ("names image twice",)),
        (["--compat-open"], ("--compat-open opens nothing", "--compat image")),
        (["--compat", "pictures"], ("--compat pictures", "image, image-engine")),
        (["--compat", "image:many"], ("'many' is no port", "image:5000")),
        (["--compat", "image:65536"], ("'65536' is no port",)),
        (["--compat", "image", "--host", "0.0.0.0"], ("whoever reaches 0.0.0.0", "--compat-open", "--allow-root")),
        (["--compat", "image", "--host", "203.0.113.77"], ("203.0.113.77", "--compat-open")),
    ],
)
def test_what_it_refuses(
    settings: Settings, capsys: pytest.CaptureFixture[str], options: list[str], told: tuple[str, ...]
) -> None:
    """In a sentence that names what clashes and what to do, with exit code 2, before anything listens."""
    code = run(["--library", str(settings.library), "serve", *options])
    err = capsys.readouterr().err

    assert code == 2
    for words in told:
        assert words in err


def test_a_port_that_is_taken(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """It says which server wanted which port, and how to give it another; nothing is served then."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = run(["--library", str(settings.library), "serve", "--port", "0", "--compat", f"image:{port}"])

    err = capsys.readouterr().err
    assert code == 2
    assert f"--compat image: the port {port} is taken" in err
    assert "--compat image:PORT" in err


def test_open_to_others_only_where_it_is_said(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """With ``--compat-open`` the older servers are no reason to refuse; the library's own port still needs a key."""
    command = ["--library", str(settings.library), "serve", "--host", "203.0.113.77", "--compat", "image:0"]
    assert run([*command, "--compat-open"]) == 2
    assert "it has no API key" in capsys.readouterr().err

    with morelike.open(settings) as library:
        library.keys.make("any", "admin")

    assert run([*command, "--compat-open"]) == 2
    assert "203.0.113.77 is no address of this machine" in capsys.readouterr().err


def test_opened_to_others_the_library_itself_stays_closed(tmp_path: Path) -> None:
    """``--compat-open`` alone lets the old clients in on all addresses, and asks for no key; the page stays here."""
    with serving(tmp_path / "library", "--compat", "image:0", "--compat-open") as server:
        assert server.main.startswith("http://127.0.0.1:")
        assert server.compat["image"].startswith("http://0.0.0.0:")
        answer = post(f"{server.compat['image'].replace('0.0.0.0', '127.0.0.1')}/img/count")

        assert (answer.status_code, answer.json()) == (200, None)
        assert server.end() == 0


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("TOP_K", "many", ("TOP_K", "a whole number")),
        ("TOP_K", "1001", ("TOP_K is 1001", "1 to 1000")),
        ("METRIC_TYPE", "JACCARD", ("METRIC_TYPE", "L2")),
        ("MILVUS_TABLE", "a;drop table", ("MILVUS_TABLE", "a;drop table", "letters, digits")),
    ],
)
def test_variables_that_cannot_be(
    settings: Settings, capsys: pytest.CaptureFixture[str], variable: str, value: str, told: tuple[str, ...]
) -> None:
    """The variable is named, with what it may be, and the exit code is that of wrong usage."""
    command = ["--library", str(settings.library), "serve", "--port", "0", "--compat", "image:0"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(variable, value)
        code = run(command)

    err = capsys.readouterr().err
    assert code == 2
    for words in told:
        assert words in err


def test_one_table_for_two_servers() -> None:
    """A table of pictures is none of sounds: the variable that names one for both is refused."""
    options = ServerOptions(compat=parse(["image", "audio"]), older=OlderSettings(table="mine"))

    with pytest.raises(UsageError, match="DEFAULT_TABLE names one table, mine, for 2 servers"):
        check_compat(options)


def test_without_compat_the_older_variables_mean_nothing(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has ``TOP_K`` or ``MYSQL_HOST`` set for another program is not kept from serving."""
    for name, value in {"TOP_K": "many", "MYSQL_HOST": "nowhere.invalid", "METRIC_TYPE": "x"}.items():
        monkeypatch.setenv(name, value)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert run(["--library", str(settings.library), "serve", "--port", str(port)]) == 2

    assert f"the port {port} is taken" in capsys.readouterr().err


# -- an old line


def test_an_old_docker_line_works(tmp_path: Path, mysql_server: DatabaseServer) -> None:
    """Its variables alone begin a server: on its MySQL, with its folder, table, TOP_K and metric; each that does
    nothing is said to, and no password is.
    """
    user = f"older_{os.getpid()}"
    database = mysql_server.create().rpartition("/")[2]
    mysql_server.say(f"CREATE USER {user}@'%' IDENTIFIED BY '{PASSWORD}'", f"GRANT ALL ON {database}.* TO {user}@'%'")
    (path, *_) = write_images(tmp_path / "images", 4, size=64)
    variables = {
        "MYSQL_HOST": "127.0.0.1",
        "MYSQL_PORT": str(mysql_server.port),
        "MYSQL_USER": user,
        "MYSQL_PWD": PASSWORD,
        "MYSQL_DB": database,
        "INTERNAL_DATAPATH": str(tmp_path / "images"),
        "DATAPATH1": str(tmp_path / "on the host"),
        "DEFAULT_TABLE": "old_table",
        "TOP_K": "2",
        "METRIC_TYPE": "IP",
        "VECTOR_DIMENSION": "2048",
        "UPLOAD_PATH": "tmp/search-images",
        "MORELIKE_OFFLINE": "1",
    }
    try:
        with serving(tmp_path / "library", "--compat", "image:0", **variables) as running:
            image = running.compat["image"]
            loaded = post(f"{image}/img/load", json={"File": str(tmp_path / "images")}, timeout=DEADLINE)
            rows = post(f"{image}/img/search", files={"image": path.read_bytes()}, timeout=DEADLINE).json()
            assert running.end(signal.SIGTERM) == 0
            said, told = "\n".join(running.said()), running.log.read_text()
    finally:
        mysql_server.say(f"DROP USER {user}@'%'")

    assert loaded.json() == "Successfully loaded data!"
    assert rows[0] == [str(path), pytest.approx(1, abs=1e-5)]
    assert len(rows) == 2
    assert rows[1][1] < 1
    assert mysql_server.say("SELECT name FROM collections", database=database) == [("old_table",)]
    assert "image: VECTOR_DIMENSION is 2048, and classic gives 1145 numbers" in said
    for name in ("DATAPATH1", "UPLOAD_PATH"):
        assert f"{name} is not used" in said
    assert "MYSQL_HOST: what is loaded from now on is kept there" in said
    assert "s3cr" not in told


def test_the_database_is_made_where_the_line_named_none(
    tmp_path: Path, mysql_server: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older servers used the MySQL server's own database, where a catalog cannot be: it gets one of its own."""
    database = f"made_{os.getpid()}"
    monkeypatch.setattr("morelike.older_settings._DATABASE_HERE", database)
    made = older_settings({"MYSQL_HOST": "127.0.0.1", "MYSQL_PORT": str(mysql_server.port), "MYSQL_PWD": ""})
    make_database(made.settings["catalog"])
    try:
        with morelike.open(tmp_path / "library", catalog=made.settings["catalog"], offline=True) as library:
            assert library.names() == []
            make_database(made.settings["catalog"])
            assert library.names() == []
    finally:
        mysql_server.say(f"DROP DATABASE {database}")
