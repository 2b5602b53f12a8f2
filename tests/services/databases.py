"""MariaDB and PostgreSQL for tests: the servers that the environment names, or processes of a test's own.

``MORELIKE_TEST_MYSQL`` and ``MORELIKE_TEST_POSTGRESQL`` are addresses without a database, of users who may create some:
``mysql://root@127.0.0.1:3306``. Without them a server is started on a free port, and ended by its pid.
"""

from __future__ import annotations

import getpass
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest
from ports import free_ports

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "databases"
KINDS = ("mysql", "postgresql")
VARIABLES = {kind: f"MORELIKE_TEST_{kind.upper()}" for kind in KINDS}
GIVEN = {kind: os.environ.get(variable, "").rstrip("/") for kind, variable in VARIABLES.items()}
"""Read before a test clears the settings of whoever runs it."""
BOUNDS = {
    "mysql": ("mysql.CONNECT_SECONDS", "mysql.PING_SECONDS", "mysql_making.CONNECT_SECONDS"),
    "postgresql": ("postgresql.CONNECT_SECONDS", "postgresql.PING_SECONDS"),
}
PACKAGES = {"mysql": "pymysql", "postgresql": "psycopg"}
WAIT = 180.0
_ROOM, _made = 2 * 1024**3, 0
_users: dict[str, list[Any]] = {}


class DatabaseServer(ABC):
    """A server at an address, and the databases that tests make there."""

    kind = ""

    def __init__(self, address: str) -> None:
        self.address = address
        self._created: list[str] = []

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0

    def url(self, database: str) -> str:
        return f"{self.address}/{database}"

    def create(self) -> str:
        """The address of a new, empty database."""
        global _made
        _made += 1
        name = f"morelike_{os.getpid()}_{_made}"
        self.say(self._create.format(name))
        self._created.append(name)
        return self.url(name)

    def drop_all(self) -> None:
        for name in self._created:
            with suppress(Exception):  # a server that a test has ended for good
                self.say(self._drop.format(name))
        self._created.clear()

    def empty(self, url: str) -> None:
        """Remove every row, but leave the tables, their version and the library's id."""
        from morelike.stores.catalog.schema import metadata

        tables = [table.name for table in reversed(metadata.sorted_tables)]
        statements = [f"DELETE FROM {name}" for name in tables if name != "about"]
        self.say(*statements, database=url.rpartition("/")[2], one=True)

    def start(self) -> None:
        """Returns when it answers."""
        raise NotImplementedError

    def kill(self) -> None:
        """At once, as a power cut of the program would."""
        raise NotImplementedError

    _create = ""
    _drop = ""

    @abstractmethod
    def say(self, *statements: str, database: str = "", one: bool = False) -> list[tuple[Any, ...]]:
        """Past the catalog under test; the rows of the last statement. ``one``: in one transaction."""


class MySqlServer(DatabaseServer):
    kind = "mysql"
    # Not the character set that a catalog needs: it must not depend on it.
    _create = "CREATE DATABASE {} CHARACTER SET latin1"
    _drop = "DROP DATABASE {}"

    def say(self, *statements: str, database: str = "", one: bool = False) -> list[tuple[Any, ...]]:
        import pymysql

        parts = urlsplit(self.address)
        connection = pymysql.connect(
            host=parts.hostname,
            port=parts.port or 3306,
            user=parts.username or getpass.getuser(),
            password=parts.password or "",
            database=database or None,
            autocommit=not one,
            connect_timeout=30,
        )
        rows: list[tuple[Any, ...]] = []
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
            connection.commit()
        return rows


class PostgresServer(DatabaseServer):
    kind = "postgresql"
    _create = "CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0"
    _drop = "DROP DATABASE {} WITH (FORCE)"

    def say(self, *statements: str, database: str = "", one: bool = False) -> list[tuple[Any, ...]]:
        import psycopg

        rows: list[tuple[Any, ...]] = []
        with psycopg.connect(self.url(database or "postgres"), autocommit=not one, connect_timeout=30) as connection:
            for statement in statements:
                cursor = connection.execute(statement)  # type: ignore[call-overload]
                rows = cursor.fetchall() if cursor.description else []
        return rows


