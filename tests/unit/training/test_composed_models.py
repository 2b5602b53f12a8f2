"""The networks that compose a picture and words: against the original's outputs, and each one's own promises."""

from __future__ import annotations

import io
import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recipe import by_recipe

from morelike.errors import UnknownName, UsageError
from morelike.vocabulary import Vocabulary

torch = pytest.importorskip("torch", reason="the extra `train` is not installed (torch)")

from morelike.training.composed.losses import soft_triplet  # noqa: E402 - after the skip
from morelike.training.composed.models import MODELS, TRUNKS, Composer, build  # noqa: E402
from morelike.training.composed.trunks import ResNet18Trunk, SmallTrunk, Trunk  # noqa: E402

REFERENCES = ["concat", "tirg", "tirg_lastconv"]
SIZE = (24, 36)
WORDS = 9
IDS = torch.tensor([[1, 2, 3, 4, 5], [6, 7, 0, 0, 0], [8, 0, 0, 0, 0]])
LENGTHS = torch.tensor([5, 2, 1])


def small(model: str, *, two_trunks: bool = False) -> Composer:
    torch.manual_seed(7)
    return build(model, words=WORDS, dim=16, size=SIZE, two_trunks=two_trunks)


def pictures(count: int = 3, seed: int = 0) -> Any:
    return torch.randn(count, 3, *SIZE, generator=torch.Generator().manual_seed(seed))


def as_reference(model: str, test_data: Path) -> tuple[Any, Composer, tuple[Any, Any, Any]]:
    """The reference file, a network with the recipe's weights, and the inputs."""
    reference = np.load(test_data / "reference" / f"composed_{model}.npz")
    words: dict[str, int] = json.loads(str(reference["vocabulary"]))
    vocabulary = Vocabulary.from_words(sorted(words, key=lambda word: words[word]))
    network = build(model, words=len(words), dim=64, trunk="resnet18", size=(64, 64)).eval()
    state = {
        name: by_recipe(name, list(value.shape))
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    network.load_state_dict(state, strict=False)
    rows = [vocabulary.ids(text) for text in json.loads(str(reference["texts"]))]
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.tensor([row + [0] * (int(lengths.max()) - len(row)) for row in rows])
    pixels = np.random.default_rng(2).standard_normal((4, 3, 64, 64)).astype(np.float32)
    return reference, network, (torch.from_numpy(pixels), ids, lengths)


@pytest.mark.parametrize("model", REFERENCES)
def test_parameters_are_named_and_shaped_as_published(model: str, test_data: Path) -> None:
    """A published checkpoint loads without renaming."""
    reference, network, _ = as_reference(model, test_data)
    own = {name: list(value.shape) for name, value in network.state_dict().items() if "num_batches" not in name}
    assert own == dict(json.loads(str(reference["keys"])))


@pytest.mark.parametrize("model", REFERENCES)
def test_outputs_are_the_originals(model: str, test_data: Path) -> None:
    """Under the same weights: the picture's features, the words' and the composed ones, to 1e-4 of the largest."""
    reference, network, (pixels, ids, lengths) = as_reference(model, test_data)
    with torch.no_grad():
        got = {
            "image_features": network.image(pixels),
            "text_features": network.words(ids, lengths),
            "composed": network.compose(pixels, ids, lengths),
        }
    for name, values in got.items():
        expected = reference[name]
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max(), err_msg=name)


