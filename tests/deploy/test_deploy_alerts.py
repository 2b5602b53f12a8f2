"""Prometheus' alerts and Grafana's board: they are about metrics that there are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from deploying import ROOT
from ports import free_ports
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

import morelike
from morelike.server.app import create_app
from morelike.settings import Settings
from morelike.storage import Forecast
from morelike.testing.images import write_images
from morelike.testing.toys import ToyJointEncoder

PROMETHEUS = ROOT / "deploy/prometheus"
RULES = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
BOARD = json.loads((ROOT / "deploy/grafana/morelike.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
OF_PROMETHEUS = {"job", "instance"}
READY = 120


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\bmorelike_\w+", expression))


def matched_in(expression: str) -> dict[str, set[str]]:
    """Labels that each metric is chosen by."""
    found: dict[str, set[str]] = {}
    for name, inside in re.findall(r"\b(morelike_\w+)\{([^}]*)\}", expression):
        found.setdefault(name, set()).update(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", inside))
    return found


@pytest.fixture(scope="module")
def library_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watched")


@pytest.fixture(scope="module")
def told(library_folder: Path) -> dict[str, set[str]]:
    """Every series that a real application has, with its labels, after a search, a job and a forecast."""
    pictures = library_folder / "pictures"
    write_images(pictures, 3, seed=1)
    settings = Settings(
        library=library_folder / "library", models_cache=library_folder / "models", allow_roots=(pictures,)
    )
    with morelike.open(settings) as library:
        photos = library.collection("photos", modality="image", encoder=ToyJointEncoder())
        photos.add(pictures)
        with TestClient(create_app(library), base_url="http://127.0.0.1") as client:
            assert (
                client.post("/api/v1/collections/photos/search", json={"examples": [{"text": "red"}]}).status_code
                == 200
            )
            items = {"sources": ["http://127.0.0.1:9/none.png"]}
            assert client.post("/api/v1/collections/photos/items", json=items).status_code == 202
            forecast = Forecast(per_day=1.0, days=3, days_left=9.0, limit="the disk")
            library.last_storage = replace(library.storage(), forecast=forecast)
            text = client.get("/metrics").text
    series: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            series.setdefault(sample.name, set()).update(sample.labels)
    return series


def test_every_metric_of_the_alerts_and_the_board_is_told(told: dict[str, set[str]]) -> None:
    """/metrics of a real application has each of them, with the labels that they are chosen by."""
    wrong = []
    for expression in [*QUERIES, *(rule["expr"] for rule in RULES)]:
        wrong += [name for name in names_in(expression) if name not in told]
        for name, labels in matched_in(expression).items():
            wrong += [(name, label) for label in labels - told.get(name, set()) - OF_PROMETHEUS]

    assert wrong == []
    assert len(set().union(*map(names_in, QUERIES))) > 15


def test_the_board_shows_every_family(told: dict[str, set[str]]) -> None:
    """Nothing that is counted goes unseen."""
    shown = set().union(*map(names_in, QUERIES))
    families = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in told if name.startswith("morelike_")}

    assert {one for one in families if not any(name.startswith(one) for name in shown)} == set()


def test_the_board_holds_together() -> None:
    """Panels have their own numbers, do not lie on each other, and ask the source that is chosen above."""
    places = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in BOARD["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]

    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${source}"}
    assert {one["name"] for one in BOARD["templating"]["list"]} == {"source", "instance"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_every_alert_leads_to_its_paragraph(rule: dict[str, Any]) -> None:
    """It says what is wrong, how bad it is, and where docs/operations.md says what to do."""
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")

    assert rule["labels"]["severity"] in {"info", "warning", "critical"}
    assert {"summary", "description", "runbook_url"} == set(rule["annotations"])
    assert rule["annotations"]["runbook_url"].endswith(f"/docs/operations.md#{rule['alert'].lower()}")
    assert f"\n### {rule['alert']}\n" in page


def test_every_alert_fires_when_it_should(promtool: str) -> None:
    """promtool plays made-up series through the rules: each alert fires in time, and none before."""
    text = (PROMETHEUS / "alerts_test.yaml").read_text(encoding="utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", "alerts_test.yaml"], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for rule in RULES:
        asked = rf'count(?: by \(\w+\))? ?\(ALERTS\{{alertname="{rule["alert"]}",alertstate="firing"\}}\)'
        assert re.search(asked, text) or f"alertname: {rule['alert']}\n        exp_alerts:" in text, rule["alert"]


def test_every_query_can_be_read(promtool: str, tmp_path: Path) -> None:
    """promtool takes the rules, and the board's queries as if they were rules."""
    rules = [
        {"record": f"q:{number}", "expr": query.replace("$__rate_interval", "5m").replace("$instance", ".*")}
        for number, query in enumerate(QUERIES)
    ]
    board = tmp_path / "board.yaml"
    board.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(
        [promtool, "check", "rules", str(PROMETHEUS / "alerts.yaml"), str(board)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout
    assert f"{len(QUERIES)} rules found" in done.stdout


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A real server that asks for a key: its address, and the file with the key."""
    morelike_program = [sys.executable, "-m", "morelike", "--library", str(tmp_path / "library")]
    with morelike.open(Settings(library=tmp_path / "library", offline=True)) as library:
        (tmp_path / "key").write_text(library.keys.make("prometheus", "reader"), encoding="ascii")
    server = subprocess.Popen(
        [*morelike_program, "serve", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        said = ""
        while not said.endswith("}\n"):
            line = server.stdout.readline()
            assert line, said
            said += line
        yield json.loads(said)["url"], tmp_path / "key"
    finally:
        server.terminate()
        server.communicate()


def test_a_real_prometheus_reads_a_real_server(promtool: str, served: tuple[str, Path], tmp_path: Path) -> None:
    """With the scrape job of docs/deployment.md and these rules: it is up, and no rule fails."""
    address, key = served
    page = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(scrape_configs:.*?)```", page, re.DOTALL)
    config = yaml.safe_load(block)
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "morelike"
    job["authorization"]["credentials_file"] = str(key)
    job["static_configs"] = [{"targets": [address.removeprefix("http://")]}]
    config |= {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}}
    job["scrape_interval"] = "1s"
    config["rule_files"] = [str((PROMETHEUS / "alerts.yaml").resolve())]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (port,) = free_ports(1)
    words = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/series"]
    program = str(Path(promtool).with_name("prometheus"))
    prometheus = subprocess.Popen(
        [program, *words, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], stderr=subprocess.PIPE
    )
    try:
        groups = _evaluated(f"http://127.0.0.1:{port}/api/v1", prometheus)
    finally:
        prometheus.terminate()
        prometheus.communicate()

    assert [(rule["name"], rule["health"], rule.get("lastError", "")) for rule in groups[0]["rules"]] == [
        (rule["alert"], "ok", "") for rule in RULES
    ]
    assert [rule["name"] for rule in groups[0]["rules"] if rule["state"] == "firing"] == []


def _evaluated(api: str, prometheus: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
    """The rules as Prometheus has them, once it has read the server and gone through all of them."""
    deadline = time.monotonic() + READY
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < deadline:
            assert prometheus.poll() is None, prometheus.stderr and prometheus.stderr.read()
            try:
                up = client.get(f"{api}/query", params={"query": 'up{job="morelike"} == 1'}).json()
                groups: list[dict[str, Any]] = client.get(f"{api}/rules").json()["data"]["groups"]
            except (httpx.TransportError, ValueError, KeyError):
                time.sleep(0.05)
                continue
            known = [rule["health"] for group in groups for rule in group["rules"]]
            if up["data"]["result"] and known and "unknown" not in known:
                return groups
            time.sleep(0.1)
    pytest.fail("Prometheus did not read the server")
