"""Open a picture's header safely: one plugin chosen by its bytes, size checked first, every failure a DecodeError.

Plugins are called directly and not through ``PIL.Image.open``: that one compares with the process-wide
``MAX_IMAGE_PIXELS`` and tries every registered plugin. Here the bound is the library's own setting, nothing global is
changed, and no plugin outside the allow-list runs. (Pillow's TIFF, GIF and WebP plugins apply its bound of 179
million pixels on their own, whatever the setting; for a higher one the program sets ``PIL.Image.MAX_IMAGE_PIXELS``.)
"""

from __future__ import annotations

import io
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from morelike.errors import DecodeError, MorelikeError, SourceError
from morelike.modalities._exif import Exif, printable, read_exif
from morelike.modalities._formats import Format, recognise, refusal
from morelike.types import Blob

__all__ = ["Opened", "label", "opened"]

HEAD = 4096
_MAX_SIDE = 1_000_000  # Pillow keeps a pointer a row
_MAX_SCANS = 500  # each pass over a progressive JPEG costs time and hardly any bytes; libjpeg-turbo's advice
_ORIENTATION, _TILE_WIDTH, _TILE_LENGTH = 0x0112, 322, 323
_TURNED_BY_THE_DECODER = frozenset({"HEIF", "TIFF"})

logging.getLogger("PIL").addHandler(logging.NullHandler())  # else a damaged file prints to the terminal


class _Jpeg(JpegImageFile):
    def getexif(self) -> Image.Exif:
        """Nothing: Pillow would expand the block without bound, for the sake of a resolution in dpi."""
        return Image.Exif()


class _Tiff(TiffImageFile):
    def getexif(self) -> Image.Exif:
        """The orientation alone, which Pillow applies after decoding; the rest is read within bounds elsewhere."""
        exif = Image.Exif()
        orientation = self.tag_v2.get(_ORIENTATION)
        if isinstance(orientation, int):
            exif[_ORIENTATION] = orientation
        return exif


_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "AVIF": AvifImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,
    "JPEG": _Jpeg,
    "JPEG2000": Jpeg2KImageFile,
    "PNG": PngImageFile,
    "PPM": PpmImageFile,
    "TIFF": _Tiff,
    "WEBP": WebPImageFile,
}


def _plugin(format: Format) -> type[ImageFile.ImageFile]:
    if format.name == "HEIF":
        from pi_heif import HeifImageFile

        return cast("type[ImageFile.ImageFile]", HeifImageFile)
    return _PLUGINS[format.name]


class _ThisThread(threading.local):
    depth = 0


class _HerePattern:
    """Stands where a warning filter has a pattern for modules: matches Pillow's, in a thread inside ``_quiet`` only."""

    def match(self, module: str) -> bool:
        return _this_thread.depth > 0 and module.startswith(("PIL.", "pi_heif."))


_this_thread = _ThisThread()
_FILTER = ("ignore", None, Warning, _HerePattern(), 0)
_filter_lock = threading.Lock()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what Pillow says about odd metadata, in this thread alone.

    ``warnings.catch_warnings`` changes the whole process and is not safe from several threads, hence one filter that
    stays, harms nobody, and is put back in front where somebody reset the list.
    """
    filters = cast("list[Any]", warnings.filters)
    if not filters or filters[0] is not _FILTER:
        with _filter_lock:
            filters[:] = [_FILTER, *(item for item in filters if item is not _FILTER)]
    _this_thread.depth += 1
    try:
        yield
    finally:
        _this_thread.depth -= 1


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture whose header was read. ``image`` is not decoded yet and lives inside the ``with`` only."""

    image: ImageFile.ImageFile
    format: Format
    exif: Exif

    @property
    def orientation(self) -> int:
        """The EXIF orientation that is left to apply: some decoders apply it themselves."""
        return 1 if self.format.name in _TURNED_BY_THE_DECODER else self.exif.orientation

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as the picture stands after its orientation."""
        width, height = self.image.size
        return (height, width) if self.orientation >= 5 else (width, height)


def label(blob: Blob) -> str:
    """The blob's name as an error message may show it."""
    return printable(blob.name or blob.uri) or "the picture"


