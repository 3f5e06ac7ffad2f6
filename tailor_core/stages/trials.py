"""How far the trials of a study are: what the store has of each, and which of them end with one sentence.

A stage that cannot do what its recipe asks (a base model that solves nothing has no answers to stitch) cannot do it the
next time either. What it said is kept beside the log of its trial, with the stage's key: as long as the trial
comes to the same stage with the same key it is not run again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tailor_core.artifacts.store import Store
from tailor_core.config.load import load_recipe
from tailor_core.config.settings import Settings
from tailor_core.records import content_id
from tailor_core.stages.explain import StagePlan, plan_stages
from tailor_core.stages.registry import STAGES
from tailor_core.study.trials import LAST_STAGE, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPlan:
    """A trial, and what a run of it would do, stage by stage.

    `trial` has its artifacts where all of them are in the store, and its reason where it would end as it did before.
    `kept` is where its log and its end are, but for the suffix.
    """

    trial: Trial
    stages: Sequence[StagePlan]
    kept: Path

    @property
    def missing(self) -> list[str]:
        """The stages that would run, or wait on one that would."""
        return [plan.stage for plan in self.stages if not plan.hit]

    @property
    def settled(self) -> bool:
        """Whether a run would change nothing."""
        return bool(self.trial.refs or self.trial.reason)

    @property
    def log(self) -> Path:
        """What its last run printed."""
        return self.kept.with_name(f"{self.kept.name}.log")


def study_directory(settings: Settings, study: str) -> Path:
    """Where the logs and ends of a study's trials are."""
    return settings.home / "studies" / study


def plan_trial(trial: Trial, recipes: Path, store: Store, directory: Path) -> TrialPlan:
    """What a run of a trial would do, without doing it; what is complete is there byte by byte.

    `directory` is the study's, with logs and ends. RecipeError where its recipe is wrong.
    """
    order = list(STAGES)
    recipe = load_recipe(trial.command[1], recipes, trial.overrides)
    stages = plan_stages(recipe, store, [STAGES[name] for name in order[: order.index(LAST_STAGE) + 1]])
    kept = directory / content_id(["trial", *trial.command], length=12)
    refs = {plan.stage: plan.ref for plan in stages if plan.ref}
    if len(refs) == len(stages):
        manifests = {product: store.find(ref.stage, ref.key) for product, ref in refs.items()}
        times = {product: manifest.seconds for product, manifest in manifests.items() if manifest}
        trial = replace(trial, refs=refs, times=times)
    else:
        trial = replace(trial, reason=_recall(kept, stages))
    return TrialPlan(trial=trial, stages=stages, kept=kept)


def remember(plan: TrialPlan, reason: str) -> None:
    """Keep the sentence with which a trial's next stage ended; one that is not about that stage may not come again."""
    stage = _next(plan.stages)
    if stage and reason.startswith(stage.stage):
        kept = {"stage": stage.stage, "key": stage.key, "reason": reason}
        _file(plan.kept).write_text(json.dumps(kept, indent=1), encoding="utf-8")


def _recall(kept: Path, stages: Sequence[StagePlan]) -> str:
    """The sentence with which the next stage ended before; empty where that was another one, or there is none."""
    stage = _next(stages)
    try:
        value = json.loads(_file(kept).read_text(encoding="utf-8"))
        known = (str(value["stage"]), str(value["key"]), str(value["reason"]))
    except (OSError, ValueError, TypeError, KeyError):
        return ""
    return known[2] if stage and known[:2] == (stage.stage, stage.key) else ""


def _next(stages: Sequence[StagePlan]) -> StagePlan | None:
    """The first stage that would run; None where there is none, or it waits on another run."""
    missing = next((plan for plan in stages if not plan.hit), None)
    return missing if missing and missing.key else None


def _file(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.json")
