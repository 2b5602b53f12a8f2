"""compose.yaml: the specification's schema, and what the schema cannot say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml
from deploying import ROOT
from ports import free_ports
from redis_process import RedisProcess

from morelike.settings import load_settings

SCHEMA = json.loads((Path(__file__).parent / "vendor/compose-spec/compose.schema.json").read_text(encoding="utf-8"))
TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "compose.env.example").read_text(encoding="utf-8")
GIVEN = {name: f"0a1b2c3d4e5f{number}" for number, name in enumerate(re.findall(r"^(\w+)=$", EXAMPLE, re.MULTILINE))}
VARIABLE = re.compile(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}")


def filled(text: str) -> str:
    """As compose puts variables in: ``:-`` has a default, ``:?`` refuses to go on without."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if name in GIVEN:
            return GIVEN[name]
        assert kind == ":-", f"{name} is not in compose.env.example"
        return str(rest)

    return VARIABLE.sub(value, text).replace("$$", "$")


COMPOSED: dict[str, Any] = yaml.safe_load(filled(TEXT))
SERVICES: dict[str, Any] = COMPOSED["services"]


def test_it_is_what_the_specification_says() -> None:
    """The file, with its variables and without, is valid by the Compose specification's own schema."""
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft7Validator(SCHEMA)

    assert [error.message for error in validator.iter_errors(COMPOSED)] == []
    assert [error.message for error in validator.iter_errors(yaml.safe_load(TEXT))] == []
    assert list(validator.iter_errors({"services": {"a": {"imgae": "b"}}}))


def test_no_password_has_a_default() -> None:
    """Whatever is secret must be given, each with a word on how; and the example gives none."""
    for name, kind, rest in VARIABLE.findall(TEXT):
        if re.search("PASSWORD|USER|SECRET|TOKEN|KEY", name):
            assert (kind, bool(rest)) == (":?", True), name
    assert set(GIVEN) == {name for name, kind, _ in VARIABLE.findall(TEXT) if kind == ":?"}
    literal = re.findall(r"(?im)^\s*\w*(?:password|secret|token)\w*:\s*(?!\$\{)(\S+)", TEXT)
    assert [value for value in literal if value != '"yes"'] == []  # MYSQL_RANDOM_ROOT_PASSWORD


def test_every_variable_is_in_the_example() -> None:
    """compose.env.example names all that can be set, and nothing else."""
    named = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE))

    assert named == {name for name, _, _ in VARIABLE.findall(TEXT)}


def test_defaults_in_the_example_are_the_real_ones() -> None:
    """What the example says of a default is what the file has."""
    said = dict(re.findall(r"^#([A-Z_]+)=(.+)$", EXAMPLE, re.MULTILINE))
    real = {name: rest for name, kind, rest in VARIABLE.findall(TEXT) if kind == ":-" and rest}

    assert {name: value for name, value in said.items() if name in real} == real


def test_the_servers_variables_are_settings_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server takes them, and every address in them is a service of the file."""
    for name, value in SERVICES["server"]["environment"].items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    addresses = [settings.catalog, settings.vectors, settings.cache, settings.s3_endpoint]

    assert {urlsplit(address).hostname for address in addresses} == {"mysql", "milvus", "redis", "minio"}
    assert settings.blobs == "s3://morelike/blobs"
    assert "store/morelike" in SERVICES["bucket"]["command"][0]
    assert SERVICES["milvus"]["environment"]["MINIO_BUCKET_NAME"] != "morelike"


def test_only_the_server_is_reached_and_only_from_here() -> None:
    """No store has a port on the machine; the server has one on loopback."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert list(published) == ["server"]
    assert [port for port in published["server"] if not port.startswith("127.0.0.1:")] == []
    assert COMPOSED["networks"]["back"]["internal"] is True
    assert [name for name, one in SERVICES.items() if name != "server" and one["networks"] != ["back"]] == []


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_bounded(name: str) -> None:
    """Memory, processors, logs and rights have bounds, and its image does not move."""
    service = SERVICES[name]

    assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"])
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == ("no" if name == "bucket" else "unless-stopped")
    assert name == "server" or not service["image"].endswith((":latest", service["image"].partition(":")[0]))


def test_memory_is_what_the_page_says() -> None:
    """docs/deployment.md names what all limits come to, in whole gigabytes."""
    limits = [service["deploy"]["resources"]["limits"]["memory"] for service in SERVICES.values()]
    total = sum(int(limit[:-1]) / (1 if limit.endswith("g") else 1024) for limit in limits)

    assert f"It takes {round(total)} GB of memory at most" in (ROOT / "docs/deployment.md").read_text(encoding="utf-8")


def test_each_waits_for_what_it_needs() -> None:
    """The order comes from health checks, not from luck: whatever is waited for has one, or ends."""
    for name, service in SERVICES.items():
        for other, condition in service.get("depends_on", {}).items():
            if condition["condition"] == "service_completed_successfully":
                assert SERVICES[other]["restart"] == "no"
            else:
                assert condition["condition"] == "service_healthy", (name, other)
                assert "healthcheck" in SERVICES[other], other
    assert set(SERVICES["milvus"]["depends_on"]) == {"etcd", "minio"}
    assert set(SERVICES["server"]["depends_on"]) == {"mysql", "milvus", "redis", "bucket"}


def test_what_is_written_lies_in_volumes() -> None:
    """Named volumes keep what must last; the server's root is read-only."""
    mounts = {
        (name, *volume.split(":")[:2])
        for name, service in SERVICES.items()
        for volume in service.get("volumes", ())
        if not volume.startswith(".")
    }

    assert {volume for _, volume, _ in mounts} == set(COMPOSED["volumes"])
    assert {place for name, _, place in mounts if name == "server"} == {"/data", "/models", "/tmp"}
    assert SERVICES["server"]["read_only"] is True


@pytest.fixture
def composed_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    """The command of the file's own redis, run by its own words, on a port of the test."""
    program = shutil.which("redis-server")
    if program is None:
        from redis_process import _missing

        _missing("no redis-server on this machine: scripts/redis installs it")
    server = RedisProcess(program)
    (server.port,) = free_ports(1)
    *shell, script = SERVICES["redis"]["command"]
    script = script.replace("redis-server -", f"redis-server - --port {server.port} --bind 127.0.0.1")
    environment = {"PATH": "/usr/bin:/bin", **SERVICES["redis"]["environment"]}
    process = subprocess.Popen([*shell, script], env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                server.say("PING")
                break
            except OSError:
                time.sleep(0.02)
        yield server
    finally:
        process.terminate()
        process.wait()


def test_the_cache_asks_for_its_password_and_forgets_the_oldest(composed_redis: RedisProcess) -> None:
    """The words that start redis, carried out: without the password nothing, and nothing is written down."""
    assert composed_redis.say("PING").startswith(b"-NOAUTH")
    address = urlsplit(SERVICES["server"]["environment"]["MORELIKE_CACHE"])

    import redis

    with redis.Redis(port=composed_redis.port, password=address.password) as client:
        found = client.config_get("*")
    assert (found["maxmemory-policy"], found["save"], found["appendonly"]) == ("allkeys-lru", "", "no")
    assert int(found["maxmemory"]) == 512 * 1024**2