@contextmanager
def opened(blob: Blob, max_pixels: int) -> Iterator[Opened]:
    """Read the header, then let the caller decode. Raises DecodeError; SourceError where the bytes cannot be had."""
    name = label(blob)
    with _translated(name), _stream(blob) as stream, _quiet():
        head = stream.read(HEAD)
        known = recognise(head)
        if known is None:
            what, hint = refusal(head)
            raise DecodeError(f"{name} is {what}", hint=hint)
        stream.seek(0)
        with _plugin(known)(stream) as image:
            _check_size(name, image, max_pixels)
            if image.info.get("progressive"):
                _check_scans(name, stream)
            yield Opened(image, known, _exif(image, known, stream))


@contextmanager
def _stream(blob: Blob) -> Iterator[BinaryIO]:
    """The blob's bytes from a stream that can seek."""
    with blob.open() as stream:
        yield stream if stream.seekable() else io.BytesIO(stream.read())


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Whatever a decoder raises over hostile bytes (its own documents list no bound) becomes a DecodeError."""
    try:
        yield
    except MorelikeError:
        raise
    except Image.DecompressionBombError as error:
        bound = f"the {2 * (Image.MAX_IMAGE_PIXELS or 0):,} that Pillow allows for its format, whatever the setting"
        raise DecodeError(f"{name} has more pixels than {bound}", hint="save it as PNG or JPEG") from error
    except MemoryError as error:
        raise DecodeError(f"{name} needs more memory than there is") from error
    except OSError as error:
        if error.errno is not None:  # the disk's failure, not the picture's
            raise SourceError(f"{name} cannot be read: {error.strerror}") from error
        raise _damaged(name, error) from error
    except Exception as error:
        raise _damaged(name, error) from error


_CUT_SHORT = (
    "cannot read full",
    "end of file",
    "eof",
    "failed to decode next frame",
    "incomplete",
    "insufficient",
    "no more images",
    "not enough",
    "only got",
    "requires a buffer",
    "too small",
    "truncated",
)


def _damaged(name: str, error: Exception) -> DecodeError:
    detail = printable(str(error))
    if isinstance(error, EOFError) or any(words in detail.lower() for words in _CUT_SHORT):
        return DecodeError(f"{name} ends before its picture does", hint="copy or download it again")
    return DecodeError(f"{name} is damaged: {detail or type(error).__name__}")


def _check_size(name: str, image: ImageFile.ImageFile, max_pixels: int) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise DecodeError(f"{name} has no pixels: {width} × {height}")
    if max(width, height) > _MAX_SIDE:
        raise DecodeError(f"{name} is {width} × {height}: no side may be longer than {_MAX_SIDE:,} pixels")
    if width * height > max_pixels:
        raise DecodeError(
            f"{name} has {width} × {height} = {width * height:,} pixels, more than the {max_pixels:,} allowed",
            hint="raise MORELIKE_MAX_PIXELS to accept it",
        )
    if isinstance(image, TiffImageFile):
        tile = [image.tag_v2.get(tag, 1) for tag in (_TILE_WIDTH, _TILE_LENGTH)]
        if not all(isinstance(side, int) for side in tile) or tile[0] * tile[1] > max(max_pixels, 1 << 20):
            raise DecodeError(f"{name} has tiles of {printable(str(tile[0]))} × {printable(str(tile[1]))} pixels")


def _check_scans(name: str, stream: BinaryIO) -> None:
    position = stream.tell()
    stream.seek(0)
    scans, last = 0, b""
    while block := stream.read(1 << 20):
        scans += (last + block).count(b"\xff\xda")  # start of scan; entropy-coded data never holds it
        last = block[-1:]
    stream.seek(position)
    if scans > _MAX_SCANS:
        raise DecodeError(f"{name} is a progressive JPEG of {scans} scans, more than the {_MAX_SCANS} allowed")


def _exif(image: ImageFile.ImageFile, format: Format, stream: BinaryIO) -> Exif:
    """What stands before the pixels: an EXIF chunk behind a PNG's pixels is not looked for, as in browsers."""
    if format.name == "TIFF":
        position = stream.tell()
        exif = read_exif(stream)
        stream.seek(position)
        return exif
    block = image.info.get("exif")
    return read_exif(io.BytesIO(block)) if isinstance(block, bytes) else Exif()
