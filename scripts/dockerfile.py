"""Read our Dockerfile and .dockerignore: what `scripts/try_image.py` carries out, and what the tests look at.

Only what our file uses is understood; anything else is refused, so that nothing of it goes unnoticed.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
KNOWN = {
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "RUN",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: its word, ``--flags`` and the rest of it, lines joined."""

    word: str
    flags: tuple[tuple[str, str], ...]
    rest: str
    line: int

    def flag(self, name: str) -> str:
        """The flag's value; nothing where it is not there."""
        return next((value for key, value in self.flags if key == name), "")

    def words(self) -> list[str]:
        """The rest as words: a JSON list where it is one."""
        return [str(word) for word in json.loads(self.rest)] if self.rest.startswith("[") else shlex.split(self.rest)

    def pairs(self) -> dict[str, str]:
        """The rest as ``name=value``."""
        return dict(word.split("=", 1) for word in self.words())


@dataclass(frozen=True, slots=True)
class Stage:
    """What one ``FROM`` begins."""

    name: str
    base: str
    steps: list[Step] = field(default_factory=list)

    def last(self, word: str) -> Step:
        """The one that counts. Raises LookupError where there is none."""
        found = [step for step in self.steps if step.word == word]
        if not found:
            raise LookupError(f"the stage {self.name} has no {word}")
        return found[-1]


def read_stages(text: str, given: Mapping[str, str]) -> list[Stage]:
    """The stages in order, ``ARG`` before the first ``FROM`` put in. The last one is the image."""
    stages: list[Stage] = []
    outer: dict[str, str] = {}
    for step in read_steps(text):
        if step.word == "FROM":
            base, _, name = step.rest.partition(" AS ")
            stages.append(Stage(name.strip() or f"stage {len(stages)}", put_in(base.strip(), outer)))
        elif stages:
            stages[-1].steps.append(step)
        else:
            name, _, value = step.rest.partition("=")
            outer[name] = given.get(name, value)
    return stages


def read_steps(text: str) -> Iterator[Step]:
    """Each instruction. Raises ValueError on one that is not known here."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        began, whole = at, ""
        while at < len(lines):
            line = lines[at]
            at += 1
            if line.lstrip().startswith("#") or (not whole and not line.strip()):
                if not whole:
                    began = at
                    continue
                continue
            whole += line.removesuffix("\\") if line.endswith("\\") else line
            if not line.endswith("\\"):
                break
        if whole.strip():
            yield _step(whole.strip(), began + 1)


def _step(whole: str, line: int) -> Step:
    word, _, rest = whole.partition(" ")
    if word not in KNOWN:
        raise ValueError(f"line {line}: {word} is not understood here")
    flags = []
    rest = rest.strip()
    while found := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
        flags.append((found[1], found[2]))
        rest = rest[found.end() :]
    return Step(word, tuple(flags), rest, line)


def put_in(text: str, values: Mapping[str, str]) -> str:
    """``$NAME`` and ``${NAME}`` replaced. Raises KeyError on a name that nobody set."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: values[found[1] or found[2]], text)


def allowed(path: str, patterns: Sequence[str]) -> bool:
    """Whether ``.dockerignore`` lets a file of the checkout into the build: the last line that fits it decides."""
    inside = True
    for pattern in patterns:
        keep, plain = pattern.startswith("!"), pattern.lstrip("!").strip("/")
        if _fits(PurePosixPath(path), plain):
            inside = keep
    return inside


def _fits(path: PurePosixPath, pattern: str) -> bool:
    anywhere = pattern.startswith("**/")
    plain = pattern.removeprefix("**/")
    for one in (path, *path.parents[:-1]):
        name = one.name if anywhere else str(one)
        if name.count("/") == plain.count("/") and fnmatchcase(name, plain):
            return True
    return False


def read_ignored(text: str) -> list[str]:
    """The lines of ``.dockerignore`` that say something."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def context_files(root: Path, sources: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """What a ``COPY`` of these sources takes of the checkout: each file with its place below the copied folder.

    Raises FileNotFoundError where one takes nothing, as an engine does.
    """
    patterns = read_ignored((root / ".dockerignore").read_text(encoding="utf-8"))
    for source in sources:
        place = root / source
        files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
        inside = [path for path in files if allowed(path.relative_to(root).as_posix(), patterns)]
        if not inside:
            raise FileNotFoundError(f"COPY {source}: nothing of that name comes into the build")
        for path in inside:
            yield (path.name if place.is_file() else path.relative_to(place).as_posix()), path
