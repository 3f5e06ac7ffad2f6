"""What a run is refused for as it begins: what a stage would otherwise find out, hours later."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from flows import RECIPES
from tailor_core.config.backbone import PretrainingConfig
from tailor_core.config.recipe import Recipe
from tailor_core.config.settings import Settings, find_vllm, may_download
from tailor_core.environments import read_options
from tailor_core.environments.plugins import TEACHERS, find_plugin
from tailor_core.environments.teaching import takes_programs
from tailor_core.errors import RecipeError
from tailor_core.inference.models import find_model, find_weights, no_such_model
from tailor_core.primitives.language import language_of
from tailor_core.records import content_id
from tailor_core.stages.methods import check_method_stages, first_of, has_stage, takes_teacher
from tailor_core.stages.placement import placement_of
from tailor_core.stages.policy import check_reward
from tailor_core.stages.registry import STAGES
from tailor_core.training.vllm_checks import check_vllm

SHIPPED = RECIPES.parent.parent / "tailor_core" / "backbones"
"""Where the backbones lie that come with the package."""

_OF_THE_TEACHER = ("primitives", "demonstrations")
_NOTE = "output.txt"


def check_run(recipe: Recipe, settings: Settings, force: Sequence[str], until: str) -> None:
    """TailorError where a run with these arguments would come to a stage that cannot be done here.

    Args:
        recipe: what would be run
        settings: where; a policy that its store has needs nothing of this machine
        force: stages that would run although the store has their artifacts
        until: the last stage to run; all, where it is empty
    """
    check_method_stages(recipe.method, force, until)
    read_options(recipe.environment.name, recipe.environment.options)
    stages = tuple(STAGES)
    if until:
        stages = stages[: stages.index(until) + 1]
    if "backbone" in stages:
        _check_backbone(recipe, settings, anew="backbone" in force)
    if "probe" in stages:
        _check_train(recipe)
    if "primitives" in stages:
        _check_language(recipe)
    for stage in stages:
        _check_vllm(recipe, stage)
    if "policy" in stages:
        check_reward(recipe.policy.reward, recipe.environment.name)
        _check_rollouts(recipe, settings, anew="policy" in force)


def check_output(output: Path, workdir: Path) -> None:
    """RecipeError where no backbone can be written, half an hour later, to `output`.

    What that holds is not overwritten, save a shipped backbone, and what an interrupted run left that has `workdir`.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecipeError(
            f"output = {str(output)!r} cannot be made a directory ({error.strerror}); choose another with --output"
        ) from error
    if not os.access(output, os.W_OK):
        raise RecipeError(
            f"output = {str(output)!r} cannot be written to; mend its permissions, or choose another with --output"
        )
    note = workdir / _NOTE
    own = output.parent == SHIPPED or (note.is_file() and note.read_text(encoding="utf-8") == str(output))
    if any(output.iterdir()) and not own:
        raise RecipeError(
            f"output = {str(output)!r} is there already; name a new directory, or remove it first"
        )


def note_output(output: Path, workdir: Path) -> None:
    """Note that what has this workdir writes to `output`, for the run that goes on if it is interrupted."""
    workdir.mkdir(parents=True, exist_ok=True)
    (workdir / _NOTE).write_text(str(output), encoding="utf-8")


def backbone_workdir(config: PretrainingConfig, settings: Settings) -> Path:
    """What a run that makes such a backbone keeps, so that another goes on where it was interrupted."""
    return settings.work / f"pretraining-{content_id(config.model_dump(mode='json'))}"


def _check_backbone(recipe: Recipe, settings: Settings, *, anew: bool) -> None:
    """RecipeError where `backbone.name` leads to no model here; not where the store has it, or the hub may."""
    from tailor_core.artifacts.store import Store
    from tailor_core.stages.explain import plan_stages

    name = recipe.backbone.name
    here = placement_of(STAGES["backbone"], recipe).where != "work_pool"
    if not here or find_model(name) or find_weights(name) or _may_be_of_the_hub(name):
        return
    plans = [] if anew else plan_stages(recipe, Store(settings.store), list(STAGES.values()))
    if not any(plan.stage == "backbone" and plan.hit for plan in plans):
        raise no_such_model(name)


def _may_be_of_the_hub(name: str) -> bool:
    """Whether it is an id whose model is in the local cache, or may be downloaded; the network is not asked."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        return False
    return isinstance(cached, str) or may_download()


def _check_train(recipe: Recipe) -> None:
    """RecipeError where there is no problem to probe, teach and train with."""
    train = recipe.problems.train
    if not (sum(train.values()) if isinstance(train, dict) else train):
        raise RecipeError(
            f"problems.train = {train} leaves nothing to probe, to teach or to train with; ask for one or more, or end "
            "with --until problems"
        )


def _check_language(recipe: Recipe) -> None:
    """RecipeError where primitives need a move language that is not there."""
    family = recipe.environment.name
    if not takes_teacher(first_of(recipe) or recipe.method):
        return
    if takes_programs(recipe.teacher.kind, family):
        language_of(family).within(recipe.primitives.dimensions)
    elif recipe.teacher.shots and find_plugin(TEACHERS, family) is None:
        raise RecipeError(
            f"teacher.shots = {recipe.teacher.shots} shows problems that programs solve, but environment.name = "
            f"{family!r} has no move language; set teacher.shots = 0"
        )


def _check_vllm(recipe: Recipe, stage: str) -> None:
    """MissingExtraError where a stage needs vLLM here, and there is none."""
    if not has_stage(stage, recipe.method):
        return
    if stage in _OF_THE_TEACHER and not takes_teacher(first_of(recipe) or recipe.method):
        return
    here = placement_of(STAGES[stage], recipe).where == "local"
    if here and getattr(recipe.section(stage), "runs_vllm", False):
        find_vllm()


def _check_rollouts(recipe: Recipe, settings: Settings, *, anew: bool) -> None:
    """TailorError where the policy would be trained here, and cannot be; not where the store has it."""
    from tailor_core.artifacts.store import Store
    from tailor_core.stages.explain import plan_stages

    here = placement_of(STAGES["policy"], recipe).where == "local"
    if recipe.policy.rollout_engine != "vllm" or not here:
        return
    plans = [] if anew else plan_stages(recipe, Store(settings.store), list(STAGES.values()))
    if not any(plan.stage == "policy" and plan.hit for plan in plans):
        check_vllm(recipe.policy)
