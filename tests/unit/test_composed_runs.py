"""Runs: settings, pictures, batches, checkpoints, the curve, and that a stopped run goes on as if it had not been."""

from __future__ import annotations

import errno
import json
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed (torch)")
pytest.importorskip("tensorboardX", reason="the extra `train` is not installed (tensorboardX)")

from morelike.encoders._pixels import Pixels  # noqa: E402 - after the skips
from morelike.errors import ModelError, UsageError  # noqa: E402 - likewise
from morelike.models import files  # noqa: E402 - likewise
from morelike.testing.triplets import ToyTriplets  # noqa: E402 - likewise
from morelike.training.composed import data, runs  # noqa: E402 - likewise
from morelike.training.composed.curve import Curve, read_curve  # noqa: E402 - likewise
from morelike.training.composed.data import batch_of, numbered, read_split  # noqa: E402 - likewise
from morelike.training.composed.loop import Moment, Outcome, learning_rate, train  # noqa: E402 - likewise
from morelike.training.composed.network import Network, pixels_of  # noqa: E402 - likewise
from morelike.training.composed.pictures import digest_of, prepared  # noqa: E402 - likewise
from morelike.training.composed.runs import (  # noqa: E402 - likewise
    CHOICES,
    Settings,
    load_checkpoint,
    new_run,
    read_settings,
    save_checkpoint,
)
from morelike.vocabulary import Vocabulary  # noqa: E402 - likewise

SMALL = Settings(
    "css",
    "",
    dim=8,
    batch=6,
    num_iters=8,
    threads=1,
    device="cpu",
    height=8,
    width=8,
    log_every=2,
    evaluate_every=4,
    checkpoint_every=3,
)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a run of eight iterations on the toy data set."""
    (tmp_path / "data").mkdir()
    toy = ToyTriplets()
    monkeypatch.setattr(data, "read_triplets", lambda settings, split: (toy, toy))
    return replace(SMALL, dataset_path=str(tmp_path / "data"))


def lines_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "curve.jsonl").read_text().splitlines()]


# settings and folders


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("model", "resnet", "--model cannot be 'resnet'"),
        ("batch", 1, "--batch-size cannot be 1"),
        ("learning_rate", float("nan"), "--learning-rate cannot be nan"),
        ("num_iters", 0, "--num-iters cannot be 0"),
        ("comment", "../up", "--comment cannot be '../up'"),
        ("dim", "8", "the setting dim of a run cannot be '8'"),
    ],
)
def test_a_setting_that_cannot_be_is_named(name: str, value: Any, said: str) -> None:
    """Before anything is written, and with what it may be."""
    with pytest.raises(UsageError) as error:
        replace(SMALL, **{name: value}).checked()

    assert said in error.value.message
    assert name == "dim" or error.value.hint


def test_settings_come_back_as_they_were(tmp_path: Path) -> None:
    """From settings.json of a new run, whose folder is named by time and comment; never two runs in one folder."""
    settings = replace(SMALL, dataset_path="somewhere", comment="first", learning_rate=1)
    made = [new_run(tmp_path, settings) for _ in range(3)]

    assert [read_settings(run) for run in made] == [settings] * 3
    assert len(set(made)) == 3
    assert all("-first" in run.name for run in made)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"dataset": "css"}', '{"dataset": 1, "dataset_path": "x"}', "nan"])
def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, text: str) -> None:
    """Whatever its settings.json holds; and one without it."""
    with pytest.raises(UsageError, match="is no run"):
        read_settings(tmp_path / "nowhere")
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(UsageError):
        read_settings(tmp_path)


def test_models_and_losses_of_the_settings_are_those_there_are() -> None:
    """What the command line offers is what can be built."""
    from morelike.training.composed import losses, models

    assert set(CHOICES["model"]) == set(models.MODELS)
    assert set(CHOICES["trunk"]) == set(models.TRUNKS)
    assert set(CHOICES["loss"]) == set(losses.LOSSES)


def test_the_learning_rate_goes_up_once_and_down() -> None:
    """One-cycle: the highest is the settings' own, the ends are next to nothing. Published: a tenth again and again."""
    cycle = replace(SMALL, num_iters=1000, learning_rate=0.5)
    rates = [learning_rate(cycle, iteration) for iteration in range(1, 1001)]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(0.5)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[0] < 0.01
    assert rates[-1] < 0.001

    published = replace(cycle, schedule="published", decay_every=300)
    assert [learning_rate(published, at) for at in (1, 300, 301, 601)] == pytest.approx([0.5, 0.5, 0.05, 0.005])
    assert learning_rate(replace(published, decay_every=0), 1000) == 0.5


