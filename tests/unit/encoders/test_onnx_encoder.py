"""The ONNX family: what a card can say of a network, and what happens when it is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from morelike.encoders._pixels import Pixels
from morelike.encoders._session import with_output
from morelike.encoders.onnx import OnnxEncoder
from morelike.errors import EncodeError, MissingExtra, ModelError, UsageError
from morelike.settings import Settings
from morelike.testing.tiny_onnx import image_tower, image_weights, text_tower
from morelike.types import Card, WeightsFile

DIM = 8


def encoder(
    folder: Path, image: Mapping[str, Any] | None = None, *, dim: int = DIM, metric: Any = "ip", model: bytes = b""
) -> OnnxEncoder:
    """An encoder of a tiny file whose embedding is the mean colour times known weights."""
    (folder / "tiny.onnx").write_bytes(model or image_tower(DIM))
    inputs = {"image": {"side": 4, **(image or {})}}
    card = Card("tiny", "onnx", "dense", dim, metric, inputs, weights=(WeightsFile("tiny.onnx"),))
    return OnnxEncoder(card, {"tiny.onnx": folder / "tiny.onnx"}, Settings())


def vector(made: OnnxEncoder, picture: Any) -> Any:
    return made.encode("image", [made.prepare("image", picture)])[0]


def plain(*colour: int, size: tuple[int, int] = (6, 5)) -> Any:
    return np.full((*size, 3), colour, dtype=np.uint8)


def test_output_is_the_networks(tmp_path: Path) -> None:
    """A picture of one colour gives that colour times the network's weights."""
    got = vector(encoder(tmp_path), plain(255, 51, 0))
    np.testing.assert_allclose(got, np.array([1, 0.2, 0]) @ image_weights(DIM), rtol=1e-5)


def test_mean_std_range_and_channels(tmp_path: Path) -> None:
    """The network sees (colour / 255 · range - mean) / std, in the card's order of channels."""
    numbers = {"mean": [10, 20, 30], "std": [1, 2, 4], "range": 255, "channels": "bgr"}
    got = vector(encoder(tmp_path, numbers), plain(30, 60, 90))
    np.testing.assert_allclose(got, np.array([80, 20, 0]) @ image_weights(DIM), rtol=1e-5, atol=1e-4)


def test_an_inner_value_can_be_the_output(tmp_path: Path) -> None:
    """A value that the file does not give out is named in the card and used."""
    got = vector(encoder(tmp_path, {"output": "colour"}, dim=3), plain(255, 51, 0))
    np.testing.assert_allclose(got, [1, 0.2, 0], rtol=1e-6)


@pytest.mark.parametrize("pool", ["mean", "gem"])
def test_a_map_is_pooled(pool: str, tmp_path: Path) -> None:
    """A map of features (n, c, h, w) becomes (n, c); over places that are alike every mean is the value."""
    got = vector(encoder(tmp_path, {"output": "map", "pool": pool}, dim=3), plain(255, 51, 102))
    np.testing.assert_allclose(got, [1, 0.2, 0.4], rtol=1e-5)


def test_gem_weighs_the_strong_places(tmp_path: Path) -> None:
    """GeM with p = 3 of one place of 1 among four is the cube root of a quarter."""
    picture = np.zeros((2, 2, 3), dtype=np.uint8)
    picture[0, 0] = 255
    got = vector(encoder(tmp_path, {"side": 2, "output": "map", "pool": "gem"}, dim=3), picture)
    np.testing.assert_allclose(got, [0.25 ** (1 / 3)] * 3, rtol=1e-4)


def test_cosine_cards_give_unit_vectors(tmp_path: Path) -> None:
    """Where the metric is the cosine the vectors have length one."""
    got = vector(encoder(tmp_path, metric="cosine"), plain(255, 51, 0))
    assert np.linalg.norm(got) == pytest.approx(1, abs=1e-6)


def test_shorter_side_and_centre_crop_match_pillow() -> None:
    """``side`` and ``crop`` are what they are in Pillow: scale the shorter side, cut the middle."""
    picture = np.random.default_rng(0).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    got = Pixels.from_card("x", {"side": 64, "crop": 56}).cut(picture)
    scaled = Image.fromarray(picture).resize((64, 96), Image.Resampling.BICUBIC, reducing_gap=3.0)
    np.testing.assert_array_equal(got, np.asarray(scaled.crop((4, 20, 60, 76))))


@given(height=st.integers(1, 300), width=st.integers(1, 300), resize=st.sampled_from(["shorter", "squash"]))
def test_every_size_is_cut_to_the_same(height: int, width: int, resize: str) -> None:
    """A picture of any proportions becomes crop × crop."""
    pixels = Pixels.from_card("x", {"side": 12, "crop": 10, "resize": resize})
    assert pixels.cut(np.zeros((height, width, 3), dtype=np.uint8)).shape == (10, 10, 3)


