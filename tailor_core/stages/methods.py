"""The methods: for each baseline the stages that it makes in another way than Tailor. All others are the same stages.

A baseline with another function or other inputs for a product has a definition of its own here, so nothing of it is in
a key of Tailor's. What no definition changes (problems, backbone, probe, verdicts, training, evaluation) is shared, key
by key. To add a baseline is a name in `config.baselines.Method`, a module in `stages.baselines` and an entry below.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from tailor_core.config.baselines import Method
from tailor_core.config.recipe import Recipe
from tailor_core.errors import InputError
from tailor_core.stages.registry import SAMPLING, STAGES, StageDefinition, check_stages

FIRST_POLICY = "first_policy"
"""The input of a stage that reads the policy of another method."""

_WARM_START_DATA = ("primitives", "demonstrations", "verdicts", "selection", "sft_dataset", "warm_start")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How a method differs from Tailor: stages made otherwise, and stages that it does without."""

    made_otherwise: Mapping[str, StageDefinition]
    without: tuple[str, ...] = ()

    @property
    def reads_first_policy(self) -> bool:
        return any(FIRST_POLICY in stage.inputs for stage in self.made_otherwise.values())


def _programs(
    module: str, demonstrations: str = "", selection: str = "verified", *, tokenized: bool = False
) -> _Way:
    """A baseline whose primitives are given, in `module`; demonstrations are Tailor's unless a function is named.

    That function reads the student's tokenizer where they are `tokenized`.
    """
    made = [_given(module), _chosen(selection)]
    if demonstrations:
        tailors = STAGES["demonstrations"]
        written = replace(tailors, function=f"tailor_core.stages.baselines.{demonstrations}")
        if tokenized:
            libraries = (*tailors.libraries, "tokenizers", "transformers")
            written = replace(written, inputs=(*tailors.inputs, "backbone"), libraries=libraries)
        made.append(written)
    return _Way(made_otherwise={stage.product: stage for stage in made})


def _sampled(module: str, demonstrations: str, model: str, selection: str) -> _Way:
    """A baseline whose demonstrations are answers of a model that is among the products, or the first policy."""
    written = StageDefinition(
        product="demonstrations",
        function=f"tailor_core.stages.baselines.{module}:{demonstrations}",
        config="tailor_core.config.baselines:BaselinesConfig",
        section="baselines",
        inputs=("problems", "primitives", model),
        libraries=SAMPLING,
    )
    made = (_given(module), written, _chosen(selection))
    return _Way(made_otherwise={stage.product: stage for stage in made})


def _given(module: str) -> StageDefinition:
    """Primitives that nobody looks for: they depend on the family alone."""
    return StageDefinition(
        product="primitives",
        function=f"tailor_core.stages.baselines.{module}:primitives",
        config=STAGES["primitives"].config,
        inputs=("problems",),
        seeded=False,
    )


def _chosen(function: str) -> StageDefinition:
    """A random choice to the budget instead of a diverse one."""
    return replace(STAGES["selection"], function=f"tailor_core.stages.baselines.plain_selection:{function}")


def _no_warm_start() -> _Way:
    """RL from the base model, which the flow gives the policy in the place of a warm start."""
    made = [
        replace(
            STAGES[product],
            inputs=tuple(name for name in STAGES[product].inputs if name not in _WARM_START_DATA),
        )
        for product in ("evaluation", "report")
    ]
    return _Way(made_otherwise={stage.product: stage for stage in made}, without=_WARM_START_DATA)


_WAYS: Mapping[Method, _Way] = MappingProxyType(
    {
        "tailor": _Way(made_otherwise={}),
        "none": _no_warm_start(),
        "rule-based": _programs("rule_based"),
        "4-star": _programs("four_star"),
        "empty-cot": _programs("four_star", "controls:empty_cot", "stand_ins"),
        "dots": _programs("four_star", "controls:dots", "stand_ins", tokenized=True),
        "all-wrong": _programs("four_star", "all_wrong:demonstrations", "wrong_answers"),
        "behavior-injection": _programs("behavior_injection"),
        # The papers verify answers. The step check knows no wrong attempt that is stitched to a right one, and would
        # leave about half of what a policy writes.
        "self-stitch": _sampled("self_stitch", "demonstrations", "backbone", "right_answers"),
        "re-distillation-a": _sampled("re_distillation", "greedy", FIRST_POLICY, "right_answers"),
        "re-distillation-b": _sampled("re_distillation", "rollouts", FIRST_POLICY, "right_answers"),
    }
)


def definition_of(stage: StageDefinition, method: Method) -> StageDefinition:
    """The stage as a method makes that product."""
    return _WAYS[method].made_otherwise.get(stage.product, stage)


def has_stage(product: str, method: Method) -> bool:
    """Whether a method makes a product at all."""
    return product not in _WAYS[method].without


def takes_teacher(method: Method) -> bool:
    """Whether the recipe's teacher writes the demonstrations, and not the model that is trained, or none at all."""
    return has_stage("demonstrations", method) and (
        definition_of(STAGES["demonstrations"], method).config == STAGES["demonstrations"].config
    )


def source_of(name: str, method: Method) -> str:
    """The product that a stage's input of this name is: the base model, where a method does without a warm start."""
    return "backbone" if name == "warm_start" and not has_stage(name, method) else name


def first_of(recipe: Recipe) -> Method | None:
    """The method whose policy the recipe's method distils; None where it distils none."""
    return recipe.baselines.first if _WAYS[recipe.method].reads_first_policy else None


def check_method_stages(method: Method, names: Iterable[str], until: str = "") -> None:
    """`check_stages`, and InputError where the method does without one of them."""
    names = list(names)
    check_stages(names, until)
    for name in (*names, *([until] if until else [])):
        if not has_stage(name, method):
            made = [stage for stage in STAGES if has_stage(stage, method)]
            raise InputError(
                f"stage = {name!r} is none of the method {method!r}, which makes {', '.join(made)}; name one of these, "
                "or choose another method"
            )
