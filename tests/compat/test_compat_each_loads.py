"""The older servers that load folders: loads while others ask, twice at once, and eight clients side by side."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from compat_each import DEADLINE, EACH, Running, each_server, holding, running
from compat_servers import CompatServers


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompatServers]:
    with each_server(tmp_path_factory.mktemp("each")) as found:
        yield found


@pytest.fixture(params=EACH)
def one(servers: CompatServers, request: pytest.FixtureRequest) -> Running:
    """One of them after the other."""
    return running(servers, request.param)


def test_a_load_keeps_nobody_waiting(one: Running) -> None:
    """In the middle of it progress is told, not at its end, rows are counted, and searches find what was there."""
    encoder = holding(one.each.name)
    one.make("busy", encoder)
    before = one.each.write_several(one.folder("before"), 3, seed=10)
    one.load("busy", one.folder("before"))
    one.each.write_several(one.folder("coming"), 4, seed=20)
    one.each.write_mark(one.folder("coming") / f"2 mark{one.each.ending}")
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(one.load, "busy", one.folder("coming"))
        try:
            assert encoder.gate.reached.wait(DEADLINE)
            current, total = one.progress()
            assert 0 <= current < total <= 5
            assert 3 * one.each.frames <= one.counted("busy") < 8 * one.each.frames
            for seed in (10, 11, 12):
                assert one.search("busy", seed)[0] == (str(before[seed - 10]), pytest.approx(0, abs=0.05))
            assert not load.done()
        finally:
            encoder.gate.go.set()
        load.result(DEADLINE)

    assert one.progress() == (5, 5)
    assert one.counted("busy") == 8 * one.each.frames
    assert one.search("busy", 23)[0][0] == str(one.folder("coming") / f"3{one.each.ending}")


def test_two_loads_of_one_folder_at_once_double_nothing(one: Running) -> None:
    """Not a row, not a count, not a line of the ledger; both succeed, and so does a third."""
    paths = one.each.write_several(one.folder("twice"), 8, seed=30)
    (one.folder("twice") / f"bad{one.each.ending}").write_bytes(b"these are words")
    with ThreadPoolExecutor(2) as pool:
        for load in [pool.submit(one.load, "twice", one.folder("twice")) for _ in range(2)]:
            load.result(DEADLINE)
    current, total = one.progress()
    assert current == total >= 9
    one.load("twice", one.folder("twice"))

    assert one.progress() == (9, 9)
    assert one.counted("twice") == 8 * one.each.frames
    opened = one.opened("twice")
    assert sorted(source.uri for item in opened.items() for source in item.sources) == sorted(map(str, paths))
    assert opened.rejected_count() == 1
    found = [path for path, _ in one.search("twice", 33)]
    assert found[0] == str(paths[3])
    assert len(found) == len(set(found))


def test_eight_clients_at_once(one: Running) -> None:
    """Each searches, is shown what it found, counts, and loads a table of its own: every answer is the right one."""
    one.make("crowd")
    paths = one.each.write_several(one.folder("crowd"), 8, seed=40)
    one.load("crowd", one.folder("crowd"))
    for number in range(8):
        one.make(f"own{number}")

    def client(number: int) -> None:
        mine = one.each.write_several(one.folder(f"own{number}"), 2, seed=60 + 2 * number)
        for _ in range(2):
            path, distance = one.search("crowd", 40 + number)[0]
            assert (path, distance) == (str(paths[number]), pytest.approx(0, abs=0.05))
            assert one.shown(path) == (200, paths[number].read_bytes())
            one.load(f"own{number}", one.folder(f"own{number}"))
            assert one.counted(f"own{number}") == 2 * one.each.frames
            assert one.search(f"own{number}", 61 + 2 * number)[0][0] == str(mine[1])
            assert one.counted("crowd") == 8 * one.each.frames

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))

    current, total = one.progress()
    assert current == total
