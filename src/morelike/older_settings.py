"""The variables of the older demo servers, read as this project's own settings where ``serve --compat`` asks for them.

A ``MORELIKE_*`` variable beats the older one that means the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

from morelike.errors import SettingsError

__all__ = ["OlderSettings", "older_settings"]

OldMetric = Literal["", "L2", "IP", "JACCARD"]
_METRICS: Final[Mapping[str, OldMetric]] = {
    "": "",
    "L2": "L2",
    "IP": "IP",
    "COSINE": "IP",  # of unit vectors
    "JACCARD": "JACCARD",
}
_CLASSES: Final = "data/gene_class.txt"
"""The file that the older DNA server read below its own folder where ``SEQ_CLASS_PATH`` said nothing."""
_OF_DATABASE: Final = ("MYSQL_PORT", "MYSQL_USER", "MYSQL_PWD", "MYSQL_DB")
_TABLES: Final = ("DEFAULT_TABLE", "MILVUS_TABLE")
_FOLDERS: Final = ("INTERNAL_DATAPATH", "DATAPATH1")
_THEIRS: Final = {"user": "root", "password": "123456", "database": "mysql"}
"""What the older servers took where the variables say nothing: a line that relied on it goes on working."""
_DATABASE_HERE: Final = "morelike"
"""Instead of theirs, which is the MySQL server's own: it lets nobody make triggers in it, which a catalog has."""
_FARTHEST: Final = 4.0
"""Squared L2 of two unit vectors that are opposite."""
_WITHOUT_USE: Final = {
    "UPLOAD_PATH": "uploads are kept in the library, under no name of theirs",
    "DATA_PATH": "files of loaded folders stay where they are",
    "OUT_PATH": "files of loaded folders stay where they are",
    "MODEL_PATH": "MORELIKE_MODELS names folders with weights; a pickled vectorizer is never read",
}


@dataclass(frozen=True, slots=True)
class OlderSettings:
    """``settings``: those of this project, by name. ``notes``: what there is to know, a sentence each; no values."""

    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)  # the catalog's address has a password
    table: str = ""
    top_k: int | None = None
    metric: OldMetric = ""
    """"": each server's own."""
    dimension: int | None = None
    limit: float | None = None
    """Squared L2 of unit vectors, beyond which ``video-objects`` answers with nothing."""
    kmer: int | None = None
    """Letters of a word of ``dna``."""
    classes: Path | None = None
    """The table with which ``dna`` names classes: a tab between ``class`` and ``gene_family``."""
    roots: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def older_settings(environ: Mapping[str, str] | None = None) -> OlderSettings:
    """Raises SettingsError on what is no number, metric or host where one has to be."""
    outside = os.environ if environ is None else environ
    given = {name: text.strip() for name, text in outside.items() if text.strip() or name == "MYSQL_PWD"}
    settings: dict[str, Any] = {}
    if "MILVUS_HOST" in given and "MORELIKE_VECTORS" not in given:
        settings["vectors"] = _milvus(given)
    if "MYSQL_HOST" in given and "MORELIKE_CATALOG" not in given:
        settings["catalog"] = _mysql(given, outside.get("MYSQL_PWD"))
    metric = given.get("METRIC_TYPE", "").upper()
    if metric not in _METRICS:
        raise SettingsError(f"METRIC_TYPE is {metric[:40]!r}", hint="L2, IP or COSINE; JACCARD of molecules")
    classes = Path(given.get("SEQ_CLASS_PATH", _CLASSES)).expanduser()
    folders: dict[str, Path] = {name: Path(given[name]).expanduser() for name in _FOLDERS if name in given}
    return OlderSettings(
        settings=settings,
        table=next((given[name] for name in _TABLES if name in given), ""),
        top_k=_number(given, "TOP_K"),
        metric=_METRICS[metric],
        dimension=_number(given, "VECTOR_DIMENSION"),
        limit=_distance(given, "DISTANCE_LIMIT"),
        kmer=_number(given, "KMER_K"),
        classes=classes if classes.is_file() else None,
        roots=tuple(dict.fromkeys(folder for folder in folders.values() if folder.is_dir())),
        notes=tuple(_notes(given, settings, folders)),
    )


