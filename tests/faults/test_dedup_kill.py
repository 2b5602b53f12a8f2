"""A ``dedup`` that is killed sets aside all that it found, or nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import morelike
from morelike.testing.images import synthetic_image, write_images
from morelike.testing.toys import ToyEncoder

COPIES = 5

DRIVER = """
import os, signal, sys
import morelike
from morelike.stores.catalog import duplicates
from morelike.testing.toys import ToyEncoder

def killed_after(module, name):
    whole = getattr(module, name)
    def action(*arguments):
        whole(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(module, name, action)

if sys.argv[2] == "inside":
    killed_after(duplicates, sys.argv[3])
else:
    killed_after(duplicates.DuplicateRows, sys.argv[3].removeprefix("_"))
with morelike.open(library=sys.argv[1]) as library:
    collection = library.collection("photos", encoder=ToyEncoder())
    collection.undo_dedup() if sys.argv[3] == "_bring_back" else collection.dedup()
"""


def killed(library: Path, where: str, what: str) -> None:
    """Run in a process of its own until ``what`` has happened, ``inside`` its transaction or ``after`` it."""
    command = [sys.executable, "-c", DRIVER, str(library), where, what]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize(("where", "done"), [("inside", False), ("after", True)])
def test_killed_dedup_is_whole_or_nothing(tmp_path: Path, where: str, *, done: bool) -> None:
    """Before the commit nothing has changed, after it all has; undo and doctor work; and undo is as whole."""
    write_images(tmp_path / "pictures", 20, seed=100, size=(200, 150))
    for seed in range(COPIES):
        picture = Image.fromarray(synthetic_image(seed, (400, 300)))
        picture.save(tmp_path / "pictures" / f"{seed}.png")
        picture.resize((200, 150)).save(tmp_path / "pictures" / f"{seed} small.jpg")
    path = tmp_path / "library"
    with morelike.open(library=path) as library:
        collection = library.collection("photos", modality="image", encoder=ToyEncoder())
        collection.add(tmp_path / "pictures")
        whole = collection.count()

    killed(path, where, "_set_aside")
    with morelike.open(library=path) as library:
        collection = library.collection("photos", encoder=ToyEncoder())
        assert collection.count() == whole - (COPIES if done else 0)
        assert len(collection.asides()) == (COPIES if done else 0)
        assert library.doctor().findings == []
        if not done:
            assert collection.dedup().set_aside == COPIES

    killed(path, where, "_bring_back")
    with morelike.open(library=path) as library:
        collection = library.collection("photos", encoder=ToyEncoder())
        assert collection.count() == whole - (0 if done else COPIES)
        assert library.doctor().findings == []
        collection.undo_dedup()
        assert collection.count() == whole
