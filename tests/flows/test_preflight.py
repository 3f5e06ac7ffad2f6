"""What a run is refused for as it begins, on the command line and in a deployed flow alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from flows import RECIPES, pipeline, preflight
from flows.preflight import SHIPPED, backbone_workdir, check_output, check_run, note_output
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.config.backbone import PretrainingConfig
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


def test_a_backbone_that_is_nowhere_is_refused_before_there_are_problems(settings: Settings) -> None:
    for name in ("nope", "no/such", "a/b/c", "/no/model"):
        with pytest.raises(
            RecipeError, match=rf"^backbone\.name = '{name}' is neither a model that comes with"
        ):
            check(settings, f"backbone.name={name}")
        check(settings, f"backbone.name={name}", until="problems")


def test_of_a_model_in_the_hub_only_what_is_known_offline_is_said(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    cached = tmp_path / "models--some--model"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("a" * 40)
    (cached / "snapshots" / ("a" * 40)).mkdir(parents=True)
    (cached / "snapshots" / ("a" * 40) / "config.json").write_text("{}")
    check(settings, "backbone.name=some/model")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    check(settings, "backbone.name=other/model")
    with pytest.raises(RecipeError, match="'a/b/c' is neither a model"):
        check(settings, "backbone.name=a/b/c")


def test_a_backbone_that_the_store_has_or_another_machine_loads_need_not_be_here(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(settings, "backbone.name=nope", "execution.stages.backbone=work_pool")
    made = StagePlan(
        stage="backbone", ref=ArtifactRef(stage="backbone", key="0" * 64, digest="1" * 64, uri="")
    )
    monkeypatch.setattr(explain, "plan_stages", lambda *_: [made])
    check(settings, "backbone.name=nope")
    with pytest.raises(RecipeError, match="'nope' is neither a model"):
        check_run(load_recipe("kk-tiny", RECIPES, ["backbone.name=nope"]), settings, ["backbone"], "")


def output_of_backbone(output: Path, settings: Settings) -> None:
    check_output(output, backbone_workdir(PretrainingConfig(), settings))


def test_a_backbone_is_not_trained_for_a_place_where_it_cannot_be_written(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path / "file", tmp_path / "file" / "sub", Path("/proc/x")):
        with pytest.raises(RecipeError) as refused:
            output_of_backbone(output, settings)
        assert str(refused.value).startswith(f"output = {str(output)!r} cannot be made a directory (")
        assert str(refused.value).endswith("); choose another with --output")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_backbone_overwrites_nothing_but_what_its_own_interrupted_run_left(
    settings: Settings, tmp_path: Path
) -> None:
    output, other = tmp_path / "model", tmp_path / "other"
    output_of_backbone(output, settings)
    output_of_backbone(output, settings)
    for one in (output, other):
        one.mkdir(exist_ok=True)
        (one / "config.json").write_text("{}")
        with pytest.raises(RecipeError, match=r"is there already; name a new directory, or remove it first"):
            output_of_backbone(one, settings)
    note_output(output, backbone_workdir(PretrainingConfig(), settings))
    output_of_backbone(output, settings)
    with pytest.raises(RecipeError, match="is there already"):
        output_of_backbone(other, settings)


def test_the_shipped_backbone_may_be_made_again(settings: Settings) -> None:
    assert (SHIPPED / "tiny" / "config.json").is_file()
    output_of_backbone(SHIPPED / "tiny", settings)


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
