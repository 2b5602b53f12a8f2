"""A Ceph object gateway (S3) of a test run's own: one monitor, one store, one gateway, ended by their pids."""

from __future__ import annotations

import importlib.util
import itertools
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from ports import BELOW, free_ports

from morelike.settings import Settings

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "radosgw"
PROGRAMS = ("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "ceph-authtool", "monmaptool")
READY = 180
PORTS = 200
"""From among so many the store takes those that it needs."""

_CONF = """
[global]
fsid = {fsid}
keyring = {folder}/keyring
mon host = [v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]
public addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
paxos propose interval = 0.02
paxos min wait = 0.01
osd objectstore = {store}
memstore device bytes = 4294967296
bluestore block size = 4294967296
bluestore block wal size = 0
bluestore fsck on mount = false
ms bind port min = {low}
ms bind port max = {high}
admin socket = {folder}/run/$name.asok
log file = {folder}/run/$name.log
pid file = {folder}/run/$name.pid
run dir = {folder}/run
crash dir = {folder}/run
[mon.a]
mon data = {folder}/mon
[osd.0]
osd data = {folder}/osd
[client.rgw]
rgw frontends = {frontends}
rgw enable usage log = false
rgw enable gc threads = false
rgw enable lc threads = false
rgw thread pool size = 32
rgw dns name = localhost
rgw s3 auth use sts = false
rgw dynamic resharding = false
"""


@dataclass(frozen=True)
class User:
    name: str
    access_key: str
    secret_key: str


class Gateway:
    """Serves S3 on ``endpoint``, and on ``tls_endpoint`` where it was given a certificate.

    ``kill`` ends the gateway alone, whose data the store keeps; ``start`` brings it back on the same port.
    """

    def __init__(self, folder: Path, *, store: str = "memstore", certificate: Path | None = None) -> None:
        self._folder = folder
        self._store = store
        self._certificate = certificate
        self._numbers = itertools.count()
        self.port, self.tls_port, self._v1, self._v2 = free_ports(4)
        self.root = User("test", "testkey", "test-s3cret/Key+1")

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_endpoint(self) -> str:
        return f"https://localhost:{self.tls_port}"

    def make(self) -> None:
        """Monitor, store, gateway and the first user; returns when it answers."""
        folder = self._folder
        for name in ("mon", "osd", "run"):
            (folder / name).mkdir()
        fsid = str(uuid.uuid4())
        frontends = f"beast endpoint=127.0.0.1:{self.port} tcp_nodelay=1"
        if self._certificate is not None:
            frontends += f" ssl_endpoint=127.0.0.1:{self.tls_port} ssl_certificate={self._certificate}"
        low = random.SystemRandom().randrange(10_240, BELOW - PORTS)
        (folder / "ceph.conf").write_text(
            _CONF.format(
                fsid=fsid, folder=folder, v1=self._v1, v2=self._v2, store=self._store, frontends=frontends,
                low=low, high=low + PORTS,
            )
        )  # fmt: skip
        mons = f"[v2:127.0.0.1:{self._v2},v1:127.0.0.1:{self._v1}]"
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", mons, str(folder / "monmap"))
        keyring = str(folder / "keyring")
        self._run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        for name, *caps in (
            ("client.admin", "mon", "allow *", "osd", "allow *", "mgr", "allow *"),
            ("client.rgw", "mon", "allow rw", "osd", "allow rwx"),
            ("osd.0", "mon", "allow profile osd", "osd", "allow *", "mgr", "allow profile osd"),
        ):
            self._run("ceph-authtool", keyring, "--gen-key", "-n", name, *_caps(caps))
        self._ceph("ceph-mon", "-i", "a", "--mkfs", "--monmap", str(folder / "monmap"), "--keyring", keyring)
        self._ceph("ceph-mon", "-i", "a")
        osd = str(uuid.uuid4())
        self._ceph("ceph", "osd", "new", osd)
        self._ceph("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._ceph("ceph-osd", "-i", "0")
        self.start()
        self._user(self.root)

    def start(self) -> None:
        self._ceph("radosgw", "-n", "client.rgw", "--rgw-zone=default")
        deadline = time.monotonic() + READY
        while time.monotonic() < deadline:
            try:
                httpx.get(self.endpoint, timeout=5, trust_env=False)
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return
        pytest.fail(f"radosgw does not answer; its log is in {self._folder / 'run'}")

    def kill(self) -> None:
        """The gateway, by SIGKILL."""
        self._end("client.rgw", signal.SIGKILL)

    def end(self) -> None:
        for name in ("client.rgw", "osd.0", "mon.a"):
            self._end(name, signal.SIGKILL)

    def settings(self, blobs: str, *, user: User | None = None, **more: object) -> Settings:
        """Settings for a library whose blobs are at ``blobs``."""
        who = user or self.root
        return Settings(
            **{
                "offline": True,
                "blobs": blobs,
                "s3_endpoint": self.endpoint,
                "s3_access_key": who.access_key,
                "s3_secret_key": who.secret_key,
                **more,
            }  # type: ignore[arg-type]
        )

    def variables(self, blobs: str) -> dict[str, str]:
        """The same as a person's shell has it."""
        return {
            "MORELIKE_BLOBS": blobs,
            "MORELIKE_S3_ENDPOINT": self.endpoint,
            "MORELIKE_S3_ACCESS_KEY": self.root.access_key,
            "MORELIKE_S3_SECRET_KEY": self.root.secret_key,
        }

    def bucket(self) -> str:
        """A new one."""
        name = f"bucket-{os.getpid()}-{next(self._numbers)}"
        assert self.ask("PUT", name).is_success
        return name

    def user(self, name: str) -> User:
        """A new one, who may nothing until a bucket's policy says so."""
        made = User(name, f"key-{name}", f"secret-{name}-word")
        self._user(made)
        return made

    def ask(self, method: str, bucket: str, key: str = "", body: bytes = b"", **query: str) -> httpx.Response:
        """A signed request past the code under test."""
        from morelike.objects import find_keys, find_place
        from morelike.signing import Ask, signed_url

        settings = self.settings(f"s3://{bucket}")
        keys = find_keys(settings)
        assert keys is not None
        url = signed_url(find_place(settings, bucket), keys, Ask(method, key, query), 60)
        return httpx.request(method, url, content=body, timeout=120, trust_env=False)

    def _user(self, user: User) -> None:
        self._ceph(
            "radosgw-admin", "-n", "client.rgw", "user", "create", f"--uid={user.name}",
            f"--display-name={user.name}", f"--access-key={user.access_key}", f"--secret-key={user.secret_key}",
        )  # fmt: skip

    def _ceph(self, program: str, *arguments: str) -> None:
        self._run(program, "-c", str(self._folder / "ceph.conf"), *arguments)

    def _run(self, *command: str) -> None:
        with (self._folder / "run" / "commands.log").open("ab") as log:
            done = subprocess.run(command, check=False, stdout=log, stderr=log, timeout=300, cwd="/")
        if done.returncode:
            pytest.fail(f"{command[0]} failed; see {self._folder / 'run' / 'commands.log'}")

    def _end(self, name: str, how: signal.Signals) -> None:
        file = self._folder / "run" / f"{name}.pid"
        try:
            pid = int(file.read_text())
            os.kill(pid, how)
        except (OSError, ValueError):
            return
        file.unlink(missing_ok=True)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and _alive(pid):
            time.sleep(0.01)


def _alive(pid: int) -> bool:
    """Whether it runs: one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _caps(caps: list[str]) -> list[str]:
    return [part for place in range(0, len(caps), 2) for part in ("--cap", caps[place], caps[place + 1])]


@contextmanager
def running_gateway(*, store: str = "memstore", certificate: Path | None = None) -> Iterator[Gateway]:
    """Skips by name without the package or the programs; in CI that is a failure. It takes some ten seconds to start.

    ``bluestore`` keeps everything on disk, ``memstore`` in memory: what it holds outlives the gateway, not the store.
    """
    if importlib.util.find_spec("obstore") is None:
        _missing("the package obstore is not installed (the extra s3)")
    if not _complete():
        subprocess.run([str(SCRIPT)], check=False, stdout=subprocess.DEVNULL)
    if not _complete():
        _missing("no radosgw on this machine: scripts/radosgw installs it")
    folder = Path(tempfile.mkdtemp(prefix="rgw-"))  # a socket's path is short, so not below pytest's own folder
    gateway = Gateway(folder, store=store, certificate=certificate)
    try:
        gateway.make()
        yield gateway
    finally:
        gateway.end()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    """One for all tests that do not end it; each takes a bucket of its own."""
    with running_gateway() as server:
        yield server


def _complete() -> bool:
    return all(shutil.which(program) for program in PROGRAMS)


def _missing(sentence: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)
