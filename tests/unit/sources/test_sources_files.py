"""Files, folders and globs as a source."""

from __future__ import annotations

import os
import socket
import subprocess
import zipfile
from pathlib import Path

import pytest

from morelike.errors import SourceError
from morelike.settings import Settings
from morelike.sources.files import FileSource


def make(root: Path, *names: str) -> Path:
    """Files that hold their own names."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def found(source: FileSource, argument: Path | str, root: Path) -> list[str]:
    return [os.path.relpath(blob.uri, root) for blob in source.blobs(str(argument))]


def test_a_folder_is_walked_in_order_of_names(tmp_path: Path, settings: Settings) -> None:
    """The same tree always gives the same files in the same order, depth first."""
    make(tmp_path, "b.jpg", "a/z.jpg", "a/b/c.jpg", "c/a.jpg", "B.jpg")

    assert found(FileSource(settings), tmp_path, tmp_path) == ["B.jpg", "a/b/c.jpg", "a/z.jpg", "b.jpg", "c/a.jpg"]


def test_a_file_knows_its_place(tmp_path: Path, settings: Settings) -> None:
    """A blob carries absolute path, size, time, name and bytes of its file."""
    path = make(tmp_path, "one two.jpg") / "one two.jpg"

    (blob,) = FileSource(settings).blobs(str(path))

    stat = path.stat()
    assert (blob.uri, blob.path, blob.name) == (str(path), path, "one two.jpg")
    assert (blob.size, blob.modified_ns, blob.read()) == (stat.st_size, stat.st_mtime_ns, b"one two.jpg")


def test_relative_arguments_become_absolute(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path means the same file from wherever it was given."""
    make(tmp_path, "a/x.jpg")
    monkeypatch.chdir(tmp_path / "a")

    assert [blob.uri for blob in FileSource(settings).blobs("../a")] == [str(tmp_path / "a/x.jpg")]


def test_home_is_understood(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """``~`` is the person's own folder, also in a glob."""
    monkeypatch.setenv("HOME", str(make(tmp_path, "p/x.jpg")))

    assert found(FileSource(settings), "~/p", tmp_path) == found(FileSource(settings), "~/p/*.jpg", tmp_path)


def test_file_urls_are_paths(tmp_path: Path, settings: Settings) -> None:
    """A ``file:`` URL is the path that it spells."""
    path = make(tmp_path, "a b.jpg") / "a b.jpg"

    assert [blob.uri for blob in FileSource(settings).blobs(path.as_uri())] == [str(path)]


def test_hidden_and_system_files_are_passed_over(tmp_path: Path, settings: Settings) -> None:
    """What no person put there is not added."""
    make(tmp_path, ".hidden.jpg", ".git/x.jpg", "Thumbs.db", "DESKTOP.INI", "__MACOSX/x.jpg", "@eaDir/x.jpg", "x.jpg")
    make(tmp_path, "$RECYCLE.BIN/x.jpg", "System Volume Information/x.jpg", ".DS_Store")

    assert found(FileSource(settings), tmp_path, tmp_path) == ["x.jpg"]


def test_a_hidden_folder_can_be_named(tmp_path: Path, settings: Settings) -> None:
    """Who names a hidden folder means it."""
    make(tmp_path, ".cache/x.jpg")

    assert found(FileSource(settings), tmp_path / ".cache", tmp_path) == [".cache/x.jpg"]


@pytest.mark.parametrize(
    ("glob", "left"),
    [
        ("*.gif", ["a/x.jpg", "a/y/x.jpg", "x.jpg"]),
        ("a", ["x.gif", "x.jpg"]),
        ("a/**", ["x.gif", "x.jpg"]),
        ("a/", ["x.gif", "x.jpg"]),
        ("a/*.jpg", ["a/x.gif", "a/y/x.jpg", "x.gif", "x.jpg"]),
        ("**/y/*", ["a/x.gif", "a/x.jpg", "x.gif", "x.jpg"]),
        ("y/x.jpg", ["a/x.gif", "a/x.jpg", "a/y/x.jpg", "x.gif", "x.jpg"]),
        ("*", []),
        ("**", []),
    ],
)
def test_excludes(tmp_path: Path, settings: Settings, glob: str, left: list[str]) -> None:
    """A bare pattern matches any name, one with a slash the path below the argument, and a folder all it holds."""
    make(tmp_path, "x.jpg", "x.gif", "a/x.jpg", "a/x.gif", "a/y/x.jpg")

    assert found(FileSource(settings, (glob,)), tmp_path, tmp_path) == left


def test_absolute_excludes(tmp_path: Path, settings: Settings) -> None:
    """A pattern from the root matches the absolute path, above and below the argument."""
    make(tmp_path, "a/x.jpg", "b/x.jpg")

    assert found(FileSource(settings, (f"{tmp_path}/a/*",)), tmp_path, tmp_path) == ["b/x.jpg"]
    assert found(FileSource(settings, (f"{tmp_path}",)), tmp_path / "a", tmp_path) == []


def test_loops_of_links_end(tmp_path: Path, settings: Settings) -> None:
    """A link to a folder above is followed no second time."""
    make(tmp_path, "a/x.jpg", "b/y.jpg")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "b/self").symlink_to(".")
    (tmp_path / "b/other").symlink_to("../a")

    names = sorted(Path(name).name for name in found(FileSource(settings), tmp_path, tmp_path))

    assert names == ["x.jpg", "y.jpg"]


