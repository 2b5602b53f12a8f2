"""``config.yaml`` of the older server ``image-engine``, read as this project's own settings where ``serve`` asks.

``RUN_MODE`` names the section. A ``MORELIKE_*`` variable beats the line that means the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from morelike.errors import MissingExtra, SettingsError

__all__ = ["OlderConfig", "older_config"]

FILE: Final = "config.yaml"
LARGEST: Final = 256 * 1024
"""Bytes; the older server's own has less than two thousand."""
_ALIASES: Final = 8
"""Merged into one another, a few dozen would fill any memory."""
_PARTS: Final = ("mysql", "milvus", "minio", "api")
_PREFIX: Final = "morelike"
"""Within the older server's bucket, so that its objects and this library's stay apart."""
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}|\[[0-9A-Fa-f:.]{2,45}\]")


@dataclass(frozen=True, slots=True)
class OlderConfig:
    """``settings``: those of this project, by name; they may hold passwords. ``notes``: a sentence each, without any.

    ``table`` and ``port`` are empty and None where the file says nothing of them, or is not there.
    """

    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    table: str = ""
    port: int | None = None
    notes: tuple[str, ...] = ()


def older_config(folder: Path | None = None, environ: Mapping[str, str] | None = None) -> OlderConfig:
    """What ``config.yaml`` in ``folder`` (the current one) says; nothing where there is none.

    A file that is no such configuration is left alone, and a note says so. Raises SettingsError on one that is, and
    has a value that cannot be; MissingExtra.
    """
    given = os.environ if environ is None else environ
    path = (folder or Path()) / FILE
    if not path.is_file():
        return OlderConfig()
    mode = given.get("RUN_MODE", "").strip().lower() or "local"
    found = _section(path, mode)
    return OlderConfig(notes=(found,)) if isinstance(found, str) else _read(found, given)


def _section(path: Path, mode: str) -> Mapping[str, Mapping[str, Any]] | str:
    """The parts of the section that RUN_MODE names; or why there are none."""
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        return f"{FILE} is not used: it cannot be read ({error.strerror})"
    if len(data) > LARGEST:
        return f"{FILE} is not used: it has more than {LARGEST} bytes"
    whole = _parsed(data)
    sections = [str(name) for name, part in whole.items() if _is_ours(part)] if isinstance(whole, dict) else []
    if not isinstance(whole, dict) or not sections:
        return f"{FILE} is not used: it is none of the older image-engine server"
    section = next((part for name, part in whole.items() if str(name).lower() == mode), None)
    if not isinstance(section, dict) or not _is_ours(section):
        return f"{FILE} is not used: it has no section {mode}; RUN_MODE names one: {', '.join(sections)[:200]}"
    return {name: section[name] for name in _PARTS if isinstance(section.get(name), dict)}


def _parsed(data: bytes) -> Any:
    """None where it is no YAML, or none that a person wrote."""
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise MissingExtra(f"reading {FILE} needs the package PyYAML", hint="pip install 'morelike[server]'") from error
    try:
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(data, Loader=yaml.SafeLoader))
        return yaml.safe_load(data) if aliases <= _ALIASES else None
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError):
        return None


def _is_ours(section: Any) -> bool:
    return isinstance(section, dict) and any(isinstance(section.get(name), dict) for name in _PARTS)


def _read(parts: Mapping[str, Mapping[str, Any]], given: Mapping[str, str]) -> OlderConfig:
    mysql, milvus, minio, api = (parts.get(name, {}) for name in _PARTS)
    settings: dict[str, Any] = {}
    if "host" in mysql and not given.get("MORELIKE_CATALOG"):
        settings["catalog"] = _database(mysql)
    if "host" in milvus and not given.get("MORELIKE_VECTORS"):
        settings["vectors"] = f"http://{_host(milvus, 'milvus.host')}:{_port(milvus, 'milvus.port', 19530)}"
        database = _text(milvus, "milvus.database")
        if database and database != "default":
            settings["vectors_database"] = database
    notes: list[str] = []
    if "end_point" in minio and api.get("upload_minio", True) is False:
        notes.append(f"minio of {FILE} is not used: upload_minio is false, and pictures go into the library's folder")
    elif "end_point" in minio and not given.get("MORELIKE_BLOBS"):
        settings |= _bucket(minio)
    collection = milvus.get("collection")
    table = _text(collection, "milvus.collection.name") if isinstance(collection, dict) else ""
    kept = {name: value for name, value in settings.items() if not given.get(f"MORELIKE_{name.upper()}")}
    port = _port(api, "api.bind_port", 0) or None
    return OlderConfig(kept, table, port, tuple(notes))


def _database(part: Mapping[str, Any]) -> str:
    user, password = quote(_text(part, "mysql.username") or "root", safe=""), _text(part, "mysql.password")
    name = quote(_text(part, "mysql.database_name") or "image_search_engine", safe="")
    secret = f":{quote(password, safe='')}" if password else ""
    return f"mysql://{user}{secret}@{_host(part, 'mysql.host')}:{_port(part, 'mysql.port', 3306)}/{name}"


def _bucket(part: Mapping[str, Any]) -> dict[str, Any]:
    """The older server spoke plain HTTP to its MinIO."""
    place = _text(part, "minio.end_point").removeprefix("http://").rstrip("/")
    host, colon, port = place.rpartition(":") if ":" in place.rpartition("]")[2] else (place, "", "")
    if _HOST.fullmatch(host) is None or (colon and not _is_port(port)):
        raise SettingsError(f"minio.end_point of {FILE} is no address", hint="HOST:PORT, as public_minio:9000")
    bucket = _text(part, "minio.bucket") or "image-search-engine"
    return {
        "blobs": f"s3://{bucket}/{_PREFIX}",
        "s3_endpoint": f"http://{place}",
        "s3_access_key": _text(part, "minio.access_key"),
        "s3_secret_key": _text(part, "minio.secret_key"),
    }


def _text(part: Mapping[str, Any], name: str) -> str:
    """A value by the last word of its name; numbers as they are written. Raises SettingsError on a list or a part."""
    value = part.get(name.rpartition(".")[2])
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise SettingsError(f"{name} of {FILE} is no text", hint="put it between quotes")
    return str(value).strip()


def _host(part: Mapping[str, Any], name: str) -> str:
    host = _text(part, name)
    if _HOST.fullmatch(host) is None:  # not repeated: what stands in the wrong line may be a password
        raise SettingsError(f"{name} of {FILE} is no host", hint="a name or an address, without a scheme or a port")
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _port(part: Mapping[str, Any], name: str, default: int) -> int:
    text = _text(part, name)
    if not text:
        return default
    if not _is_port(text):
        raise SettingsError(f"{name} of {FILE} is no port", hint="a number from 1 to 65535")
    return int(text)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535
