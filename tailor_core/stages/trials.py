"""How far the trials of a study are: what the store has of each, and which of them end with one sentence.

A stage that cannot do what its recipe asks (a base model that solves nothing has no answers to stitch) cannot do it the
next time either. What it said is kept beside the log of its trial, with the stage's key: as long as the trial
comes to the same stage with the same key it is not run again. Of a trial that came to its end its artifacts are noted
there, for `tailor store gc`: all seeds of a method are runs of one recipe, of which it would leave the last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tailor_core.artifacts.ancestry import Place
from tailor_core.artifacts.durable import write_last
from tailor_core.artifacts.store import Store
from tailor_core.config.load import load_recipe
from tailor_core.config.settings import Settings
from tailor_core.config.study import Study
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


def studies_directory(settings: Settings) -> Path:
    """Where the directories of studies are."""
    return settings.home / "studies"


def study_directory(settings: Settings, study: str) -> Path:
    """Where the logs and ends of a study's trials are."""
    return studies_directory(settings) / study


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


def plan_study(study: Study, trials: Sequence[Trial], recipes: Path, settings: Settings) -> list[TrialPlan]:
    """What a run of each trial of a study would do, in their order. RecipeError as `plan_trial`."""
    store, directory = Store(settings.store), study_directory(settings, study.name)
    return [plan_trial(trial, recipes, store, directory) for trial in trials]


def remember(plan: TrialPlan, reason: str) -> None:
    """Keep the sentence with which a trial's next stage ended; one that is not about that stage may not come again."""
    stage = _next(plan.stages)
    if stage and reason.startswith(stage.stage):
        _keep(plan, {"stage": stage.stage, "key": stage.key, "reason": reason})


def note_artifacts(plan: TrialPlan) -> None:
    """Keep where a trial's artifacts lie, for `read_artifacts`; nothing of one that has not come to its end."""
    if plan.trial.refs:
        _keep(plan, {"artifacts": sorted([ref.stage, ref.key] for ref in plan.trial.refs.values())})


def read_artifacts(settings: Settings) -> dict[str, set[Place]]:
    """Study -> where the artifacts lie of those of its trials that came to their end; a file that is torn says none."""
    found: dict[str, set[Place]] = {}
    for file in studies_directory(settings).glob("*/*.json"):
        with suppress(OSError, ValueError, TypeError, KeyError):
            places = {(str(stage), str(key)) for stage, key in _read(file)["artifacts"]}
            found.setdefault(file.parent.name, set()).update(places)
    return found


def _keep(plan: TrialPlan, end: Mapping[str, Any]) -> None:
    plan.kept.parent.mkdir(parents=True, exist_ok=True)
    write_last(_file(plan.kept), json.dumps(end, indent=1))


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _recall(kept: Path, stages: Sequence[StagePlan]) -> str:
    """The sentence with which the next stage ended before; empty where that was another one, or there is none."""
    stage = _next(stages)
    try:
        value = _read(_file(kept))
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
