"""Bounded look-ahead, chunks, and reading a blob once."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import blake3
import numpy as np
import pytest

from morelike import prepare
from morelike.errors import DecodeError, SourceError, UnknownMedia
from morelike.prepare import (
    DECODE_NICENESS,
    Budget,
    EncoderLane,
    chunked,
    crop_image,
    decode_pool,
    map_ahead,
    read_blob,
)
from morelike.settings import Settings
from morelike.testing.toys import ToyEncoder, ToyLines
from morelike.types import Blob


def test_map_ahead_keeps_the_order_and_the_window() -> None:
    """Results come in order, and never are more than ``window`` items in flight."""
    running, most, lock = 0, 0, Lock()
    taken = 0

    def items() -> object:
        nonlocal taken
        for item in range(40):
            taken += 1
            yield item

    def work(item: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.001 * (item % 3))
        with lock:
            running -= 1
        return item * 2

    seen = []
    with ThreadPoolExecutor(4) as pool:
        for item, result in map_ahead(pool, work, items(), window=5):
            seen.append((item, result))
            assert taken - len(seen) <= 5

    assert [(item, item * 2) for item in range(40)] == seen
    assert most <= 5


def test_map_ahead_counts_what_items_cost() -> None:
    """What is ahead costs at most ``window`` together; an item that costs more goes, alone."""
    costs = [3, 3, 3, 20, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4]
    ahead: list[int] = []
    most: list[list[int]] = []
    lock = Lock()

    def begin(cost: int) -> int:
        with lock:
            ahead.append(cost)
            most.append(list(ahead))
        return cost

    class Inline(ThreadPoolExecutor):
        def submit(self, function: object, /, *arguments: object, **named: object) -> object:
            future = super().submit(function, *arguments, **named)
            future.result()
            return future

    seen = []
    with Inline(1) as pool:
        for cost, _ in map_ahead(pool, begin, iter(costs), window=8, cost=lambda cost: cost):
            seen.append(cost)
            ahead.remove(cost)

    assert seen == costs
    assert max(sum(some) for some in most if len(some) > 1) <= 8
    assert [20] in most


def test_map_ahead_gives_item_errors_as_results() -> None:
    """A bad item is a value, and the others go on."""

    def work(item: int) -> int:
        if item == 1:
            raise DecodeError("broken")
        return item

    with ThreadPoolExecutor(2) as pool:
        results = [result for _, result in map_ahead(pool, work, range(3), window=2)]

    assert results[0] == 0
    assert isinstance(results[1], DecodeError)
    assert results[2] == 2


def test_map_ahead_raises_what_is_no_item_error() -> None:
    """A programming error is not swallowed."""
    with ThreadPoolExecutor(1) as pool, pytest.raises(ZeroDivisionError):
        list(map_ahead(pool, lambda item: 1 // item, range(2), window=1))


def test_chunks_are_full_or_last() -> None:
    """Items come through unchanged, in lists of the size."""
    assert list(chunked(range(7), 3, 60)) == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_slow_source_is_not_held_back() -> None:
    """A chunk leaves once its first item has waited long enough."""

    def slow() -> object:
        for item in range(3):
            time.sleep(0.02)
            yield item

    assert [chunk[:1] for chunk in chunked(slow(), 100, 0.0)] == [[0], [1], [2]]


def test_reading_digests_all_bytes_and_keeps_them() -> None:
    """The blob is opened for its head and once more; after that its bytes are in memory."""
    data = b"line\n" * 1000
    opened = 0

    def open_it() -> object:
        nonlocal opened
        opened += 1
        return Blob.from_bytes(data, "a.lines").open()

    blob = Blob(uri="a.lines", name="a.lines", open=open_it, size=len(data))

    reading = read_blob(blob, ToyLines(Settings()), Budget())

    assert blake3.blake3(data).hexdigest() == reading.digest.blake3 == reading.item_id
    assert len(data) == reading.digest.size
    assert reading.blob.read() == data
    assert opened == 2


def test_beyond_the_budget_files_are_opened_again() -> None:
    """Memory is bounded: what does not fit is read from its source by whoever needs it."""
    blob = Blob.from_bytes(b"line\n" * 10, "a.lines")
    budget = Budget(60)

    first, second = (read_blob(blob, ToyLines(Settings()), budget) for _ in range(2))

    assert (first.kept, second.kept) == (50, 0)
    assert second.blob is blob
    budget.give(first.kept)
    assert budget.take(60)


def test_a_large_local_file_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be opened again at any time; bytes from elsewhere are kept."""
    monkeypatch.setattr(prepare, "LARGE", 10)
    data = b"line\n" * 10
    (tmp_path / "a.lines").write_bytes(data)
    budget = Budget()

    local = read_blob(Blob.from_path(tmp_path / "a.lines"), ToyLines(Settings()), budget)
    other = read_blob(Blob.from_bytes(data, "a.lines"), ToyLines(Settings()), budget)

    assert (local.kept, other.kept) == (0, 50)
    assert local.digest == other.digest


def test_unknown_media_is_named() -> None:
    """What no modality takes is UnknownMedia with a sentence, before all of it is read."""
    with pytest.raises(UnknownMedia, match="is a PDF"):
        read_blob(Blob.from_bytes(b"%PDF-1.7", "paper.pdf"), ToyLines(Settings()), Budget())


def test_an_unreadable_blob_is_a_source_error() -> None:
    """An OSError of the file system names the item."""

    def broken() -> object:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(SourceError, match=r"/secret cannot be read: Permission denied"):
        read_blob(Blob(uri="/secret", name="secret", open=broken), ToyLines(Settings()), Budget())


def test_a_crop_is_at_least_one_pixel() -> None:
    """Fractions of a small picture never give an empty one."""
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)

    assert crop_image(picture, (0.99, 0.99, 1.0, 1.0)).tolist() == [[[9, 10, 11]]]
    assert crop_image(picture, (0.0, 0.0, 0.5, 1.0)).shape == (2, 1, 3)


def test_an_encoder_runs_on_one_thread() -> None:
    """However many callers there are, ``encode`` is never entered twice at once."""
    inside, most = 0, 0

    class Slow(ToyEncoder):
        def encode(self, kind: str, batch: object) -> object:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            time.sleep(0.002)
            inside -= 1
            return super().encode(kind, batch)

    lane = EncoderLane(Slow())
    prepared = lane.encoder.prepare("image", np.zeros((8, 8, 3), dtype=np.uint8))
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(lambda: lane.submit("image", [prepared]).result()) for _ in range(16)]
        shapes = {future.result().shape for future in futures}
    lane.close()

    assert shapes == {(1, 48)}
    assert most == 1


@pytest.mark.skipif(sys.platform != "linux", reason="niceness belongs to the whole process there")
def test_decoding_gives_way_to_the_encoder_and_to_nobody_else() -> None:
    """Only the decode threads are nice; the thread that started them stays as it was."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with decode_pool(1) as pool:
        inside = pool.submit(os.getpriority, os.PRIO_PROCESS, 0).result()

    assert inside == DECODE_NICENESS
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
