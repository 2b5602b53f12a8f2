"""``morelike serve`` as a process: what it says, what it refuses, how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import morelike
from morelike.cli.run import run
from morelike.settings import Settings


@contextmanager
def serving(library: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    """(the process, what it printed), killed at the end if it is still there."""
    command = [sys.executable, "-m", "morelike", "--library", str(library), "serve", "--port", "0", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        text = ""
        while not text.rstrip().endswith("}"):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            text += line
        yield process, json.loads(text)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def answers(url: str) -> bool:
    """Whether anything is served there."""
    try:
        return httpx.get(f"{url}/healthz", timeout=120).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """One line with the address it really has; a signal ends it with 0, and a line a request lies on stderr."""
    with serving(tmp_path / "library") as (process, said):
        url = str(said["url"])
        assert url.startswith("http://127.0.0.1:")
        assert said["library"] == str(tmp_path / "library")
        assert httpx.get(f"{url}/healthz", timeout=120).json() == {"status": "ok"}
        process.send_signal(number)
        out, err = process.communicate(timeout=300)

    assert process.returncode == 0, err
    assert out == ""
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["path"] for line in lines] == ["/healthz"]


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    """Not even a request that never ends keeps it."""
    with serving(tmp_path / "library") as (process, said):
        port = httpx.URL(str(said["url"])).port or 0
        with socket.create_connection(("127.0.0.1", port), 120) as connection:
            head = "POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            connection.sendall(f"{head}Content-Length: 9\r\n\r\n{{".encode())
            httpx.get(f"{said['url']}/healthz", timeout=120)
            process.send_signal(signal.SIGINT)
            while answers(str(said["url"])):  # until it has heard of the first
                pass
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=300)

    assert process.returncode == 130


@pytest.mark.parametrize(
    ("options", "sentence", "hint"),
    [
        (["--host", "0.0.0.0"], "it has no API key", "morelike keys add"),
        (["--host", "no.such.host.invalid"], "cannot be found", "127.0.0.1"),
        (["--host", "203.0.113.77", "--port", "0"], "no API key", "keys"),
        (["--port", "99999"], "there is no port 99999", "0 to 65535"),
        (["--allow-root", "/no/such/folder"], "is no folder", "exists"),
    ],
)
def test_what_it_refuses(
    settings: Settings, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str, hint: str
) -> None:
    """Each in one sentence with what to do, and exit code 2."""
    morelike.open(settings).close()
    arguments = ["--library", str(settings.library), "serve", *options]
    if "no.such.host.invalid" in options:
        with morelike.open(settings) as library:
            library.keys.make("any", "admin")

    code = run(arguments)
    err = capsys.readouterr().err

    assert code == 2
    assert sentence in err
    assert hint in err


def test_a_port_that_is_taken(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so, and which port to try."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code = run(["--library", str(settings.library), "serve", "--port", str(port)])

    err = capsys.readouterr().err
    assert code == 2
    assert f"the port {port} is taken" in err
    assert "--port" in err.partition("hint")[2]


def test_without_its_extra(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing package is named with the command that installs it."""
    for name in [name for name in sys.modules if name.startswith("morelike.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)

    code = run(["--library", str(settings.library), "serve"])

    assert code == 2
    assert "pip install 'morelike[server]'" in capsys.readouterr().err


def test_it_adds_from_allowed_folders(tmp_path: Path) -> None:
    """``--allow-root`` reaches the requests; without it a folder is refused."""
    (tmp_path / "pictures").mkdir()
    body = {"sources": [str(tmp_path / "pictures")]}
    with serving(tmp_path / "library", "--allow-root", str(tmp_path / "pictures"), "--no-jobs") as (process, said):
        with httpx.Client(base_url=str(said["url"]), timeout=120) as client:
            client.post("/api/v1/collections", json={"name": "photos", "encoder": "classic"})
            assert client.post("/api/v1/collections/photos/items", json=body).status_code == 202
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)
    with serving(tmp_path / "library", "--no-jobs") as (_, said):
        answer = httpx.post(f"{said['url']}/api/v1/collections/photos/items", json=body, timeout=120)

    assert answer.status_code == 403
    assert "--allow-root" in answer.json()["hint"]


def test_importing_it_is_not_importing_the_server() -> None:
    """``morelike serve --help`` needs none of the extra's packages."""
    code = (
        "import sys; from morelike.cli.run import run; run(['serve', '--help']); "
        "print([name for name in ('fastapi', 'uvicorn', 'numpy') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)

    assert ran.stdout.splitlines()[-1] == "[]"
