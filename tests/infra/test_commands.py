"""What containers are told to run, and to set, is there in the versions of Prefect and MLflow that are installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from infra_files import ROOT, built_images, read_compose

pytestmark = pytest.mark.integration

Containers = list[tuple[list[str], dict[str, Any]]]


def of_compose() -> Containers:
    """The command and the variables of each container of our images."""
    ours = [service for service in read_compose()["services"].values() if service["image"] in built_images()]
    return [(service["command"], service["environment"]) for service in ours]


def of_chart(manifests: Iterable[dict[str, Any]]) -> Containers:
    templates = [one["spec"]["template"]["spec"] for one in manifests if "template" in one.get("spec", {})]
    containers = [one for spec in templates for one in [*spec["containers"], *spec.get("initContainers", [])]]
    ours = [one for one in containers if one["image"] in built_images()]
    return [(one["args"], {variable["name"]: variable for variable in one["env"]}) for one in ours]


def test_what_the_compose_file_runs_exists(tmp_path: Path) -> None:
    check(of_compose(), tmp_path)


def test_what_the_chart_runs_exists(render: Callable[..., list[dict[str, Any]]], tmp_path: Path) -> None:
    check(of_chart(render()), tmp_path)


def check(containers: Containers, home: Path) -> None:
    assert len(containers) >= 6
    for (program, *arguments), variables in containers:
        assert not unknown_settings(variables)
        if program == "python":
            assert arguments[0] == "-c" or (ROOT / arguments[0]).is_file()
            continue
        words = [argument for argument in arguments if not argument.startswith("-")]
        verb = words[: 2 if program == "prefect" else 1]
        options = {argument.partition("=")[0] for argument in arguments if argument.startswith("--")}
        assert options <= options_of(str(home), program, *verb), (
            f"{program} {' '.join(verb)} has no such option"
        )


@cache
def options_of(home: str, program: str, *verb: str) -> set[str]:
    told = subprocess.run(
        [sys.executable, "-m", program, *verb, "--help"],
        env={**os.environ, "COLUMNS": "200", "PREFECT_HOME": home},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(re.findall(r"--[a-z][a-z-]+", told.stdout))


def unknown_settings(names: Iterable[str]) -> set[str]:
    """Which variables Prefect or MLflow do not read, although they begin like theirs."""
    import mlflow.environment_variables as of_mlflow
    from mlflow.cli import cli
    from prefect.settings.legacy import _get_settings_fields
    from prefect.settings.models.root import Settings

    options = [
        getattr(parameter, "envvar", "") for verb in cli.commands.values() for parameter in verb.params
    ]
    known = {*_get_settings_fields(Settings), *vars(of_mlflow), *map(str, options)}
    return {name for name in names if name.startswith(("PREFECT_", "MLFLOW_")) and name not in known}