class OwnProcess:
    """The half of a server of our own that does not depend on which one it is."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, command: list[str], folder: Path) -> None:
        with (folder / "log").open("ab") as log:
            quiet = subprocess.DEVNULL
            self._process = subprocess.Popen(command, cwd=folder, stdout=quiet, stderr=log, **_as_somebody())

    def wait_for(self, server: DatabaseServer) -> None:
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            try:
                server.say("SELECT 1")
            except Exception:  # the driver may be any
                assert self._process is not None
                if self._process.poll() is not None:
                    pytest.fail(f"{server.kind} ended: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")
                time.sleep(0.05)
            else:
                return
        pytest.fail(f"{server.kind} does not answer")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class OwnMySql(MySqlServer):
    """MariaDB's ``mariadbd`` with a data folder of its own."""

    def __init__(self, program: str, folder: Path, *options: str) -> None:
        self._own = OwnProcess(folder, free_ports(1)[0])
        super().__init__(f"mysql://root@127.0.0.1:{self._own._port}")
        self._program, self._folder, self._given = program, folder, options
        _carry_out(
            [
                shutil.which("mariadb-install-db") or "mariadb-install-db",
                *("--no-defaults", f"--datadir={folder / 'data'}"),
                f"--tmpdir={folder}",  # a server that starts clears away what others have begun in a common one
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            folder,
        )

    def start(self) -> None:
        self._own.run(
            [
                self._program,
                *("--no-defaults", f"--datadir={self._folder / 'data'}"),
                f"--tmpdir={self._folder}",
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                f"--socket={self._folder / 'socket'}",
                f"--pid-file={self._folder / 'pid'}",
                "--skip-name-resolve",
                "--innodb-buffer-pool-size=64M",
                "--innodb-flush-log-at-trx-commit=2",  # a killed process loses nothing of what the system has
                *self._given,
            ],
            self._folder,
        )
        self._own.wait_for(self)

    def kill(self) -> None:
        self._own.stop()


class OwnPostgres(PostgresServer):
    """``postgres`` with a data folder of its own."""

    def __init__(self, programs: Path, folder: Path, *options: str) -> None:
        self._own = OwnProcess(folder, free_ports(1)[0])
        super().__init__(f"postgresql://postgres@127.0.0.1:{self._own._port}")
        self._programs, self._folder, self._given = programs, folder, options
        initialise = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "--auth=trust"]
        _carry_out([*initialise, "--encoding=UTF8", "--locale=C", "--no-sync"], folder)

    def start(self) -> None:
        self._own.run(
            [
                str(self._programs / "postgres"),
                *("-D", str(self._folder / "data"), "-p", str(self.port)),
                *("-h", "127.0.0.1"),
                *("-k", str(self._folder)),
                *("-c", "fsync=off"),  # a killed process loses nothing of what the system has
                *self._given,
            ],
            self._folder,
        )
        self._own.wait_for(self)

    def kill(self) -> None:
        """The parent first, so that it restarts none of its children; they end with it."""
        process = self._own._process
        if process is None:
            return
        children = _children(process.pid)
        self._own.stop()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        deadline = time.monotonic() + WAIT
        while any(_alive(child) for child in children) and time.monotonic() < deadline:
            time.sleep(0.01)
        (self._folder / "data" / "postmaster.pid").unlink(missing_ok=True)


@contextmanager
def own_server(kind: str, *options: str) -> Iterator[DatabaseServer]:
    """A started server of the test's own. Skips by name without the package or the program; in CI that is a failure."""
    program = _program(kind)
    folder = Path(tempfile.mkdtemp(prefix="morelike-db-", dir=_fast_folder()))
    server: DatabaseServer | None = None
    try:
        user = _unprivileged()
        if user is not None:
            shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)
        made = OwnMySql(program, folder, *options) if kind == "mysql" else OwnPostgres(Path(program), folder, *options)
        server = made
        server.start()
        with _patience(kind):
            yield server
    finally:
        if server is not None:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def shared_server(kind: str) -> Iterator[DatabaseServer]:
    """The one that the environment names, else one of this process's own, which lasts while anybody uses it."""
    _need_package(kind)
    if kind not in _users:
        if GIVEN[kind]:
            given = MySqlServer(GIVEN[kind]) if kind == "mysql" else PostgresServer(GIVEN[kind])
            _users[kind] = [0, given, None]
        else:
            opened = own_server(kind)
            _users[kind] = [0, opened.__enter__(), opened]
    held = _users[kind]
    held[0] += 1
    try:
        with _patience(kind):
            yield held[1]
    finally:
        held[0] -= 1
        if held[0] == 0:
            del _users[kind]
            if held[2] is None:
                held[1].drop_all()
            else:
                held[2].__exit__(None, None, None)


@contextmanager
def _patience(kind: str) -> Iterator[None]:
    """A server that is up is reached, however long the machine stands still; one that is down refuses at once."""
    with pytest.MonkeyPatch.context() as patch:
        for bound in BOUNDS[kind]:
            patch.setattr(f"morelike.stores.catalog.engine.{bound}", 60)
        yield


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[DatabaseServer]:
    with shared_server("mysql") as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[DatabaseServer]:
    with shared_server("postgresql") as server:
        yield server


def emptied(server: DatabaseServer, number: int = 0) -> str:
    """The address of one of the server's databases for kits: made once, without rows at the start of each test."""
    kept: list[str] = server.__dict__.setdefault("kept", [])
    while len(kept) <= number:
        kept.append(server.create())
        return kept[-1]
    server.empty(kept[number])
    return kept[number]


def _program(kind: str) -> str:
    _need_package(kind)
    found = _find(kind)
    if not found:
        subprocess.run([str(SCRIPT)], check=False, stdout=subprocess.DEVNULL)
        found = _find(kind) or _missing(f"no server for {kind} on this machine: scripts/databases installs it")
    return found


def _find(kind: str) -> str:
    """The path of ``mariadbd``; the folder of PostgreSQL's programs."""
    if kind == "mysql":
        return shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin") or ""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    where = shutil.which("initdb")
    folders += [Path(where).resolve().parent] if where else []
    return next((str(folder) for folder in folders if (folder / "initdb").exists()), "")


def _need_package(kind: str) -> None:
    if importlib.util.find_spec(PACKAGES[kind]) is None:
        _missing(f"the package {PACKAGES[kind]} is not installed (the extra {kind})")


def _missing(sentence: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


def _fast_folder() -> str | None:
    """In memory, where there is room: a killed server loses nothing by it."""
    with suppress(OSError):
        if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > _ROOM:
            return "/dev/shm"
    return None


def _unprivileged() -> str | None:
    """Servers refuse to run as root: another user of this machine, where we are root."""
    if os.geteuid() != 0:
        return None
    users = {user.pw_name for user in pwd.getpwall()}
    return next(name for name in ("postgres", "mysql", "nobody") if name in users)


def _as_somebody() -> dict[str, Any]:
    user = _unprivileged()
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _carry_out(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, **_as_somebody())
    if done.returncode:
        pytest.fail(f"{command[0]}: {done.stderr[-2000:] or done.stdout[-2000:]}")


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [*map(int, listed.read_text().split())] if listed.exists() else []


def _alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
