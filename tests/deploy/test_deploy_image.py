"""The Dockerfile: what it says, and what comes of carrying it out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from deploying import ROOT, missing

sys.path.insert(0, str(ROOT / "scripts"))

import dockerfile

STAGES = dockerfile.read_stages((ROOT / "Dockerfile").read_text(encoding="utf-8"), {})
IMAGE = STAGES[-1]
IGNORED = dockerfile.read_ignored((ROOT / ".dockerignore").read_text(encoding="utf-8"))
WAITING = 1100


def test_hadolint_has_nothing_to_say() -> None:
    """hadolint's rules hold, but for those that the file itself names with a reason."""
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint is not None
    done = subprocess.run([hadolint, "--no-color", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.stdout, done.returncode) == ("", 0)


def test_the_image_belongs_to_nobody_in_particular() -> None:
    """It runs as a number that is not root's, which Kubernetes' runAsNonRoot can tell."""
    user, _, group = IMAGE.last("USER").rest.partition(":")

    assert int(user) > 0
    assert int(group) > 0


def test_signals_reach_the_program() -> None:
    """What runs is a list of words, so no shell stands between an engine's signal and the server."""
    for word in ("ENTRYPOINT", "CMD"):
        assert isinstance(json.loads(IMAGE.last(word).rest), list)
    check = IMAGE.last("HEALTHCHECK").rest
    assert isinstance(json.loads(check[check.index("[") :]), list)


def test_bases_are_pinned_and_foreign_binaries_come_with_hashes() -> None:
    """No stage begins from a moving tag, and what is installed from the registry is held against its hashes."""
    names = {stage.name for stage in STAGES}
    bases = {stage.base for stage in STAGES} - names
    installs = [step.rest for stage in STAGES for step in stage.steps if "pip install" in step.rest]

    assert bases
    assert [base for base in bases if not re.search(r":\d+\.\d+[\w.-]+$", base)] == []
    assert any("--require-hashes" in text and "--only-binary :all:" in text for text in installs)
    for install in re.findall(r"pip install .*?(?=&&|$)", " ".join(installs)):
        assert "--require-hashes" in install or "/dist/" in install, install


def test_no_secret_is_an_argument() -> None:
    """Arguments and variables stay in an image's history: none is a password, a token or a key."""
    words = [step.rest for stage in STAGES for step in stage.steps if step.word in {"ARG", "ENV", "LABEL"}]

    assert [word for word in words if re.search(r"(?i)password|token|secret", word)] == []


def test_its_lock_is_there() -> None:
    """The lock that the image is built from by default lies in requirements/, with a hash for each package."""
    (lock,) = [step.rest.partition("=")[2] for stage in STAGES for step in stage.steps if step.rest.startswith("LOCK=")]
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")

    for package in ("fastapi", "pymilvus", "pymysql", "psycopg", "redis", "obstore", "av", "rdkit", "pypdfium2"):
        assert re.search(rf"^{package}==\S+.*\\\n    --hash=sha256:", text, re.MULTILINE), package


@pytest.mark.parametrize(
    "path", [".git/config", ".venv/bin/python", ".env", "demo-library/catalog.sqlite", "src/morelike/__pycache__/a.pyc"]
)
def test_what_is_private_stays_outside(path: str) -> None:
    """History, environments, libraries and files with passwords never reach an engine."""
    assert not dockerfile.allowed(path, IGNORED)


def test_what_is_copied_comes_in() -> None:
    """Each COPY from the checkout finds its files past .dockerignore."""
    values = {"LOCK": "base-demo"}
    for stage in STAGES:
        for step in stage.steps:
            if step.word == "COPY" and not step.flag("from"):
                *sources, _ = [dockerfile.put_in(word, values) for word in step.words()]
                assert list(dockerfile.context_files(ROOT, sources))
    names = [path.suffix for _, path in dockerfile.context_files(ROOT, ["src/"])]
    assert {".py", ".toml", ".html", ".css"} <= set(names)
    assert ".pyc" not in names


def test_variables_of_the_image_are_settings() -> None:
    """A MORELIKE_ variable that is no setting would be refused at the start."""
    from morelike.settings import Settings

    values = [name for step in IMAGE.steps if step.word == "ENV" for name in step.pairs() if "MORELIKE" in name]

    assert values
    assert [name for name in values if name.removeprefix("MORELIKE_").lower() not in Settings.model_fields] == []


def test_the_wait_for_the_end_is_longer_than_the_server_takes() -> None:
    """Compose and Kubernetes wait longer than running requests are given."""
    import yaml

    from morelike.server.run import DRAIN_SECONDS

    composed = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    (pod,) = re.findall(
        r"terminationGracePeriodSeconds: (\d+)",
        (ROOT / "deploy/helm/morelike/templates/_helpers.tpl").read_text(encoding="utf-8"),
    )

    assert int(composed["services"]["server"]["stop_grace_period"].removesuffix("s")) >= DRAIN_SECONDS + 15
    assert int(pod) >= DRAIN_SECONDS + 5 + 15


@pytest.mark.parametrize("line", ["ADD a b", "ONBUILD RUN true", 'SHELL ["sh"]'])
def test_nothing_of_the_file_goes_unnoticed(line: str) -> None:
    """An instruction that is not carried out here is refused, and so is a variable that nobody sets."""
    with pytest.raises(ValueError, match="not understood"):
        dockerfile.read_stages(f"FROM a\n{line}\n", {})
    with pytest.raises(KeyError):
        dockerfile.put_in("${NOBODY}", {})


class _Stores(BaseHTTPRequestHandler):
    """/readyz knows one key; /healthz needs none."""

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") == "Bearer ml_right"
        self.send_response(200 if self.path == "/healthz" or known else 503)
        self.end_headers()
        self.wfile.write(b"catalog: silent")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def test_the_probe_says_what_the_server_says(tmp_path: Path) -> None:
    """Exit code 0 for 200 only; else 1 and the server's sentence, also where none listens or the key is not there."""
    (tmp_path / "key").write_text("ml_right\n", encoding="ascii")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Stores)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def probed(*words: str) -> tuple[int, str]:
        whole = [sys.executable, "-I", str(ROOT / "deploy/probe.py"), *words]
        environment = {"PROBE_PORT": str(server.server_port)}
        done = subprocess.run(whole, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    try:
        assert probed("/healthz") == (0, "")
        assert probed("/readyz", str(tmp_path / "key")) == (0, "")
        code, said = probed("/readyz")
        assert code == 1
        assert "503" in said
        assert "catalog: silent" in said
        assert probed("/readyz", str(tmp_path / "none"))[0] == 1
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert probed("/healthz")[0] == 1


@pytest.mark.timeout(1200)  # a minute on a machine of its own, six on one that eight others use
@pytest.mark.xdist_group("image")
def test_its_steps_make_a_server_that_runs(real_home: str, record_property: pytest.RecordProperty) -> None:
    """Its RUN and COPY steps are carried out on a file system of their own; what they made runs as the file's user.

    Read-only root, no rights, process 1: it refuses to listen without a key, becomes healthy, says ready to a key
    only, and SIGTERM ends it with exit code 0. (`scripts/try_image.py`, on this machine's Debian, with `base-demo`.)
    """
    if not sys.platform.startswith("linux") or not shutil.which("setpriv"):
        missing("this machine is no Linux with setpriv")
    root = [] if os.geteuid() == 0 else ["sudo", "-n", "--preserve-env"]
    if root and subprocess.run([*root, "true"], check=False, capture_output=True).returncode:
        missing("only root can give the steps a file system of their own")
    able = "import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))"
    if subprocess.run(["/usr/bin/python3", "-c", able], check=False, capture_output=True).returncode:
        missing("the system's python3 is not 3.11 to 3.13, or makes no environments (Debian's python3-venv)")
    words = [*root, sys.executable, str(ROOT / "scripts/try_image.py"), "--lock", "base-demo"]
    cache = {"HOME": real_home, "XDG_CACHE_HOME": f"{real_home}/.cache"}
    done = subprocess.run(
        words, env={**os.environ, **cache}, capture_output=True, text=True, timeout=WAITING, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "well after" in done.stdout
    assert "ended by SIGTERM" in done.stdout
    record_property("the image's steps", done.stdout.strip().splitlines()[-1])
