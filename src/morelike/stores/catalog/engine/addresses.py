"""A database server's address, as the setting ``catalog`` has it, checked before anything connects.

No message repeats it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from morelike.errors import SettingsError

__all__ = ["Address", "read_address"]

_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Address:
    """``options`` are those behind the ``?``."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    options: dict[str, str] = field(repr=False)

    def url(self, driver: str, **query: str) -> URL:
        return URL.create(
            driver,
            username=self.user or None,
            password=self.password or None,
            host=self.host,
            port=self.port,
            database=self.database,
            query=query,
        )

    def where(self, scheme: str) -> str:
        """How messages name it."""
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{user}{host}:{self.port}/{self.database}"


def read_address(
    setting: str, *, scheme: str, port: int, known: Collection[str], what: str = "the setting 'catalog'"
) -> Address:
    """Raises SettingsError where it cannot be read, names no database, or has an option that is not ``known``.

    ``what``: how messages call it.
    """
    example = f"{scheme}://USER:PASSWORD@HOST:{port}/NAME"
    try:
        url = make_url(setting) if len(setting) <= _LONGEST else None
    except (ArgumentError, ValueError):  # their texts may hold the password
        url = None
    if url is None:
        raise SettingsError(
            f"{what} is no address of the form {example}",
            hint="special characters in the password are written as %XX: %40 for @, %2F for /, %23 for #",
        ) from None
    if not url.database or "/" in url.database:
        # No part of it is said: behind an @ or / that should have been written as %XX, the host is a piece of password.
        raise SettingsError(
            f"{what} names no database, or a password in it has an @ or / that is not written as %XX",
            hint=f"write {example}",
        )
    options = {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise SettingsError(
            f"{what} has the option {unknown[0][:40]!r}, which is not known for {scheme}",
            hint=f"there are: {', '.join(sorted(known))}",
        )
    return Address(
        host=url.host or "localhost",
        port=url.port or port,
        user=url.username or "",
        password=url.password or "",
        database=url.database,
        options=options,
    )
