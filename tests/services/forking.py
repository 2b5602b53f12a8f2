"""Runs drivers in processes of their own which need not import everything anew: each is forked from one that has.

``python forking.py`` reads lines of JSON, ``{"driver", "arguments", "environment", "folder"}``, and answers each with
the exit code; what was said lies in the folder as ``stdout`` and ``stderr``. What a run imported is imported here too,
for those after it. A driver is a file that has a ``main``.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Run = Callable[..., "subprocess.CompletedProcess[str]"]
"""``run(driver, *arguments, environment=None)``: to its end, with the environment of the moment where none is given."""


@contextmanager
def forking() -> Iterator[Run]:
    """The test's side."""
    folder = Path(tempfile.mkdtemp(prefix="morelike-forking-"))
    command = [sys.executable, __file__]
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdin is not None
            assert parent.stdout is not None
            asks, answers = parent.stdin, parent.stdout

            def run(
                driver: Path, *arguments: object, environment: Mapping[str, str] | None = None
            ) -> subprocess.CompletedProcess[str]:
                words = [str(argument) for argument in arguments]
                asked = {
                    "driver": str(driver),
                    "arguments": words,
                    "environment": dict(os.environ if environment is None else environment),
                    "folder": str(folder),
                }
                asks.write(json.dumps(asked) + "\n")
                asks.flush()
                code = int(answers.readline())
                out, err = ((folder / name).read_text() for name in ("stdout", "stderr"))
                return subprocess.CompletedProcess([str(driver), *words], code, out, err)

            yield run
            asks.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        folder = Path(asked["folder"])
        for name in ("stdout", "stderr", "imported"):
            (folder / name).unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            _run(asked, folder)
        _, status = os.waitpid(pid, 0)
        if (folder / "imported").exists():
            _import_all((folder / "imported").read_text().split())
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(asked: dict[str, Any], folder: Path) -> None:
    """Never returns."""
    os.environ.clear()
    os.environ.update(asked["environment"])
    for number, name in ((0, os.devnull), (1, folder / "stdout"), (2, folder / "stderr")):
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    driver = Path(asked["driver"])
    sys.path.insert(0, str(driver.parent))
    sys.argv = [str(driver), *asked["arguments"]]
    code = 1
    try:
        importlib.import_module(driver.stem).main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # whatever it is, this process ends here
        traceback.print_exc()
    finally:
        (folder / "imported").write_text("\n".join(sys.modules))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _import_all(names: list[str]) -> None:
    """Of those that are not here yet, what can be imported by its name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            if name not in sys.modules and name != "__main__":
                with contextlib.suppress(Exception):
                    importlib.import_module(name)


if __name__ == "__main__":
    main()