# pictures and batches


def test_pictures_are_cut_as_the_product_cuts_them(tmp_path: Path) -> None:
    """Rows are ``Pixels.cut``'s, and what the network sees is ``Pixels.stack``'s."""
    numbers = {"side": 6, "width": 10, "resize": "squash", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]}
    toy, pixels = ToyTriplets(), Pixels.from_card("a card", numbers)
    pictures = prepared(toy, numbers, tmp_path / "kept.npy", threads=2)
    cut = [pixels.cut(toy.picture(index)) for index in range(len(toy))]

    assert pictures.rows.shape == (8, 6, 10, 3)
    np.testing.assert_array_equal(pictures.rows, cut)
    seen = pixels_of(pictures.rows, pictures, torch.device("cpu"))
    np.testing.assert_allclose(seen.numpy(), pixels.stack(cut), rtol=0, atol=1e-6)
    assert seen.is_contiguous(memory_format=torch.channels_last)


def test_prepared_pictures_are_not_read_again(tmp_path: Path) -> None:
    """A second run opens the file; one that is damaged or of another size is made anew."""
    kept, numbers, toy = tmp_path / "kept.npy", {"side": 8}, ToyTriplets()
    prepared(toy, numbers, kept)
    written = kept.stat().st_mtime_ns
    prepared(toy, numbers, kept)
    assert kept.stat().st_mtime_ns == written

    whole = kept.read_bytes()
    headers = [
        whole.replace(*change, 1) for change in ((b"}", b"["), (b"|u1", b"|,1"), (b" 3)", b"-3)"), (b", 's", b",b's"))
    ]
    for damaged in (whole[:-1], b"", whole[:40], np.lib.format.magic(1, 0) + b"\xff" * 40, *headers):
        kept.write_bytes(damaged)
        assert prepared(toy, numbers, kept).rows.shape == (8, 8, 8, 3)
        assert kept.read_bytes() == whole
    assert prepared(toy, {"side": 4}, kept).rows.shape == (8, 4, 4, 3)


def test_a_full_disk_while_pictures_are_prepared_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With how much room it takes; no half file stays."""

    def full(stream: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "sync", full)
    with pytest.raises(ModelError, match="cannot be written: No space left") as error:
        prepared(ToyTriplets(), {"side": 8}, tmp_path / "kept.npy")

    assert "MB" in error.value.hint
    assert list(tmp_path.iterdir()) == []


def test_the_digest_knows_data_and_numbers(tmp_path: Path) -> None:
    """Another file, another time of change, other numbers: another digest. The same: the same."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_bytes(b"one")
    first = digest_of(tmp_path, {"side": 8})
    assert digest_of(tmp_path, {"side": 8}) == first
    found = {first, digest_of(tmp_path, {"side": 9})}
    os.utime(tmp_path / "images" / "1.png", ns=(1, 1))
    found.add(digest_of(tmp_path, {"side": 8}))
    (tmp_path / "images" / "2.png").write_bytes(b"")
    found.add(digest_of(tmp_path, {"side": 8}))

    assert len(found) == 4
    with pytest.raises(ModelError, match="no such folder"):
        digest_of(tmp_path / "gone", {})


