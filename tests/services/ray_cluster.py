"""A Ray cluster of two machines' processes on this one, and what two libraries are compared by.

Ray listens on all addresses of the machine: every process of the cluster asks for a token that only this run knows
(tests/conftest.py).
"""

from __future__ import annotations

import importlib.util
import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morelike import faults
from morelike.library import Library
from morelike.testing.toys import ToyEncoder

WAIT = 180.0


class HeldEncoder(ToyEncoder):
    """In the process that it was sent to, it stops the work at a named point for as long as the test likes.

    ``hold`` in its folder holds the pid of the parent whose child is to stop; ``held`` gets the pid of who did.
    """

    def __init__(self, folder: Path, name: str = "held") -> None:
        super().__init__(name)
        self.folder = folder

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        faults.install(partial(_hold, self.folder))


def _hold(folder: Path, point: str) -> None:
    if point != "catalog.claimed":
        return
    with suppress(FileNotFoundError, FileExistsError):
        if (folder / "hold").read_text() not in ("", str(os.getppid())):
            return
        with (folder / "held").open("x") as held:
            held.write(str(os.getpid()))
        while (folder / "hold").exists():
            time.sleep(0.02)


class DeadlyEncoder(ToyEncoder):
    """Its process ends at once where a picture of one width comes: nothing can be caught."""

    WIDTH = 77

    def prepare(self, kind: str, payload: Any) -> Any:
        if payload.shape[1] == self.WIDTH:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().prepare(kind, payload)


class TwoNodes:
    """A head of one CPU, and another node of one. ``address`` is what ``--address`` takes."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        fast = {"health_check_period_ms": 500, "health_check_failure_threshold": 4}
        self._cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, "_system_config": fast}
        )
        self._second = self._cluster.add_node(num_cpus=1)
        self.address: str = self._cluster.address

    @property
    def second(self) -> int:
        """The pid of the second node's raylet, the parent of its actors."""
        return int(self._second.all_processes["raylet"][0].process.pid)

    def kill_second(self) -> None:
        """At once: the children first, or they would hear of their parent's end."""
        pids = _children(self.second)
        for pid in [self.second, *pids]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        self._cluster.shutdown()


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [*map(int, listed.read_text().split())] if listed.exists() else []


@contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    """Skips by name without the package; in CI that is a failure."""
    if importlib.util.find_spec("ray") is None:
        if os.environ.get("CI"):
            pytest.fail("the package ray is not installed (the extra ray)")
        pytest.skip("the package ray is not installed (the extra ray)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))  # where the encoders above are
        nodes = TwoNodes()
        try:
            yield nodes
        finally:
            nodes.close()


def wait_for(path: Path, run: Future[Any]) -> str:
    """What is written there, once something is; the run is not to end before."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError):
            if text := path.read_text():
                return text
        if run.done():
            pytest.fail(f"the run ended before: {run.result()}")
        time.sleep(0.02)
    pytest.fail(f"nothing came to be at {path}")


def items_of(library: Library, name: str) -> dict[str, Any]:
    """All that is said of each item, but when."""
    catalog = library._stores.catalog
    return {
        item.id: (
            item.state,
            item.media_type,
            item.digest,
            dict(item.info),
            sorted(item.tags),
            item.in_place,
            sorted((s.uri, s.name, s.size, s.modified_ns, sorted(s.metadata.items()), s.origin) for s in item.sources),
        )
        for item in catalog.items(catalog.collection(name), state=None, limit=100_000)
    }


def ledger_of(library: Library, name: str) -> list[Any]:
    catalog = library._stores.catalog
    rows = catalog.ledger(catalog.collection(name), limit=100_000)
    return sorted((r.uri, r.item_id, r.stage, r.reason, r.attempts, r.size, r.modified_ns) for r in rows)


def assert_equal(one: Library, other: Library, name: str) -> None:
    """Items, sources and ledger are the same, and each segment's vector to a millionth."""
    assert items_of(one, name) == items_of(other, name)
    assert ledger_of(one, name) == ledger_of(other, name)
    for mine, theirs in zip(_spaces(one, name), _spaces(other, name), strict=True):
        ids, vectors = _vectors(one, mine)
        others_ids, others_vectors = _vectors(other, theirs)
        assert ids.tolist() == others_ids.tolist()
        assert len(ids) > 0
        np.testing.assert_allclose(vectors, others_vectors, atol=1e-6)


def _spaces(library: Library, name: str) -> Sequence[Any]:
    catalog = library._stores.catalog
    return [space for space in catalog.spaces(catalog.collection(name)) if space.has_vectors]


def _vectors(library: Library, space: Any) -> tuple[Any, Any]:
    ids = np.sort(np.concatenate([*library._stores.vectors.ids(space), np.empty(0, dtype=np.int64)]))
    found, vectors = library._stores.vectors.fetch(space, ids)
    order = np.argsort(found)
    return found[order], vectors[order]
