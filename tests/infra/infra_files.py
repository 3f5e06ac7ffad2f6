"""Where the files for machines are, and what several tests read in them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
CHART = INFRA / "helm" / "tailor"
IMAGE_FILE = INFRA / "docker" / "Dockerfile"
SECRET = re.compile("PASSWORD|SECRET|ACCESS_KEY|AUTH_STRING|CONNECTION_URL|STORE_URI")
"""The names of variables whose value nobody may know."""


def image_lines() -> list[tuple[str, str]]:
    """The instructions of the image file, continued lines joined."""
    text = re.sub(r"\\\n", " ", IMAGE_FILE.read_text())
    lines = [line.partition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest.strip()) for name, _, rest in lines]


def built_images() -> set[str]:
    """The images that the comment of the image file says how to build."""
    told = re.findall(r"--target (\S+) --tag (\S+)", IMAGE_FILE.read_text())
    targets = {rest.split(" AS ")[1] for name, rest in image_lines() if name == "FROM"}
    assert {target for target, _ in told} == targets
    return {image for _, image in told}


@cache
def read_compose() -> dict[str, Any]:
    """The compose file, with its anchors in place."""
    read: dict[str, Any] = yaml.safe_load((INFRA / "compose.yaml").read_text())
    return read


def deployed_pools() -> set[str]:
    """The work pools that deployments of infra/prefect.yaml go to."""
    deployments = yaml.safe_load((INFRA / "prefect.yaml").read_text())["deployments"]
    return {deployment["work_pool"]["name"] for deployment in deployments}