@pytest.mark.parametrize("size", [(300, 200), (20, 400), (60, 90)])
def test_a_squashed_picture_may_have_a_width_of_its_own(size: tuple[int, int]) -> None:
    """With ``width`` any picture becomes side × width, as Pillow scales it, and the network gets that shape."""
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    numbers = {"side": 60, "width": 90, "resize": "squash", "interpolation": "bilinear"}
    pixels = Pixels.from_card("x", numbers)
    got = pixels.cut(picture)
    scaled = Image.fromarray(picture).resize((90, 60), Image.Resampling.BILINEAR, reducing_gap=3.0)
    np.testing.assert_array_equal(got, np.asarray(scaled))
    assert pixels.stack([got, got]).shape == (2, 3, 60, 90)
    assert Pixels.from_card("x", {**numbers, "layout": "nhwc"}).stack([got]).shape == (1, 60, 90, 3)


@pytest.mark.parametrize(
    "numbers",
    [
        {"width": 9},
        {"width": 9, "resize": "squash", "crop": 6},
        {"width": 17, "resize": "squash"},
        {"width": 0, "resize": "squash"},
    ],
)
def test_a_width_goes_with_squash_alone(numbers: dict[str, Any]) -> None:
    """A width that would be passed over, or that is wider than what modalities decode for, is refused."""
    with pytest.raises(ModelError, match="width"):
        Pixels.from_card("x", {"side": 8, **numbers})


def test_a_long_strip_needs_no_memory_of_its_own() -> None:
    """A strip of 1 × 200 000 pixels is not blown up to 224 × 44 800 000 first."""
    strip = np.zeros((1, 200_000, 3), dtype=np.uint8)
    strip[0, 90_000:110_000] = 255
    got = Pixels.from_card("x", {"side": 224}).cut(strip)
    np.testing.assert_array_equal(got, np.full((224, 224, 3), 255, dtype=np.uint8))


