"""Joining a Ray cluster, or starting one on this machine for as long as a run lasts; Ray's errors as sentences."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import ray
from ray import exceptions

from morelike.errors import SettingsError, StoreUnreachable, UsageError
from morelike.settings import Settings

__all__ = ["check_settings", "joined", "room_for", "shares"]

KNOCK_SECONDS = 5.0
_SETTINGS = b"\0\0\0\4\0\0\0\0\0"
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS
"""How both sides of gRPC begin: RFC 9113, section 3.4."""
_ADDRESS = re.compile(r"[A-Za-z0-9._-]{1,253}:[0-9]{1,5}|\[[0-9A-Fa-f:.]{2,45}\]:[0-9]{1,5}")
_LONGEST_FOLDER = 40
"""Of a path below which Ray makes sockets, whose paths may have 107 bytes."""
_OBJECTS = 512 * 1024**2
"""Bytes of keys and reports in memory on this machine; more than that goes to the disk."""
_WHERE = "HOST:PORT of the cluster's head as `ray status` shows it, or auto on one of its machines"


@contextmanager
def joined(address: str, say: Callable[[str], None]) -> Iterator[None]:
    """Raises UsageError, StoreUnreachable. One that was joined already stays so."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no report goes anywhere
    if ray.is_initialized():
        _check_same(address)
        yield
        return
    say(f"joining the Ray cluster at {address}" if address else "starting Ray on this machine, which takes seconds")
    folder: Path | None = None
    try:
        if address:
            _join(address)
        else:
            folder = _short_folder()
            _start(folder)
        yield
    finally:
        ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def check_settings(settings: Settings, address: str) -> None:
    """Raises UsageError on an address that cannot be one, SettingsError on GPUs that Ray cannot give."""
    _check_address(address)
    gpus = settings.ray_gpus
    if gpus > 1 and not gpus.is_integer():
        raise SettingsError(
            f"the setting 'ray_gpus' cannot be {gpus:g}", hint="a part of one GPU, as 0.5, or a whole number of them"
        )


def shares(settings: Settings) -> str:
    """What one actor takes of a machine, in words."""
    gpus = f" and {settings.ray_gpus:g} GPUs" if settings.ray_gpus else ""
    return f"it takes {settings.ray_cpus} CPUs{gpus}"


def room_for(settings: Settings) -> int:
    """How many actors the machines have room for at once."""
    room, untyped = 0, cast("Any", ray)
    for node in untyped.nodes():
        has = node["Resources"] if node["Alive"] else {}
        fit = int(has.get("CPU", 0) // settings.ray_cpus)
        if settings.ray_gpus:
            gpus = has.get("GPU", 0)
            each = int(1 / settings.ray_gpus + 1e-6) * int(gpus) if settings.ray_gpus < 1 else gpus // settings.ray_gpus
            fit = min(fit, int(each))
        room += fit
    return room


def _check_address(address: str) -> None:
    if address.startswith("ray://"):
        raise UsageError("Ray's client (ray://) is not supported", hint=f"{_WHERE}; run it on a machine of the cluster")
    if address and address != "auto" and not _ADDRESS.fullmatch(address):
        raise UsageError(f"{address[:100]!r} is no address of a Ray cluster", hint=_WHERE)


def _check_same(address: str) -> None:
    here = ray.get_runtime_context().gcs_address
    if address and address not in ("auto", here):
        raise UsageError(f"this process belongs to another Ray cluster: {here}", hint="leave the address out")


def _join(address: str) -> None:
    if address != "auto":
        _knock(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except RuntimeError as error:
        if "ersion mismatch" not in str(error):
            raise _no_answer(address, error) from error
        cluster, here = (re.findall(rf"{word}: ([0-9][^\s,]*)", str(error)) for word in ("Ray", "Python"))
        versions = f": Ray {' and '.join(cluster)}, Python {' and '.join(here)}" if cluster and here else ""
        raise UsageError(
            f"the Ray cluster at {address} has other versions than this machine{versions}",
            hint="install the same versions of Python and of ray everywhere",
        ) from error
    except exceptions.AuthenticationError as error:
        raise StoreUnreachable(
            f"the Ray cluster at {address} does not know this machine's token",
            hint="RAY_AUTH_MODE and RAY_AUTH_TOKEN have to be the cluster's own; `ray get-auth-token` shows one",
        ) from error
    except (ConnectionError, ValueError, OSError, exceptions.RayError) as error:
        raise _no_answer(address, error) from error


def _knock(address: str) -> None:
    """Ray itself would ask for minutes. Raises StoreUnreachable where nobody listens, or who does speaks no HTTP/2."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS) as line:
            if os.environ.get("RAY_USE_TLS", "0") != "0":
                return
            line.sendall(_HELLO)
            answer = line.recv(len(_SETTINGS), socket.MSG_WAITALL)
    except (OSError, OverflowError) as error:
        raise _no_answer(address, error) from error
    if answer[3:4] != _SETTINGS[3:4]:
        raise _no_answer(address, ConnectionError("it is no head of a cluster"))


def _no_answer(address: str, error: BaseException) -> StoreUnreachable:
    if address == "auto" and isinstance(error, ConnectionError):
        return StoreUnreachable("no Ray cluster runs on this machine", hint="`ray start --head`, or name its HOST:PORT")
    return StoreUnreachable(
        f"the Ray cluster at {address} cannot be joined",
        hint=f"{_WHERE}. This machine has to be one of it: `ray start --address={address}`; RAY_AUTH_MODE as there",
    )


def _start(folder: Path) -> None:
    """Ray listens on every address of the machine, but answers only who has the token that it makes itself."""
    try:
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            object_store_memory=_OBJECTS,
            _temp_dir=str(folder),
        )
    except (RuntimeError, ConnectionError, ValueError, OSError, exceptions.RayError) as error:
        with suppress(Exception):
            ray.shutdown()
        raise StoreUnreachable(
            f"Ray could not be started on this machine: {str(error).partition(chr(10))[0][:200]}",
            hint="is there room in memory and in the folder for temporary files? the local engine needs neither",
        ) from error


def _short_folder() -> Path:
    usual = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="ml-", dir=usual if len(usual) <= _LONGEST_FOLDER else "/tmp"))  # noqa: S108
