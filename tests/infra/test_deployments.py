"""What `infra/prefect.yaml` deploys: flows that are there, with parameters that they have, and nothing by the clock."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import yaml
from infra_files import INFRA
from prefect import Flow

DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((INFRA / "prefect.yaml").read_text())["deployments"]
BY_NAME = {deployment["name"]: deployment for deployment in DEPLOYMENTS}


def flow_of(deployment: dict[str, Any]) -> Flow[..., Any]:
    file, _, name = deployment["entrypoint"].partition(":")
    found = getattr(import_module(file.removesuffix(".py").replace("/", ".")), name)
    assert isinstance(found, Flow)
    return found


def test_every_deployment_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(DEPLOYMENTS)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_deployment_gives_its_flow_what_that_takes_and_waits_to_be_asked(name: str) -> None:
    deployment = BY_NAME[name]
    flow_of(deployment).validate_parameters(deployment.get("parameters", {}) | required(deployment))
    assert not any(schedule["active"] for schedule in deployment.get("schedules", []))
    assert "tailor" in deployment["tags"]
    assert deployment["description"]


def required(deployment: dict[str, Any]) -> dict[str, Any]:
    """What nobody gives by hand: the job of a stage."""
    return {"job": {}} if "stage" in deployment["tags"] else {}


def test_the_form_of_a_study_says_what_each_field_is() -> None:
    fields = flow_of(BY_NAME["study"]).parameters.properties
    assert list(fields) == ["name", "overrides", "home", "store", "parallel"]
    assert fields["parallel"]["anyOf"][0] == {"minimum": 1, "type": "integer"}
    assert fields["overrides"]["anyOf"][0] == {"items": {"type": "string"}, "type": "array"}
    for name, field in fields.items():
        assert field["description"], name
    assert BY_NAME["study"]["schedules"], "there to be switched on"
