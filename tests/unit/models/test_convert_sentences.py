"""``models convert`` of sentence encoders: from a wheel, a folder or a file to a card that encodes, without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from minilm import CONFIG, write_tiny
from typer.testing import CliRunner

from morelike.cli.app import app
from morelike.errors import DigestMismatch, ModelError, MorelikeError, UnknownName
from morelike.models import cards, convert, files, weights
from morelike.settings import Settings
from morelike.types import Card, WeightsFile
from morelike.wiring import load_encoder

pytest.importorskip("onnx", reason="the extra `convert` is not installed (onnx)")
pytest.importorskip("safetensors", reason="the extra `convert` is not installed (safetensors)")
pytest.importorskip("tokenizers", reason="the extra `text` is not installed (tokenizers)")

TEXT = {
    "name": "input_ids",
    "mask": "attention_mask",
    "types": "token_type_ids",
    "output": "last_hidden_state",
    "pool": "mean",
    "length": 8,
    "prefix": [2],
    "suffix": [3],
    "padded": "batch",
}
TINY = Card(
    "tiny",
    "onnx",
    "dense",
    8,
    "cosine",
    {"text": TEXT},
    weights=(WeightsFile("model.onnx"), WeightsFile("tokenizer.json")),
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a checkpoint of a few numbers."""
    return write_tiny(tmp_path / "published")


@pytest.fixture
def known(settings: Settings, tmp_path: Path) -> Settings:
    """Settings under which the card ``tiny`` is known."""
    (tmp_path / "cards").mkdir()
    cards.write(TINY, tmp_path / "cards" / "tiny.toml")
    return settings.model_copy(update={"models": (tmp_path / "cards",)})


def zipped(source: Path, target: Path, inside: str = "package/model/", *without: str) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("package/__init__.py", "raise SystemExit('a wheel is not run')")
        for path in sorted(source.iterdir()):
            if path.name not in without:
                archive.write(path, inside + path.name)
    return target


@pytest.mark.parametrize("form", ["folder", "file", "wheel"])
def test_a_checkpoint_becomes_a_card_that_encodes(form: str, source: Path, known: Settings, tmp_path: Path) -> None:
    """From a folder, from its safetensors file or from a wheel: the same files, with digests, in the models cache."""
    given = {"folder": source, "file": source / "model.safetensors", "wheel": tmp_path / "tiny-1.0-py3-none-any.whl"}
    zipped(source, given["wheel"])

    card = convert.convert("tiny", given[form], tmp_path / "cards" / "tiny", known)
    (tmp_path / "cards" / "tiny.toml").unlink()
    plain = convert.convert("tiny", source, tmp_path / "again" / "tiny", known)

    assert cards.find("tiny", known) == card
    assert [entry.sha256 for entry in card.weights] == [entry.sha256 for entry in plain.weights]
    assert files.hash_file(source / "model.safetensors") in card.source
    assert weights.verify(card, known) == []
    encoder = load_encoder(card, known)
    vectors = encoder.encode("text", [encoder.prepare("text", text) for text in ("red fox", "blue", "")])
    assert vectors.shape == (3, 8)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_the_cache_is_where_it_goes_by_itself(source: Path, known: Settings) -> None:
    """Without an output it lies in the models cache, and a second conversion changes nothing."""
    card = convert.convert("tiny", source, None, known)
    made = known.models_cache / "tiny" / "model.onnx"
    before = made.stat().st_mtime_ns

    assert convert.convert("tiny", source, None, known) == card
    assert made.stat().st_mtime_ns == before
    assert sorted(path.name for path in made.parent.iterdir()) == ["card.toml", "model.onnx", "tokenizer.json"]


def test_other_weights_do_not_replace_those_that_are_there(source: Path, known: Settings, tmp_path: Path) -> None:
    """A collection may have been made with the file that is there: it is kept, and the new one refused."""
    card = convert.convert("tiny", source, None, known)
    with pytest.raises(ModelError, match="there already, with other content"):
        convert.convert("tiny", write_tiny(tmp_path / "other", seed=1), None, known)
    assert weights.verify(card, known) == []


def test_the_checkpoint_that_the_card_names(source: Path, known: Settings, tmp_path: Path) -> None:
    """Where a card names its checkpoint's digest, another one is refused; the tokenizer's digest is held to, too."""
    origin = files.hash_file(source / "model.safetensors")
    cards.write(replace(TINY, options={"checkpoint": origin}), tmp_path / "cards" / "tiny.toml")
    with pytest.raises(DigestMismatch, match="have the sha256"):
        convert.convert("tiny", write_tiny(tmp_path / "other", seed=1), None, known)
    assert convert.convert("tiny", source, None, known).options == {"checkpoint": origin}
    named = (TINY.weights[0], WeightsFile("tokenizer.json", sha256="0" * 64))
    cards.write(replace(TINY, weights=named), tmp_path / "cards" / "tiny.toml")
    with pytest.raises(DigestMismatch, match=r"tokenizer\.json"):
        convert.convert("tiny", source, tmp_path / "out", known)


