"""The Helm chart, rendered by Go's templates and sprig as Helm does, and the manifests that come of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from deploying import CHART, ROOT, Render, documents, of_kind

from morelike.errors import SettingsError
from morelike.settings import Settings, load_settings

KUBERNETES = ("1.34.0", "1.37.0")
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
STORES = {"vectors": "http://milvus:19530", "blobs": "s3://bucket/blobs", "existingSecret": "stores"}
EMBEDDED = {"stores": {"embedded": True}, "server": {"replicas": 1}, "workers": {"enabled": False}}
EVERYTHING = {
    "stores": {**STORES, "authorities": "authorities"},
    "settings": {
        "vectors_memory_bytes": 8589934592,
        "storage_warn_share": 0.8,
        "offline": True,
        "s3_endpoint": "https://s3",
    },
    "image": {"digest": "sha256:" + "a" * 64},
    "imagePullSecrets": [{"name": "registry"}],
    "models": {"pull": ["mobilenet-v2", "yamnet"], "existingClaim": "models"},
    "server": {
        "allowRoots": ["s3://photos"],
        "annotations": {"a": "b"},
        "nodeSelector": {"kubernetes.io/arch": "arm64"},
    },
    "probe": {"existingSecret": "probe"},
    "ingress": {"enabled": True, "host": "m.example.org", "tlsSecret": "tls", "className": "nginx"},
    "autoscaling": {"enabled": True},
    "networkPolicy": {"from": [{"namespaceSelector": {}}], "metricsFrom": [{"podSelector": {}}]},
    "monitoring": {"podMonitor": True, "rules": True, "board": True, "labels": {"release": "prometheus"}},
}
FORMS: Mapping[str, Mapping[str, Any]] = {
    "embedded": EMBEDDED,
    "external": {"stores": STORES},
    "everything": EVERYTHING,
}


def objects_of(render: Render, form: str) -> list[dict[str, Any]]:
    return documents(render(FORMS[form]))


def pods_of(objects: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["metadata"]["name"]: one["spec"]["template"] for one in of_kind(objects, "Deployment")}


def containers_of(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


@pytest.mark.parametrize("form", FORMS)
def test_objects_are_what_kubernetes_takes(render: Render, form: str) -> None:
    """Every object of Kubernetes itself is valid by its strict schemas: an unknown field is refused."""
    own = [one for one in objects_of(render, form) if "monitoring.coreos.com" not in one["apiVersion"]]

    assert len(own) >= 7
    for version in KUBERNETES:
        for one in own:
            kubernetes_validate.validate(one, version, strict=True)


def test_a_wrong_object_would_be_noticed(render: Render) -> None:
    """The check above can fail."""
    (service,) = of_kind(objects_of(render, "external"), "Service")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**service, "spec": {**service["spec"], "prots": []}}, KUBERNETES[0], strict=True)


@pytest.mark.parametrize("form", FORMS)
def test_pods_have_no_rights(render: Render, form: str) -> None:
    """Not root, nothing to write to but volumes, no token of the cluster, bounded memory."""
    for pod in pods_of(objects_of(render, form)).values():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["automountServiceAccountToken"] is False
        for container in containers_of(pod):
            rights = container["securityContext"]
            assert (rights["readOnlyRootFilesystem"], rights["allowPrivilegeEscalation"]) == (True, False)
            assert rights["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]
            assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/data", "/models", "/tmp"}


@pytest.mark.parametrize("form", FORMS)
def test_no_variable_comes_that_morelike_refuses(render: Render, form: str) -> None:
    """All that the pods are given are settings; Kubernetes' own for a Service of that name are switched off."""
    objects = objects_of(render, form)
    (config,) = of_kind(objects, "ConfigMap")[:1]
    names = set(config["data"] or {})
    for pod in pods_of(objects).values():
        assert pod["spec"]["enableServiceLinks"] is False
        names |= {one["name"] for container in containers_of(pod) for one in container.get("env", ())}

    assert [name for name in names if name.removeprefix("MORELIKE_").lower() not in Settings.model_fields] == []


