#!/usr/bin/env python3
"""Carry out the Dockerfile without a container engine, then run what it makes as an engine would.

    scripts/try_image.py --lock base-demo            on this machine's own Debian, with the embedded stores
    scripts/try_image.py --lock image --debian DIR   in a fresh Debian, which was made in DIR by
        debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm DIR

Every stage gets a file system of its own: overlays of the base's /usr, /etc and /var, and nothing else of this
machine. RUN and COPY are those of the file. Then, in a network of its own and as process 1 of its own, as the file's
user, without rights, on a read-only root: a key is made, the ENTRYPOINT and CMD run, the HEALTHCHECK is asked, and
SIGTERM has to end it in time with exit code 0. It needs root. The base image's Python is the base's own python3.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dockerfile import ROOT, Stage, Step, context_files, put_in, read_stages

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x20000000, 0x40000000
SYSTEM = ("usr", "etc", "var")
LINKS = ("bin", "sbin", "lib", "lib32", "lib64")
STOP_SECONDS = 45  # what docs/deployment.md says to allow
START_SECONDS = 300
REGISTRY = ("PIP_CERT", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "SSL_CERT_FILE")
"""How this machine reaches the registry of packages; in an engine its own network does that."""

NATIVE = (
    "Bio.Align",
    "av",
    "cv2",
    "faiss",
    "obstore",
    "onnxruntime",
    "pi_heif",
    "psycopg",
    "pyarrow",
    "pymilvus",
    "pypdfium2",
    "rapidocr",
    "rdkit.Chem.Draw",
    "redis",
    "skimage.feature",
    "soxr",
    "tokenizers",
)
"""What the locks may bring that is compiled: it fails to load where a library of the system is missing."""


class Failed(Exception):
    """A step did not do what it should."""


class Roots:
    """A file system a stage."""

    def __init__(self, base: Path, work: Path) -> None:
        self._base = base
        self._work = work

    def make(self, name: str, below: Path | None = None) -> Path:
        """An empty stage, or one that goes on from another."""
        folder = self._work / name.replace(" ", "-")
        root = folder / "root"
        for top in SYSTEM:
            (root / top).mkdir(parents=True)
            beneath = [str(self._base / top)]
            if below is not None:
                beneath.insert(0, str(below.parent / f"new-{top}"))
            upper, scratch = folder / f"new-{top}", folder / f"scratch-{top}"
            upper.mkdir()
            scratch.mkdir()
            layers = f"lowerdir={':'.join(beneath)},upperdir={upper},workdir={scratch}"
            run("mount", "-t", "overlay", "overlay", "-o", layers, str(root / top))
        for link in LINKS:
            if (self._base / link).is_symlink():
                (root / link).symlink_to((self._base / link).readlink())
        if below is not None:
            for path in below.iterdir():
                if path.name not in (*SYSTEM, *LINKS, "proc", "dev"):
                    shutil.copytree(path, root / path.name, symlinks=True)
        for top in ("root", "opt", "proc", "dev", "run"):
            (root / top).mkdir(exist_ok=True)
        (root / "tmp").mkdir(exist_ok=True)
        (root / "tmp").chmod(0o1777)
        run("mount", "-t", "proc", "proc", str(root / "proc"))
        run("mount", "--rbind", "/dev", str(root / "dev"))
        for shared in ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt"):
            if Path(shared).exists() and (root / shared[1:]).parent.exists():
                (root / shared[1:]).touch()
                run("mount", "--bind", shared, str(root / shared[1:]))
        python = root / "usr/local/bin/python"  # the base image has one of that name
        python.unlink(missing_ok=True)
        python.symlink_to("/usr/bin/python3")
        return root


class Build:
    """The stages of one Dockerfile."""

    def __init__(self, stages: list[Stage], given: Mapping[str, str], roots: Roots) -> None:
        self._stages = {stage.name: stage for stage in stages}
        self._given = given
        self._roots = roots
        self._made: dict[str, tuple[Path, dict[str, str], str]] = {}
        self.image = stages[-1]

    def made(self, name: str) -> tuple[Path, dict[str, str], str]:
        """A stage's root, variables and folder, carried out once."""
        if name not in self._made:
            self._made[name] = self._carry_out(self._stages[name])
        return self._made[name]

    def _carry_out(self, stage: Stage) -> tuple[Path, dict[str, str], str]:
        below, values, folder = None, {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}, "/"
        if stage.base in self._stages:
            below, values, folder = self.made(stage.base)
        root, values = self._roots.make(stage.name, below), dict(values)
        args: dict[str, str] = {}
        for step in stage.steps:
            known = {**args, **values}
            if step.word == "ARG":
                name, _, value = step.rest.partition("=")
                args[name] = self._given.get(name, value.strip('"'))
            elif step.word == "ENV":
                values.update({name: put_in(value, known) for name, value in step.pairs().items()})
            elif step.word == "WORKDIR":
                folder = put_in(step.rest, known)
                (root / folder[1:]).mkdir(parents=True, exist_ok=True)
            elif step.word == "COPY":
                self._copy(step, known, root, folder)
            elif step.word == "RUN":
                said(f"{stage.name}: {step.rest[:100]}")
                self._run(step, known, root, folder)
        return root, values, folder

    def _copy(self, step: Step, known: Mapping[str, str], root: Path, folder: str) -> None:
        *sources, target = [put_in(word, known) for word in step.words()]
        into = root / (target if target.startswith("/") else f"{folder}/{target}").lstrip("/")
        if step.flag("from"):
            other = self.made(step.flag("from"))[0]
            for source in sources:
                shutil.copytree(other / source.lstrip("/"), into, symlinks=True, dirs_exist_ok=True)
            return
        for name, path in context_files(ROOT, sources):
            place = into / name if target.endswith("/") or target == "." else into
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)

    def _run(self, step: Step, known: Mapping[str, str], root: Path, folder: str) -> None:
        mounts = [dict(part.split("=", 1) for part in value.split(",")) for key, value in step.flags if key == "mount"]
        with caches(mounts, root):
            registry = {name: os.environ[name] for name in REGISTRY if name in os.environ}
            run(
                "chroot",
                str(root),
                "sh",
                "-ec",
                f"cd {folder} && {step.rest}",
                env={**registry, "HOME": "/root", **known},
            )