def test_a_batch_is_of_seed_and_iteration_alone(small: Settings, tmp_path: Path) -> None:
    """The same again, another in another iteration; each of its pictures once, and every row leads to its own."""
    split = read_split(small, "train", tmp_path / "cache")
    vocabulary = Vocabulary(split.triplets.texts)
    first, again, other = (batch_of(split, vocabulary, 6, 4, iteration) for iteration in (9, 9, 10))
    triplets = split.triplets.draw(np.random.default_rng([4, 9]), 6)

    np.testing.assert_array_equal(first.targets, again.targets)
    np.testing.assert_array_equal(first.ids, again.ids)
    assert first.sources is None
    assert len(np.unique(first.targets, axis=0)) == first.pictures
    for row, triplet in enumerate(triplets):
        np.testing.assert_array_equal(first.targets[first.source_of[row]], split.sources.rows[triplet.source])
        np.testing.assert_array_equal(first.targets[first.target_of[row]], split.targets.rows[triplet.target])
        assert first.ids[row, : first.lengths[row]].tolist() == vocabulary.ids(triplet.text)
    assert first.ids.shape != other.ids.shape or (first.ids != other.ids).any()


def test_texts_are_padded_and_bounded() -> None:
    """An empty text has one word; an endless one is cut."""
    ids, lengths = numbered(Vocabulary(["red bar"]), ["", "bar red bar", "red " * 5000])

    assert lengths.tolist() == [1, 3, data.LONGEST]
    assert ids[:2, :4].tolist() == [[0, 0, 0, 0], [2, 1, 2, 0]]


# checkpoints and the curve


def test_a_checkpoint_runs_no_code(tmp_path: Path, small: Settings) -> None:
    """One with anything but tensors and plain values in it is refused, as is a damaged one."""
    run = new_run(tmp_path / "runs", small)
    assert load_checkpoint(run) is None
    torch.save({"iteration": Path}, run / "checkpoint.pt")
    with pytest.raises(ModelError, match="can be read safely"):
        load_checkpoint(run)
    (run / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match="can be read safely"):
        load_checkpoint(run)
    torch.save({"iteration": 3, "words": []}, run / "checkpoint.pt")
    with pytest.raises(ModelError, match="is not a checkpoint of such a run"):
        load_checkpoint(run)