def test_what_kubernetes_would_add_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why they are switched off: a pod with the variable of a Service called morelike would not start."""
    monkeypatch.setenv("MORELIKE_PORT", "tcp://10.0.0.1:80")

    with pytest.raises(SettingsError, match="MORELIKE_PORT"):
        load_settings()


def test_settings_arrive_as_they_were_given(render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large numbers too, which Helm reads as floating point."""
    (config,) = of_kind(objects_of(render, "everything"), "ConfigMap")[:1]
    for name, value in config["data"].items():
        monkeypatch.setenv(name, value)
    settings = load_settings()

    assert settings.vectors_memory_bytes == 8589934592
    assert (settings.storage_warn_share, settings.offline) == (0.8, True)
    assert (settings.vectors, settings.blobs) == (STORES["vectors"], STORES["blobs"])


def test_no_secret_is_made(render: Render) -> None:
    """Passwords come from Secrets that are there: the chart makes none, and its settings take none."""
    objects = objects_of(render, "everything")
    named = [source["secretRef"]["name"] for pod in pods_of(objects).values() for one in containers_of(pod)
             for source in one["envFrom"] if "secretRef" in source]  # fmt: skip

    assert of_kind(objects, "Secret") == []
    assert set(named) == {"stores"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"settings": {"s3_secret_key": "x"}}, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"stores": {"vectors": "http://user:password@milvus:19530"}}, SCHEMA)


def test_labels_lead_to_the_right_pods(render: Render) -> None:
    """The Service and the budget select servers and no workers; the autoscaler names a Deployment that is there."""
    objects = objects_of(render, "everything")
    pods = {name: pod["metadata"]["labels"] for name, pod in pods_of(objects).items()}

    def selected(by: Mapping[str, str]) -> set[str]:
        return {name for name, labels in pods.items() if by.items() <= labels.items()}

    (service,), (budget,) = of_kind(objects, "Service"), of_kind(objects, "PodDisruptionBudget")
    (scaler,) = of_kind(objects, "HorizontalPodAutoscaler")
    assert selected(service["spec"]["selector"]) == {"demo-morelike"}
    assert selected(budget["spec"]["selector"]["matchLabels"]) == {"demo-morelike"}
    assert scaler["spec"]["scaleTargetRef"]["name"] == "demo-morelike"
    assert "replicas" not in of_kind(objects, "Deployment")[0]["spec"]
    for deployment in of_kind(objects, "Deployment"):
        assert selected(deployment["spec"]["selector"]["matchLabels"]) == {deployment["metadata"]["name"]}
    policies = [selected(one["spec"]["podSelector"]["matchLabels"]) for one in of_kind(objects, "NetworkPolicy")]
    assert policies == [{"demo-morelike"}, {"demo-morelike-worker"}, set(pods)]


def test_jobs_are_done_by_workers_where_there_are_any(render: Render) -> None:
    """Else by the servers themselves; the ports that probes ask are those that are listened on."""
    apart = pods_of(objects_of(render, "external"))
    alone = pods_of(objects_of(render, "embedded"))

    assert "--no-jobs" in apart["demo-morelike"]["spec"]["containers"][0]["args"]
    assert "--workers" in apart["demo-morelike-worker"]["spec"]["containers"][0]["args"]
    assert list(alone) == ["demo-morelike"]
    assert "--workers" in alone["demo-morelike"]["spec"]["containers"][0]["args"]
    for pod in (*apart.values(), *alone.values()):
        (container,) = pod["spec"]["containers"]
        port = container["args"][container["args"].index("--port") + 1]
        assert container["ports"] == [{"name": "http", "containerPort": int(port)}]
        assert {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe")} == {"http"}


def test_ready_is_asked_with_a_key(render: Render) -> None:
    """With a Secret that has one, by the image's own program; liveness never depends on a store."""
    (container,) = pods_of(objects_of(render, "everything"))["demo-morelike"]["spec"]["containers"]
    command = container["readinessProbe"]["exec"]["command"]

    assert command[1:] == ["-I", "/opt/morelike/probe.py", "/readyz", "/etc/morelike/probe/key"]
    assert "COPY deploy/probe.py /opt/morelike/probe.py" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "stores.vectors is needed"),
        ({"stores": {**STORES, "blobs": ""}}, "stores.blobs is needed"),
        ({"stores": {**STORES, "existingSecret": ""}}, "stores.existingSecret is needed"),
        ({**EMBEDDED, "server": {"replicas": 2}}, "one pod"),
        ({**EMBEDDED, "autoscaling": {"enabled": True}}, "one pod"),
        ({"stores": STORES, "ingress": {"enabled": True, "host": "a"}}, "networkPolicy.from is needed"),
        ({"stores": STORES, "monitoring": {"podMonitor": True}}, "needs probe.existingSecret"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    render: Render, values: Mapping[str, Any], sentence: str
) -> None:
    """With a sentence that says which value to mend."""
    with pytest.raises(ValueError, match=sentence):
        render(values)


