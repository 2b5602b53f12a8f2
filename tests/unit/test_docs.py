"""The docs say what the program does."""

from __future__ import annotations

import functools
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import morelike
from morelike.cli.app import COMMANDS
from morelike.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
GENERATOR = runpy.run_path(str(ROOT / "scripts" / "generate_docs.py"))
GENERATED = [ROOT / "docs" / name for name in ("cli.md", "configuration.md")]
PRINTED = [path for path in PAGES if path.name in {"README.md", "quickstart.md"}]

NOT_SETTINGS = {"MORELIKE_CONFIG", "MORELIKE_TEST_DATA"}
OTHER_OPTIONS = {"--no-deps", "--require-hashes"}  # pip's


@functools.cache
def generated() -> dict[Path, str]:
    """The pages as they should be; made in a test, where no setting of the person who runs it is seen."""
    pages: dict[Path, str] = GENERATOR["generate"]()
    return pages


@functools.cache
def help_of(*command: str) -> str:
    printed: str = GENERATOR["help_of"](list(command))
    return printed


def names_of(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


@pytest.mark.parametrize("page", GENERATED, ids=lambda page: page.name)
def test_generated_parts_are_fresh(page: Path) -> None:
    """Every command's help and the table of settings in the docs are the real ones: ``make docs`` writes them."""
    assert page.read_text(encoding="utf-8") == generated()[page]
    assert list(generated()) == GENERATED


def test_every_command_is_documented() -> None:
    """Every command, those of a group too, has its section in docs/cli.md."""
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    lines = [" ".join(words) for words in GENERATOR["command_lines"]()]

    assert len(lines) == len(COMMANDS) + 11
    assert [line for line in lines if f"\n## {line}\n" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=names_of(PAGES))
def test_variables_exist(page: Path) -> None:
    """Every MORELIKE_ variable that a page names is a setting."""
    named = set(re.findall(r"\bMORELIKE_[A-Z_]+\b", page.read_text(encoding="utf-8")))
    settings = {f"MORELIKE_{name.upper()}" for name in Settings.model_fields}

    assert named - settings - NOT_SETTINGS == set()


@pytest.mark.parametrize("page", PAGES, ids=names_of(PAGES))
def test_commands_and_options_exist(page: Path) -> None:
    """Every ``morelike …`` line that a page shows names a command, and options that this command has."""
    wrong = []
    for line in re.findall(r"morelike [^`\n]*", page.read_text(encoding="utf-8")):
        words = line.split("#")[0].split()[1:]
        command = next((word for word in words if not word.startswith("-")), "")
        if command not in COMMANDS:
            continue
        deeper = (
            [command, words[words.index(command) + 1]]
            if command in {"keys", "models", "train"} and words[-1] != command
            else [command]
        )
        options = set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", " ".join(words))) - OTHER_OPTIONS
        printed = help_of(*deeper) + help_of()
        known = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", printed))
        wrong += [f"{line}: {option}" for option in options - known]

    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=names_of(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a page or file of the project finds it, and the heading where it names one."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, heading = target.partition("#")
        path = (page.parent / name) if name else page
        if not path.exists() or (heading and heading not in _anchors(path)):
            broken.append(target)

    assert broken == []


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PRINTED, ids=names_of(PRINTED))
def test_python_in_the_docs_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python that the first pages show runs as it stands, on a folder of pictures."""
    snippets = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "pictures").mkdir()
    for seed, name in enumerate(("cat", "dog", "sofa")):
        squares = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(squares).resize((60, 60)).save(tmp_path / "pictures" / f"{name}.png")
    monkeypatch.chdir(tmp_path)

    assert snippets
    for snippet in snippets:
        exec(compile(snippet, str(page), "exec"), {})


def test_changelog_has_this_version() -> None:
    """The newest version in the changelog is the package's."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.findall(r"^## (\d+\.\d+\.\d+)", text, re.MULTILINE)[0] == morelike.__version__


def test_first_lines_of_help_agree() -> None:
    """The list of commands in the README's terms and each command's own help begin alike."""
    listed = help_of()

    assert [name for name, (_, line) in COMMANDS.items() if line not in " ".join(listed.split())] == []


def test_notice_names_every_package() -> None:
    """NOTICE names every package that pyproject.toml asks for."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.match(r"[\w-]+", one)[0] for one in wanted} - {"morelike"}  # an extra may name another one
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")

    assert [name for name in sorted(names) if not re.search(rf"^  {name} ", notice, re.MULTILINE)] == []
