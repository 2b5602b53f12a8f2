"""Who shares an encoder batch with whom, and that nobody notices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from morelike.encoders.classic import ClassicEncoder
from morelike.errors import EncodeError, StoreError, TooBusy
from morelike.lane import BULK_WAITING, QUERIES_IN_A_ROW, EncoderLane
from morelike.lanes import Lanes
from morelike.models import cards
from morelike.settings import Settings
from morelike.testing.toys import ToyEncoder, ToyJointEncoder

WAIT = 120.0


class Gated(ToyJointEncoder):
    """Encodes when it is let; notes each batch as (kind, payloads). A payload that is None cannot be encoded."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[str, int]] = []
        self.entered = Event()
        self.open = Event()

    def encode(self, kind: str, batch: Sequence[Any]) -> Any:
        self.entered.set()
        assert self.open.wait(WAIT)
        self.batches.append((kind, len(batch)))
        if any(payload is None for payload in batch):
            raise EncodeError("nothing to see")
        return super().encode(kind, batch)


@pytest.fixture
def encoder() -> Gated:
    return Gated()


@pytest.fixture
def lane(encoder: Gated) -> Iterator[EncoderLane]:
    lane = EncoderLane(encoder, query_batch=8, query_queue=20)
    yield lane
    encoder.open.set()
    lane.close()


def payloads(number: int, seed: int = 0) -> list[Any]:
    random = np.random.default_rng(seed)
    return [random.standard_normal(48, dtype=np.float32) for _ in range(number)]


def hold(lane: EncoderLane, encoder: Gated) -> Future[Any]:
    """Keep the encoder at work, so that what comes next has to wait."""
    first = lane.ask("image", payloads(1, seed=99))
    assert encoder.entered.wait(WAIT)
    return first


def test_queries_that_wait_share_a_batch(lane: EncoderLane, encoder: Gated) -> None:
    """As many as the limit allows; the first one did not wait for the others."""
    hold(lane, encoder)
    futures = [lane.ask("image", payloads(1, seed)) for seed in range(10)]
    encoder.open.set()
    for future in futures:
        future.result(WAIT)

    assert encoder.batches == [("image", 1), ("image", 8), ("image", 2)]


def test_everybody_gets_their_own_vectors(lane: EncoderLane, encoder: Gated) -> None:
    """Whatever else was in the batch, and however many payloads each brought."""
    hold(lane, encoder)
    asked = [payloads(number, seed) for seed, number in enumerate((1, 3, 2, 20, 1))]
    futures = [lane.ask("image", each) for each in asked]
    encoder.open.set()

    alone = ToyJointEncoder()
    for each, future in zip(asked, futures, strict=True):
        assert np.array_equal(future.result(WAIT), alone.encode("image", each))
    assert max(number for _, number in encoder.batches) <= 8


def test_kinds_do_not_mix(lane: EncoderLane, encoder: Gated) -> None:
    """A batch is of one kind; those of the other kind keep their order."""
    hold(lane, encoder)
    futures = [lane.ask(kind, payloads(1)) for kind in ("text", "image", "text", "image")]
    encoder.open.set()
    for future in futures:
        future.result(WAIT)

    assert encoder.batches == [("image", 1), ("text", 2), ("image", 2)]


def test_a_bad_payload_fails_its_own_query_only(lane: EncoderLane, encoder: Gated) -> None:
    """The batch is taken apart, and the others get their vectors."""
    hold(lane, encoder)
    good, bad, also = (lane.ask("image", each) for each in (payloads(1, 1), [None], payloads(1, 2)))
    encoder.open.set()

    alone = ToyJointEncoder()
    assert np.array_equal(good.result(WAIT), alone.encode("image", payloads(1, 1)))
    assert np.array_equal(also.result(WAIT), alone.encode("image", payloads(1, 2)))
    with pytest.raises(EncodeError, match="nothing to see"):
        bad.result(WAIT)


def test_a_cancelled_query_is_not_encoded(lane: EncoderLane, encoder: Gated) -> None:
    """Nobody waits for it."""
    hold(lane, encoder)
    futures = [lane.ask("image", payloads(1, seed)) for seed in range(3)]
    assert futures[1].cancel()
    encoder.open.set()
    futures[2].result(WAIT)

    assert encoder.batches == [("image", 1), ("image", 2)]
    with pytest.raises(CancelledError):
        futures[1].result(WAIT)


def test_beyond_the_queue_queries_are_refused(lane: EncoderLane, encoder: Gated) -> None:
    """With a sentence; those that wait are answered, and then there is room again."""
    hold(lane, encoder)
    futures = [lane.ask("image", payloads(1)) for _ in range(20)]
    with pytest.raises(TooBusy, match="20 queries wait") as refusal:
        lane.ask("image", payloads(1))
    encoder.open.set()
    for future in futures:
        future.result(WAIT)

    assert "query_queue" in refusal.value.hint
    assert lane.ask("image", payloads(1)).result(WAIT).shape == (1, 48)
    assert lane.stats().refused == 1


