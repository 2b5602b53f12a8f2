"""How one server is run, beside the settings of its library."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from morelike.jobs import LEASE
from morelike.older_settings import OlderSettings
from morelike.server.compat.older import Asked

__all__ = ["EVERYWHERE", "ServerOptions", "is_loopback"]

EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 # only where --compat-open says so


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What ``morelike serve`` was told. ``port`` 0 means any free one.

    ``job_workers`` is how many jobs are done at a time; 0 leaves them to another process. ``allow_roots`` is filled in
    from the library's setting of that name, which is what counts. ``job_lease``: seconds after which another process
    takes up a job of this one, should it fall silent.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    job_workers: int = 1
    allow_roots: tuple[Path, ...] = ()
    job_lease: float = LEASE
    compat: tuple[Asked, ...] = ()
    compat_open: bool = False
    """Whether older servers listen where others reach them: whoever does can add, search and drop."""
    older: OlderSettings = field(default_factory=OlderSettings)

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def compat_host(self) -> str:
        """Where the older servers listen: opened, on all addresses, though the library's own port may stay closed."""
        return EVERYWHERE if self.local and self.compat_open else self.host


def is_loopback(host: str) -> bool:
    """Whether a host's name or address means this machine to itself."""
    plain = host.strip("[]").rstrip(".").lower()
    if plain == "localhost" or plain.endswith(".localhost"):
        return True
    try:
        return ip_address(plain).is_loopback
    except ValueError:
        return False
