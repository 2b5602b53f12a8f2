"""Write the generated parts of docs/: every command's help and the table of settings.

``make docs`` runs it; a test runs ``generate`` and compares. The text between the marks belongs to this script, the
rest of each page to whoever writes it.
"""

from __future__ import annotations

import io
import os
import re
from contextlib import redirect_stdout
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARKS = "<!-- generated: {name} -->\n{body}\n<!-- end of generated: {name} -->"


def main() -> None:
    for path, text in generate().items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")


def generate() -> dict[Path, str]:
    """Each page with generated parts, as it should be."""
    parts = {"cli.md": ("commands", commands()), "configuration.md": ("settings", settings())}
    return {ROOT / "docs" / page: _filled(ROOT / "docs" / page, name, body) for page, (name, body) in parts.items()}


def _filled(path: Path, name: str, body: str) -> str:
    text = path.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(MARKS).replace(r"\{name\}", name).replace(r"\{body\}", ".*?"), re.DOTALL)
    filled, found = pattern.subn(lambda _: MARKS.format(name=name, body=body), text)
    if found != 1:
        raise SystemExit(f"{path} needs the marks of {name!r} exactly once")
    return filled


def commands() -> str:
    """The help of every command as it is printed on a terminal of 80 columns."""
    sections = [f"## morelike\n\n```console\n$ morelike --help\n{help_of([])}```\n"]
    for words in command_lines():
        line = " ".join(words)
        sections.append(f"## {line}\n\n```console\n$ morelike {line} --help\n{help_of(words)}```\n")
    return "\n" + "\n".join(sections)


def command_lines() -> list[list[str]]:
    """Every command, a group's own ones after it: ``[["add"], …, ["models"], ["models", "list"], …]``."""
    from typer.main import get_command

    from morelike.cli.app import COMMANDS, app

    root = get_command(app)
    lines = []
    for name in COMMANDS:
        lines.append([name])
        inner = root.get_command(None, name)
        lines += [[name, below] for below in getattr(inner, "commands", {})]
    return lines


def help_of(words: list[str]) -> str:
    from morelike.cli.run import run

    os.environ["COLUMNS"], before = "80", os.environ.get("COLUMNS")
    try:
        with redirect_stdout(io.StringIO()) as out:
            run([*words, "--help"])
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return out.getvalue()


def settings() -> str:
    """A table of every setting, its variable and its default."""
    from morelike.settings import Settings

    rows = ["", "| setting | variable | default | what it does |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = _DEFAULTS.get(name) or _shown(field.default)
        rows.append(f"| `{name}` | `MORELIKE_{name.upper()}` | {default} | {field.description} |")
    return "\n".join([*rows, ""])


_DEFAULTS = {  # they differ by machine, or need a word
    "allow_roots": "every place",
    "library": "the user's data folder",
    "models_cache": "the user's cache folder",
}


def _shown(value: object) -> str:
    if value in ("", ()):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


if __name__ == "__main__":
    main()
