"""Seven networks that compose a picture and words into one query, over the same trunk and text model.

``tirg``, ``tirg_lastconv``: Vo et al. 2019, "Composing text and image for image retrieval: an empirical odyssey".
``film``: Perez et al. 2018, "FiLM: visual reasoning with a general conditioning layer". ``relationship``: Santoro et
al. 2017, "A simple neural network module for relational reasoning". ``concat`` and the two that look at one side only
are the baselines of Vo et al. Parameters are named as in their published checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from morelike.errors import UnknownName
from morelike.training.composed.trunks import ResNet18Trunk, SmallTrunk, Trunk
from morelike.training.composed.wordings import Wording

__all__ = ["MODELS", "TRUNKS", "Composer", "build"]

SCALE = 4.0
_MOST_PLACES = 4
"""Of the last map, a side, that ``relationship`` makes pairs of: 16 places are 256 pairs."""
_RELATION = 256
"""Units of the relation's layers, as in Santoro et al."""


class Normalization(nn.Module):  # type: ignore[misc]  # torch is not followed by the type checker
    """(n, dim) to vectors of one length, which is learnt: ``norm_s``."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_s = nn.Parameter(torch.full((1,), SCALE))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm_s * nn.functional.normalize(x.float(), dim=1)


class Composer(nn.Module):  # type: ignore[misc]  # as above
    """A picture's embedding and a composed query's, both (n, dim) before ``normalization_layer``, for the losses.

    ``compose`` is ``composition(query_features(pixels), words(ids, lengths))``. Where ``shares_maps``, a picture that
    is a query's source and another's target needs one pass only: ``features`` gives its map, ``image_of`` and
    ``query_of`` make of the map what each side takes.
    """

    def __init__(self, trunk: Trunk, words: int, query_trunk: Trunk | None = None) -> None:
        """``words``: the vocabulary's length. ``query_trunk``: for queries whose pictures are of another kind."""
        super().__init__()
        self.dim = trunk.dim
        self.img_model = trunk
        self.query_img_model = query_trunk
        self.text_model = Wording(words, trunk.dim)
        self.normalization_layer = Normalization()

    @property
    def query_trunk(self) -> Trunk:
        """The trunk of the queries' pictures; the targets' own unless there are two."""
        return self.img_model if self.query_img_model is None else self.query_img_model

    @property
    def shares_maps(self) -> bool:
        """Whether ``query_of`` takes the maps of ``features``."""
        return self.query_img_model is None

    @property
    def shares_embeddings(self) -> bool:
        """Whether ``query_of`` gives what ``image_of`` gives, so that one of them is enough."""
        return self.shares_maps

    def features(self, pixels: Tensor) -> Tensor:
        """(n, 3, height, width) to the last maps (n, c, h, w) of the targets' trunk."""
        return self.img_model.features(pixels)

    def image_of(self, last: Tensor) -> Tensor:
        """The last maps of ``features`` to the embeddings (n, dim)."""
        return self.img_model.embed(last)

    def query_of(self, last: Tensor) -> Tensor:
        """The last maps of the queries' trunk to what ``composition`` takes of a picture: its embedding here."""
        return self.query_trunk.embed(last)

    def image(self, pixels: Tensor) -> Tensor:
        """A target, or any picture of a gallery: (n, 3, height, width) to (n, dim)."""
        return self.image_of(self.features(pixels))

    def query_features(self, pixels: Tensor) -> Tensor:
        """What ``composition`` takes of the query's picture."""
        return self.query_of(self.query_trunk.features(pixels))

    def words(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """(n, length) int64, (n,) int64 to (n, dim)."""
        return self.text_model(ids, lengths)

    def composition(self, features: Tensor, words: Tensor) -> Tensor:
        """What ``query_features`` and ``words`` gave, row by row, to (n, dim)."""
        raise NotImplementedError

    def compose(self, pixels: Tensor, ids: Tensor, lengths: Tensor) -> Tensor:
        """A query: (n, 3, height, width), (n, length) int64, (n,) int64 to (n, dim)."""
        return self.composition(self.query_features(pixels), self.words(ids, lengths))

    def forward(self, pixels: Tensor, ids: Tensor, lengths: Tensor) -> Tensor:
        return self.compose(pixels, ids, lengths)


class Concatenated(nn.Module):  # type: ignore[misc]  # as above
    """A picture's and the words' vectors side by side: 2 × (n, dim) to (n, 2 · dim)."""

    def forward(self, both: tuple[Tensor, Tensor]) -> Tensor:
        return torch.cat(both, dim=1)


class Tirg(Composer):
    """The picture's own embedding let through a gate, and what the words change added: "text image residual gating"."""

    def __init__(self, trunk: Trunk, words: int, query_trunk: Trunk | None = None) -> None:
        super().__init__(trunk, words, query_trunk)
        dim = trunk.dim
        self.a = _scales()
        self.gated_feature_composer = nn.Sequential(
            Concatenated(), nn.BatchNorm1d(2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim)
        )
        self.res_info_composer = nn.Sequential(
            Concatenated(),
            nn.BatchNorm1d(2 * dim),
            nn.ReLU(),
            nn.Linear(2 * dim, 2 * dim),
            nn.ReLU(),
            nn.Linear(2 * dim, dim),
        )

    def composition(self, features: Tensor, words: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gated_feature_composer((features, words)))
        return self.a[0] * gate * features + self.a[1] * self.res_info_composer((features, words))


class OnLastMap(Composer):
    """Those that compose before the average: ``composition`` takes the query picture's last map."""

    @property
    def shares_embeddings(self) -> bool:
        return False

    def query_of(self, last: Tensor) -> Tensor:
        return last


class TirgLastConv(OnLastMap):
    """TIRG's gate and residual on the last map, by convolutions that see the words at every place."""

    def __init__(self, trunk: Trunk, words: int, query_trunk: Trunk | None = None) -> None:
        super().__init__(trunk, words, query_trunk)
        channels = trunk.widths[-1]
        self.a = _scales()
        self.mod2d = _over_map(channels + trunk.dim, channels)
        self.mod2d_gate = _over_map(channels + trunk.dim, channels)
        self.norm = self.query_trunk.own_norm()

    def composition(self, features: Tensor, words: Tensor) -> Tensor:
        everywhere = words[:, :, None, None].expand(-1, -1, features.shape[2], features.shape[3])
        both = torch.cat((features, everywhere.to(features.dtype)), dim=1)
        gate = torch.sigmoid(_through(self.mod2d_gate, both, words.shape[1]))
        changed = _through(self.mod2d, both, words.shape[1])
        return self.query_trunk.embed(self.a[0] * gate * features + self.a[1] * changed, self.norm)


class Mixing(nn.Module):  # type: ignore[misc]  # as above
    """Two layers on both vectors side by side: 2 × (n, dim) to (n, dim)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.m = nn.Sequential(
            nn.BatchNorm1d(2 * dim),
            nn.ReLU(),
            nn.Linear(2 * dim, 2 * dim),
            nn.BatchNorm1d(2 * dim),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(2 * dim, dim),
        )

    def forward(self, features: Tensor, words: Tensor) -> Tensor:
        return self.m(torch.cat((features, words), dim=1))


class Concat(Composer):
    """Both embeddings side by side, then two layers: nothing keeps the picture as it is."""

    def __init__(self, trunk: Trunk, words: int, query_trunk: Trunk | None = None) -> None:
        super().__init__(trunk, words, query_trunk)
        self.composer = Mixing(trunk.dim)

    def composition(self, features: Tensor, words: Tensor) -> Tensor:
        return self.composer(features, words)


class Film(Composer):
    """The words scale and shift every channel after every residual block: x' = (1 + gamma) x + beta.

    Nothing of the picture is known before the words are: ``query_features`` gives the pixels on.
    """

    def __init__(self, trunk: Trunk, words: int, query_trunk: Trunk | None = None) -> None:
        super().__init__(trunk, words, query_trunk)
        self.film = nn.Linear(trunk.dim, 2 * sum(self.query_trunk.widths))
        self.norm = self.query_trunk.own_norm()

    @property
    def shares_maps(self) -> bool:
        return False

    def query_features(self, pixels: Tensor) -> Tensor:
        return pixels

    def composition(self, features: Tensor, words: Tensor) -> Tensor:
        trunk = self.query_trunk
        gammas, betas = self.film(words).chunk(2, dim=1)
        y = trunk.stem(features)
        changes = zip(gammas.split(trunk.widths, dim=1), betas.split(trunk.widths, dim=1), strict=True)
        for stage, (gamma, beta) in zip(trunk.stages, changes, strict=True):
            y = (1 + gamma[:, :, None, None]) * stage(y) + beta[:, :, None, None]
        return trunk.embed(y, self.norm)


class Relationship(OnLastMap):
    """All pairs of places of the last map, each with the words: a network on every pair, one on their mean.

    A place is its channels and where it lies, from -1 to 1. The first layer's three parts are its columns for the one
    place, the other and the words: the same numbers as on the joined vector, without 256 copies of it.
    """

    grid: Tensor
    rows: Tensor
    columns: Tensor

    def __init__(self, trunk: Trunk, words: int, query_trunk: Trunk | None = None) -> None:
        super().__init__(trunk, words, query_trunk)
        height, width = self.query_trunk.map_size
        rows, columns = _shares(height, _MOST_PLACES), _shares(width, _MOST_PLACES)
        grid = torch.stack(torch.meshgrid(_from_to(len(rows)), _from_to(len(columns)), indexing="ij"))
        for name, value in (("rows", rows), ("columns", columns), ("grid", grid)):
            self.register_buffer(name, value, persistent=False)
        inputs = self.query_trunk.widths[-1] + 2
        self.one = nn.Linear(inputs, _RELATION, bias=False)
        self.other = nn.Linear(inputs, _RELATION, bias=False)
        self.asked = nn.Linear(trunk.dim, _RELATION)
        self.relation = nn.Sequential(
            nn.ReLU(),
            nn.Linear(_RELATION, _RELATION),
            nn.ReLU(),
            nn.Linear(_RELATION, _RELATION),
            nn.ReLU(),
        )
        self.summary = nn.Sequential(nn.Linear(_RELATION, _RELATION), nn.ReLU(), nn.Linear(_RELATION, trunk.dim))

    def composition(self, features: Tensor, words: Tensor) -> Tensor:
        pooled = _pooled(features, self.rows, self.columns)
        where = self.grid.to(pooled.dtype).expand(features.shape[0], -1, -1, -1)
        each = torch.cat((pooled, where), dim=1).flatten(2).transpose(1, 2)  # (n, places, channels + 2)
        pairs = self.one(each)[:, :, None] + self.other(each)[:, None] + self.asked(words)[:, None, None]
        return self.summary(self.relation(pairs).mean(dim=(1, 2)))


class ImageOnly(Composer):
    """The query's picture as it is: what is found without its words."""

    def __init__(self, trunk: Trunk, words: int, query_trunk: Trunk | None = None) -> None:
        super().__init__(trunk, words, query_trunk)
        del self.text_model

    def words(self, ids: Tensor, lengths: Tensor) -> Tensor:  # noqa: ARG002 - every model's signature
        """(n, 0): nothing of them is asked for."""
        return torch.zeros(ids.shape[0], 0, device=ids.device)

    def composition(self, features: Tensor, words: Tensor) -> Tensor:  # noqa: ARG002 - as above
        return features


class TextOnly(Composer):
    """The words as they are: what is found without the query's picture, which ``query_features`` passes on unread."""

    @property
    def shares_maps(self) -> bool:
        return False

    def query_features(self, pixels: Tensor) -> Tensor:
        return pixels

    def composition(self, features: Tensor, words: Tensor) -> Tensor:  # noqa: ARG002 - as above
        return words


MODELS: Mapping[str, type[Composer]] = {
    "concat": Concat,
    "film": Film,
    "image_only": ImageOnly,
    "relationship": Relationship,
    "text_only": TextOnly,
    "tirg": Tirg,
    "tirg_lastconv": TirgLastConv,
}
TRUNKS: Mapping[str, type[SmallTrunk] | type[ResNet18Trunk]] = {"resnet18": ResNet18Trunk, "small": SmallTrunk}


def build(
    model: str,
    *,
    words: int,
    dim: int = 512,
    trunk: str = "small",
    size: tuple[int, int] = (60, 90),
    two_trunks: bool = False,
) -> Composer:
    """A new network with weights from torch's global generator; ``size`` is the pictures' (height, width).

    ``two_trunks``: queries' pictures are of another kind than the targets'. Raises UnknownName, UsageError.
    """
    if model not in MODELS:
        raise UnknownName(f"there is no model {model!r}", hint=f"there are {', '.join(MODELS)}")
    if trunk not in TRUNKS:
        raise UnknownName(f"there is no trunk {trunk!r}", hint=f"there are {', '.join(TRUNKS)}")
    made = [TRUNKS[trunk](dim, size) for _ in range(1 + two_trunks)]
    return MODELS[model](made[0], words, made[1] if two_trunks and model != "text_only" else None)


def _scales() -> nn.Parameter:
    """The published four; only the first two are used: of the gated picture, and of what is added to it."""
    return nn.Parameter(torch.tensor([1.0, 10.0, 1.0, 1.0]))


def _through(layers: nn.Sequential, both: Tensor, words: int) -> Tensor:
    """``layers`` of ``_over_map``, whose last ``words`` input channels are the same at every place of a map.

    What the first convolution makes of those differs only along the edges: nine places stand for all, and most of the
    work is saved.
    """
    normal, first, *rest = layers
    height, width = both.shape[2:]
    if min(height, width) < 3:
        return layers(both)
    both = normal(both)
    channels = both.shape[1] - words
    changed = nn.functional.conv2d(both[:, :channels], first.weight[:, :channels], first.bias, padding=1)
    nine = both[:, channels:, :1, :1].expand(-1, -1, 3, 3)
    same = nn.functional.conv2d(nine, first.weight[:, channels:], padding=1)
    down, across = ([0, *[1] * (side - 2), 2] for side in (height, width))
    changed = changed + same[:, :, down][:, :, :, across]
    for layer in rest:
        changed = layer(changed)
    return changed


def _over_map(inputs: int, outputs: int) -> nn.Sequential:
    """(n, inputs, h, w) to (n, outputs, h, w)."""
    return nn.Sequential(
        nn.BatchNorm2d(inputs),
        nn.Conv2d(inputs, inputs, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, 3, padding=1),
    )


def _from_to(count: int) -> Tensor:
    """(count,) float32: places from -1 to 1, a single one at 0."""
    return torch.linspace(-1, 1, count) if count > 1 else torch.zeros(1)


def _pooled(last: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """As ``adaptive_avg_pool2d``, by two products, which every device computes alike and ONNX can say.

    ``last`` (n, c, h, w), ``rows`` (p, h), ``columns`` (q, w) from ``_shares``: (n, c, p, q).
    """
    return rows @ (last @ columns.T)


def _shares(count: int, most: int) -> Tensor:
    """(min(count, most), count) float32: how much each of ``count`` places counts in each of the pooled ones."""
    pooled = min(count, most)
    made = torch.zeros(pooled, count)
    for place in range(pooled):
        start, end = place * count // pooled, -(-(place + 1) * count // pooled)
        made[place, start:end] = 1 / (end - start)
    return made