def test_a_full_disk_leaves_the_checkpoint_before(
    tmp_path: Path, small: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence with the way on, and the last checkpoint as it was."""
    run = new_run(tmp_path / "runs", small)
    train(run)
    before = load_checkpoint(run)
    assert before is not None

    def full(stream: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "sync", full)
    with pytest.raises(ModelError, match="cannot be written: No space left") as error:
        save_checkpoint(run, replace(before, iteration=1))
    assert "--resume" in error.value.hint
    kept = load_checkpoint(run)
    assert kept is not None
    assert kept.iteration == before.iteration
    assert not list(run.glob(".checkpoint*"))


def test_the_curve_is_cut_where_the_run_goes_on(tmp_path: Path) -> None:
    """Later lines and a torn last one go; a file that is no curve is refused and kept."""
    curve = Curve(tmp_path, after=0)
    for iteration in (2, 4, 6):
        curve.add({"iteration": iteration, "loss": 1.5})
    curve.close()
    with (tmp_path / "curve.jsonl").open("ab") as stream:
        stream.write(b'{"iteration": 8, "lo')
    assert [line["iteration"] for line in read_curve(tmp_path)] == [2, 4, 6]
    Curve(tmp_path, after=4).close()
    assert [line["iteration"] for line in lines_of(tmp_path)] == [2, 4]

    (tmp_path / "curve.jsonl").write_text("[]\n")
    with pytest.raises(ModelError, match="is not a run's curve"):
        Curve(tmp_path, after=4)
    assert (tmp_path / "curve.jsonl").read_text() == "[]\n"


def events_of(run: Path) -> list[Any]:
    """The events of all files of the run, in the order of the files' names (TFRecord: length, crc, data, crc)."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(run.glob("events.*")):
        rest = path.read_bytes()
        while rest:
            (length,) = struct.unpack("<Q", rest[:8])
            found.append(Event.FromString(rest[12 : 12 + length]))
            rest = rest[16 + length :]
    return found


def test_tensorboard_gets_the_figures_of_the_curve(tmp_path: Path, small: Settings) -> None:
    """The same losses, rates and recalls at the same iterations."""
    run = new_run(tmp_path / "runs", small)
    train(run)
    scalars = {(event.step, one.tag): one.simple_value for event in events_of(run) for one in event.summary.value}

    for line in lines_of(run):
        if "loss" in line:
            assert scalars[line["iteration"], "loss"] == pytest.approx(line["loss"])
            assert scalars[line["iteration"], "learning_rate"] == pytest.approx(line["learning_rate"])
            assert scalars[line["iteration"], "scale"] == pytest.approx(line["scale"])
            assert scalars[line["iteration"], "a/1"] == pytest.approx(line["a"][1])
            assert scalars[line["iteration"], "pictures_per_second"] >= 0
        else:
            for k in ("1", "5", "100"):
                assert scalars[line["iteration"], f"test/recall_at_{k}"] == pytest.approx(line["test"][k])
                assert scalars[line["iteration"], f"train/recall_at_{k}"] == pytest.approx(line["train"][k])
    assert [line["iteration"] for line in lines_of(run)] == [2, 4, 4, 6, 8, 8]


# training


def stopping(times: int) -> Callable[[], bool]:
    """False so many times, then True."""
    left = iter([False] * times)
    return lambda: next(left, True)


@pytest.mark.parametrize("questions", [3, 5, 8, 13])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(questions: int, tmp_path: Path, small: Settings) -> None:
    """Stopped between iterations or within an evaluation: the curve is that of a run never stopped, byte for byte."""
    whole, broken = new_run(tmp_path / "runs", small), new_run(tmp_path / "runs", small)
    train(whole)
    first = train(broken, stop=stopping(questions))
    checkpoint = load_checkpoint(broken)
    last = train(broken)

    assert first.interrupted
    assert (checkpoint.iteration if checkpoint else 0) == first.iteration <= small.num_iters
    assert not last.interrupted
    assert (broken / "curve.jsonl").read_bytes() == (whole / "curve.jsonl").read_bytes()
    assert train(broken) == last
    if first.iteration:  # TensorBoard is told what it is to forget
        marks = [event.step for event in events_of(broken) if event.HasField("session_log")]
        assert marks == [first.iteration + 1]


def test_another_seed_gives_another_curve(tmp_path: Path, small: Settings) -> None:
    """The seed decides everything by chance; nothing else does."""
    curves = []
    for seed in (0, 0, 1):
        run = new_run(tmp_path / "runs", replace(small, seed=seed))
        torch.manual_seed(len(curves))  # the process's own generator has no part in it
        train(run)
        curves.append((run / "curve.jsonl").read_bytes())

    assert curves[0] == curves[1] != curves[2]


def test_training_leaves_torch_as_it_was(tmp_path: Path, small: Settings) -> None:
    """Threads, determinism and the global generator are the caller's again."""
    torch.manual_seed(5)
    before = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.get_rng_state().tolist())
    train(new_run(tmp_path / "runs", small))

    after = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.get_rng_state().tolist())
    assert after == before