@given(st.binary(min_size=96, max_size=96), st.sampled_from(["nchw", "nhwc"]))
def test_stack_is_the_formula(data: bytes, layout: str) -> None:
    """A stacked batch is (x / 255 - mean) / std at every pixel, in the card's layout."""
    pixels = Pixels.from_card("x", {"side": 4, "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.6, 0.7], "layout": layout})
    batch = np.frombuffer(data, dtype=np.uint8).reshape(2, 4, 4, 3)
    expected = (batch / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.6, 0.7]
    got = pixels.stack(list(batch))
    np.testing.assert_allclose(got if layout == "nhwc" else got.transpose(0, 2, 3, 1), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("image", "word"),
    [
        ({"side": 0}, "side"),
        ({"side": 100_000}, "side"),
        ({"crop": 5}, "cuts 5"),
        ({"std": 0}, "zero"),
        ({"mean": [1, 2]}, "mean"),
        ({"resize": "longest"}, "resize"),
        ({"pool": "max"}, "pool"),
        ({"meen": 0.5}, "meen"),
        ({"file": "other.onnx"}, "other.onnx"),
    ],
)
def test_a_wrong_card_is_refused_before_any_work(image: dict[str, Any], word: str, tmp_path: Path) -> None:
    """A number that cannot be, and a key that is not known, are named at once."""
    with pytest.raises(ModelError, match=word):
        encoder(tmp_path, image)


def test_a_missing_output_is_a_model_error(tmp_path: Path) -> None:
    """An output that the network does not have is a fault of the card, not of the picture."""
    with pytest.raises(ModelError, match="nowhere"):
        vector(encoder(tmp_path, {"output": "nowhere"}), plain(1, 2, 3))


def test_a_wrong_width_is_a_model_error(tmp_path: Path) -> None:
    """Where the card's dim is not the network's, both are named."""
    with pytest.raises(ModelError, match=r"dim = 9.*\(1, 8\)"):
        vector(encoder(tmp_path, dim=9), plain(1, 2, 3))


def test_a_wrong_input_is_a_model_error(tmp_path: Path) -> None:
    """An input's name that the network does not have is answered with those it has."""
    with pytest.raises(ModelError, match="pixels"):
        vector(encoder(tmp_path, {"name": "images"}), plain(1, 2, 3))


def test_a_network_of_another_size_fails_with_a_sentence(tmp_path: Path) -> None:
    """A network for other pictures fails as ours, not as onnxruntime's."""
    with pytest.raises(EncodeError, match=r"tiny\.onnx failed"):
        vector(encoder(tmp_path, model=image_tower(DIM, side=7)), plain(1, 2, 3))


@pytest.mark.parametrize("model", [b"garbage" * 9, image_tower(DIM)[:-40]])
def test_a_damaged_file_is_a_model_error(model: bytes, tmp_path: Path) -> None:
    """Bytes that are no network, or half of one, are a fault of the file."""
    with pytest.raises(ModelError, match=r"tiny\.onnx"):
        vector(encoder(tmp_path, model=model), plain(1, 2, 3))


def test_an_empty_file_is_a_model_error(tmp_path: Path) -> None:
    """A file of no bytes is named with its size."""
    made = encoder(tmp_path)
    (tmp_path / "tiny.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match="0 bytes"):
        vector(made, plain(1, 2, 3))


def test_the_file_is_read_at_the_first_batch(tmp_path: Path) -> None:
    """Making the encoder and preparing pictures needs no file."""
    made = encoder(tmp_path)
    (tmp_path / "tiny.onnx").unlink()
    made.prepare("image", plain(1, 2, 3))
    with pytest.raises(ModelError, match="cannot be read"):
        made.encode("image", [made.prepare("image", plain(1, 2, 3))])


def test_a_network_reads_no_other_file(tmp_path: Path) -> None:
    """A file that refers to another for its weights is refused unless the card names it."""
    onnx = pytest.importorskip("onnx", reason="the extra `train` is not installed (onnx)")
    image_weights(DIM).tofile(tmp_path / "data.bin")
    model = onnx.load_from_string(image_tower(DIM))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "data.bin"
    made = encoder(tmp_path, model=model.SerializeToString())
    with pytest.raises(ModelError, match=r"tiny\.onnx"):
        vector(made, plain(1, 2, 3))


def test_appended_output_is_what_the_onnx_package_reads() -> None:
    """The appended bytes are the protobuf that the onnx package reads as a further output."""
    onnx = pytest.importorskip("onnx", reason="the extra `train` is not installed (onnx)")
    model = onnx.load_from_string(with_output(image_tower(DIM), "x" * 300))
    assert [entry.name for entry in model.graph.output] == ["embedding", "x" * 300]


def test_a_picture_of_another_type_is_an_item_error(tmp_path: Path) -> None:
    """What is no uint8 (h, w, 3) is refused with what it is."""
    with pytest.raises(EncodeError, match="float32"):
        encoder(tmp_path).prepare("image", np.zeros((4, 4, 3), dtype=np.float32))


def joint(folder: Path, **text: Any) -> OnnxEncoder:
    """A toy card with two towers in one space: a word's vector is that of its colour."""
    words = {"<pad>": 0, "<end>": 1, "red": 2, "green": 3, "blue": 4, "a": 5}
    colours = np.zeros((6, 3), dtype=np.float32)
    colours[2:5] = np.eye(3)
    (folder / "image.onnx").write_bytes(image_tower(DIM))
    (folder / "text.onnx").write_bytes(text_tower(colours @ image_weights(DIM)))
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "a"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    names = ("image.onnx", "text.onnx", "tokenizer.json")
    card = Card(
        "joint",
        "onnx",
        "dense",
        DIM,
        "cosine",
        {"image": {"side": 4}, "text": {"file": "text.onnx", "length": 6, "suffix": [1], **text}},
        weights=tuple(WeightsFile(name) for name in names),
    )
    return OnnxEncoder(card, {name: folder / name for name in names}, Settings())


def test_words_and_pictures_share_a_space(tmp_path: Path) -> None:
    """With a text tower, the words "a red" are nearest to the red picture."""
    pytest.importorskip("tokenizers", reason="the extra `clip` is not installed")
    made = joint(tmp_path, lowercase=True)
    words = made.encode("text", [made.prepare("text", "A RED")])
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    pictures = made.encode("image", [made.prepare("image", plain(*colour)) for colour in colours])
    np.testing.assert_allclose(words @ pictures.T, (pictures @ pictures[0])[None, :], atol=1e-5)


def test_tokens_are_cut_and_padded(tmp_path: Path) -> None:
    """A text of any length gives exactly ``length`` ids that end as the card says, and a mask of the real ones."""
    pytest.importorskip("tokenizers", reason="the extra `clip` is not installed")
    made = joint(tmp_path)
    np.testing.assert_array_equal(made.prepare("text", "red blue"), [[2, 4, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0]])
    np.testing.assert_array_equal(made.prepare("text", "red " * 9_999), [[2, 2, 2, 2, 2, 1], [1] * 6])


def test_a_damaged_tokenizer_is_a_model_error(tmp_path: Path) -> None:
    """A tokenizer file that cannot be read is named."""
    pytest.importorskip("tokenizers", reason="the extra `clip` is not installed")
    made = joint(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        made.prepare("text", "red")


def test_words_without_the_extra_say_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `tokenizers` is not installed, the sentence names the extra; pictures go on working."""
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    made = joint(tmp_path)
    made.encode("image", [made.prepare("image", plain(1, 2, 3))])
    with pytest.raises(MissingExtra, match=r"morelike\[clip\]"):
        made.prepare("text", "red")


def test_words_for_a_card_without_a_text_tower(tmp_path: Path) -> None:
    """A card that takes pictures only refuses words, naming both."""
    with pytest.raises(UsageError, match=r"takes image, not text"):
        encoder(tmp_path).prepare("text", "red")
