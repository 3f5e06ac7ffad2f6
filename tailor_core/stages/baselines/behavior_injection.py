"""Behavior injection: exploration and reflection put into the rule-based traces, as BRIDGE does (arXiv 2505.18917).

There, a program analyses which step comes next, and with probability 0.1 a step is one that fails and is taken back.
Here each trace explores in the same sense (it says what it turns to or depends on, and works in detail), and half of
them or more have one reflection. Not equal: the number of reflections does not grow with the length of a trace, and the
sentences are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.primitives.given import Way, Ways, ways_of
from tailor_core.stages.baselines.given_primitives import family_of, write_given
from tailor_core.stages.baselines.rule_based import WAYS as RULES
from tailor_core.stages.context import StageContext

METHOD = "behavior-injection"


def _injected(family: str, explored: Mapping[str, str], slips: Sequence[str], told: str) -> list[Way]:
    """The rule with exploration, once for each slip that is reflected on."""
    rule = RULES[family][0]
    return [
        replace(
            rule,
            name="exploration" if slip == "none" else f"exploration, reflection on {slip}",
            must={**rule.must, **explored, "slip": slip},
            instruction=rule.instruction + told + ("" if slip == "none" else _REFLECT),
        )
        for slip in slips
    ]


_REFLECT = (
    " Reflect on what you do: where a step was wrong or came too early, say so, take it back and go on."
)

WAYS: Ways = {
    "kk": _injected(
        "kk",
        {"subgoals": "focus", "weighing": "clauses"},
        ("none", "judge"),
        " Say whom you are turning to, and judge each clause of a claim.",
    ),
    "igsm": _injected(
        "igsm",
        {"asking": "needs", "arithmetic": "detailed"},
        ("none", "premature", "arithmetic"),
        " Before each computation say what it depends on, and write out the arithmetic.",
    ),
    "countdown": _injected(
        "countdown",
        {"aiming": "pair", "wandering": "short"},
        ("none", "arithmetic", "reuse"),
        " Say what you want to make of two numbers, and try more than one way.",
    ),
}


def primitives(config: PrimitivesConfig, context: StageContext) -> dict[str, Any]:
    """Write primitives.parquet: the rule with exploration, without and with reflection."""
    return write_given(METHOD, ways_of(METHOD, WAYS, family_of(context)), config, context)