@pytest.mark.parametrize(("model", "trunk"), list(product(sorted(MODELS), sorted(TRUNKS))))
def test_both_sides_are_one_vector_a_row(model: str, trunk: str) -> None:
    """Every model on every trunk gives (n, dim) for a picture and for a query, of the learnt length once normalised."""
    network = build(model, words=WORDS, dim=16, trunk=trunk, size=SIZE)
    composed, found = network.compose(pictures(), IDS, LENGTHS), network.image(pictures())
    assert composed.shape == found.shape == (3, 16)
    lengths = network.normalization_layer(composed).norm(dim=1)
    torch.testing.assert_close(lengths, torch.full((3,), 4.0))


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_row_is_its_own(model: str) -> None:
    """In evaluation a query is composed alike alone, in a batch, and whatever stands after its words."""
    network = small(model).eval()
    together = network.compose(pictures(), IDS, LENGTHS)
    alone = network.compose(pictures()[1:2], IDS[1:2, :2], LENGTHS[1:2])
    padded = IDS.clone()
    padded[1, 2:] = 3
    torch.testing.assert_close(alone, together[1:2], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(network.compose(pictures(), padded, LENGTHS), together, rtol=0, atol=0)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_both_sides_decide(model: str) -> None:
    """The query is another with another picture, and with other words; but for the two that look at one side only."""
    network = small(model).eval()
    composed = network.compose(pictures(), IDS, LENGTHS)
    other_picture = network.compose(pictures(seed=1), IDS, LENGTHS)
    other_words = network.compose(pictures(), IDS.flip(0), LENGTHS.flip(0))
    assert torch.equal(composed, other_picture) == (model == "text_only")
    assert torch.equal(composed[::2], other_words[::2]) == (model == "image_only")


@pytest.mark.parametrize("model", sorted(name for name in MODELS if small(name).shares_maps))
def test_one_pass_serves_both_sides(model: str) -> None:
    """Where maps are shared, a source's and a target's vectors from one pass are those of two."""
    network = small(model).eval()
    maps = network.features(pictures())
    composed = network.composition(network.query_of(maps), network.words(IDS, LENGTHS))
    torch.testing.assert_close(composed, network.compose(pictures(), IDS, LENGTHS))
    torch.testing.assert_close(network.image_of(maps), network.image(pictures()))


@pytest.mark.parametrize("model", sorted(set(MODELS) - {"text_only"}))
def test_a_second_trunk_is_the_queries_own(model: str) -> None:
    """With two trunks a query does not depend on the targets' one, nor a target on the queries'."""
    network = small(model, two_trunks=True).eval()
    composed, found = network.compose(pictures(), IDS, LENGTHS), network.image(pictures())
    _disturb(network.img_model)
    torch.testing.assert_close(network.compose(pictures(), IDS, LENGTHS), composed, rtol=0, atol=0)
    assert not torch.equal(network.image(pictures()), found)
    found = network.image(pictures())
    _disturb(network.query_trunk)
    assert not torch.equal(network.compose(pictures(), IDS, LENGTHS), composed)
    torch.testing.assert_close(network.image(pictures()), found, rtol=0, atol=0)
    assert not network.shares_maps


def _disturb(network: Any) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_parameter_learns(model: str) -> None:
    """The loss of a batch, under autocast too, has a finite gradient for each parameter: none lies there unused."""
    network = small(model)
    with torch.autocast("cpu", torch.bfloat16):
        composed, found = network.compose(pictures(), IDS, LENGTHS), network.image(pictures(seed=1))
    scaled = network.normalization_layer
    loss = soft_triplet(scaled(composed), scaled(found), torch.Generator().manual_seed(0))
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_step_is_repeated_bit_for_bit(model: str) -> None:
    """From the same weights and the same generators, with deterministic algorithms, a step gives the same weights."""
    torch.use_deterministic_algorithms(mode=True)
    try:
        first, again = _stepped(small(model)), _stepped(small(model))
    finally:
        torch.use_deterministic_algorithms(mode=False)
    assert all(torch.equal(first[name], again[name]) for name in first)


def _stepped(network: Composer) -> dict[str, Any]:
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01)
    torch.manual_seed(3)
    composed, found = network.compose(pictures(), IDS, LENGTHS), network.image(pictures(seed=1))
    scaled = network.normalization_layer
    soft_triplet(scaled(composed), scaled(found), torch.Generator().manual_seed(0)).backward()
    optimiser.step()
    return dict(network.state_dict())


@pytest.mark.parametrize("model", sorted(MODELS))
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_same(model: str) -> None:
    """On a GPU: the same vectors as on the CPU, and a loss that can be stepped along under autocast."""
    network = small(model).eval()
    expected = network.compose(pictures(), IDS, LENGTHS)
    network.cuda()
    given = [value.cuda() for value in (pictures(), IDS, LENGTHS)]
    torch.testing.assert_close(network.compose(*given).cpu(), expected, rtol=1e-3, atol=1e-3)
    network.train()
    with torch.autocast("cuda", torch.bfloat16):
        composed, found = network.compose(*given), network.image(given[0])
    soft_triplet(composed, found, torch.Generator().manual_seed(0)).backward()
    assert torch.isfinite(network.img_model.patches[0].weight.grad).all()


def test_states_are_kept_without_pickled_code() -> None:
    """A state goes through a file that is read with ``weights_only``, into another network of the same kind."""
    network = small("relationship").eval()
    stream = io.BytesIO()
    torch.save(network.state_dict(), stream)
    stream.seek(0)
    torch.manual_seed(8)
    again = build("relationship", words=WORDS, dim=16, size=SIZE).eval()
    again.load_state_dict(torch.load(stream, weights_only=True))
    assert torch.equal(again.compose(pictures(), IDS, LENGTHS), network.compose(pictures(), IDS, LENGTHS))