@pytest.mark.parametrize("form", FORMS)
def test_values_fit_their_schema(form: str) -> None:
    """The chart's own values and those of these tests do; a name that is not known is refused."""
    own = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))

    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(own, SCHEMA)
    jsonschema.validate(FORMS[form], SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**FORMS[form], "replicas": 3}, SCHEMA)


def test_the_manifests_and_the_schema_are_current(real_home: str, render: Render) -> None:
    """deploy/kubernetes is what the chart gives; the schema knows every setting. ``scripts/manifests`` writes both."""
    words = [sys.executable, str(ROOT / "scripts/manifests"), "--check"]
    done = subprocess.run(words, env={**os.environ, "HOME": real_home}, capture_output=True, text=True, check=False)

    assert (done.stderr, done.returncode) == ("", 0)


def test_the_manifests_name_what_is_there() -> None:
    """kustomization.yaml has every manifest beside it, and each is valid."""
    folder = ROOT / "deploy/kubernetes"
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]

    assert set(listed) == {path.name for path in folder.glob("*.yaml")} - {"values.yaml", "kustomization.yaml"}
    for name in listed:
        for one in yaml.safe_load_all((folder / name).read_text(encoding="utf-8")):
            kubernetes_validate.validate(one, KUBERNETES[0], strict=True)


def test_the_chart_has_the_packages_version() -> None:
    """appVersion, which is the image's tag, is morelike's own."""
    import morelike

    assert yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"] == morelike.__version__


def test_pods_wait_for_the_first_key(render: Render, tmp_path: Path) -> None:
    """The words of the init container, carried out: they wait while the library has no key, and end when it has one."""
    (waiting,) = [one for one in containers_of(pods_of(objects_of(render, "external"))["demo-morelike"])
                  if one["name"] == "first-key"]  # fmt: skip
    *shell, script = waiting["command"]
    bin_folder = str(Path(sys.executable).parent)
    environment = {"PATH": f"{bin_folder}:/usr/bin:/bin", "HOME": str(tmp_path), "HOSTNAME": "demo-morelike-x"}
    environment["MORELIKE_LIBRARY"] = str(tmp_path / "library")
    process = subprocess.Popen(
        [*shell, script.replace("sleep 5", "sleep 0.1"), *waiting["args"]],
        env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        command = re.search(r"-c first-key -- (morelike .*)", said)
        assert command is not None, said
        assert "exec -it -n here demo-morelike-x" in said
        subprocess.run(command[1].split(), env=environment, check=True, capture_output=True, timeout=120)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.communicate()


def test_notes_say_what_comes_next(render: Render) -> None:
    """What Helm prints after an installation: the first key, and where the page is."""
    notes = render(FORMS["everything"])["templates/NOTES.txt"]

    assert "morelike keys add me --role admin" in notes
    assert "https://m.example.org" in notes


def test_values_for_the_vector_store_have_no_key_in_them() -> None:
    """deploy/milvus: the keys of S3 come from a Secret; what the chart would write into a ConfigMap stays empty."""
    (path,) = (ROOT / "deploy").glob("m*/values-external-s3.yaml")
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    variables = {one["name"]: one for one in values["standalone"]["extraEnv"]}

    assert (values["externalS3"]["enabled"], values["minio"]["enabled"]) == (True, False)
    assert values["externalS3"]["accessKey"] == values["externalS3"]["secretKey"] == ""
    assert variables["COMMON_STORAGETYPE"]["value"] == "remote"
    for name in ("MINIO_ACCESS_KEY_ID", "MINIO_SECRET_ACCESS_KEY"):
        assert "secretKeyRef" in variables[name]["valueFrom"]