def test_a_conversion_stands_for_the_hubs_file(settings: Settings) -> None:
    """The built-in card's own checkpoint, converted here, is found under its name; another make in the cache is not."""
    built_in = cards.find("all-minilm-l6-v2", settings)
    made = cards.sealed(replace(built_in, weights=(WeightsFile("model.onnx", sha256="1" * 64), built_in.weights[1])))
    cards.write(made, settings.models_cache / made.name / "card.toml")
    assert cards.find(made.name, settings).id == made.id
    cards.write(replace(made, options={"checkpoint": "2" * 64}), settings.models_cache / made.name / "card.toml")
    assert cards.find(made.name, settings).id == built_in.id


def damage_config(folder: Path) -> None:
    (folder / "config.json").write_text("[1")


def other_config(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({**CONFIG, "intermediate_size": 13}))


def list_config(folder: Path) -> None:
    (folder / "config.json").write_text("[]")


def deep_config(folder: Path) -> None:
    (folder / "config.json").write_text("[" * 100_000)


def damage_tensors(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\xff" * 64)


def no_tensors(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def damage_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


@pytest.mark.parametrize(
    "damage",
    [
        damage_config,
        other_config,
        list_config,
        deep_config,
        damage_tensors,
        no_tensors,
        no_tokenizer,
        damage_tokenizer,
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_damaged_is_refused(
    damage: Callable[[Path], None], packed: bool, source: Path, known: Settings, tmp_path: Path
) -> None:
    """Whatever is wrong with a file, a sentence says it, and no card and no file is left."""
    damage(source)
    given = zipped(source, tmp_path / "tiny.whl") if packed else source
    with pytest.raises(ModelError):
        convert.convert("tiny", given, tmp_path / "out", known)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_archives_are_not_trusted(
    source: Path, known: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive without the weights, with two of them, cut short, or that unpacks to too much is refused."""
    empty = zipped(source, tmp_path / "empty.whl", "x/", "model.safetensors")
    twice = zipped(source, tmp_path / "twice.whl")
    with zipfile.ZipFile(twice, "a") as archive:
        archive.writestr("other/model.safetensors", b"")
    broken = tmp_path / "broken.whl"
    broken.write_bytes(zipped(source, tmp_path / "whole.whl").read_bytes()[:-60])
    for given, said in ((empty, "holds 0 files"), (twice, "holds 2 files"), (broken, "cannot be unpacked")):
        with pytest.raises(ModelError, match=said):
            convert.convert("tiny", given, tmp_path / "out", known)
    monkeypatch.setitem(convert._LARGEST, "config.json", 10)
    with pytest.raises(ModelError, match="too large"):
        convert.convert("tiny", tmp_path / "whole.whl", tmp_path / "out", known)
    with pytest.raises(ModelError, match="no such file has"):
        convert.convert("tiny", source, tmp_path / "out", known)


@pytest.mark.parametrize("name", ["clip-vit-b-32", "bm25", "hashed-text"])
def test_only_sentence_encoders_are_converted(name: str, source: Path, settings: Settings) -> None:
    """A card of another family, or one of pictures too, is refused by name."""
    with pytest.raises(ModelError, match=f"'{name}' is not that of a sentence encoder"):
        convert.convert(name, source, None, settings)
    with pytest.raises(UnknownName):
        convert.convert("no-such-card", source, None, settings)


def test_a_card_that_does_not_fit_is_refused(source: Path, known: Settings, tmp_path: Path) -> None:
    """The network runs once before anything is kept: a card of other numbers is refused."""
    longer = replace(TINY, inputs={"text": {**TEXT, "length": 17}})
    for card, said in ((replace(TINY, dim=9), "dim = 9"), (longer, "longer texts than 16 tokens")):
        cards.write(card, tmp_path / "cards" / "tiny.toml")
        with pytest.raises(MorelikeError, match=said):
            convert.convert("tiny", source, tmp_path / "out", known)
        assert list((tmp_path / "out").iterdir()) == []


def test_from_the_command_line(source: Path, known: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``models convert NAME FILE`` says what it wrote, and with --json describes the card."""
    monkeypatch.setenv("MORELIKE_MODELS", str(known.models[0]))
    out = tmp_path / "made" / "tiny"
    runner = CliRunner()
    done = runner.invoke(app, ["models", "convert", "tiny", str(source), "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "and its card" in done.output
    assert (out / "model.onnx").is_file()
    told = runner.invoke(app, ["models", "convert", "tiny", str(source), "-o", str(out), "--json"])
    assert json.loads(told.output)["name"] == "tiny"


def test_no_torch_is_needed(source: Path, known: Settings, tmp_path: Path) -> None:
    """A conversion and an encoding import neither torch nor transformers."""
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from pathlib import Path; from morelike.settings import Settings\n"
        "from morelike.models.convert import convert\n"
        "from morelike.wiring import load_encoder\n"
        f"settings = Settings(models=(Path({str(known.models[0])!r}),), models_cache=Path({str(tmp_path / 'c')!r}))\n"
        f"card = convert('tiny', Path({str(source)!r}), Path({str(known.models[0] / 'tiny')!r}), settings)\n"
        "encoder = load_encoder(card, settings)\n"
        "print(encoder.encode('text', [encoder.prepare('text', 'red')]).shape)\n"
    )
    shutil.rmtree(tmp_path / "c", ignore_errors=True)
    ran = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (ran.stdout.strip(), ran.returncode) == ("(1, 8)", 0), ran.stderr
