"""3D models: their surface is what counts, wherever it stands, however large and in whichever format it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

from morelike.errors import DecodeError, QueryError, UsageError
from morelike.modalities._exif import printable
from morelike.modalities._mesh_3mf import read_3mf
from morelike.modalities._mesh_formats import NOT_READ, named_like_a_mesh, recognise
from morelike.modalities._mesh_glb import written_glb
from morelike.modalities._mesh_gltf import read_gltf
from morelike.modalities._mesh_lines import read_obj, read_off
from morelike.modalities._mesh_ply import read_ply
from morelike.modalities._mesh_soup import LARGEST, Soup
from morelike.modalities._mesh_stl import read_stl
from morelike.modalities._mesh_surface import Surface, is_closed, posed, surface_of, volume_of
from morelike.modalities._mesh_turning import turning
from morelike.modalities._once import Once
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, Kind, Mesh, Metadata, Payload, Preview, SegmentSpec, Span

__all__ = ["MeshModality"]

_MESH = "mesh"
_HEAD = 4096
_NAMED_ONLY = 0.05
"""Confidence where only the name speaks for a 3D model: enough to say what is wrong."""
_KEPT = 64 * 1024**2
"""Bytes of surfaces that stay for whoever asks next: to describe one and to load it is to read it once."""
_MOST_SHOWN = 1_000_000
"""Faces, about 20 MB of GLB: what a browser turns without a stutter."""
_POSES = ("as-given", "principal")
_AXES = ("y", "z")
_DEFAULTS: Metadata = {"pose": "as-given", "up": "y"}
_READERS: dict[str, Callable[[bytes], Soup]] = {
    "3mf": read_3mf,
    "glb": read_gltf,
    "gltf": read_gltf,
    "obj": read_obj,
    "off": read_off,
    "ply": read_ply,
    "stl": read_stl,
}
_KNOWN = "STL, OBJ, PLY, OFF, GLB, glTF and 3MF are read"


def _size_of(read: tuple[str, Surface]) -> int:
    return read[1].vertices.nbytes + read[1].faces.nbytes


class MeshModality:
    """STL, OBJ, PLY, OFF, GLB, glTF and 3MF: one segment an item, of kind ``mesh``. Nothing but the file itself is
    read: neither materials nor pictures nor data beside it. Safe from any thread.

    ``options``: ``pose``, ``as-given`` or ``principal`` (turned to its principal axes, for models that lie at random);
    ``up``, ``y`` or ``z``: the axis that points upwards in the files, for what is drawn of them.
    """

    name = "mesh"
    kinds: tuple[Kind, ...] = (_MESH,)

    def __init__(self, settings: Settings, options: Metadata | None = None) -> None:
        self._settings = settings
        self._options = self.settle(options or {})
        self._read: Once[tuple[str, Surface]] = Once(size_of=_size_of, most=_KEPT)

    def configured(self, options: Metadata) -> MeshModality:
        """The same for a collection with these options."""
        known = self.settle(options)
        return self if known == self._options else MeshModality(self._settings, known)

    def sniff(self, head: bytes, name: str) -> float:
        """By the first bytes; where these could be anything, as those of a binary STL, by the name too."""
        known = recognise(head, name)
        if known is not None:
            return known.sure
        return _NAMED_ONLY if named_like_a_mesh(name) else 0.0

    def media_type(self, head: bytes, name: str) -> str:
        """By the bytes; ``application/octet-stream`` where ``sniff`` did not recognise them."""
        known = recognise(head, name)
        return known.media_type if known else "application/octet-stream"

    def describe(self, blob: Blob) -> Metadata:
        """``format``; ``vertices`` and ``faces``, mended; ``extent_x``, ``extent_y``, ``extent_z``: how far it reaches
        along each axis, in the file's own unit, as is ``area``; ``watertight``: whether it has an inside, and
        ``volume`` where it has. Raises DecodeError.
        """
        form, surface = self._surface(blob)
        closed = is_closed(surface)
        along_x, along_y, along_z = (_told(length) for length in surface.extent.tolist())
        return {
            "format": form,
            "vertices": len(surface.vertices),
            "faces": len(surface.faces),
            "extent_x": along_x,
            "extent_y": along_y,
            "extent_z": along_z,
            "area": _told(float(surface.areas.sum())),
            "watertight": closed,
            **({"volume": _told(volume_of(surface))} if closed else {}),
        }

    def settle(self, given: Metadata) -> Metadata:
        """``pose``: as-given (the default) or principal; ``up``: y (the default) or z. Raises UsageError."""
        if unknown := sorted(set(given) - set(_DEFAULTS)):
            raise UsageError(f"3D models have no {', '.join(unknown)}", hint="they have pose and up")
        settled = {**_DEFAULTS, **given}
        for option, choices in (("pose", _POSES), ("up", _AXES)):
            if settled[option] not in choices:
                raise UsageError(f"{option} is {settled[option]!r}", hint=" or ".join(choices))
        return settled

    def split(self, blob: Blob, options: Metadata, at: Span = WHOLE) -> Iterator[SegmentSpec]:
        """The whole model. Raises QueryError where a part is asked for."""
        del options  # the payload depends on them, and is made by whoever is ``configured``
        if at != WHOLE:
            raise QueryError(f"{_label(blob)} is a 3D model: it has no {at.unit}", hint="leave --at out")
        yield SegmentSpec(_MESH)

    def load(self, blob: Blob, spec: SegmentSpec, want: Mapping[str, Any]) -> Payload:
        """``Mesh``: its centroid in the origin, its root mean square radius one, y upwards. Raises DecodeError."""
        del want
        if spec.kind != _MESH:
            raise DecodeError(f"{_label(blob)}: a 3D model has no segment of kind {spec.kind!r}")
        return self._posed(blob)

    def preview(self, blob: Blob, span: Span, side: int) -> Preview:
        """A picture of it; from 200 pixels a side on one that turns once (an animated WebP). Raises DecodeError."""
        del span
        return turning(self._posed(blob), side)

    def model(self, blob: Blob) -> Preview:
        """A GLB for viewers: its mended surface in the file's own unit, without colours, y upwards. Raises DecodeError,
        also where it has more than a million faces.
        """
        surface = self._surface(blob)[1]
        if len(surface.faces) > _MOST_SHOWN:
            raise DecodeError(
                f"{_label(blob)} has {len(surface.faces):,} faces, too many for a viewer", hint="it has a preview"
            )
        return Preview(written_glb(surface, z_up=self._options["up"] == "z"), "model/gltf-binary")

    def identity(self, blob: Blob) -> str | None:  # noqa: ARG002 - the seam's
        """None: a model is its bytes."""
        return None

    def _posed(self, blob: Blob) -> Mesh:
        surface = self._surface(blob)[1]
        principal = self._options["pose"] == "principal"
        return posed(surface, principal=principal, z_up=self._options["up"] == "z")

    def _surface(self, blob: Blob) -> tuple[str, Surface]:
        """(format, the mended surface). Raises DecodeError, SourceError."""
        return self._read.get(blob, "surface", lambda: _read(blob))


def _read(blob: Blob) -> tuple[str, Surface]:
    data = blob.read(LARGEST + 1)
    label = _label(blob)
    if len(data) > LARGEST:
        raise DecodeError(f"{label} has more than {LARGEST:,} bytes", hint="make it simpler first")
    known = recognise(data[:_HEAD], blob.name)
    if known is None:
        form = NOT_READ.get(PurePath(blob.name[-300:]).suffix.lower())
        what = "is empty" if not data.strip() else f"is named as {form}" if form else "is no 3D model"
        hint = "write it as GLB: " + _KNOWN if form and data.strip() else _KNOWN
        raise DecodeError(f"{label} {what}", hint=hint)
    try:
        return known.name, surface_of(_READERS[known.name](data))
    except DecodeError as error:
        raise DecodeError(f"{label} {error.message}", hint=error.hint) from error


def _told(value: float) -> float:
    """Six digits that count."""
    return float(f"{value:.6g}")


def _label(blob: Blob) -> str:
    return printable(blob.name or blob.uri) or "the model"
