"""Putting a recipe's artifacts aside, so that the next run makes them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tailor_core.artifacts.locks import held
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.config.recipe import Recipe
from tailor_core.stages.explain import plan_stages
from tailor_core.stages.registry import StageDefinition

_BUSY_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalidated:
    """What became of one stage: its artifact and where that lies now, or why there is none to put aside."""

    stage: str
    ref: ArtifactRef | None = None
    moved_to: str = ""
    reason: str = ""


def invalidate(
    recipe: Recipe,
    store: Store,
    locks: Path,
    definitions: Sequence[StageDefinition],
    stages: Sequence[str],
    *,
    dry_run: bool = False,
) -> Iterator[Invalidated]:
    """Move the artifacts that these stages have in this recipe to quarantine; with `dry_run` only say which.

    What follows them stays, and counts again where the stages yield the same content once more. `locks` is where
    locks lie if the store is not local. BusyError where another process makes one of them.
    """
    plans = {plan.stage: plan for plan in plan_stages(recipe, store, definitions)}
    for stage in dict.fromkeys(stages):
        plan = plans[stage]
        if plan.ref is None:
            waits = [f"it waits on {', '.join(plan.waits_on)}"] if plan.waits_on else []
            yield Invalidated(stage=stage, reason="; ".join([*plan.reasons, *waits]))
            continue
        moved_to = "" if dry_run else _put_aside(store, locks, plan.ref)
        yield Invalidated(stage=stage, ref=plan.ref, moved_to=moved_to)


def _put_aside(store: Store, locks: Path, ref: ArtifactRef) -> str:
    lock = store.lock_file(ref.stage, ref.key, locks)
    with held(lock, f"{ref.stage} {ref.key[:12]}", timeout=_BUSY_SECONDS):
        return store.quarantine(ref.stage, ref.key)
