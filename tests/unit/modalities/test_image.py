"""What the image modality promises beyond pixels: sniffing, shrinking, previews, errors, quiet threads."""

from __future__ import annotations

import io
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from image_files import quadrants, saved
from PIL import Image

from morelike.errors import DecodeError, SourceError
from morelike.modalities.image import ImageModality
from morelike.settings import Settings
from morelike.testing.images import synthetic_image, write_images
from morelike.types import WHOLE, Blob, SegmentSpec

SPEC = SegmentSpec("image")


@pytest.fixture
def images(settings: Settings) -> ImageModality:
    return ImageModality(settings)


def _large(**options: object) -> Blob:
    return Blob.from_bytes(saved("JPEG", synthetic_image(5, (1600, 1200)), **options), "large.jpg")


def _ftyp(*brands: bytes) -> bytes:
    return struct.pack(">I", 8 + 4 * len(brands) + 4) + b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (_ftyp(b"avif", b"mif1", b"miaf"), "image/avif"),
        (_ftyp(b"mif1", b"avif", b"miaf"), "image/avif"),
        (_ftyp(b"heic", b"mif1"), "image/heic"),
        (_ftyp(b"mif1", b"heic"), "image/heic"),
        (_ftyp(b"mif1", b"miaf"), "image/heif"),
        (_ftyp(b"isom", b"mp42"), "application/octet-stream"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "application/octet-stream"),
        (b"BM" + bytes(12) + struct.pack("<I", 40), "image/bmp"),
        (b"BMW is a maker of cars", "application/octet-stream"),
        (b"P6\n# by hand\n3 2 255\n", "image/x-portable-anymap"),
        (b"P6 is the name of a road", "application/octet-stream"),
    ],
)
def test_media_type_by_the_first_bytes(images: ImageModality, head: bytes, expected: str) -> None:
    """Containers are told apart by their brands, and words that begin like a signature are no pictures."""
    assert expected == images.media_type(head, "any.jpg")
    assert images.sniff(head, "any") == (0.0 if expected == "application/octet-stream" else 1.0)


@pytest.mark.parametrize(("head", "name"), [(b"some text", "cat.JPG"), (b"", "a.heic"), (b"<svg xmlns='x'/>", "logo")])
def test_a_hopeless_picture_is_claimed_faintly(images: ImageModality, head: bytes, name: str) -> None:
    """What is only named like a picture, or is one of a format not read, is claimed so that its reason gets told."""
    assert 0 < images.sniff(head, name) < 0.1


def test_an_unrelated_file_is_not_claimed(images: ImageModality) -> None:
    """A text file under its own name is no picture at all."""
    assert images.sniff(b"some text", "notes.txt") == 0


def test_a_picture_is_one_segment(images: ImageModality) -> None:
    """Splitting does not even read the blob."""
    assert [SegmentSpec("image", WHOLE)] == list(images.split(Blob.from_bytes(b"", "x"), {}))


def test_another_kind_is_refused(images: ImageModality) -> None:
    """A segment of a kind that pictures do not have raises DecodeError."""
    with pytest.raises(DecodeError, match="no segment of kind 'audio'"):
        images.load(_large(), SegmentSpec("audio"), {})


@pytest.mark.parametrize(
    ("side", "expected"),
    [(None, (1200, 1600)), (301, (1200, 1600)), (224, (600, 800)), (100, (300, 400)), (8, (150, 200))],
)
@pytest.mark.parametrize("progressive", [False, True])
def test_a_large_jpeg_shrinks_on_load(
    images: ImageModality, side: int | None, expected: tuple[int, int], progressive: bool
) -> None:
    """The shorter side stays at least twice the wanted one, and is the least such of 1/1, 1/2, 1/4, 1/8."""
    want = {} if side is None else {"side": side}

    assert (*expected, 3) == images.load(_large(progressive=progressive), SPEC, want).shape


def test_a_shrunken_jpeg_looks_the_same(images: ImageModality) -> None:
    """Decoding at a quarter differs little from decoding whole and averaging blocks of 4 × 4."""
    smooth = np.asarray(Image.fromarray(synthetic_image(5, (40, 30))).resize((1600, 1200), Image.Resampling.BICUBIC))
    blob = Blob.from_bytes(saved("JPEG", smooth, quality=95), "smooth.jpg")
    whole = images.load(blob, SPEC, {}).reshape(300, 4, 400, 4, 3).mean((1, 3))

    assert np.abs(images.load(blob, SPEC, {"side": 150}) - whole).mean() < 2


@pytest.mark.parametrize("side", [0, -5, "224", None, 1.5])
def test_an_odd_wish_decodes_the_whole(images: ImageModality, side: object) -> None:
    """A wanted side that is no positive whole number is passed over."""
    assert images.load(_large(), SPEC, {"side": side}).shape == (1200, 1600, 3)


def test_shrinking_is_for_jpeg_only(images: ImageModality) -> None:
    """A PNG is decoded whole, whatever is wanted."""
    assert images.load(Blob.from_bytes(saved("PNG"), "x"), SPEC, {"side": 4}).shape == (32, 48, 3)


@pytest.mark.parametrize(("side", "expected"), [(400, (400, 300)), (5000, (1600, 1200)), (1, (1, 1)), (0, (1, 1))])
def test_preview_size(images: ImageModality, side: int, expected: tuple[int, int]) -> None:
    """A preview keeps the proportions, is never enlarged, and has at least one pixel."""
    preview = images.preview(_large(), WHOLE, side)

    assert expected == (preview.width, preview.height)


