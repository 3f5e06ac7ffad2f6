"""The chart: what Helm makes of it is what Kubernetes takes, and does what the compose file does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from infra_files import CHART, SECRET, deployed_pools, read_compose

pytestmark = pytest.mark.integration

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]

EXTERNAL = {
    "postgresql": {"enabled": False, "host": "db.example.org", "port": 6432},
    "objectStore": {"enabled": False, "endpoint": "https://s3.example.org"},
    "networkPolicy": {"enabled": False},
    "lineage": {"url": "https://lineage.example.org"},
}
EVERYTHING = {
    "lineage": {"marquez": True},
    "storageClass": "fast",
    "imagePullSecrets": ["registry"],
    "workerEnv": {"HF_HUB_OFFLINE": "0"},
    "workerEnvFrom": ["teachers"],
    "networkPolicy": {"from": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]},
}
SEVERAL = [
    pytest.param({}, id="defaults"),
    pytest.param(EVERYTHING, id="all"),
    pytest.param(EXTERNAL, id="external"),
]


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """The component of each thing that runs pods, and the template of these."""
    for manifest in manifests:
        if "template" in manifest.get("spec", {}):
            template = manifest["spec"]["template"]
            yield template["metadata"]["labels"]["app.kubernetes.io/component"], template


def variables(container: Manifest) -> dict[str, Any]:
    """The variables of a container: each a text, or the key of the Secret that holds it."""
    return {one["name"]: one.get("value") or one["valueFrom"]["secretKeyRef"] for one in container["env"]}


def services(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == "Service"}


def test_helm_has_nothing_to_say(helm: Callable[..., Any]) -> None:
    told = helm("lint", "--strict", str(CHART))
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize(
    ("values", "version"), [({}, "1.28.0"), (EVERYTHING, "1.37.0"), (EXTERNAL, "1.37.0")]
)
def test_every_manifest_is_what_kubernetes_takes(render: Render, values: Manifest, version: str) -> None:
    validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed (extra dev)"
    ).validate
    manifests = render(values)
    assert len(manifests) > 10
    for manifest in manifests:
        validate(manifest, version, strict=True)
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"prefect": {"replicas": 2}}, "replicas"),
        ({"postgresql": {"enabled": False}}, "postgresql.host"),
        ({"images": {"cpu": "tailor-cpu:latest"}}, "cpu"),
        ({"images": {"cpu": "tailor-cpu"}}, "cpu"),
        ({"workers": {"gpu": {"limit": 0}}}, "limit"),
        ({"workers": {"gpu": {"gpus": "one"}}}, "gpus"),
        ({"workers": {"big": {"pool": "tailor-big"}}}, "image"),
        ({"pool": {"type": "kubernetes"}}, "pool"),
        ({"objectStore": {"bucket": "Not A Bucket"}}, "bucket"),
        ({"mlflow": {"allowedHosts": ["a,b"]}}, "allowedHosts"),
        ({"storageClass": 3}, "storageClass"),
        ({"secret": ""}, "secret"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(render: Render, values: Manifest, field: str) -> None:
    with pytest.raises(AssertionError, match=field):
        render(values)


@pytest.mark.parametrize("values", SEVERAL)
def test_no_pod_may_do_more_than_it_must(render: Render, values: Manifest) -> None:
    for component, template in pods(render(values)):
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0, component
        assert spec["automountServiceAccountToken"] is spec["enableServiceLinks"] is False
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            rights = container["securityContext"]
            assert rights["readOnlyRootFilesystem"] is True
            assert rights["allowPrivilegeEscalation"] is False
            assert rights["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("values", SEVERAL)
def test_all_that_is_mounted_is_a_volume_and_every_claim_is_made(render: Render, values: Manifest) -> None:
    manifests = render(values)
    claims = {one["metadata"]["name"] for one in manifests if one["kind"] == "PersistentVolumeClaim"}
    maps = {one["metadata"]["name"] for one in manifests if one["kind"] == "ConfigMap"}
    used = set()
    for manifest in manifests:
        spec = manifest.get("spec", {}).get("template", {}).get("spec")
        if not spec:
            continue
        volumes = {volume["name"] for volume in spec["volumes"]}
        volumes |= {claim["metadata"]["name"] for claim in manifest["spec"].get("volumeClaimTemplates", [])}
        used |= {
            v["persistentVolumeClaim"]["claimName"] for v in spec["volumes"] if "persistentVolumeClaim" in v
        }
        assert {volume["configMap"]["name"] for volume in spec["volumes"] if "configMap" in volume} <= maps
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    assert used == claims


@pytest.mark.parametrize("values", SEVERAL)
def test_what_runs_for_good_is_watched(render: Render, values: Manifest) -> None:
    watched = 0
    for _, template in pods(render(values)):
        if template["spec"].get("restartPolicy") == "OnFailure":
            continue  # a job
        for container in template["spec"]["containers"]:
            assert "readinessProbe" in container
            assert container.keys() & {"startupProbe", "livenessProbe"}
            ports = {port["name"] for port in container["ports"]}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                how = container.get(probe, {})
                target = how.get("httpGet") or how.get("tcpSocket")
                assert target is None or target["port"] in ports
            watched += 1
    assert watched >= 4


@pytest.mark.parametrize("values", SEVERAL)
def test_secrets_come_from_the_secret_and_from_nowhere_else(render: Render, values: Manifest) -> None:
    documented = set(
        re.findall(r"\b[a-z0-9]+(?:-[a-z0-9]+)*-(?:password|key)\b", (CHART / "values.yaml").read_text())
    )
    asked = set()
    for component, template in pods(render(values)):
        for container in [*template["spec"]["containers"], *template["spec"].get("initContainers", [])]:
            seen: set[str] = set()
            for name, value in variables(container).items():
                if isinstance(value, dict):
                    assert value["name"] == "tailor"
                    asked.add(value["key"])
                    seen.add(name)
                    continue
                referred = set(re.findall(r"\$\(([A-Z_]+)\)", value))
                assert referred <= seen, f"{component}: {name} refers to what Kubernetes does not know yet"
                assert not SECRET.search(name) or referred, (
                    f"{component}: {name} has its secret in the manifest"
                )
            assert len(seen | set(variables(container))) == len(container["env"]), (
                "a variable stands there twice"
            )
    assert asked == documented


def test_secrets_are_all_asked_for_by_their_place_in_the_manifests_only(render: Render) -> None:
    assert not [one for one in render(EVERYTHING) if one["kind"] == "Secret"]


@pytest.mark.parametrize("values", SEVERAL)
def test_every_address_is_that_of_a_service_whose_pods_listen_there_and_let_the_caller_in(
    render: Render, values: Manifest
) -> None:
    manifests = render(values)
    known, templates = services(manifests), dict(pods(manifests))
    policies = {
        one["metadata"]["labels"]["app.kubernetes.io/component"]: one["spec"]
        for one in manifests
        if one["kind"] == "NetworkPolicy"
    }
    calls = 0
    for caller, template in templates.items():
        for container in template["spec"]["containers"]:
            named = {k: v for k, v in variables(container).items() if isinstance(v, str)}
            addresses = [v for k, v in named.items() if "://" in v and k != "TAILOR_STORE"]
            for host, port in (("POSTGRES_HOST", "POSTGRES_PORT"), ("MARQUEZ_HOST", "MARQUEZ_PORT")):
                addresses += [f"tcp://{named[host]}:{named[port]}"] if host in named else []
            for address in addresses:
                host, port = urlsplit(address).hostname, urlsplit(address).port
                if not host or host == "localhost" or host.endswith("example.org"):
                    continue
                (exposed,) = known[host]["spec"]["ports"]
                assert exposed["port"] == port, f"{caller}: {address}"
                labels = known[host]["spec"]["selector"]
                called = labels["app.kubernetes.io/component"]
                assert labels.items() <= templates[called]["metadata"]["labels"].items()
                listening = {
                    p["name"]: p["containerPort"]
                    for c in templates[called]["spec"]["containers"]
                    for p in c["ports"]
                }
                assert listening[exposed["targetPort"]] == port
                calls += 1
                if policies:
                    (rule,) = policies[called]["ingress"]
                    assert {"port": port} in rule["ports"]
                    matching = [
                        peer["podSelector"]["matchLabels"] for peer in rule["from"] if "podSelector" in peer
                    ]
                    assert any(m.items() <= template["metadata"]["labels"].items() for m in matching), (
                        f"{caller} calls {called}"
                    )
    assert calls >= 5


def test_services_of_others_replace_ours(render: Render) -> None:
    manifests = render(EXTERNAL)
    names = {component for component, _ in pods(manifests)}
    assert not names & {"postgresql", "objects", "marquez"}
    everything = yaml.safe_dump_all(manifests)
    assert "$(POSTGRES_PASSWORD)@db.example.org:6432/prefect" in everything
    assert "$(POSTGRES_PASSWORD)@db.example.org:6432/mlflow" in everything
    (worker,) = dict(pods(manifests))["worker-gpu"]["spec"]["containers"]
    assert variables(worker)["AWS_ENDPOINT_URL"] == "https://s3.example.org"
    assert variables(worker)["OPENLINEAGE_URL"] == "https://lineage.example.org"


def test_gpu_workers_serve_the_gpu_pool_on_nodes_that_are_marked_for_it(render: Render) -> None:
    templates = dict(pods(render()))
    pools = {}
    for component in ("worker-cpu", "worker-gpu"):
        (container,) = templates[component]["spec"]["containers"]
        pools[component] = container["args"][4]
        limits = container["resources"]["limits"]
        assert limits.get("nvidia.com/gpu") == (1 if component == "worker-gpu" else None)
        (initial,) = templates[component]["spec"]["initContainers"]
        assert initial["args"][-1] == pools[component]
    assert pools == {"worker-cpu": "tailor-cpu", "worker-gpu": "tailor-gpu"}
    assert set(pools.values()) == deployed_pools()
    spec = templates["worker-gpu"]["spec"]
    assert spec["nodeSelector"] == {"tailor/gpu": "true"}
    assert spec["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert spec["containers"][0]["image"].startswith("tailor-gpu:")
    assert {"name": "shared-memory", "mountPath": "/dev/shm"} in spec["containers"][0]["volumeMounts"]


def test_a_pool_of_another_kind_of_gpu_is_one_more_entry(render: Render) -> None:
    kinds = yaml.safe_load((CHART / "values.yaml").read_text())["workers"]
    big = {**kinds["gpu"], "pool": "tailor-big", "gpus": 8, "nodeSelector": {"tailor/gpu": "h200"}}
    spec = dict(pods(render({"workers": {"big": big}})))["worker-big"]["spec"]
    assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 8
    assert spec["nodeSelector"] == {"tailor/gpu": "h200"}


COMPONENTS = {"postgres": "postgresql"}
"""Services of the compose file that the chart calls otherwise."""


@pytest.mark.parametrize("service", read_compose()["services"])
def test_the_chart_says_what_the_compose_file_says(render: Render, service: str) -> None:
    """The same image, the same command, and the same variables, but for hosts and secrets."""
    composed = read_compose()["services"][service]
    (container,) = dict(pods(render(EVERYTHING)))[COMPONENTS.get(service, service)]["spec"]["containers"]
    assert container["image"] == composed["image"]
    if service != "postgres":
        assert [plain(word) for word in container.get("args", [])] == [
            plain(w) for w in composed.get("command", [])
        ]
    there = {name: plain(value) for name, value in composed.get("environment", {}).items()}
    here = {name: plain(value) for name, value in variables(container).items()}
    there["OPENLINEAGE_URL"] = here.get("OPENLINEAGE_URL", "")  # an operator's choice there
    # Kubernetes puts a password into an address by way of a variable of its own, compose does so by itself.
    ways = {"POSTGRES_PASSWORD", "API_PASSWORD", "HF_HUB_OFFLINE", "PGDATA"}
    assert {k: v for k, v in here.items() if k not in ways} == {
        k: v for k, v in there.items() if v and k not in ways
    }


def plain(value: Any) -> str:
    """A value without hosts and secrets."""
    text = "SECRET" if isinstance(value, dict) else str(value)
    text = re.sub(r"\$\{[^}]*\}|\$\([A-Z_]+\)", "SECRET", text)
    text = re.sub(r"lab-([a-z]+)", r"\1", text).removesuffix(",127.0.0.1:5000")
    return re.sub(r"\bpostgresql(?=:5432|$)", "postgres", text)
