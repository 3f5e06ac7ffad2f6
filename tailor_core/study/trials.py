"""The trials of a study, in the order in which they are best run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.config.load import flat, load_recipe
from tailor_core.config.study import Arm, Study, Sweep
from tailor_core.errors import RecipeError

LAST_STAGE = "evaluation"
"""A trial needs no page of its own."""

DISTILLING = ("re-distillation-a", "re-distillation-b")
"""Methods that begin with the policy of another one (`baselines.first`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One arm on one backbone with one seed: a run of a recipe, and what it came to.

    overrides: of the recipe, beyond the arm's name what decides what was run
    command: how to run it alone: ("run", "kk-tiny", "--set", ...)
    refs: product -> artifact; empty until it has come to its end
    reason: the sentence with which it ended, where it did not come to its end
    times: product -> seconds that its stage took where it was executed; empty where unknown
    mlflow: the page (or id) of its run in MLflow; empty where unknown
    """

    arm: str
    method: str
    backbone: str
    seed: int
    overrides: tuple[str, ...]
    command: tuple[str, ...]
    refs: Mapping[str, ArtifactRef] = field(default_factory=dict)
    reason: str = ""
    times: Mapping[str, float] = field(default_factory=dict)
    mlflow: str = ""

    @property
    def seconds(self) -> float:
        """What its stages took in all, shared ones too; 0 where unknown."""
        return sum(self.times.values())


def expand(study: Study, recipes: Path) -> list[Trial]:
    """All trials of a study, none of them run yet.

    Seed by seed, so that a study that is broken off has whole seeds; within a seed, what another method distils comes
    before what distils it. RecipeError, naming the arm, where its overrides are wrong, and where the default of a sweep
    is not what the recipe has.
    """
    recipe = load_recipe(study.recipe, recipes, study.overrides)
    for name, sweep in study.sweeps.items():
        _check_default(study, recipes, name, sweep)
    seeds = study.seeds if isinstance(study.seeds, tuple) else range(recipe.seed, recipe.seed + study.seeds)
    arms = sorted(study.all_arms().items(), key=lambda item: item[1].method in DISTILLING)
    return [
        _trial(study, recipes, name, arm, overrides, seed)
        for seed in seeds
        for overrides in _backbones(study)
        for name, arm in arms
    ]


def _backbones(study: Study) -> Iterator[tuple[str, ...]]:
    """The overrides of each backbone: none where it is the recipe's own."""
    yield from ((f"backbone.name={name}",) for name in study.backbones) if study.backbones else ((),)


def _trial(study: Study, recipes: Path, name: str, arm: Arm, backbone: tuple[str, ...], seed: int) -> Trial:
    overrides = (*study.overrides, f"method={arm.method}", *arm.overrides, *backbone, f"seed={seed}")
    try:
        recipe = load_recipe(study.recipe, recipes, overrides)
    except RecipeError as error:
        raise RecipeError(f"study {study.name!r}, arm {name!r}: {error}") from None
    options = [part for override in overrides for part in ("--set", override)]
    return Trial(
        arm=name,
        method=arm.method,
        backbone=recipe.backbone.name,
        seed=seed,
        overrides=overrides,
        command=("run", study.recipe, *options, "--until", LAST_STAGE),
    )


def _check_default(study: Study, recipes: Path, name: str, sweep: Sweep) -> None:
    """RecipeError where the method's own arm, which is drawn at the default, has another value."""
    if sweep.default is None:
        return
    own = (*study.overrides, f"method={sweep.method}")
    found, said = (
        flat(load_recipe(study.recipe, recipes, overrides).model_dump())
        for overrides in (own, (*own, *sweep.overrides_at(sweep.default)))
    )
    if different := next((field for field in said if said[field] != found.get(field)), None):
        raise RecipeError(
            f"study {study.name!r}: sweeps.{name}.default = {sweep.default!r} would have {different} = "
            f"{said[different]!r}, but the arm {sweep.method!r}, which is drawn there, has {found.get(different)!r}; "
            "write what the recipe has, or leave the default out"
        )


def trial_name(study: Study, trial: Trial) -> str:
    """What a trial is called, for people: `rule-based seed 8`, and with several backbones on which."""
    on = f" on {trial.backbone}" if study.backbones else ""
    return f"{trial.arm}{on} seed {trial.seed}"