def test_preview_drops_metadata(images: ImageModality) -> None:
    """Neither the comment nor the EXIF of the original is in its preview."""
    exif = Image.Exif()
    exif[0x010F] = "SecretMaker"
    data = saved("JPEG", comment=b"secret comment", exif=exif)

    preview = images.preview(Blob.from_bytes(data, "x"), WHOLE, 16).data

    assert b"secret" not in preview.lower()


def test_a_stream_that_cannot_seek_is_enough(images: ImageModality) -> None:
    """A blob inside an archive may only be readable forwards."""

    class Forwards(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, offset: int, whence: int = 0) -> int:
            raise io.UnsupportedOperation("seek")

    data = saved("TIFF")
    blob = Blob("archive.tar!x", "x", lambda: Forwards(data))

    np.testing.assert_array_equal(quadrants(), images.load(blob, SPEC, {}))


def test_a_file_that_is_gone_is_a_source_error(images: ImageModality, tmp_path: Path) -> None:
    """A file removed since it was found is the source's failure, not the picture's."""
    path = write_images(tmp_path, 1)[0]
    blob = Blob.from_path(path)
    path.unlink()

    with pytest.raises(SourceError, match="cannot be read: No such file"):
        images.describe(blob)


def test_a_failing_disk_is_a_source_error(images: ImageModality) -> None:
    """An I/O error in the midst of decoding is not called a damaged picture."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 4096:
                raise OSError(5, "Input/output error")
            return super().read(size)

    data = _large().read()

    with pytest.raises(SourceError, match="Input/output error"):
        images.load(Blob("disk", "x.jpg", lambda: Failing(data)), SPEC, {})


def test_a_local_file_is_closed(images: ImageModality, tmp_path: Path) -> None:
    """Describing, loading and showing leave no open file behind, also where they fail."""
    path = tmp_path / "x.tif"
    path.write_bytes(saved("TIFF", compression="tiff_lzw"))
    streams = []

    def open_and_note() -> io.BufferedReader:
        streams.append(path.open("rb"))
        return streams[-1]

    blob = Blob("x.tif", "x.tif", open_and_note)
    images.describe(blob)
    images.load(blob, SPEC, {})
    images.preview(blob, WHOLE, 8)
    path.write_bytes(b"II*\x00" + bytes(50))
    with pytest.raises(DecodeError):
        images.load(blob, SPEC, {})

    assert [stream.closed for stream in streams] == [True] * 4


def test_a_forward_stream_that_fails_is_a_source_error(images: ImageModality) -> None:
    """Where a stream that cannot seek breaks off with an I/O error, the source is blamed."""

    class Broken(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionResetError(104, "Connection reset by peer")

    with pytest.raises(SourceError, match="Connection reset"):
        images.load(Blob("far", "x.jpg", Broken), SPEC, {})


@pytest.mark.parametrize("format", ["TIFF", "WEBP"])
def test_pillows_own_bound_is_explained(images: ImageModality, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    """Formats whose decoder keeps its own bound on pixels are refused above it with what to do."""
    data = saved(format)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)

    with pytest.raises(DecodeError, match=r"more pixels than the 1,000 that Pillow allows .*save it as PNG"):
        images.load(Blob.from_bytes(data, "x"), SPEC, {})


def _warns() -> bytes:
    """A TIFF over which Pillow warns: a text tag that claims more bytes than the file has."""
    data = bytearray(saved("TIFF", tiffinfo={305: "a program's name"}))
    at = data.index(struct.pack("<HH", 305, 2))
    data[at + 4 : at + 8] = struct.pack("<I", 1 << 30)
    return bytes(data)


def test_pillows_warnings_stay_inside(images: ImageModality) -> None:
    """Odd metadata over which Pillow itself warns is read without a warning."""
    with pytest.warns(UserWarning, match="Tag data larger"), Image.open(io.BytesIO(_warns())) as image:
        image.load()

    np.testing.assert_array_equal(quadrants(), images.load(Blob.from_bytes(_warns(), "x"), SPEC, {}))


def test_other_threads_still_hear_warnings(images: ImageModality) -> None:
    """Silence holds only where a picture is being read: a program's own use of Pillow warns as before."""
    blob = Blob.from_bytes(_warns(), "x")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: images.describe(blob), range(40)))
        with pytest.warns(UserWarning, match="Tag data larger"):
            pool.submit(lambda: Image.open(io.BytesIO(_warns())).close()).result()


def test_the_filter_survives_a_reset(images: ImageModality) -> None:
    """Where a program resets the warning filters, the next picture is read as quietly."""
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.simplefilter("error")

        assert images.describe(Blob.from_bytes(_warns(), "x"))["width"] == 48


def test_synthetic_pictures_differ() -> None:
    """A hundred seeded pictures are pairwise clearly different even at 8 × 6 pixels, and the same when made again."""
    made = [synthetic_image(seed) for seed in range(100)]
    small = np.stack([np.asarray(Image.fromarray(p).resize((8, 6), Image.Resampling.BOX), float).ravel() for p in made])
    apart = np.sqrt(((small[:, None] - small[None]) ** 2).mean(2)) + 255 * np.eye(100)

    assert apart.min() > 20
    np.testing.assert_array_equal(made[3], synthetic_image(3))
    assert made[0].shape == (96, 128, 3)


def test_write_images_is_repeatable(tmp_path: Path) -> None:
    """The same seed writes the same files, byte for byte."""
    first, second = write_images(tmp_path / "a", 5, 9), write_images(tmp_path / "b", 5, 9)

    assert [path.name for path in first] == ["00000.jpg", "00001.jpg", "00002.jpg", "00003.jpg", "00004.jpg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
