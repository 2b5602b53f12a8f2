"""Any Python text and any metadata, as databases can keep them, without loss.

A file name that is not valid Unicode reaches Python with lone surrogates in it, and no database takes those; nor does
every one take NUL. Such a character becomes ``␛`` and four hex digits (``␛`` itself is doubled), and comes back as it
was.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import JSON, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = [
    "AnyJson",
    "AnyString",
    "AnyText",
    "name_in_path",
    "pack",
    "pack_key",
    "plain",
    "read_as_packed",
    "to_json",
    "unpack",
    "unpack_values",
]

_ESCAPE = "␛"
_UNSAFE = re.compile(rf"[\x00\ud800-\udfff{_ESCAPE}]")
# A key is also written into JSON paths, where quotes, backslashes and control characters cannot be named everywhere.
_UNSAFE_IN_KEY = re.compile(rf'[\x00-\x1f"\\\ud800-\udfff{_ESCAPE}]')
_ESCAPED = re.compile(f"{_ESCAPE}([0-9a-f]{{4}}|{_ESCAPE})")
_MAX_DEPTH = 32
_MAX_BITS = 1024  # Python refuses to print numbers of more than 4300 digits


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _ESCAPE * 2 if character == _ESCAPE else f"{_ESCAPE}{ord(character):04x}"


def _original(match: re.Match[str]) -> str:
    code = match[1]
    return _ESCAPE if code == _ESCAPE else chr(int(code, 16))


def pack(text: str) -> str:
    """Valid Unicode without NUL; different texts stay different."""
    return _UNSAFE.sub(_escape, text)


def pack_key(text: str) -> str:
    """``pack`` for the keys of metadata."""
    return _UNSAFE_IN_KEY.sub(_escape, text)


def name_in_path(key: str) -> str:
    """A packed key as MariaDB's JSON paths can name it: there ``$."-1"`` finds nothing, whatever the object holds."""
    return f"{_ESCAPE}002d{key[1:]}" if key.startswith("-") else key


def _named_in_paths(value: Any) -> Any:
    """An object with such keys, which are all that a filter asks for."""
    return {name_in_path(key): inner for key, inner in value.items()} if isinstance(value, dict) else value


def read_as_packed(text: str | bytes) -> Any:
    """The reverse for what is read as it was packed."""
    value, dash = json.loads(text), name_in_path("-")
    if not isinstance(value, dict):
        return value
    return {f"-{key.removeprefix(dash)}" if key.startswith(dash) else key: inner for key, inner in value.items()}


def unpack(text: str) -> str:
    """The reverse of ``pack`` and ``pack_key``."""
    return _ESCAPED.sub(_original, text) if _ESCAPE in text else text


def plain(value: Any, depth: int = 0) -> Any:
    """What JSON can hold: a number that is none becomes null; a date its ISO text; anything strange its ``str``."""
    if depth > _MAX_DEPTH:
        return None
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() <= _MAX_BITS else None
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return pack(value)
    if isinstance(value, Mapping):
        return {pack_key(str(key)): plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner, depth + 1) for inner in value]
    if hasattr(value, "isoformat"):
        return pack(value.isoformat())
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        return plain(value.tolist(), depth + 1)
    return pack(str(value))


def to_json(value: Any) -> str:
    """As databases with JSON paths read it most plainly: keys stand in it as they are, not as ``\\u00e9``."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def unpack_values(value: Any) -> Any:
    """The reverse of ``plain``, as far as there is one."""
    if isinstance(value, str):
        return unpack(value)
    if isinstance(value, dict):
        return {unpack(key): unpack_values(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [unpack_values(inner) for inner in value]
    return value


class AnyString(TypeDecorator[str]):
    """A bounded text column for any Python text."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's
        return None if value is None else pack(value)

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any]:  # noqa: ARG002  # SQLAlchemy's
        return _unpacked  # in one step: a search reads hundreds of values


def _unpacked(value: str | None) -> str | None:
    return value if value is None or _ESCAPE not in value else unpack(value)


class AnyText(AnyString):
    """The same without a bound."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mysql":  # whose TEXT ends at 64 KiB
            from sqlalchemy.dialects.mysql import MEDIUMTEXT

            return dialect.type_descriptor(MEDIUMTEXT())
        return super().load_dialect_impl(dialect)


class AnyJson(TypeDecorator[Any]):
    """Flat or nested metadata.

    A text on MySQL and MariaDB: MySQL's own JSON makes floats of large integers, and MariaDB's ends at 32 floors.
    """

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "mysql":
            from sqlalchemy.dialects.mysql import LONGTEXT

            return dialect.type_descriptor(LONGTEXT())
        return super().load_dialect_impl(dialect)

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> Any:
        return to_json(_named_in_paths(plain(value))) if dialect.name == "mysql" else plain(value)

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any]:
        known = None if dialect.name == "mysql" else self.impl_instance.result_processor(dialect, coltype)
        read = json.loads if known is None else known

        def process(value: Any) -> Any:
            if isinstance(value, str):  # as text: most of it needs no second look
                whole = read(value)
                return unpack_values(whole) if _ESCAPE in value or "\\u" in value else whole
            return unpack_values(value if known is None else known(value))

        return process
