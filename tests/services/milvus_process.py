"""A Milvus server of a test's own: one process, all its ports free ones, ended by its pid."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest
from ports import free_ports

from morelike.errors import StoreUnreachable

T = TypeVar("T")

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "milvus"
_OUTSIDE = dict(os.environ)
"""As it was before any test had a home of its own: the server lies in the cache folder of the person who tests."""
SESSION = 20
"""Seconds without a word to its own etcd after which a server ends itself. A busy machine may well keep it waiting for
three; but one that was killed starts again only when its old session has run out.
"""
_PORTS = (
    "proxy", "proxy_internal", "root", "query", "query_node", "data", "data_node", "index_node", "metrics", "etcd",
    "etcd_peer",
)  # fmt: skip
_CONFIG = """\
etcd:
  endpoints: 127.0.0.1:{etcd}
  use: {{embed: true}}
  config: {{path: {folder}/configs/etcd.yaml}}
  data: {{dir: {folder}/data/etcd}}
  log: {{level: error, path: {folder}/etcd.log}}
localStorage: {{path: {folder}/data/}}
mq: {{type: rocksmq}}
rocksmq: {{path: {folder}/data/rocksmq}}
rootCoord: {{ip: 127.0.0.1, port: {root}}}
proxy:
  ip: 127.0.0.1
  port: {proxy}
  internalPort: {proxy_internal}
  timeTickInterval: 50
  http: {{enabled: false}}
queryCoord: {{ip: 127.0.0.1, port: {query}, checkInterval: 100, distPullInterval: 100, checkHandoffInterval: 500}}
queryNode: {{ip: 127.0.0.1, port: {query_node}}}
dataCoord: {{ip: 127.0.0.1, port: {data}}}
dataNode: {{ip: 127.0.0.1, port: {data_node}}}
indexNode: {{ip: 127.0.0.1, port: {index_node}, enableDisk: true}}
log: {{level: error, stdout: false, file: {{rootPath: {folder}/logs}}}}
common:
  storageType: local
  security: {{authorizationEnabled: {authorized}}}
  session: {{ttl: {session}}}
"""
_ETCD = """\
name: default
data-dir: {folder}/data/etcd
listen-client-urls: http://127.0.0.1:{etcd}
advertise-client-urls: http://127.0.0.1:{etcd}
listen-peer-urls: http://127.0.0.1:{etcd_peer}
initial-advertise-peer-urls: http://127.0.0.1:{etcd_peer}
initial-cluster: default=http://127.0.0.1:{etcd_peer}
log-level: error
unsafe-no-fsync: true
"""


class MilvusProcess:
    """Started, ended and killed as often as a test likes, always on the same ports and the same data.

    Its time ticks are shorter than a server's own (50 ms for 200), and so is its session (60 s; ``session``): what a
    test waits for comes sooner.
    """

    def __init__(self, program: str, folder: Path, *, authorized: bool = False, session: int = SESSION) -> None:
        self.folder = folder
        self._program = Path(program)
        self._process: subprocess.Popen[bytes] | None = None
        self._ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        (folder / "configs").mkdir(parents=True)
        words = {**self._ports, "folder": folder, "authorized": str(authorized).lower(), "session": session}
        (folder / "configs" / "milvus.yaml").write_text(_CONFIG.format(**words))
        (folder / "configs" / "etcd.yaml").write_text(_ETCD.format(**words))
        (folder / "configs" / "glog.conf").write_text("--logtostdout=false\n--minloglevel=3\n")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._ports['proxy']}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, seconds: float = 300) -> None:
        """Returns when it says that it is well."""
        self.launch()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                pytest.fail(f"the Milvus server ended by itself: {self._said()}")
            if self.well():
                return
            time.sleep(0.05)
        pytest.fail(f"the Milvus server is not ready after {seconds:.0f} s: {self._said()}")

    def launch(self) -> None:
        """Start it without waiting for it."""
        environment = {
            **_OUTSIDE,
            "LD_LIBRARY_PATH": str(self._program.parent),
            "METRICS_PORT": str(self._ports["metrics"]),
            "DEPLOY_MODE": "STANDALONE",
            "MILVUS_RUN_DIR": str(self.folder / "run"),
        }
        with (self.folder / "said").open("ab") as said:
            self._process = subprocess.Popen(
                [str(self._program), "run", "standalone"], cwd=self.folder, env=environment, stdout=said, stderr=said
            )

    def well(self) -> bool:
        try:
            address = f"http://127.0.0.1:{self._ports['metrics']}/healthz"
            with urllib.request.urlopen(address, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Ask first; it does not always listen."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _said(self) -> str:
        return (self.folder / "said").read_text(errors="replace")[-2000:]


def have_milvus_lite() -> None:
    """Skips by name where Milvus Lite is not installed; in CI that is a failure."""
    for package in ("pymilvus", "milvus_lite"):
        if importlib.util.find_spec(package) is None:
            _missing(f"the package {package} is not installed (the extra milvus)")


def find_milvus() -> str:
    """The server's program. Skips by name without it, or without the package; in CI that is a failure."""
    if importlib.util.find_spec("pymilvus") is None:
        _missing("the package pymilvus is not installed (the extra milvus)")
    found = subprocess.run([str(SCRIPT), "--find"], check=False, capture_output=True, text=True, env=_OUTSIDE)
    if found.returncode:
        found = _fetched()
    return found.stdout.strip() or _missing("no Milvus server on this machine: scripts/milvus fetches one")


def _fetched() -> subprocess.CompletedProcess[str]:
    """Tests that run side by side fetch it once."""
    with (Path(tempfile.gettempdir()) / f"milvus-fetching-{os.getuid()}").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return subprocess.run([str(SCRIPT)], check=False, capture_output=True, text=True, env=_OUTSIDE)


@contextmanager
def running_milvus(folder: Path, *, authorized: bool = False, session: int = SESSION) -> Iterator[MilvusProcess]:
    process = MilvusProcess(find_milvus(), folder, authorized=authorized, session=session)
    try:
        process.start()
        yield process
    finally:
        process.kill()


_shared: list[MilvusProcess] = []


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusProcess]:
    """One for all tests of a process, whichever folder they are in; none of them may end it."""
    if not _shared:
        process = MilvusProcess(find_milvus(), tmp_path_factory.mktemp("milvus") / "server")
        _shared.append(process)
        process.start()
    yield _shared[0]
    _shared[0].kill()


def _missing(sentence: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


def eventually(work: Callable[[], T], seconds: float = 300) -> T:
    """What ``work`` gives as soon as the server answers again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return work()
        except StoreUnreachable:
            if time.monotonic() > deadline:
                raise