@pytest.mark.parametrize("model", CHOICES["model"])
def test_every_model_trains(model: str, tmp_path: Path, small: Settings) -> None:
    """Eight iterations, with either loss and either optimiser, to an evaluation; the parameters have moved."""
    index = CHOICES["model"].index(model)
    settings = replace(
        small, model=model, loss=CHOICES["loss"][index % 2], optimiser=CHOICES["optimiser"][index // 2 % 2]
    )
    run = new_run(tmp_path / "runs", settings)
    outcome = train(run)
    checkpoint = load_checkpoint(run)

    assert checkpoint is not None
    assert set(outcome.recalls) == {"test", "train"}
    assert all(0 <= share <= 1 for shares in outcome.recalls.values() for share in shares.values())
    assert outcome.recalls["test"][10] == 1.0  # of eight pictures, seven without the source
    fresh = Network(settings, checkpoint.words, torch.device("cpu"), read_split(settings, "train", tmp_path))
    states = fresh.states()["model"]
    assert any(not torch.equal(states[name], value) for name, value in checkpoint.model.items())


def test_what_can_be_learnt_is_learnt(tmp_path: Path, small: Settings) -> None:
    """Of the toy task nearly every query finds its answer first after 150 iterations; before, few do."""
    settings = replace(small, num_iters=150, dim=64, batch=8, learning_rate=0.005, evaluate_every=1)
    stopped = new_run(tmp_path / "runs", settings)
    train(stopped, stop=lambda: (stopped / "curve.jsonl").exists() and len(lines_of(stopped)) > 0)
    before = lines_of(stopped)[0]["test"]["1"]
    outcome = train(new_run(tmp_path / "runs", replace(settings, evaluate_every=0)))

    assert before < 0.5
    assert outcome.recalls["test"][1] > 0.85


def test_from_2d_to_3d_each_kind_has_its_trunk(
    tmp_path: Path, small: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sources are taken from the one data set, targets from the other, and the network has two trunks."""
    flat, solid = ToyTriplets(), ToyTriplets()
    monkeypatch.setattr(data, "read_triplets", lambda settings, split: (flat, solid))
    settings = replace(small, query_pictures="2d")
    run = new_run(tmp_path / "runs", settings)
    outcome = train(run)
    checkpoint = load_checkpoint(run)

    assert outcome.recalls["test"]
    assert checkpoint is not None
    assert any(name.startswith("query_img_model.") for name in checkpoint.model)


@pytest.mark.parametrize("model", ["tirg", "tirg_lastconv", "concat", "relationship", "image_only"])
def test_a_picture_passes_the_trunk_once_and_nothing_changes(model: str, tmp_path: Path, small: Settings) -> None:
    """A batch's vectors are those of every source composed and every target encoded by itself."""
    settings = replace(small, model=model)
    split = read_split(settings, "train", tmp_path / "cache")
    network = Network(settings, Vocabulary(split.triplets.texts).words, torch.device("cpu"), split)
    batch = batch_of(split, network.vocabulary, 6, 0, 1)
    triplets = split.triplets.draw(np.random.default_rng([0, 1]), 6)
    network._model.eval()
    with torch.no_grad(), network.evaluating(split) as encodes:
        composed, targets = network._forward(batch)
        expected = encodes.queries(np.array([one.source for one in triplets]), [one.text for one in triplets])
        found = encodes.targets(np.array([one.target for one in triplets]))

    torch.testing.assert_close(composed, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(targets, found, rtol=1e-5, atol=1e-5)


def test_a_loss_that_is_no_number_ends_the_run(
    tmp_path: Path, small: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says at which iteration; no checkpoint is written over the one from before."""
    losses = iter([1.0, 0.5, 0.4, float("nan")])
    monkeypatch.setattr(Network, "step", lambda *arguments: next(losses))
    run = new_run(tmp_path / "runs", small)
    with pytest.raises(ModelError, match="the loss is nan at iteration 4") as error:
        train(run)

    assert "--learning-rate" in error.value.hint
    checkpoint = load_checkpoint(run)
    assert checkpoint is not None
    assert checkpoint.iteration == 3


def test_a_run_is_trained_by_one_process(tmp_path: Path, small: Settings) -> None:
    """A second one is refused."""
    run = new_run(tmp_path / "runs", small)
    with runs.locked(run), pytest.raises(UsageError, match="being trained by another"):
        train(run)


def test_who_watches_is_told(tmp_path: Path, small: Settings) -> None:
    """Preparation, iterations with their loss, evaluations."""
    moments: list[Moment] = []
    outcome: Outcome = train(new_run(tmp_path / "runs", small), tell=moments.append)

    assert outcome.iteration == 8
    assert any("evaluating on test" in moment.note for moment in moments)
    assert any(moment.loss is not None and not moment.note for moment in moments)
    assert all(moment.of == 8 for moment in moments)
