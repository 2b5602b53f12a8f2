"""Searches over HTTP by item id, so that no encoder is in the way: what everything else costs.

A library is grown, ``morelike serve`` opens it in a process of its own, and one client on one connection asks for
random items, as it is and through each filter. ``wrk``, where it is installed, asks on several connections at once.
Memory is the server's own, read from the kernel after all of it.

``python -m benchmarks.http ITEMS [FOLDER]`` measures one size alone; a folder keeps the library for the next time.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from benchmarks import grown

SIZES = (10_000, 100_000)
QUERIES = 400
WARM = 30
K = 10
WRK_SECONDS = 5
ROUTE = f"/api/v1/collections/{grown.NAME}/search"
_WRK = """
math.randomseed(os.time())
local ids = {%(ids)s}
request = function()
  local body = '{"examples":[{"item":"' .. ids[math.random(#ids)] .. '"}],"k":%(k)d}'
  return wrk.format("POST", "%(route)s", {["Content-Type"] = "application/json"}, body)
end
done = function(summary, latency)
  local errors = summary.errors.status + summary.errors.read + summary.errors.timeout
  io.write(string.format("RESULT %%.1f %%.3f %%.3f %%d\\n",
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, errors))
end
"""


def measure(items: int, folder: Path | None = None) -> dict[str, Any]:
    """Latency, requests a second, memory and opening time at one size."""
    with tempfile.TemporaryDirectory() as scratch:
        place = folder or Path(scratch) / "library"
        began = perf_counter()
        grown.library(place, items).close()
        grew = perf_counter() - began
        with _serving(place) as (server, port, opened):
            client = _Client(port)
            first_began = perf_counter()
            client.ask(items, None)
            first = perf_counter() - first_began
            result = {
                "items": items,
                "dim": 512,
                "grew_s": grew,
                "listens_after_s": opened,
                "first_answer_s": first,
                "unfiltered": client.latency(items, None),
                "filtered": {name: client.latency(items, text) for name, text in grown.FILTERS.items()},
                "stages_ms": client.stages(items),
                "wrk": _wrk(port, items, Path(scratch)),
                **_memory(server.pid),
            }
            client.close()
    return result


class _Client:
    """One connection that stays open; a request goes out in one piece, as browsers send it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")
        self._head = f"POST {ROUTE} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        self._chance = random.Random(0)

    def ask(self, items: int, filter: str | None, *, explain: bool = False) -> dict[str, Any]:
        number = self._chance.randrange(items)
        query: dict[str, Any] = {"examples": [{"item": grown.item_id(number)}], "k": K, "explain": explain}
        if filter is not None:
            query["filter"] = filter
        sent = json.dumps(query).encode()
        self._socket.sendall(f"{self._head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent)
        status, length = self._answers.readline(), 0
        while (line := self._answers.readline()) not in {b"\r\n", b""}:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = self._answers.read(length)
        if b" 200 " not in status:
            raise RuntimeError(f"{status!r}: {body[:500].decode(errors='replace')}")
        answer: dict[str, Any] = json.loads(body)
        return answer

    def latency(self, items: int, filter: str | None) -> dict[str, float]:
        """Milliseconds a query, the client's own included; the first one, which evaluates the filter, told apart."""
        seconds = []
        for _ in range(WARM + QUERIES):
            began = perf_counter()
            answer = self.ask(items, filter)
            seconds.append(perf_counter() - began)
            assert len(answer["hits"]) == K, answer
        warm = sorted(seconds[WARM:])
        return {
            "first_ms": seconds[0] * 1000,
            "p50_ms": statistics.median(warm) * 1000,
            "p99_ms": warm[int(len(warm) * 0.99)] * 1000,
        }

    def stages(self, items: int) -> dict[str, float]:
        """Median milliseconds a stage, as the server tells them."""
        told = [self.ask(items, None, explain=True)["timings"] for _ in range(QUERIES // 2)]
        return {stage: statistics.median(each.get(stage, 0.0) for each in told) * 1000 for stage in sorted(told[0])}

    def close(self) -> None:
        self._answers.close()
        self._socket.close()


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int, float]]:
    """The server's process, its port, and the seconds until it listened."""
    command = [sys.executable, "-m", "morelike", "--library", str(folder), "serve", "--port", "0", "--json"]
    began = perf_counter()
    server = subprocess.Popen(
        [*command, "--no-jobs", "--log-format", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "MORELIKE_OFFLINE": "1"},
    )
    try:
        assert server.stdout is not None
        said = ""
        while not said.rstrip().endswith("}"):
            line = server.stdout.readline()
            if not line:
                raise RuntimeError(f"the server ended with {server.wait()}")
            said += line
        port = urlsplit(json.loads(said)["url"]).port
        assert port is not None
        yield server, port, perf_counter() - began
    finally:
        server.terminate()
        server.wait(60)


def _wrk(port: int, items: int, scratch: Path) -> list[dict[str, float]] | str:
    """Requests a second, and latencies, on 1 and 8 connections."""
    if shutil.which("wrk") is None:
        return "wrk is not installed"
    chance = random.Random(1)
    ids = ",".join(f'"{grown.item_id(chance.randrange(items))}"' for _ in range(2000))
    script = scratch / "search.lua"
    script.write_text(_WRK % {"ids": ids, "k": K, "route": ROUTE})
    results = []
    for connections in (1, 8):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{WRK_SECONDS}s", "-s", str(script), f"http://127.0.0.1:{port}"]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.search(r"^RESULT (\S+) (\S+) (\S+) (\d+)$", out, re.MULTILINE)
        assert found is not None, out
        rate, p50, p99 = (float(found[number]) for number in (1, 2, 3))
        results.append(
            {"connections": connections, "per_second": rate, "p50_ms": p50, "p99_ms": p99, "errors": int(found[4])}
        )
    return results


def _memory(pid: int) -> dict[str, float]:
    """Resident megabytes now and at the most."""
    status = Path(f"/proc/{pid}/status")
    if not status.is_file():
        return {}
    found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status.read_text(), re.MULTILINE))
    return {"resident_mb": int(found["VmRSS"]) * 1024 / 1e6, "peak_mb": int(found["VmHWM"]) * 1024 / 1e6}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None), indent=2))
