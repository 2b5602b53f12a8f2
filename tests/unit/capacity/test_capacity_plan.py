"""``python -m benchmarks.capacity``: plans from what was measured, and the tables of docs/scaling.md."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from benchmarks import capacity, capacity_page
from benchmarks.capacity_checks import Check, every_check
from benchmarks.capacity_costs import Figures, likely, read_figures
from benchmarks.capacity_plan import SIZES, Limit, Plan, Prices, Wanted, limits_by_size, plan, read_prices
from typer.main import get_command

from morelike.cli.app import app
from morelike.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "benchmarks" / "prices.example.toml"
SERVERS = Wanted(1e8, catalog="mysql", index="HNSW", blobs="s3", nodes=4, cores=16, searchers=8, memory=128e9)


@pytest.fixture(scope="module")
def figures() -> Figures:
    return read_figures()


@pytest.fixture(scope="module")
def sizes(figures: Figures) -> list[Plan]:
    """A laptop's plan at each size."""
    return limits_by_size(Wanted(0, cores=4), figures)


def named(found: Plan, name: str) -> Limit:
    return next(limit for limit in found.limits if limit.name == name)


def test_every_part_grows_in_proportion(sizes: list[Plan]) -> None:
    """Ten times the items take ten times the room, and more time to add."""
    for smaller, larger in pairwise(sizes):
        for part, size in smaller.storage.items():
            assert larger.storage[part] == pytest.approx(10 * size)
        assert larger.memory["index"] == pytest.approx(10 * smaller.memory["index"])
        assert all(larger.adding[what] > seconds for what, seconds in smaller.adding.items())


def test_a_small_library_meets_no_limit_and_a_huge_one_does(sizes: list[Plan]) -> None:
    """Ten thousand items fit a laptop; of a thousand million the plan says what does not."""
    assert sizes[0].limits[0].share < 1
    assert sizes[-1].limits[0].share > 1
    assert [one.wanted.items for one in sizes] == list(SIZES)


def test_the_nearest_limit_comes_first(sizes: list[Plan]) -> None:
    """Limits are in the order of how much of each is used up."""
    for one in sizes:
        shares = [limit.share for limit in one.limits]
        assert shares == sorted(shares, reverse=True)


def test_more_machines_encode_sooner_and_write_no_sooner(figures: Figures) -> None:
    """Encoding is divided by the machines; what passes the one write lock is not."""
    one, ten = (plan(replace(SERVERS, nodes=nodes), figures) for nodes in (1, 10))

    assert ten.adding["encoding"] == pytest.approx(one.adding["encoding"] / 10)
    assert ten.adding["writing"] == one.adding["writing"]


def test_in_place_stores_and_writes_less(figures: Figures) -> None:
    """Items that stay where they are need no blobs, no PUT, and less time under the lock."""
    copied, in_place = (plan(replace(SERVERS, blobs=blobs), figures) for blobs in ("s3", "in-place"))

    assert (copied.storage["blobs"], in_place.storage["blobs"]) == (1e8 * copied.wanted.item_bytes, 0)
    assert (copied.requests["PUT"], in_place.requests["PUT"]) == (1e8, 0)
    assert in_place.adding["writing"] < copied.adding["writing"] / 1.5


def test_codes_take_less_memory_than_a_graph(figures: Figures) -> None:
    """The kinds of Milvus' indexes keep their order, at the width that was measured and at others."""
    for dim in (512, 1280, 2048):
        sizes = [figures.milvus_bytes(kind, dim, "memory") for kind in ("IVF_SQ8", "FLAT", "HNSW")]
        assert sizes[0] < sizes[1] * 0.6
        assert sizes[0] < sizes[2] * 0.6


def test_alike_ids_are_a_limit_of_huge_collections(figures: Figures) -> None:
    """Ids have 63 bits: at 10^9 segments in one collection two are alike with a chance of about 5 %."""
    many, few = (
        named(plan(replace(SERVERS, items=items), figures), "two segments with one id") for items in (1e9, 1e6)
    )

    assert many.needed == pytest.approx(0.0527, abs=0.001)
    assert few.needed < 1e-7


