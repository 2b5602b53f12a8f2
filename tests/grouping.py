"""Which tests one process runs together, where pytest-xdist spreads them over several (``--dist loadgroup``)."""

from __future__ import annotations

import json
import os
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadGroupScheduling
    from xdist.workermanage import WorkerController

TABLE = pytest.StashKey[Path]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Each process is told where its table of groups is to go; all of them have the same."""
    stash = node.config.stash
    if TABLE not in stash:
        folder = tempfile.TemporaryDirectory(prefix="groups-")
        node.config.add_cleanup(folder.cleanup)
        stash[TABLE] = Path(folder.name) / "groups.json"
    node.workerinput["groups"] = str(stash[TABLE])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Before xdist says which tests there are."""
    if (table := getattr(session.config, "workerinput", {}).get("groups")) is None:
        return
    marked = ((item.nodeid, item.get_closest_marker("xdist_group")) for item in session.items)
    groups = {nodeid: str(mark.args[0]) for nodeid, mark in marked if mark is not None}
    mine = Path(f"{table}.{os.getpid()}")
    mine.write_text(json.dumps(groups), encoding="utf-8")
    mine.replace(table)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadGroupScheduling | None:
    """One that reads the table; None leaves another ``--dist`` to xdist."""
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling

    class Grouped(LoadGroupScheduling):
        """A test goes with its group; without one with its file, whose fixtures are then made once.

        xdist itself writes the group behind a test's id, which pytest 9.2 no longer takes: each test then goes to
        any process, and nothing is said (pytest-xdist#1386). Ids stay as they are, so ``--last-failed`` knows them.
        """

        @cached_property
        def groups(self) -> dict[str, str]:
            known: dict[str, str] = json.loads(config.stash[TABLE].read_text(encoding="utf-8"))
            return known

        def _split_scope(self, nodeid: str) -> str:
            return self.groups.get(nodeid) or nodeid.partition("::")[0]

    return Grouped(config, log)
