"""The flow with the methods that are not Tailor's: what is left out, and what is made before."""

from __future__ import annotations

from typing import Any

import pytest

from flows import pipeline
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.config.settings import Settings
from tailor_core.stages.registry import STAGES
from tailor_core.stages.runs import current_run_id

Calls = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The calls of all stages, with what each is offered; none of them does anything."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    made: Calls = []

    def stand_in(product: str) -> Any:
        def stage(run: Any, **offered: Any) -> str:
            made.append((product, offered))
            return product

        return stage

    for product in STAGES:
        monkeypatch.setattr(pipeline, product, stand_in(product))
    return made


def test_without_a_warm_start_rl_begins_at_the_base_model(settings: Settings, calls: Calls) -> None:
    pipeline.pipeline.fn("kk-tiny", ["method=none"], home=settings.home)
    offered = dict(calls)
    assert list(offered) == ["problems", "backbone", "probe", "policy", "evaluation", "report"]
    assert offered["policy"] == {"warm_start": "backbone", "problems": "problems"}


def test_redistillation_makes_the_policy_of_another_method_first_as_a_run_of_its_own(
    settings: Settings, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow, first = (
        pipeline.pipeline.fn,
        ArtifactRef(stage="policy", key="ab" * 32, digest="cd" * 32, uri="policy/" + "ab" * 32),
    )
    runs: list[Any] = []

    def earlier(*arguments: Any, until: str) -> Any:
        runs.append((arguments, until, current_run_id()))
        assert [product for product, _ in calls] == ["problems", "backbone", "probe", "primitives"]
        return {"policy": first.to_json()}

    monkeypatch.setattr(pipeline, "pipeline", earlier)
    flow("kk-tiny", ["seed=3", "method=re-distillation-a", "baselines.first=4-star"], home=settings.home)
    [((recipe, overrides, home, _), until, run_id)] = runs
    assert (recipe, home, until) == ("kk-tiny", settings.home, "policy")
    assert overrides == ["seed=3", "method=re-distillation-a", "baselines.first=4-star", "method=4-star"]
    assert run_id, "`tailor recover` finds it"
    assert [product for product, _ in calls] == list(STAGES)
    assert dict(calls)["demonstrations"]["first_policy"] == first


def test_a_method_that_distils_nothing_makes_nothing_first(settings: Settings, calls: Calls) -> None:
    pipeline.pipeline.fn("kk-tiny", ["method=4-star"], home=settings.home)
    assert [product for product, _ in calls] == list(STAGES)
    assert "first_policy" not in dict(calls)["demonstrations"]