def test_film_without_a_change_is_the_picture() -> None:
    """Gamma and beta of zero leave every map as it is; a beta of one in the last block does not."""
    network = small("film").eval()
    with torch.no_grad():
        network.film.weight.zero_()
        network.film.bias.zero_()
        torch.testing.assert_close(network.compose(pictures(), IDS, LENGTHS), network.image(pictures()))
        network.film.bias[-1] = 1
        assert not torch.allclose(network.compose(pictures(), IDS, LENGTHS), network.image(pictures()))


def test_relationship_is_a_network_on_joined_pairs() -> None:
    """What it computes in parts is one layer on (place, other place, words), for each of all pairs, then the mean."""
    network = small("relationship").eval()
    maps, words = network.features(pictures()), network.words(IDS, LENGTHS)
    pooled = torch.nn.functional.adaptive_avg_pool2d(maps, (min(4, maps.shape[2]), min(4, maps.shape[3])))
    ys, xs = (torch.linspace(-1, 1, side) for side in pooled.shape[2:])
    weight = torch.cat((network.one.weight, network.other.weight, network.asked.weight), dim=1)
    everywhere = list(product(range(len(ys)), range(len(xs))))
    found = []
    for row in range(3):
        places = [torch.cat((pooled[row, :, i, j], torch.stack((ys[i], xs[j])))) for i, j in everywhere]
        joined = torch.stack([torch.cat((one, other, words[row])) for one, other in product(places, places)])
        first = torch.nn.functional.linear(joined, weight, network.asked.bias)
        found.append(network.summary(network.relation(first).mean(dim=0)))
    torch.testing.assert_close(network.compose(pictures(), IDS, LENGTHS), torch.stack(found), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(24, 36), (60, 90), (61, 91), (8, 8), (33, 130)])
@pytest.mark.parametrize("trunk", [SmallTrunk, ResNet18Trunk])
def test_trunks_know_their_maps(trunk: type[Trunk], size: tuple[int, int]) -> None:
    """Sizes of maps and channels after each block are as the trunk says, for pictures of any size."""
    network = trunk(16, size).eval()
    y = network.stem(torch.zeros(1, 3, *size))
    widths = []
    for stage in network.stages:
        y = stage(y)
        widths.append(y.shape[1])
    assert tuple(widths) == network.widths
    assert tuple(y.shape[2:]) == network.map_size
    assert torch.equal(network.features(torch.zeros(1, 3, *size)), y)
    assert network.embed(y).shape == (1, network.dim)


def test_a_flat_head_sees_where() -> None:
    """With places exchanged, an average's embedding stays and a flat head's does not."""
    last = torch.randn(1, 128, 3, 5, generator=torch.Generator().manual_seed(0))
    average, flat = SmallTrunk(16, SIZE, head="average").eval(), SmallTrunk(16, SIZE, head="flat").eval()
    torch.testing.assert_close(average.embed(last.flip(3)), average.embed(last))
    assert not torch.allclose(flat.embed(last.flip(3)), flat.embed(last))


@pytest.mark.parametrize("model", ["film", "tirg_lastconv"])
def test_changed_maps_leave_the_statistics_of_pictures_alone(model: str) -> None:
    """The head's batch statistics are those of pictures; maps that words changed, however large, have their own."""
    network = small(model).train()
    head = next(layer for layer in network.img_model.fc if isinstance(layer, torch.nn.BatchNorm2d))
    for _ in range(3):
        network.compose(pictures(), IDS, LENGTHS)
    assert torch.equal(head.running_mean, torch.zeros_like(head.running_mean))
    assert not torch.equal(network.norm.running_mean, torch.zeros_like(head.running_mean))
    network.image(pictures())
    assert not torch.equal(head.running_mean, torch.zeros_like(head.running_mean))


def test_pictures_smaller_than_a_patch_are_refused() -> None:
    """The small trunk cuts patches of 4 × 4."""
    with pytest.raises(UsageError, match="3 × 90"):
        SmallTrunk(16, (3, 90))


@pytest.mark.parametrize(("model", "trunk"), [("tirgg", "small"), ("tirg", "vgg")])
def test_unknown_names_are_answered_with_those_there_are(model: str, trunk: str) -> None:
    """A wrong model or trunk is named, and so are the right ones."""
    with pytest.raises(UnknownName, match=r"tirgg.*tirg_lastconv|vgg.*resnet18"):
        build(model, words=WORDS, trunk=trunk)
