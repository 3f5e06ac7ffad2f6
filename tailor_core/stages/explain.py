"""Why a stage would run: what differs from the nearest artifact that the store has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.config.load import flat, shown
from tailor_core.config.recipe import Recipe, place_of
from tailor_core.stages.methods import FIRST_POLICY, definition_of, first_of, has_stage, source_of
from tailor_core.stages.registry import StageDefinition
from tailor_core.stages.spec import StageSpec, make_spec

_SHOWN_REASONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """What would happen to one stage: a hit has a reference, a miss has reasons, or inputs that it waits on, or both.

    What only waits is a hit after all if those inputs turn out as they were in some earlier run. `key` is the stage
    key, empty where that is not known yet.
    """

    stage: str
    key: str = ""
    reasons: tuple[str, ...] = ()
    waits_on: tuple[str, ...] = ()
    ref: ArtifactRef | None = None

    @property
    def hit(self) -> bool:
        return self.ref is not None

    def to_line(self) -> str:
        """One line for a terminal."""
        if self.ref:
            return f"{self.stage:<15} hit   {self.ref.digest[:12]}"
        told = list(self.reasons[:_SHOWN_REASONS])
        more = len(self.reasons) - len(told)
        told += [f"and {more} more"] if more else []
        if self.waits_on:
            unless = "" if self.reasons else " (a hit after all if nothing new comes of that)"
            told.append(f"waits on {', '.join(self.waits_on)}{unless}")
        return f"{self.stage:<15} miss  {'; '.join(told)}"

    def to_json(self) -> dict[str, Any]:
        """The same for programs; `digest` is null where it is not known yet."""
        return {
            "stage": self.stage,
            "hit": self.hit,
            "reasons": list(self.reasons),
            "waits_on": list(self.waits_on),
            "digest": self.ref.digest if self.ref else None,
        }


def plan_stages(recipe: Recipe, store: Store, definitions: Sequence[StageDefinition]) -> list[StagePlan]:
    """What a run of this recipe would do, stage by stage as its method makes them, without doing it.

    Where an input would be made anew its content is not known yet, and so the stage waits on it.
    """
    refs = _first_policy(recipe, store, definitions)
    plans = []
    for definition in (definition_of(one, recipe.method) for one in definitions):
        if not has_stage(definition.product, recipe.method):
            continue
        read = definition.inputs_of(definition.config_in(recipe))
        inputs = {
            name: refs[source_of(name, recipe.method)]
            for name in read
            if source_of(name, recipe.method) in refs
        }
        spec = make_spec(definition, recipe, inputs)
        plan = _plan_stage(spec, store, tuple(name for name in read if name not in inputs))
        if plan.ref:
            refs[definition.product] = plan.ref
        plans.append(plan)
    return plans


def _first_policy(
    recipe: Recipe, store: Store, definitions: Sequence[StageDefinition]
) -> dict[str, ArtifactRef]:
    """The policy of another method that the recipe's own distils, where it distils one and the store has that."""
    first = first_of(recipe)
    if first is None:
        return {}
    plans = plan_stages(recipe.model_copy(update={"method": first}), store, definitions)
    policy = next(plan for plan in plans if plan.stage == "policy")
    return {FIRST_POLICY: policy.ref} if policy.ref else {}


def why_made(spec: StageSpec, store: Store) -> tuple[str, ...]:
    """What differs from the nearest other artifact of this stage: why it had to be made, at any time after that."""
    return _reasons(spec, store, ())


def _plan_stage(spec: StageSpec, store: Store, unknown: tuple[str, ...]) -> StagePlan:
    if not unknown:
        manifest = store.find(spec.stage, spec.key)
        damage = store.damage(manifest) if manifest else ""
        if manifest and not damage:
            return StagePlan(stage=spec.stage, key=spec.key, ref=manifest.ref)
        if damage:
            reason = f"the artifact is damaged: {damage}"
            return StagePlan(stage=spec.stage, key=spec.key, reasons=(reason,))
    key = "" if unknown else spec.key
    return StagePlan(stage=spec.stage, key=key, reasons=_reasons(spec, store, unknown), waits_on=unknown)


def _reasons(spec: StageSpec, store: Store, unknown: Sequence[str]) -> tuple[str, ...]:
    """The differences to the nearest other artifact of this stage, the newest among equals."""
    wanted = _comparable(spec.to_json(), unknown)
    found = [
        (_differences(_comparable(manifest.spec, unknown), wanted), manifest.created)
        for manifest in store.manifests(spec.stage)
        if manifest.key != spec.key
    ]
    if not found:
        return ("never run in this store",)
    fewest = min(len(changes) for changes, _ in found)
    return max((item for item in found if len(item[0]) == fewest), key=lambda item: item[1])[0]


def _comparable(spec: Mapping[str, Any], unknown: Sequence[str]) -> dict[str, Any]:
    """The fields of a spec, one level deep, without the inputs whose content is not known yet."""
    fields = flat({name: value for name, value in spec.items() if name != "inputs"})
    fields |= {f"inputs.{name}": digest for name, digest in spec["inputs"].items() if name not in unknown}
    return fields


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    stage = str(new["stage"])
    return tuple(
        _told(stage, name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _told(stage: str, name: str, old: Any, new: Any) -> str:
    section, _, rest = name.partition(".")
    if section == "inputs":
        return f"the content of input {rest} {_digest(old)} -> {_digest(new)}"
    if section == "code":
        if old is None or new is None:
            return f"it {'also' if old is None else 'no longer'} runs the code of {rest}"
        return f"the code of {rest} changed"
    if section == "config":
        return f"{place_of(stage, rest)} {shown(old)} -> {shown(new)}"
    return f"{name} {shown(old)} -> {shown(new)}"


def _digest(value: str | None) -> str:
    return value[:12] if value else "none"
