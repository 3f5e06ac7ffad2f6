"""What runs of the real stages stand on: an untrained model and a recipe small enough for a minute."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_run import RECIPE, write_backbone


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("backbone")
    write_backbone(directory)
    return directory


@pytest.fixture
def small_recipe(tmp_path: Path, backbone: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(RECIPE.format(backbone=backbone))
    return path
