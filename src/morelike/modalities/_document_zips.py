"""Documents that are zips of XML: members within bounds, elements without entities."""

from __future__ import annotations

import io
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote
from xml.parsers import expat

from morelike.errors import DecodeError

__all__ = ["Package", "read_xml", "related"]

_MOST_MEMBERS: Final = 20_000
_LARGEST: Final = 64 << 20
"""Bytes of one member, unpacked …"""
_LARGEST_TOGETHER: Final = 256 << 20
"""… and of all that are read of one document."""
_DIRECTORY: Final = b"PK\x01\x02"
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DEEPEST: Final = 1000
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ArithmeticError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What zipfile raises on bytes that are not what they should be."""


class Package:
    """An open zip. Only the members that are asked for are unpacked, each into memory. Safe from one thread."""

    def __init__(self, data: bytes, name: str) -> None:
        self._name = name
        self._left = _LARGEST_TOGETHER
        if data.count(_DIRECTORY) > _MOST_MEMBERS:  # zipfile makes objects of them before anybody can count
            raise DecodeError(f"{name} has more than {_MOST_MEMBERS:,} parts", hint="no document needs as many")
        try:
            self._file = zipfile.ZipFile(io.BytesIO(data))
            self._members = {info.filename.lower(): info for info in self._file.infolist()}
        except _DAMAGE as error:
            raise DecodeError(f"{name} is damaged: no parts are found in it", hint="copy it again") from error

    def has(self, member: str) -> bool:
        return member.lower() in self._members

    def read(self, member: str) -> bytes:
        """A member's bytes. Raises DecodeError where it is not there, too large, encrypted or damaged."""
        info = self._members.get(member.lower())
        if info is None:
            raise DecodeError(f"{self._name} is damaged: it has no {member[:100]}", hint="copy it again")
        if info.flag_bits & _ENCRYPTED:
            raise DecodeError(f"{self._name} is encrypted", hint="save it without its password, and add that")
        if info.compress_type not in _METHODS:
            raise DecodeError(f"{self._name} is packed in a way that no document is", hint="save it anew")
        most = min(_LARGEST, self._left)
        try:
            with self._file.open(info) as stream:
                data = stream.read(most + 1)
        except _DAMAGE as error:
            raise DecodeError(f"{self._name} is damaged: {member[:100]} cannot be unpacked") from error
        if len(data) > most:
            raise DecodeError(f"{self._name} unpacks to more than {most >> 20} MiB", hint="cut it into several")
        self._left -= len(data)
        return data


def related(base: str, target: str) -> str:
    """The member that a reference in the member ``base`` leads to."""
    path = unquote(target.partition("#")[0])
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(base), path)).lstrip("/")


def read_xml(
    data: bytes,
    name: str,
    opened: Callable[[str, Mapping[str, str]], None],
    closed: Callable[[str], None] = lambda _: None,
    said: Callable[[str], None] = lambda _: None,
) -> None:
    """Go through an XML file once; elements by their names without namespace, attributes that have one with a colon
    before theirs.

    Raises DecodeError on what is no XML, nests without end, or declares entities.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    depth = 0

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise DecodeError(f"{name} is damaged: its elements lie more than {_DEEPEST} deep")
        opened(_local(tag), {_attribute(key): value for key, value in attributes.items()})

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        closed(_local(tag))

    def refuse(*_: object) -> None:
        raise DecodeError(f"{name} declares XML entities, as no document does", hint="save it anew")

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = said
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat takes it by place
    except (expat.ExpatError, LookupError, UnicodeError, ValueError) as error:
        raise DecodeError(f"{name} is damaged: its XML cannot be read ({error})") from error


def _attribute(key: str) -> str:
    return f":{_local(key)}" if " " in key else key


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]