def test_prices_are_multiplied(figures: Figures) -> None:
    """Money is what was given, times what is needed; without prices it is nothing."""
    prices = Prices(object_gb_month=0.02, searching_machine_month=100, put_per_1000=0.01, adding_machine_hour=2)
    found, free = plan(SERVERS, figures, prices), plan(SERVERS, figures)

    assert found.monthly["objects"] == pytest.approx(found.storage["blobs"] / 1e9 * 0.02)
    assert found.monthly["searching machines"] == 800
    assert found.monthly["total"] == pytest.approx(800 + found.monthly["objects"])
    assert found.once["adding machines"] == pytest.approx(1e8 / found.items_per_second / 3600 * 4 * 2)
    assert found.once["requests"] == pytest.approx((1e8 + 1e5) / 1000 * 0.01)
    assert free.monthly["total"] == free.once["total"] == 0


def test_the_example_has_every_price() -> None:
    """The file that shows prices can be read, and names all of them."""
    prices = read_prices(EXAMPLE)

    assert prices.currency
    assert all(vars_of(prices).values())


def vars_of(prices: Prices) -> dict[str, object]:
    return {name: getattr(prices, name) for name in Prices.__dataclass_fields__}


@pytest.mark.parametrize("text", ["gold = 1", "put_per_1000 = -1", 'put_per_1000 = "cheap"', "put_per_1000 = true"])
def test_odd_prices_are_refused(text: str, tmp_path: Path) -> None:
    """A name that is no price, and a value that cannot be one, are said."""
    path = tmp_path / "prices.toml"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"gold|put_per_1000"):
        read_prices(path)


def test_nothing_is_made_up(figures: Figures) -> None:
    """An encoder without figures is refused, and an index whose speed nobody measured has no latency."""
    with pytest.raises(KeyError, match="no figures"):
        plan(Wanted(1e6, encoder="unheard-of"), figures)

    assert plan(replace(SERVERS, index="DISKANN"), figures).query["p99"] is None


@pytest.mark.parametrize("odd", [{"items": 0}, {"cores": 0}, {"nodes": -1}, {"days": float("nan")}, {"segments": 0}])
def test_odd_numbers_are_refused(odd: dict[str, float], figures: Figures) -> None:
    """No machines, no items, or no number at all is said, not divided by."""
    with pytest.raises(ValueError, match="cannot be"):
        plan(replace(SERVERS, **odd), figures)


def test_what_to_turn_exists(sizes: list[Plan]) -> None:
    """Every setting and option that the plan and the page name is one."""
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    words = " ".join(limit.turn for limit in sizes[0].limits) + page
    add = get_command(app).get_command(None, "add")
    options = {option for parameter in add.params for option in parameter.opts}
    known = {*Settings.model_fields, "ray_actor_overhead", "real_shards"}

    settings = re.findall(r"\b((?:ray|commit|look|vectors|encoder|s3|lock)_[a-z_]+)\b", words)
    assert settings
    assert [name for name in settings if name not in known] == []
    assert [name for name in re.findall(r"(?<=add )--[a-z-]+", words) if name not in options] == []


def test_lognormal_has_its_quantiles() -> None:
    """A distribution made of a median and a 99th percentile has them."""
    made = likely(0.01, 0.04)
    steps = sorted(made.quantiles)

    assert steps[200] == pytest.approx(0.01)
    assert steps[396] == pytest.approx(0.04, rel=1e-3)


def test_what_was_measured_is_foretold(figures: Figures) -> None:
    """Adding with one and two threads, searches in 1, 2 and 4 parts, and sizes lie within their bands."""
    checks = every_check(figures)

    assert len(checks) >= 12
    assert [one for one in checks if not one.holds] == []


