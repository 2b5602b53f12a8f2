"""The house: every module has a floor, and imports only point down."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[2] / "src"
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60  # of the body: a command's options are declarations

FLOORS = (
    (
        "errors",
        "types",
        "payloads",
        "spans",
        "records",
        "protocols",
        "rasterise",
        "rdkit_log",
        "catalog_protocols",
        "modality_protocols",
        "vecmath",
        "expressions",
        "faults",
        "sentences",
        "times",
        "vocabulary",
        "words",
    ),
    ("registry", "settings", "older_config", "older_settings", "objects", "signing"),
    ("modalities", "encoders", "models", "sources", "stores", "rescorers"),
    ("composites", "conse", "lane", "prepare", "views", "wiring"),
    (
        "batches",
        "bundle",
        "calibration",
        "cutting",
        "dedup",
        "deletion",
        "doctor",
        "dryrun",
        "engines",
        "evaluate",
        "examples",
        "fields",
        "guess",
        "ingest",
        "jobs",
        "known",
        "lanes",
        "ledger",
        "moving",
        "originals",
        "parts",
        "progress",
        "project",
        "reembed",
        "search",
        "storage",
        "sync",
        "tagging",
        "training",
        "unpacking",
        "work",
        "writer",
    ),
    (
        "",
        "access",
        "arguments",
        "asking",
        "across",
        "collection",
        "library",
        "listed",
        "hits",
        "remote",
        "testing",
        "display",
        "notebook",
        "demo",
        "demo_scenes",
        "explained",
        "shapes",
        "tasks",
    ),  # "" is morelike/__init__.py, the facade's front door
    ("adapters", "server"),
    ("cli", "__main__"),
)
ISOLATED_FLOOR = 2
ISOLATED_PARTS = ("stores.catalog", "stores.vectors")  # within a package: neither kind of store knows the other
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}


@cache
def modules() -> dict[str, Path]:
    """Dotted name below ``morelike`` to file; the package itself is the empty name."""
    found = {}
    for path in sorted((SRC / "morelike").rglob("*.py")):
        parts = path.relative_to(SRC / "morelike").with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def package(module: str) -> str:
    return module.partition(".")[0]


@cache
def imports(module: str) -> frozenset[str]:
    """Modules of the house that ``module`` imports anywhere, inside functions too."""
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    is_package = modules()[module].name == "__init__.py"
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(_known(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = _absolute(node, module, is_package=is_package)
            found.update(_known(f"{start}.{alias.name}") for alias in node.names)
    return frozenset(name for name in found if name is not None and name != module)


def _absolute(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    if node.level == 0:
        return node.module or ""
    here = f"morelike.{module}".rstrip(".").split(".")
    kept = here[: len(here) - node.level + is_package]
    return ".".join([*kept, *([node.module] if node.module else [])])


def _known(dotted: str) -> str | None:
    """The longest module of the house that a dotted name begins with."""
    parts = dotted.split(".")
    if parts[0] != "morelike":
        return None
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[1:end])
        if name in modules():
            return name
    return None


def arrows() -> Iterator[tuple[str, str]]:
    for module in modules():
        for imported in imports(module):
            yield module, imported


def test_every_module_has_a_floor() -> None:
    """A new module is put on a floor, in the table above, before anything else."""
    homeless = {module for module in modules() if package(module) not in FLOOR_OF}

    assert homeless == set()


def test_imports_point_down() -> None:
    """No module imports one from a higher floor."""
    upward = {
        f"{module} (F{FLOOR_OF[package(module)]}) imports {imported} (F{FLOOR_OF[package(imported)]})"
        for module, imported in arrows()
        if FLOOR_OF[package(imported)] > FLOOR_OF[package(module)]
    }

    assert upward == set()


def test_parts_do_not_know_each_other() -> None:
    """No modality, encoder, model, source, store or rescorer imports another kind of part."""
    acquainted = {
        f"{module} imports {imported}"
        for module, imported in arrows()
        if FLOOR_OF[package(module)] == FLOOR_OF[package(imported)] == ISOLATED_FLOOR
        and (package(module) != package(imported) or _parts_apart(module, imported))
    }

    assert acquainted == set()


def _parts_apart(module: str, imported: str) -> bool:
    homes = [next((part for part in ISOLATED_PARTS if name.startswith(part)), None) for name in (module, imported)]
    return None not in homes and homes[0] != homes[1]


def test_no_module_is_below_itself() -> None:
    """The imports have no cycle."""
    try:
        order = list(TopologicalSorter({module: imports(module) for module in modules()}).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))

    assert len(order) == len(modules())


def test_files_are_short() -> None:
    """No file has more than 400 lines: split it by noun."""
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules().items()}

    assert {name: length for name, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_functions_are_short() -> None:
    """No function's body has more than 60 lines."""
    long = {}
    for module, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
                lines = (node.end_lineno or 0) - body[0].lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long[f"{module}.{node.name}"] = lines

    assert long == {}


@pytest.mark.parametrize("module", ["collection", "cli.app"])
def test_the_walk_sees_imports(module: str) -> None:
    """The test itself works: it finds what these modules are known to import."""
    known = {"collection": "engines.partition", "cli.app": "cli.session"}

    assert known[module] in imports(module)
