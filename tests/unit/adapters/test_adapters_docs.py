"""The page about adapters shows what runs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")
pytest.importorskip("langchain_core")
pytest.importorskip("llama_index.core")

PAGE = Path(__file__).resolve().parents[3] / "docs" / "adapters.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=["mcp", "langchain", "llamaindex"])
def test_snippets_run(
    shared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], snippet: str
) -> None:
    """The Python of the page runs as it stands, on a library of pictures and notes; what it prints is an answer."""
    shutil.copytree(shared.library, tmp_path / "library")
    (tmp_path / "pictures").mkdir()
    shutil.copy(shared.pictures / "00000.png", tmp_path / "pictures" / "cat.png")
    monkeypatch.chdir(tmp_path)

    exec(compile(snippet, str(PAGE), "exec"), {})

    printed = capsys.readouterr().out
    assert ("print(" not in snippet) or "two metres" in printed


def test_entry_is_the_real_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The entry for hosts that the page shows is what ``morelike mcp --json`` prints."""
    from morelike.cli.run import run

    shown = json.loads(re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0])
    arguments = shown["mcpServers"]["morelike"]["args"]

    assert run([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == shown


def test_tools_are_the_real_ones() -> None:
    """The table of tools names each of them."""
    from morelike.adapters.mcp.tools import TOOLS

    named = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert named == [tool.name for tool in TOOLS]
