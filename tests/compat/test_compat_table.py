"""README.md beside this file: the table of what the older servers' routers mend, and the test of each."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from morelike.server.compat.older import OLDER

HERE = Path(__file__).parent
FOUR = {"audio", "video", "image-objects", "video-objects"}
GENERAL = {
    "an error is a 4xx or 5xx with a sentence",
    "`/data` gives files of tables alone",
    "a stored path works behind `/data` as it stands",
    "names of uploads never reach the disk",
    "a table has a name that can be one",
    "bad files do not end a load, and stand in the ledger",
    "two loads of one folder at once double nothing",
    "eight clients at once",
    "a load during searches",
    "a copy of a file is a file of its own",
}
"""Promised of all routers that there are."""


def rows() -> list[tuple[str, set[str], list[tuple[str, str]]]]:
    """(what is mended, of which servers, its tests as file and name)"""
    found: list[tuple[str, set[str], list[tuple[str, str]]]] = []
    for line in (HERE / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        tests = re.findall(r"`(\w+)::(\w+)`", cells[-1])
        if len(cells) == 3 and tests:
            of = FOUR if cells[1] == "the four" else set(OLDER) if cells[1] == "all" else {cells[1]}
            found.append((cells[0] or found[-1][0], of, tests))
    return found


def test_every_test_of_the_table_is_there() -> None:
    """A name in it that no file has is a promise that nobody keeps."""
    named = {test for _, _, tests in rows() for test in tests}
    there = {
        (path.stem.removeprefix("test_compat_"), node.name.removeprefix("test_"))
        for path in HERE.glob("test_compat_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }

    assert len(named) > 50
    assert named <= there, named - there


def test_what_all_of_them_mend_is_tested_of_all_of_them() -> None:
    """No server is left out of a general promise; and only servers that there are stand in the table."""
    of: dict[str, set[str]] = {}
    for mended, servers, _ in rows():
        of.setdefault(mended, set()).update(servers)

    assert set().union(*of.values()) == set(OLDER)
    assert of.keys() >= GENERAL
    assert {mended: set(OLDER) - of[mended] for mended in GENERAL if of[mended] != set(OLDER)} == {}