def test_links_to_files_are_files(tmp_path: Path, settings: Settings) -> None:
    """A linked picture is found under the link's own path."""
    make(tmp_path, "x.jpg")
    (tmp_path / "y.jpg").symlink_to("x.jpg")

    assert [blob.read() for blob in FileSource(settings).blobs(str(tmp_path))] == [b"x.jpg", b"x.jpg"]


def test_a_link_to_nothing_fails_alone(tmp_path: Path, settings: Settings) -> None:
    """A broken link is one failing blob among good ones."""
    make(tmp_path, "b.jpg")
    (tmp_path / "a.jpg").symlink_to("gone.jpg")

    broken, good = FileSource(settings).blobs(str(tmp_path))

    with pytest.raises(SourceError, match=r"the link .*a\.jpg cannot be read: no such file"):
        broken.open()
    assert good.read() == b"b.jpg"


def test_pipes_and_sockets_are_passed_over(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no regular file is never opened."""
    make(tmp_path, "x.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to("pipe.jpg")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.jpg")

        assert found(FileSource(settings), tmp_path, tmp_path) == ["x.jpg"]
    with pytest.raises(SourceError, match="no file or folder"):
        FileSource(settings).blobs(str(tmp_path / "pipe.jpg"))


def test_a_file_swapped_for_a_pipe_is_refused(tmp_path: Path, settings: Settings) -> None:
    """Opening never waits for a pipe's other end."""
    path = make(tmp_path, "x.jpg") / "x.jpg"
    (blob,) = FileSource(settings).blobs(str(tmp_path))
    path.unlink()
    os.mkfifo(path)

    with pytest.raises(SourceError, match="not a regular file"):
        blob.open()


def test_a_file_that_went_away_says_so(tmp_path: Path, settings: Settings) -> None:
    """What was listed and is gone fails by itself."""
    path = make(tmp_path, "x.jpg") / "x.jpg"
    (blob,) = FileSource(settings).blobs(str(tmp_path))
    path.unlink()

    with pytest.raises(SourceError, match="no such file"):
        blob.open()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_an_unreadable_folder_fails_alone(tmp_path: Path, settings: Settings) -> None:
    """A folder without permission is one failing blob."""
    make(tmp_path, "a/x.jpg", "b.jpg")
    (tmp_path / "a").chmod(0)
    try:
        broken, good = FileSource(settings).blobs(str(tmp_path))
        with pytest.raises(SourceError, match="permission denied"):
            broken.open()
    finally:
        (tmp_path / "a").chmod(0o700)
    assert good.read() == b"b.jpg"


def test_a_folder_that_cannot_be_listed_fails_alone(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the system says about a folder below ends up in one failing blob; the rest is found."""
    make(tmp_path, "a/x.jpg", "b.jpg")
    real = os.scandir

    def refusing(path: str | int) -> object:
        if isinstance(path, str) and path.endswith("/a"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    broken, good = FileSource(settings).blobs(str(tmp_path))

    with pytest.raises(SourceError, match=r"the folder .*a cannot be read: permission denied"):
        broken.open()
    assert good.read() == b"b.jpg"


def test_a_missing_path_is_refused_at_once(tmp_path: Path, settings: Settings) -> None:
    """No blob need be asked for to learn that a path is wrong."""
    with pytest.raises(SourceError, match="no such file") as caught:
        FileSource(settings).blobs(str(tmp_path / "nothing"))

    assert "check the path" in caught.value.hint


def test_an_empty_argument_is_refused(settings: Settings) -> None:
    """Nothing at all does not mean the current folder."""
    with pytest.raises(SourceError, match="empty"):
        FileSource(settings).blobs("")


def test_large_files_name_the_setting(tmp_path: Path) -> None:
    """A file above the limit is refused by its open, with the setting to raise."""
    make(tmp_path, "x.jpg")

    (blob,) = FileSource(Settings(max_file_size=3)).blobs(str(tmp_path))

    with pytest.raises(SourceError, match="MORELIKE_MAX_FILE_SIZE"):
        blob.open()


@pytest.mark.parametrize(
    ("glob", "files"),
    [
        ("*.jpg", ["x.jpg"]),
        ("**/*.jpg", ["a/b/y.jpg", "a/x.jpg", "x.jpg"]),
        ("a/**/*.jpg", ["a/b/y.jpg", "a/x.jpg"]),
        ("a/**", ["a/b/y.jpg", "a/x.jpg"]),
        ("?/[b]", ["a/b/y.jpg"]),
        ("[a]/*.jpg", ["a/x.jpg"]),
    ],
)
def test_globs(tmp_path: Path, settings: Settings, glob: str, files: list[str]) -> None:
    """A glob gives what it matches, and all that lies in a folder that it matches."""
    make(tmp_path, "x.jpg", "x.gif", "a/x.jpg", "a/b/y.jpg")

    assert found(FileSource(settings), f"{tmp_path}/{glob}", tmp_path) == files


def test_a_glob_lists_no_folder_that_cannot_match(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``~/*.jpg`` must not read the whole home."""
    make(tmp_path, "x.jpg", "a/b/y.jpg")
    listed: list[str] = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or real(path))

    assert found(FileSource(settings), f"{tmp_path}/*.jpg", tmp_path) == ["x.jpg"]
    assert listed == [str(tmp_path)]


def test_a_glob_without_a_match_is_refused(tmp_path: Path, settings: Settings) -> None:
    """A pattern that matches nothing is most likely a slip."""
    make(tmp_path, "x.jpg")

    with pytest.raises(SourceError, match="nothing matches"):
        FileSource(settings).blobs(f"{tmp_path}/*.png")


def test_real_names_with_wildcards_win(tmp_path: Path, settings: Settings) -> None:
    """A folder named like a pattern is the folder."""
    make(tmp_path, "a[1]/x.jpg", "a1/y.jpg")

    assert found(FileSource(settings), f"{tmp_path}/a[1]", tmp_path) == ["a[1]/x.jpg"]


def test_undecodable_names_are_escaped(tmp_path: Path, settings: Settings) -> None:
    """A name that is no UTF-8 is read all the same, and its uri can be stored."""
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"bytes")

    (blob,) = FileSource(settings).blobs(str(tmp_path))

    assert (blob.uri, blob.name) == (f"{tmp_path}/caf\\udce9.jpg", "caf\\udce9.jpg")
    assert blob.uri.encode()
    assert blob.read() == b"bytes"