def test_queries_go_before_bulk_work_and_do_not_starve_it(lane: EncoderLane, encoder: Gated) -> None:
    """After a few batches of queries one of the others' has its turn."""
    hold(lane, encoder)
    bulk = [lane.submit("image", payloads(32, seed)) for seed in range(2)]
    queries = [lane.ask("image", payloads(8, seed)) for seed in range(6)]
    encoder.open.set()
    for future in (*bulk, *queries):
        future.result(WAIT)

    sizes = [number for _, number in encoder.batches]
    assert sizes[1:] == [8] * (QUERIES_IN_A_ROW - 1) + [32] + [8] * 3 + [32]


def test_bulk_work_is_held_up_not_refused(lane: EncoderLane, encoder: Gated) -> None:
    """Whoever brings more than may wait is kept until there is room."""
    hold(lane, encoder)
    for _ in range(BULK_WAITING):
        lane.submit("image", payloads(1))
    more: list[Future[Any]] = []
    bringer = Thread(target=lambda: more.append(lane.submit("image", payloads(1))))
    bringer.start()
    bringer.join(0.05)
    held_up = bringer.is_alive()
    encoder.open.set()
    bringer.join(WAIT)

    assert held_up
    assert more[0].result(WAIT).shape == (1, 48)


def test_only_bulk_seconds_count_as_such(lane: EncoderLane, encoder: Gated) -> None:
    """``add`` reports the encoder's seconds as its own: queries beside it are told apart."""
    encoder.open.set()
    lane.ask("image", payloads(3)).result(WAIT)
    before = lane.seconds
    lane.submit("image", payloads(5)).result(WAIT)
    stats = lane.stats()

    assert before == 0.0
    assert lane.seconds == stats.bulk_seconds > 0.0
    assert stats.query_seconds > 0.0
    assert (stats.queries, stats.query_batches, stats.query_payloads) == (1, 1, 3)
    assert (stats.bulk_batches, stats.bulk_payloads, stats.waiting, stats.bulk_waiting) == (1, 5, 0, 0)


def test_closing_tells_those_who_wait(encoder: Gated) -> None:
    """The batch at work is finished; what waits, and what comes later, gets a sentence."""
    lane = EncoderLane(encoder)
    first = hold(lane, encoder)
    waiting = [lane.ask("image", payloads(1)), lane.submit("image", payloads(1))]
    closer = Thread(target=lane.close)
    closer.start()
    for future in waiting:
        with pytest.raises(StoreError, match="closed"):
            future.result(WAIT)
    encoder.open.set()
    closer.join(WAIT)

    assert first.result(WAIT).shape == (1, 48)
    for send in (lane.ask, lane.submit):
        with pytest.raises(StoreError, match="closed"):
            send("image", payloads(1))


def test_an_empty_submission_is_answered(lane: EncoderLane, encoder: Gated) -> None:
    """With no vectors."""
    encoder.open.set()

    assert lane.ask("image", []).result(WAIT).shape == (0, 48)


def test_many_callers_at_once_each_get_their_own() -> None:
    """Under load from eight threads, queries and bulk work mixed, no vector goes astray."""
    lane = EncoderLane(ToyEncoder(), query_batch=4)
    alone = ToyEncoder()

    def work(seed: int) -> bool:
        each = payloads(1 + seed % 5, seed)
        send = lane.submit if seed % 3 == 0 else lane.ask
        return np.array_equal(send("image", each).result(WAIT), alone.encode("image", each))

    with ThreadPoolExecutor(8) as pool:
        right = list(pool.map(work, range(400)))
    lane.close()

    assert all(right)
    assert lane.stats().queries == 266


def test_classic_does_not_depend_on_its_batch(settings: Settings) -> None:
    """Bit for bit: what a picture's vector is does not tell with whom it was encoded."""
    encoder = ClassicEncoder(cards.find("classic", settings), {}, settings)
    random = np.random.default_rng(3)
    pictures = [
        encoder.prepare("image", random.integers(0, 256, (60 + 10 * i, 80, 3), dtype=np.uint8)) for i in range(5)
    ]

    together = encoder.encode("image", pictures)

    assert all(np.array_equal(together[i : i + 1], encoder.encode("image", [one])) for i, one in enumerate(pictures))


def test_the_settings_bound_the_queue(settings: Settings) -> None:
    """``query_batch`` and ``query_queue`` reach the lane; ``stats`` lists every lane in use."""
    lanes = Lanes(settings.model_copy(update={"query_batch": 2, "query_queue": 1}))
    encoder = Gated()
    lanes.choose(("image",), encoder, None)
    lane = lanes._lane_of(encoder.card)
    first = hold(lane, encoder)
    second = lane.ask("image", payloads(3))
    with pytest.raises(TooBusy):
        lane.ask("image", payloads(1))
    encoder.open.set()
    first.result(WAIT)
    second.result(WAIT)

    (stats,) = lanes.stats()
    lanes.close()
    assert encoder.batches == [("image", 1), ("image", 2), ("image", 1)]
    assert (stats.encoder, stats.refused, stats.query_payloads) == ("toy-joint", 1, 4)
