"""What a stage's result depends on, all of it and nothing else; its hash is the stage key.

No path, host, time or run id is in a spec. Inputs are there by content digest, so a stage that is run again
and yields the same content costs nothing downstream.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import BaseModel

from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.config.keyed import keyed_values
from tailor_core.config.recipe import Recipe
from tailor_core.config.teacher import TeacherConfig
from tailor_core.environments.base import get_environment
from tailor_core.environments.plugins import ENVIRONMENTS, TEACHERS, find_plugin
from tailor_core.environments.teaching import get_teaching, takes_programs
from tailor_core.errors import RecipeError
from tailor_core.records import canonical_json
from tailor_core.stages.fingerprint import code_fingerprint, library_versions
from tailor_core.stages.placement import find_interpreter, placement_of
from tailor_core.stages.registry import StageDefinition, load_target


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """The canonical description of one stage's work.

    function:  what runs, by dotted name; code: module -> digest of its meaning
    config:    the resolved section of the recipe, as JSON values, without those that change nothing in the result
    inputs:    input name -> content digest
    libraries: distribution -> version
    sources:   other things outside the recipe that decide the result -> digest
    seed:      of the run, None for stages that draw nothing
    """

    stage: str
    function: str
    schema_version: int
    config: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None

    @property
    def key(self) -> str:
        """64 hex digits."""
        return hashlib.sha256(canonical_json(self.to_json()).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


_RUNS_FAMILY = {"tailor_core.environments.base": ENVIRONMENTS, "tailor_core.environments.teaching": TEACHERS}
"""A stage that reaches one of these modules runs what the recipe's family has in that group."""


def make_spec(definition: StageDefinition, recipe: Recipe, inputs: Mapping[str, ArtifactRef]) -> StageSpec:
    """The spec of a stage of this recipe with these inputs.

    RecipeError where the family or the stage's sources, such as a local model, are not there.
    """
    config = definition.config_in(recipe)
    code = code_fingerprint(definition.function.partition(":")[0])
    libraries = set(definition.libraries_of(config))
    family = recipe.environment.name
    for group in [g for module, g in _RUNS_FAMILY.items() if module in code and _runs(config, g, family)]:
        modules, required = _family_part(group, family)
        libraries |= required
        for module in modules:
            code |= code_fingerprint(module)
    return StageSpec(
        stage=definition.product,
        function=definition.function,
        schema_version=definition.schema_version,
        config=keyed_values(config),
        inputs={name: ref.digest for name, ref in sorted(inputs.items())},
        code=dict(sorted(code.items())),
        libraries=library_versions(libraries, _interpreter(definition, recipe)),
        sources=dict(load_target(definition.sources)(config)) if definition.sources else {},
        seed=_seed(definition, config, recipe),
    )


def _seed(definition: StageDefinition, config: BaseModel, recipe: Recipe) -> int | None:
    """A section may have a seed of its own, in the place of the recipe's."""
    if not definition.seeded:
        return None
    own: int | None = getattr(config, "seed", None)
    return recipe.seed if own is None else own


def _interpreter(definition: StageDefinition, recipe: Recipe) -> str:
    """Whose libraries decide the stage's result; empty is this process. RecipeError where it should be here and is not.

    What runs in a work pool may be on a machine that cannot be asked: the stage refuses to run where libraries differ.
    """
    place = placement_of(definition, recipe)
    try:
        return find_interpreter(place.python) if place.python else ""
    except RecipeError:
        if place.where == "subprocess":
            raise
        return ""


def _runs(config: BaseModel, group: str, family: str) -> bool:
    """Whether a stage with this section runs that part of a family: not every teacher needs a move language."""
    teacher = getattr(config, "teacher", None)
    if group == TEACHERS and isinstance(teacher, TeacherConfig):
        return bool(teacher.shots) or takes_programs(teacher.kind, family)
    return True


def _family_part(group: str, name: str) -> tuple[set[str], set[str]]:
    """The modules that a part of the family `name` comes from, and the distributions that it names or its own requires.

    It may come from a package of the user's own, and its entry point may only import what another module defines.
    """
    libraries: Iterable[str] = ()
    if group == ENVIRONMENTS:
        environment = get_environment(name)
        made: list[Any] = [type(environment)]
        libraries = getattr(environment, "libraries", ())
    else:
        teaching = get_teaching(name)
        made = [teaching.program, teaching.write]
    plugin = find_plugin(group, name)
    assert plugin, "it was found a moment ago"
    return {plugin.module, *(one.__module__ for one in made)}, {*plugin.requires, *libraries}
