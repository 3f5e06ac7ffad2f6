"""What a run is refused for as it begins, on the command line and in a deployed flow alike."""

from __future__ import annotations

import pytest

from flows import RECIPES, pipeline, preflight
from flows.preflight import check_run
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.config.load import load_recipe
from tailor_core.config.settings import Settings
from tailor_core.errors import MissingExtraError, RecipeError, StageError
from tailor_core.stages import explain
from tailor_core.stages.explain import StagePlan
from tailor_core.stages.registry import STAGES
from tailor_core.training import vllm_checks

UNREAD = ["environment.name=rg:gcd", "environment.options={}", "method=none", "policy.reward=sound"]
"""A reward for sound steps, in a family whose steps nobody reads."""


def check(settings: Settings, *overrides: str, until: str = "") -> None:
    """What the check of `kk-tiny` with these values raises."""
    check_run(load_recipe("kk-tiny", RECIPES, list(overrides)), settings, [], until)


def test_only_the_procedural_teacher_asks_for_a_move_language(settings: Settings) -> None:
    family = 'environment.name="rg:leg_counting"', "environment.options={}"
    chat = 'teacher.kind="chat"', 'teacher.model="any"'
    with pytest.raises(RecipeError, match="no move language"):
        check(settings, *family)
    check(settings, *family, until="probe")
    check(settings, *family, *chat)
    with pytest.raises(RecipeError, match=r"teacher.shots = 2 .* set teacher.shots = 0"):
        check(settings, *family, *chat, "teacher.shots=2")


def test_a_run_without_train_problems_is_refused_where_it_needs_some(settings: Settings) -> None:
    for train in ("0", "{3 = 0}"):
        with pytest.raises(RecipeError, match=r"problems\.train = .* leaves nothing to probe"):
            check(settings, f"problems.train={train}")
        check(settings, f"problems.train={train}", until="problems")
    check(settings, "problems.train={3 = 1}")


def test_a_reward_that_nothing_could_earn_is_refused_where_the_run_comes_to_it(settings: Settings) -> None:
    with pytest.raises(StageError, match="'rg:gcd' reads no steps"):
        check(settings, *UNREAD)
    check(settings, *UNREAD, until="probe")


def test_a_deployed_run_is_refused_before_its_first_stage(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    for product in STAGES:
        monkeypatch.setattr(pipeline, product, lambda *_, product=product, **__: begun.append(product))
    with pytest.raises(StageError, match="'rg:gcd' reads no steps"):
        pipeline.pipeline.fn("kk-tiny", UNREAD, home=settings.home)
    assert begun == []


def test_a_policy_that_the_store_has_needs_no_vllm(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_checks, "installed_vllm", lambda: None)
    made = StagePlan(stage="policy", ref=ArtifactRef(stage="policy", key="0" * 64, digest="1" * 64, uri=""))
    plans = [made]
    monkeypatch.setattr(explain, "plan_stages", lambda *_: plans)
    vllm = "policy.rollout_engine=vllm"
    check(settings, vllm)
    with pytest.raises(MissingExtraError):
        check_run(load_recipe("kk-tiny", RECIPES, [vllm]), settings, ["policy"], "")
    check(settings, vllm, "execution.gpu=work_pool")
    plans[:] = [StagePlan(stage="policy", reasons=("never run",))]
    with pytest.raises(MissingExtraError):
        check(settings, vllm)


@pytest.mark.parametrize(
    ("method", "needed"),
    [
        ("tailor", True),
        ("4-star", True),
        ("none", False),
        ("self-stitch", False),
        ("re-distillation-a", True),
    ],
)
def test_a_teacher_that_vllm_serves_is_needed_by_those_methods_alone_that_ask_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, method: str, needed: bool
) -> None:
    """What re-distillation distils is by default a policy of rule-based traces, which the teacher writes."""

    def nowhere() -> None:
        raise MissingExtraError("vLLM is not installed")

    monkeypatch.setattr(preflight, "find_vllm", nowhere)
    recipe = load_recipe("kk-smollm2", RECIPES, [f"method={method}"])
    if needed:
        with pytest.raises(MissingExtraError):
            check_run(recipe, settings, [], "")
    else:
        check_run(recipe, settings, [], "")
