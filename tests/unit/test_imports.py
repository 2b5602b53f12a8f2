"""What importing morelike costs, and what it offers."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import morelike
from morelike.errors import MissingExtra

HEAVY = (
    "PIL",
    "faiss",
    "fastapi",
    "langchain_core",
    "llama_index",
    "mcp",
    "numpy",
    "onnxruntime",
    "pydantic",
    "pymilvus",
    "rdkit",
    "skimage",
    "sqlalchemy",
    "torch",
)


def loaded_after(code: str) -> set[str]:
    """The top-level names of the modules that a fresh process has after running ``code``."""
    report = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    ran = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True)
    return set(json.loads(ran.stdout.splitlines()[-1]))


def test_import_is_light() -> None:
    """``import morelike`` loads nothing that takes long."""
    assert loaded_after("import morelike") & {*HEAVY, "typer", "rich"} == set()


def test_help_is_light() -> None:
    """``morelike --help`` loads typer, and neither rich nor anything that a command would need."""
    code = "from morelike.cli.run import run; run(['--help'])"

    assert loaded_after(code) & {*HEAVY, "rich"} == set()


def test_settings_are_light() -> None:
    """Opening no library and only reading settings loads no store and no runtime."""
    assert loaded_after("import morelike.settings") & {*HEAVY} - {"pydantic"} == set()


def test_facade_leaves_extras_alone() -> None:
    """The facade loads no package of an extra and no model runtime before it is needed."""
    loaded = loaded_after("import morelike; morelike.open")

    assert loaded & {"faiss", "onnxruntime", "pyarrow", "skimage", "torch"} == set()


def modules_with_exports() -> list[str]:
    """Every module whose text defines ``__all__``."""
    root = Path(morelike.__file__).parent
    paths = [path for path in sorted(root.rglob("*.py")) if "\n__all__ = " in path.read_text(encoding="utf-8")]
    names = [".".join(path.relative_to(root.parent).with_suffix("").parts) for path in paths]
    return [name.removesuffix(".__init__") for name in names]


@pytest.mark.parametrize("module", modules_with_exports())
def test_exported_members(module: str) -> None:
    """Where a module says what it exports, each name is there, and once (ruff keeps them sorted)."""
    try:
        loaded = importlib.import_module(module)
    except (ModuleNotFoundError, MissingExtra) as error:
        ours = isinstance(error, ModuleNotFoundError) and str(error.name).startswith("morelike")
        if ours or os.environ.get("CI"):  # a slip of ours, or a lock without an extra's package
            raise
        pytest.skip(str(error))
    names = list(loaded.__all__)

    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(loaded, name)] == []


def test_front_door() -> None:
    """Everything that ``morelike`` exports is there, and shown by ``dir``."""
    assert "open" in morelike.__all__
    assert [name for name in morelike.__all__ if getattr(morelike, name, None) is None] == []
    assert set(morelike.__all__) <= set(dir(morelike))