@contextmanager
def caches(mounts: list[dict[str, str]], root: Path) -> Iterator[None]:
    """Folders that outlast a build; secrets are not given, as they need not be."""
    kept = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    places = []
    for mount in mounts:
        if mount["type"] == "cache":
            place = root / mount["target"].lstrip("/")
            place.mkdir(parents=True, exist_ok=True)
            (kept / place.name).mkdir(parents=True, exist_ok=True)
            run("mount", "--bind", str(kept / place.name), str(place))
            places.append(place)
        elif mount["type"] != "secret":
            raise Failed(f"a mount of the type {mount['type']} is not understood here")
    try:
        yield
    finally:
        for place in places:
            run("umount", str(place))


class Image:
    """What a build made, run as an engine runs it."""

    def __init__(self, build: Build) -> None:
        self.root, self._values, self._folder = build.made(build.image.name)
        self._stage = build.image
        self.user = build.image.last("USER").rest
        self.entry = build.image.last("ENTRYPOINT").words()
        self.command = build.image.last("CMD").words()
        check = build.image.last("HEALTHCHECK").rest
        self.check = json.loads(check[check.index("[") :])
        self.stop = getattr(signal, build.image.last("STOPSIGNAL").rest)

    def seal(self) -> None:
        """The root becomes read-only but for the volumes and /tmp, and a network with loopback only begins."""
        for top in SYSTEM:
            run("mount", "-o", "remount,ro", str(self.root / top))
        writable = [*(self.root / one.lstrip("/") for one in self._stage.last("VOLUME").words()), self.root / "tmp"]
        run("mount", "--rbind", str(self.root), str(self.root))
        for place in writable:
            run("mount", "--bind", str(place), str(place))
        run("mount", "-o", "remount,bind,ro", str(self.root))
        for top in ("opt", "etc/morelike", "usr/bin", "var/lib"):
            if self.start("sh", "-c", f"touch /{top}/x 2>/dev/null").wait() == 0:
                raise Failed(f"/{top} can be written")
        unshared(CLONE_NEWNET)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            fcntl.ioctl(line, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running

    def start(self, *words: str, output: int | None = None) -> subprocess.Popen[bytes]:
        """A process as the image's user, without rights, with the image's variables alone."""
        user, _, group = self.user.partition(":")
        rights = ["--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs", "--bounding-set=-all"]
        inside = ["sh", "-c", 'cd "$0" && exec "$@"', self._folder, *words]
        whole = ["chroot", str(self.root), "setpriv", *rights, "--inh-caps=-all", *inside]
        return subprocess.Popen(whole, env=self._values, stdout=output, stderr=output)

    def output(self, *words: str) -> str:
        """What a process prints. Raises Failed where it fails."""
        process = self.start(*words, output=subprocess.PIPE)
        printed = process.communicate()[0].decode()
        if process.returncode:
            raise Failed(f"{' '.join(words)}: exit code {process.returncode}")
        return printed


def try_out(image: Image) -> None:
    """Raises Failed with what is not as the file, and docs/deployment.md, say."""
    image.seal()
    loading = "import importlib.util as i, sys; [__import__(n) for n in sys.argv[1:] if i.find_spec(n.split('.')[0])]"
    if image.start("python", "-c", loading, *NATIVE).wait():
        raise Failed("a package does not load in the image: a library of the system may be missing")
    refused = image.start(*image.entry, *image.command, output=subprocess.DEVNULL)
    if refused.wait(START_SECONDS) != 2:
        raise Failed("a server without a key did not refuse to listen for others")
    key = image.output(*image.entry, "keys", "add", "probe", "--role", "reader").strip().splitlines()[0]
    (image.root / "tmp/key").write_text(key, encoding="ascii")
    (image.root / "tmp/wrong").write_text("ml_wrong", encoding="ascii")
    unshared(CLONE_NEWPID)  # the next process is number 1, and those after it stand beside it
    server = image.start(*image.entry, *image.command)
    began = time.monotonic()
    while image.start(*image.check, output=subprocess.DEVNULL).wait() != 0:
        if server.poll() is not None:
            raise Failed(f"the server ended with {server.returncode}")
        if time.monotonic() > began + START_SECONDS:
            raise Failed("the health check never said well")
        time.sleep(0.2)
    said(f"well after {time.monotonic() - began:.1f} s, as {image.user}, process 1, on a read-only root")
    probe = [*image.check[:-1], "/readyz"]
    if (
        image.start(*probe, "/tmp/key").wait()
        or not image.start(*probe, "/tmp/wrong", output=subprocess.DEVNULL).wait()
    ):
        raise Failed("/readyz does not go by the key")
    began = time.monotonic()
    server.send_signal(image.stop)
    if code := server.wait(STOP_SECONDS):
        raise Failed(f"the server ended with {code}")
    said(f"ended by {image.stop.name} after {time.monotonic() - began:.1f} s with exit code 0")
    owners = {str(path.stat().st_uid) for path in (image.root / "data").rglob("*")}
    if owners != {image.user.partition(":")[0]}:
        raise Failed(f"files in the volume belong to {owners}")


def unshared(what: int) -> None:
    """This process has its own of it from here on."""
    if ctypes.CDLL(None, use_errno=True).unshare(what):
        raise Failed(os.strerror(ctypes.get_errno()))


def run(*words: str, env: Mapping[str, str] | None = None) -> None:
    """Raises Failed with what it printed."""
    done = subprocess.run(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(words)[:300]}: {done.stdout.decode(errors='replace')[-3000:]}")


BEGAN = time.monotonic()


def said(sentence: str) -> None:
    print(f"{time.monotonic() - BEGAN:6.1f} s  {sentence}", flush=True)


def main() -> int:
    """The exit code: 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lock", default="image", help="the build argument LOCK")
    parser.add_argument("--debian", type=Path, default=Path("/"), help="a fresh system that debootstrap made")
    parser.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE", help="a further build argument")
    options = parser.parse_args()
    given = {"LOCK": options.lock, **dict(one.split("=", 1) for one in options.arg)}
    stages = read_stages((ROOT / "Dockerfile").read_text(encoding="utf-8"), given)
    work = Path(tempfile.mkdtemp(prefix="morelike-image-"))
    child = os.fork()  # the mounts are gone with it, before the folder is removed
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        shutil.rmtree(work)
        return code
    try:
        unshared(CLONE_NEWNS)
        run("mount", "--make-rprivate", "/")
        image = Image(Build(stages, given, Roots(options.debian, work)))
        said("built")
        try_out(image)
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