def test_the_walk_is_lazy(tmp_path: Path, settings: Settings) -> None:
    """The first file comes before later folders were read."""
    make(tmp_path, "a/x.jpg", "b/y.jpg")
    blobs = FileSource(settings).blobs(str(tmp_path))

    assert next(blobs).name == "x.jpg"
    make(tmp_path, "b/z.jpg")

    assert [blob.name for blob in blobs] == ["y.jpg", "z.jpg"]


def test_deeper_than_recursion(tmp_path: Path, settings: Settings) -> None:
    """A tree deeper than Python's own stack is walked."""
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("x.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)

    try:
        names = [blob.name for blob in FileSource(settings).blobs(str(tmp_path))]
    finally:
        subprocess.run(["rm", "-r", str(tmp_path / "d")], check=True)  # pytest's own tidying up recurses

    assert names == ["x.jpg"]


def test_archives_in_a_folder_are_opened(tmp_path: Path, settings: Settings) -> None:
    """Who points at a folder of downloads finds the pictures in its archives, less the excluded ones."""
    make(tmp_path, "z.jpg", "fake.zip")
    for name in ("a.zip", "b.zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("in/x.jpg", b"x")
            archive.writestr("in/x.gif", b"x")

    files = found(FileSource(settings, ("*.gif", "b.zip")), tmp_path, tmp_path)

    assert files == ["a.zip!/in/x.jpg", "fake.zip", "z.jpg"]


@pytest.mark.parametrize(
    "argument", ["", "\0", "x" * 10_000, "/", ".", "http://x/*", "[", "~nobody-at-all/x", "file://x/y"]
)
def test_accepts_never_raises(settings: Settings, argument: str) -> None:
    """Any text can be asked about."""
    assert 0 <= FileSource(settings).accepts(argument) <= 1