def _notes(given: Mapping[str, str], settings: Mapping[str, Any], folders: Mapping[str, Path]) -> Iterator[str]:
    if settings:
        hosts = [name for name, made in (("MILVUS_HOST", "vectors"), ("MYSQL_HOST", "catalog")) if made in settings]
        yield (
            f"{' and '.join(hosts)}: what is loaded from now on is kept there, beside the older server's own tables, "
            "which stay as they are (docs/compat.md says how to move them)"
        )
    if "catalog" in settings:
        if "MYSQL_PWD" not in given:
            yield "MYSQL_PWD is not set: the password that the older servers came with is used"
        if _database(given) == _DATABASE_HERE:
            yield (
                f"the catalog goes into the database {_DATABASE_HERE}, which is made where it is missing: the older "
                f"server's {_THEIRS['database']} is the database server's own (MYSQL_DB names another one)"
            )
    yield from _unused(given)
    if "SEQ_CLASS_PATH" in given and not Path(given["SEQ_CLASS_PATH"]).expanduser().is_file():
        yield "SEQ_CLASS_PATH is not used: there is no file of that name here"
    for name, folder in folders.items():
        if not folder.is_dir():
            yield f"{name} is not used: there is no folder of that name here; --allow-root DIR names another"


def _unused(given: Mapping[str, str]) -> Iterator[str]:
    for name, why in _WITHOUT_USE.items():
        if name in given:
            yield f"{name} is not used: {why}"
    for host, ours in (("MILVUS_HOST", "MORELIKE_VECTORS"), ("MYSQL_HOST", "MORELIKE_CATALOG")):
        if host in given and ours in given:
            yield f"{host} is not used: {ours} is set"
    for name in ("MILVUS_PORT", *_OF_DATABASE):
        host = f"{name.partition('_')[0]}_HOST"
        if given.get(name) and host not in given:
            yield f"{name} is not used: there is no {host}"
    if all(name in given for name in _TABLES) and len({given[name] for name in _TABLES}) > 1:
        yield "MILVUS_TABLE is not used: DEFAULT_TABLE is set"


def _milvus(given: Mapping[str, str]) -> str:
    scheme = "https" if given["MILVUS_HOST"].lower().startswith("https://") else "http"
    return f"{scheme}://{_place(given, 'MILVUS', 19530)}"


def _mysql(given: Mapping[str, str], password: str | None) -> str:
    user = given.get("MYSQL_USER", _THEIRS["user"])
    secret = quote(_THEIRS["password"] if password is None else password, safe="")
    who = f"{quote(user, safe='')}:{secret}" if secret else quote(user, safe="")
    return f"mysql://{who}@{_place(given, 'MYSQL', 3306)}/{quote(_database(given), safe='')}"


def _database(given: Mapping[str, str]) -> str:
    name = given.get("MYSQL_DB", _THEIRS["database"])
    return _DATABASE_HERE if name.lower() == _THEIRS["database"] else name


def _place(given: Mapping[str, str], service: str, default: int) -> str:
    """``HOST:PORT``. A host may come as an address; a port as one, too: Kubernetes and ``docker --link`` write
    ``tcp://10.0.0.1:3306`` for a service of that name.
    """
    name = f"{service}_HOST"
    host, own = _split(name, given[name])
    port_name = f"{service}_PORT"
    text = given.get(port_name, "")
    _, linked = _split(port_name, text) if "://" in text else ("", None)
    port = linked or (_number(given, port_name) if text and linked is None else own) or default
    if port > 65535:
        raise SettingsError(f"{port_name} is {port}", hint="1 to 65535")
    return f"{host}:{port}"


def _split(name: str, text: str) -> tuple[str, int | None]:
    """(host, port) of ``host``, ``host:port``, ``::1``, ``[::1]:port`` or an address. Raises SettingsError."""
    plain = text.partition("://")[2] if "://" in text else text
    if plain.count(":") > 1 and not plain.startswith("["):
        plain = f"[{plain}]"
    try:
        parts = urlsplit(f"//{plain}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    if not host or "@" in plain or parts.path.strip("/") or any(letter.isspace() for letter in host):
        raise SettingsError(f"{name} is no host", hint="a name or an address, such as 127.0.0.1; the port has its own")
    return f"[{host}]" if ":" in host else host, port


def _distance(given: Mapping[str, str], name: str) -> float | None:
    """Raises SettingsError on what is there and no distance of unit vectors."""
    text = given.get(name, "")
    if not text:
        return None
    try:
        distance = float(text)
    except ValueError:
        distance = 0.0
    if not 0 < distance <= _FARTHEST:  # nor is NaN
        raise SettingsError(f"{name} is {text[:40]!r}", hint=f"a number above 0, at most {_FARTHEST:g}")
    return distance


def _number(given: Mapping[str, str], name: str) -> int | None:
    """Raises SettingsError on what is there and no number from 1 on."""
    text = given.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text)):
        raise SettingsError(f"{name} is {text[:40]!r}", hint="a whole number, 1 or more")
    return int(text)
