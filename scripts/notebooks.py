"""Run the notebooks in examples/ from top to bottom and keep what their cells show in the files themselves.

Say where the bucket and Milvus are, as docs/notebooks.md has it; then ``python scripts/notebooks.py [NAME …]``. Nothing
is written where a cell fails, or where a page of outputs is too large or names a folder of this machine.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "notebooks"
LARGEST = 300_000
MACHINE = re.compile(r"(?<![:/\w])/(?:home|Users|root|tmp|var|work|srv|opt|mnt)/|127\.0\.0\.1|localhost:\d")
PATIENCE = 300
"""Seconds a cell may take."""


def executed(path: Path, environment: Mapping[str, str] | None = None) -> Any:
    """The notebook with what its cells show, run in an empty folder by a kernel of its own.

    ``environment`` is the kernel's; None: this process' own. Raises CellExecutionError where a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=PATIENCE,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            store_widget_state=False,
            record_timing=False,
        )
        client.execute(**({} if environment is None else {"env": dict(environment)}))
    return notebook


def faults(notebook: Any, text: str) -> list[str]:
    """Why what it shows should not be kept."""
    found = [f"it has {len(text):,} bytes, {LARGEST:,} at most"] if len(text) > LARGEST else []
    outputs = [str(cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]
    return found + [f"it names a place of this machine: …{one.group()}…" for one in map(MACHINE.search, outputs) if one]


def main(names: list[str]) -> int:
    paths = [FOLDER / name for name in names] if names else sorted(FOLDER.glob("*.ipynb"))
    status = 0
    for path in paths:
        notebook = executed(path)
        notebook.metadata.pop("language_info", None)  # the version of Python that happened to run it
        text = nbformat.writes(notebook) + "\n"
        wrong = faults(notebook, text)
        if not wrong:
            path.write_text(text, encoding="utf-8")
        print(f"{path.name}: {'; '.join(wrong) or f'{len(text):,} bytes'}")
        status |= bool(wrong)
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
