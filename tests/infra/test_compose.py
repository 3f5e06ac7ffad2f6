"""The compose file: what a machine with Docker would run is complete, and fits the rest of the checkout."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from infra_files import INFRA, SECRET, built_images, deployed_pools, read_compose

SERVICES: dict[str, dict[str, Any]] = read_compose()["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("tailor-")]
PORTS = {"postgres": 5432, "objects": 8333, "marquez": 5000}
"""What the images of others listen on; ours are told by their commands."""


def test_it_is_a_compose_file() -> None:
    """By a reader of the Compose Specification that knows all fields, and accepts no others."""
    reader = pytest.importorskip("compose_spec", reason="compose-spec is not installed (extra dev)")
    reader.PyCompose.from_json(json.dumps(read_compose()))


def test_its_images_are_those_that_are_built_and_others_of_a_fixed_version() -> None:
    images = {service["image"] for service in SERVICES.values()}
    assert {image for image in images if image.startswith("tailor-")} == built_images()
    for image in images:
        assert re.fullmatch(r"[a-z0-9./-]+:[0-9][A-Za-z0-9._-]*", image), image
    for name in OURS:
        build = SERVICES[name]["build"]
        assert (INFRA / build["context"] / build["dockerfile"]).is_file()
        assert SERVICES[name]["image"].startswith(f"tailor-{build['target']}:")


def test_what_it_asks_for_is_what_the_example_lists() -> None:
    example = re.findall(r"^([A-Z0-9_]+)=$", (INFRA / "compose.env.example").read_text(), re.MULTILINE)
    asked = re.findall(r"\$\{([A-Z0-9_]+)", (INFRA / "compose.yaml").read_text())
    assert set(asked) == set(example)


def test_no_secret_stands_in_it() -> None:
    found = 0
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if SECRET.search(name):
                assert re.search(r"\$\{[A-Z0-9_]+:\?set it in infra/\.env\}", value), name
                found += 1
    assert found > 10


def test_who_waits_for_a_healthy_service_waits_for_one_that_says_whether_it_is() -> None:
    for name, service in SERVICES.items():
        needed = service.get("depends_on", {})
        for other, how in needed.items() if isinstance(needed, dict) else ():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}"
            else:
                assert SERVICES[other]["restart"] == "no", f"{other} never completes"


@pytest.mark.parametrize("name", SERVICES)
def test_every_address_is_that_of_a_service_which_listens_there(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        host, port = urlsplit(re.sub(r"\$\{[^}]*\}", "x", value or "")).hostname, None
        if host in (None, "localhost") or variable == "TAILOR_STORE":
            continue
        port = urlsplit(re.sub(r"\$\{[^}]*\}", "x", value)).port
        assert port == listens_on(host), variable


def listens_on(name: str) -> int:
    told = re.findall(r"--port[ =](\d+)", " ".join(SERVICES[name].get("command", [])))
    return int(told[0]) if told else PORTS[name]


def test_ports_are_open_to_this_machine_only_and_lead_to_where_services_listen() -> None:
    opened = [(name, port) for name, service in SERVICES.items() for port in service.get("ports", [])]
    assert [name for name, _ in opened] == ["prefect", "mlflow", "marquez-web"]
    for name, port in opened:
        address, _, inside = port.split(":")
        assert address == "127.0.0.1"
        assert int(inside) == (3000 if name == "marquez-web" else listens_on(name))


def test_the_gpu_worker_serves_the_gpu_pool_and_has_a_gpu() -> None:
    pools = {SERVICES[name]["command"][4]: name for name in OURS if name.startswith("worker-")}
    assert set(pools) == deployed_pools()
    worker = SERVICES[pools["tailor-gpu"]]
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert worker["command"][5:7] == ["--limit", str(device["count"])]


def test_files_that_are_mounted_exist_and_volumes_are_declared() -> None:
    for service in SERVICES.values():
        for source, *_ in (volume.split(":") for volume in service.get("volumes", [])):
            assert (
                (INFRA / source).is_file() if source.startswith(".") else source in read_compose()["volumes"]
            )
