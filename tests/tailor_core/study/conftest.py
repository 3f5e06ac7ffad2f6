"""A store that trials are made up in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from made_up_trials import DATA, MadeUp, make_stages, recipe

from tailor_core.artifacts.store import Store
from tailor_core.config.settings import Settings


@pytest.fixture(scope="session")
def data_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose store has the data of two methods; to be copied."""
    home = tmp_path_factory.mktemp("study") / "home"
    settings = Settings(home=home, store=str(home / "store"))
    for method in ("rule-based", "4-star"):
        make_stages(recipe(method), settings, DATA)
    return home


@pytest.fixture
def made_up(data_home: Path, settings: Settings, tmp_path: Path) -> MadeUp:
    shutil.copytree(data_home, settings.home, dirs_exist_ok=True)
    return MadeUp(Store(settings.store), settings, tmp_path / "made-up")
