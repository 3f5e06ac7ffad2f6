"""Settings: where a run keeps its things, and that its process keeps to itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tailor_core.config.settings import prepare_process, read_settings
from tailor_core.errors import RecipeError


def test_the_home_is_given_or_in_the_environment_or_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = read_settings()
    assert here.home == tmp_path / ".tailor"
    assert here.store == str(tmp_path / ".tailor" / "store")
    assert here.home.is_dir()
    monkeypatch.setenv("TAILOR_HOME", str(tmp_path / "variable"))
    monkeypatch.setenv("TAILOR_STORE", "memory://store")
    assert read_settings().home == tmp_path / "variable"
    assert read_settings().store == "memory://store"
    given = read_settings("given", "s3://bucket/store")
    assert (given.home, given.store) == (tmp_path / "given", "s3://bucket/store")


def test_a_home_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecipeError, match=r"home = .* cannot be made a directory .* --home"):
        read_settings(tmp_path / "file" / "home")


@pytest.fixture
def own_environment() -> Iterator[None]:
    """Undo what the code under test does to the variables of this process."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("own_environment")
def test_telemetry_and_hubs_are_off_unless_asked_for(tmp_path: Path) -> None:
    os.environ.pop("HF_HUB_OFFLINE", None)
    os.environ["HF_DATASETS_OFFLINE"] = "0"
    prepare_process(read_settings(tmp_path))
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["HF_DATASETS_OFFLINE"] == "0", "what the user says wins"
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "prefect")


@pytest.mark.usefixtures("own_environment")
def test_a_server_of_ones_own_keeps_its_settings(tmp_path: Path) -> None:
    os.environ["PREFECT_API_URL"] = "http://127.0.0.1:4200/api"
    prepare_process(read_settings(tmp_path))
    assert "PREFECT_SERVER_UI_ENABLED" not in os.environ
    assert "PREFECT_LOGGING_LEVEL" not in os.environ


def test_the_tracking_store_is_in_the_home_unless_there_is_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_settings(tmp_path)
    assert settings.tracking_uri == f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert settings.tracking_uri == "http://127.0.0.1:5000"