def test_a_check_can_fail() -> None:
    """What lies outside its band does not hold."""
    assert not Check("", 2.0, 1.0, "s", (0.7, 1.3)).holds
    assert Check("", 1.2, 1.0, "s", (0.7, 1.3)).holds


def test_parts_of_real_vectors_found_the_same(figures: Figures) -> None:
    """As it was run: 100 000 real vectors in sixteen parts gave exactly the whole's answers."""
    row = figures.raw["real_shards"]

    assert (row["rows"], row["shards"], row["exact_is_identical"]) == (100_000, 16, True)
    assert row["recall_embedded_16"] >= row["recall_embedded_1"]


def test_the_pages_tables_are_current(figures: Figures) -> None:
    """``python -m benchmarks.capacity docs`` writes them."""
    text = capacity_page.PAGE.read_text(encoding="utf-8")

    assert text == capacity_page.written(text, figures)


def test_a_page_without_marks_is_refused(figures: Figures) -> None:
    """A table that has no place is said, not lost."""
    with pytest.raises(ValueError, match="marks of 'machine'"):
        capacity_page.written("nothing", figures)


def test_the_driver_s_time_is_taken_when_it_is_there(figures: Figures, monkeypatch: pytest.MonkeyPatch) -> None:
    """``ray_actor_overhead`` slows the simulated cluster down."""
    monkeypatch.setattr(capacity_page, "NODES", (16,))
    monkeypatch.setattr(capacity_page, "WAYS", {"in place": ""})
    slow = Figures({**figures.raw, "ray_actor_overhead": {"dispatch_s_per_list": 10.0}})
    without = Figures({**figures.raw, "ray_actor_overhead": None})

    (with_it,), (before,) = (list(capacity_page.cluster_runs(each).values()) for each in (slow, without))
    assert with_it.per_second < before.per_second / 2


def test_a_plan_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The command says what is taken, what it costs, and what is met first at each size."""
    words = ["plan", "--items", "1e6", "--modality", "image", "--encoder", "mobilenet-v2", "--index", "hnsw"]
    capacity.main([*words, "--catalog", "mysql", "--blobs", "s3", "--prices", str(EXAMPLE)])
    said = capsys.readouterr().out

    assert "1,000,000 items, mobilenet-v2, 1280 numbers, HNSW, mysql" in said
    assert "EUR" in said
    assert len(re.findall(r"^ *[0-9,]+   \S", said, re.MULTILINE)) == len(SIZES)


def test_a_plan_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The same for programs, with the limits at each size."""
    capacity.main(["plan", "--items", "1e5", "--modality", "audio", "--json"])
    said = json.loads(capsys.readouterr().out)

    assert said["wanted"]["encoder"] == "yamnet"
    assert said["storage"]["vectors"] > 0
    assert list(said["limits_by_size"]) == [str(size) for size in SIZES]


def test_bad_words_are_said(tmp_path: Path) -> None:
    """An encoder without figures, or a file of prices that is none, ends with a sentence."""
    with pytest.raises(SystemExit, match="no figures of the encoder"):
        capacity.main(["plan", "--items", "1e5", "--encoder", "unheard-of"])
    with pytest.raises(SystemExit, match="there is no part"):
        capacity.main(["measure", "unheard-of"])


def test_recorded_figures_are_those_of_the_other_benchmarks(figures: Figures) -> None:
    """What the plan takes from ``results.json`` can be read from it as it is now."""
    results = json.loads(capacity.RESULTS.read_text(encoding="utf-8"))
    now = capacity.recorded(results)

    assert now.keys() == figures.raw["recorded"].keys()
    assert [row["rows"] for row in now["milvus"]] == [100_000, 1_000_000]


def test_no_machine_is_named(figures: Figures) -> None:
    """Figures say on what they were measured, in words that fit anybody's machine."""
    assert set(figures.raw["machine"]) == {"processor", "cores", "memory_gib", "system", "python", "versions"}
