"""`add` and searches on many machines, simulated (``benchmarks/capacity_sim.py``, ``capacity_query.py``)."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from benchmarks.capacity_query import Latency, Paths, answered, fan_out, most_queries, partitioned, served
from benchmarks.capacity_sim import Cluster, Costs, Machine, Writes, ceiling, pipeline, simulate

from morelike.settings import Settings
from morelike.stores.vectors.memory import MemoryVectorStore
from morelike.testing.kits.vector_store import dense_space, seeded_vectors

COSTS = Costs(decode=Latency((0.004, 0.004)), encode=Latency((0.010, 0.010)))
ONE_CORE = Machine(cores=1, workers=1, threads=1)
WRITES = Writes(lock=0.002, claim=0.016, finish=0.037, insert_least=0.2)


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_one_core_takes_the_sum() -> None:
    """On one core nothing overlaps: a run takes the CPU seconds of all its stages."""
    costs = replace(COSTS, claim=0.02, finish=0.03)
    expected = 640 * 0.014 + 10 * 0.02 + 5 * 0.03

    assert pipeline(costs, ONE_CORE, 640, random()) == pytest.approx(expected, rel=1e-6)


def test_the_slowest_stage_decides() -> None:
    """With cores enough, encoding on one thread takes its own time, and decoding is hidden but for its beginning."""
    seconds = pipeline(COSTS, Machine(cores=8, workers=4, threads=1), 640, random())

    assert 6.4 < seconds < 6.4 + 32 * 0.004


def test_decoding_on_two_threads_takes_half() -> None:
    """Where decoding is the slowest stage, a second thread halves the time."""
    costs = replace(COSTS, encode=Latency((0.0001, 0.0001)))
    one, two = (pipeline(costs, Machine(4, workers, 1), 640, random()) for workers in (1, 2))

    assert two == pytest.approx(one / 2, rel=0.05)


@pytest.mark.parametrize("items", [1, 31, 32, 33, 64, 127, 128, 129, 200])
def test_every_number_of_items_comes_to_its_end(items: int) -> None:
    """Groups and batches that are not full are worked on too, at their share of the time."""
    costs = replace(COSTS, claim=0.064, finish=0.128)

    assert pipeline(costs, ONE_CORE, items, random()) == pytest.approx(items * (0.014 + 0.001 + 0.001), rel=1e-6)


def test_a_window_holds_decoding_up() -> None:
    """No more items than the window are decoded ahead: a slow encoder is not buried."""
    slow = replace(COSTS, encode=Latency((1.0, 1.0)))
    machine = Machine(cores=8, workers=8, threads=1, window=8)

    assert pipeline(slow, machine, 256, random()) == pytest.approx(256, rel=0.01)


def test_nodes_add_up_until_the_lock_is_always_held() -> None:
    """Two nodes do twice as much as one; a hundred do what passes the lock, and no more."""
    lists = {nodes: max(64, 4 * nodes) for nodes in (1, 2, 100)}
    ran = {nodes: simulate(COSTS, ONE_CORE, WRITES, Cluster(nodes, keys=64), lists[nodes]) for nodes in lists}
    most = ceiling(WRITES, 64)

    assert ran[2].per_second == pytest.approx(2 * ran[1].per_second, rel=0.1)
    assert 0.95 * most < ran[100].per_second <= most
    assert ran[100].lock_busy > 0.95
    assert ran[100].actors_busy < 0.2


def test_one_node_is_one_pipeline() -> None:
    """A cluster of one actor takes for each list what the pipeline takes, and what it writes after that."""
    free = Writes(lock=0.0, claim=0.0, finish=0.0)
    ran = simulate(COSTS, ONE_CORE, free, Cluster(1, keys=128), 50)

    assert ran.per_second == pytest.approx(128 / pipeline(COSTS, ONE_CORE, 128, random()), rel=1e-6)
    assert ran.actors_busy == pytest.approx(1, abs=1e-6)


def test_larger_groups_pass_the_lock_sooner() -> None:
    """What a group takes however short it is counts once for many items."""
    large = replace(WRITES, claimed=256, finished=1024)

    assert ceiling(large, 1024) > 2 * ceiling(WRITES, 1024)


def test_blobs_are_stored_under_the_lock() -> None:
    """Copying objects takes from what passes the lock: twelve at a time."""
    copied = replace(WRITES, put=Latency((0.04, 0.04)))

    assert 64 / ceiling(copied, 64) - 64 / ceiling(WRITES, 64) == pytest.approx(64 * 0.04 / 12)


def test_failed_lists_are_done_by_others() -> None:
    """Every list is done, however many nodes fail at it, and the time that it takes is longer."""
    calm = Cluster(10, actors=2, keys=64)
    rough = replace(calm, fails_after=30.0, repair=5.0)
    before, after = (simulate(COSTS, ONE_CORE, WRITES, each, 400) for each in (calm, rough))

    assert before.redone == 0
    assert after.redone > 0
    assert after.per_second < before.per_second


def test_a_dead_holder_keeps_the_lock_for_its_lease() -> None:
    """A longer lease costs more where nodes fail while they write."""
    cluster = Cluster(4, actors=4, keys=64, fails_after=20.0, repair=1.0)
    short, long = (simulate(COSTS, ONE_CORE, replace(WRITES, lease=lease), cluster, 400) for lease in (0.1, 30.0))

    assert long.per_second < short.per_second


def test_slow_nodes_do_not_hold_up_the_others() -> None:
    """With a fifth of the nodes at a third of the speed, what is done falls by about their own loss."""
    free = Writes(lock=0.0, claim=0.0, finish=0.0)
    even = Cluster(50, keys=64)
    ran = [simulate(COSTS, ONE_CORE, free, each, 1000).per_second for each in (even, replace(even, slow_share=0.2))]

    assert 0.75 < ran[1] / ran[0] < 0.95


def test_the_driver_can_be_the_limit() -> None:
    """What it does for each list, it does for one after another."""
    free = Writes(lock=0.0, claim=0.0, finish=0.0)
    ran = simulate(COSTS, ONE_CORE, free, Cluster(100, keys=64, dispatch=0.1), 800)

    assert ran.per_second == pytest.approx(640, rel=0.05)


def test_the_same_seed_the_same_run() -> None:
    """A simulation says the same each time, and something else with another seed."""
    costs = replace(COSTS, decode=Latency((0.001, 0.004, 0.02)))
    cluster = Cluster(5, keys=64, fails_after=50.0)
    first, again, other = (simulate(costs, ONE_CORE, WRITES, cluster, 100, seed=seed) for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_the_slowest_part_decides() -> None:
    """The median over 16 parts is that quantile of one part which all of them keep with a chance of a half."""
    one = Latency(tuple(np.linspace(0.01, 0.02, 101)))

    assert fan_out(Paths(one, 16)).p50 == pytest.approx(0.01 + 0.01 * 0.5 ** (1 / 16), rel=0.01)


def test_network_and_merge_are_added() -> None:
    """They come to each query once, however many parts are asked."""
    one = Latency((0.01, 0.01))

    assert fan_out(Paths(one, 64, network=0.5, merge=0.25)).p99 == pytest.approx(0.76)


def test_waiting_is_as_the_theory_has_it() -> None:
    """One server that is busy for half of the time: queries of equal length wait half a length in the mean (M/D/1)."""
    arrivals = np.cumsum(random().exponential(0.02, 50_000))
    waited = served(arrivals, np.full(50_000, 0.01), 1) - arrivals - 0.01

    assert waited.mean() == pytest.approx(0.005, rel=0.05)


def test_queries_that_wait_take_longer() -> None:
    """The same parts are slower with other queries about, and say how busy they are."""
    paths = Paths(Latency((0.01, 0.01)), 2)
    quiet, half = fan_out(paths, queries=1_000), answered(paths, 50, queries=2_000)

    assert half.busy == pytest.approx(0.5)
    assert quiet.p50 == pytest.approx(0.01)
    assert half.p50 > quiet.p50


def test_replicas_take_more_queries() -> None:
    """Twice the replicas take at least about twice the queries within the same time."""
    paths = Paths(Latency((0.005, 0.01, 0.02)), 4, servers=2)
    one, two = (most_queries(replace(paths, replicas=count), 0.05, queries=500) for count in (1, 2))

    assert 1.8 < two / one < 3.5


def test_what_is_too_slow_takes_no_queries() -> None:
    """Where a query alone takes longer than it may, no rate is promised."""
    assert most_queries(Paths(Latency((1.0, 1.0)), 4), 0.5) == 0


@pytest.mark.parametrize("shards", [1, 4, 16])
def test_parts_find_what_the_whole_finds(shards: int, tmp_path: Path) -> None:
    """Rows dealt out to several stores have the same best ids and scores as in one, equal scores among them."""
    space = dense_space(dim=16)
    vectors = seeded_vectors(space, 1_000)
    vectors[500:] = vectors[:500]  # every row has an equal
    ids, queries = np.arange(1_000), seeded_vectors(space, 20, seed=1)
    settings = Settings()
    whole = MemoryVectorStore(tmp_path, settings)
    whole.upsert(space, ids, vectors)
    right = whole.search(space, queries, 10)

    stores = [partial(MemoryVectorStore, tmp_path / str(number), settings) for number in range(shards)]
    found = partitioned(stores, space, (ids, vectors), queries, 10)

    assert np.array_equal(found[0], right[0])
    assert np.allclose(found[1], right[1], atol=1e-6)


def test_fewer_rows_than_asked_for(tmp_path: Path) -> None:
    """Parts that have less than is asked for give what they have."""
    space = dense_space(dim=16)
    ids, vectors = np.arange(5), seeded_vectors(space, 5)
    stores = [partial(MemoryVectorStore, tmp_path / str(number), Settings()) for number in range(4)]
    found, scores = partitioned(stores, space, (ids, vectors), vectors[:1], 10)

    assert sorted(found[0].tolist()) == [-1] * 5 + [0, 1, 2, 3, 4]
    assert math.isinf(scores[0, -1])
