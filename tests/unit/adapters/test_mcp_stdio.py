"""``morelike mcp`` as hosts run it: a process of its own, over its standard input and output."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from in_a_thread import ran
from PIL import Image

from morelike.cli.run import run

mcp = pytest.importorskip("mcp")

from mcp.client.client import Client  # noqa: E402 # what it needs may be missing
from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: E402

START = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


def command(shared: Any, *options: str) -> list[str]:
    return [sys.executable, "-m", "morelike", "--library", str(shared.library), "mcp", *options]


def _hears_interrupts() -> None:
    """Whoever started the tests in the background ignores SIGINT, and so would all that they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def process(shared: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A server that may only read, without a client of the package."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = subprocess.Popen(
        command(shared),
        env=dict(os.environ),
        preexec_fn=_hears_interrupts,  # noqa: PLW1509 # it takes no lock
        **pipes,
    )
    yield started
    started.kill()
    started.communicate()


def exchange(process: subprocess.Popen[bytes], *lines: bytes) -> Any:
    """Send lines; the one answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"".join(line + b"\n" for line in lines))
    process.stdin.flush()
    return json.loads(process.stdout.readline())


@pytest.fixture(scope="module")
def session(shared: Any) -> dict[str, Any]:
    """One session of a real client with a real server that may add: what it was answered."""

    async def run() -> dict[str, Any]:
        started = command(shared, "--allow-add", "--allow-root", str(shared.allowed))
        parameters = StdioServerParameters(command=started[0], args=started[1:], env={"MORELIKE_OFFLINE": "1"})
        async with Client(stdio_client(parameters)) as client:
            picture = str(shared.pictures / "00004.png")
            found = await client.call_tool("search", {"path": picture, "collections": ["photos"], "k": 1})
            item = found.structured_content["hits"][0]["item"]
            return {
                "picture": picture,
                "tools": [tool.name for tool in (await client.list_tools()).tools],
                "found": found,
                "shown": await client.call_tool("show", {"collection": "photos", "item": item}),
                "added": await client.call_tool("add", {"collection": "photos", "sources": [picture]}),
                "refused": await client.call_tool("add", {"collection": "photos", "sources": [str(shared.secret)]}),
                "wrong": await client.call_tool("show", {"collection": "photos", "item": "0" * 64}),
            }

    return ran(run)


def test_search_over_stdio(session: dict[str, Any]) -> None:
    """A real client finds the picture by its path, and is shown it."""
    assert session["tools"] == ["list_collections", "search", "show", "add"]
    assert session["found"].structured_content["hits"][0]["source"] == session["picture"]
    picture = next(content for content in session["shown"].content if content.type == "image")
    assert Image.open(io.BytesIO(base64.b64decode(picture.data))).size == (128, 96)


def test_add_over_stdio(session: dict[str, Any]) -> None:
    """What lies below the allowed folder may be added, what does not is refused; errors are errors of the tool."""
    assert session["added"].structured_content["same"] == 1
    assert "may not be read" in session["refused"].content[0].text
    assert session["refused"].is_error
    assert session["wrong"].is_error


def test_garbage_and_the_end(process: subprocess.Popen[bytes]) -> None:
    """What is no message, or is longer than any may be, ends nothing; the end of the input ends the server cleanly,
    and standard output has had nothing but answers.
    """
    garbage = [b"hello", b"\xff\xfe\0", b'{"jsonrpc": "2.0"}', b"[" * 100_000, b"x" * (17 * 1024**2)]

    answer = exchange(process, *garbage, json.dumps(START).encode())
    rest, errors = process.communicate(timeout=120)

    assert answer["id"] == 1
    assert answer["result"]["serverInfo"]["name"] == "morelike"
    assert (process.returncode, rest) == (0, b"")
    assert b"Traceback" not in errors


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_signals_end_it(process: subprocess.Popen[bytes], sent: signal.Signals, code: int) -> None:
    """Ctrl-C and SIGTERM end the server while it waits for its client, without a traceback."""
    exchange(process, json.dumps(START).encode())

    process.send_signal(sent)
    code_of = process.wait(timeout=120)

    assert process.stderr is not None
    assert code_of == code
    assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize("place", ["--library", "--server"])
def test_entry_for_hosts(shared: Any, capsys: pytest.CaptureFixture[str], place: str) -> None:
    """``--json`` prints what a host's configuration needs to start it so, with whole paths."""
    where = {"--library": str(shared.library), "--server": "https://example.org:8000"}[place]

    code = run(["mcp", place, where, "--collection", "photos", "--allow-add", "--json"])

    entry = json.loads(capsys.readouterr().out)["mcpServers"]["morelike"]
    assert code == 0
    assert entry == {
        "command": "morelike",
        "args": ["mcp", place, where, "--collection", "photos", "--allow-add"],
    }


def test_root_has_to_exist(shared: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is not there is a mistake to be told of, not a server that reads nothing."""
    assert run(["mcp", "--library", str(shared.library), "--allow-root", str(Path("/nosuch"))]) == 2
    assert "is no folder" in capsys.readouterr().err
