"""Rule-based SFT: the solver's standard chain of thought, one strategy for all problems of a family.

Knights & Knaves: a depth-first search over the people that assumes roles, tests the claims and goes back, as mem-kk's
(Xie et al. 2024, arXiv 2410.23123). iGSM: the template solution in topological order (Ye et al. 2024, arXiv
2407.20311). Countdown: straight to the target. Another family: the plainest program of its move language. The
sentences are those of Tailor's move languages, not of the papers.
"""

from __future__ import annotations

from typing import Any

from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.primitives.given import Way, Ways
from tailor_core.stages.baselines.given_primitives import family_of, write_given
from tailor_core.stages.context import StageContext

METHOD = "rule-based"

PLAINEST = Way(name="the plainest program")

WAYS: Ways = {
    "kk": [
        Way(
            name="depth-first search",
            must={"depth": "none", "branching": "nested", "direction": "forward", "cases": "single"},
            may={"order": "connected", "case": "knight", "inspection": "spot", "verification": "none"},
            instruction="Assume a role for one person after the other and test the claims; where they contradict, go "
            "back to the last assumption that can still be changed.",
        )
    ],
    "igsm": [
        Way(
            name="template solution",
            must={"direction": "forward"},
            may={"order": "given", "steps": "single", "arithmetic": "direct", "asking": "none"},
            instruction="Define one needed quantity after the other, each after those that it depends on, with one "
            "operation at a time.",
        )
    ],
    "countdown": [
        Way(
            name="straight to the target",
            must={"direction": "forward", "wandering": "straight"},
            instruction="Join two numbers at a time until the target is left.",
        )
    ],
}


def primitives(config: PrimitivesConfig, context: StageContext) -> dict[str, Any]:
    """Write primitives.parquet: the one strategy."""
    return write_given(METHOD, WAYS.get(family_of(context), [PLAINEST]), config, context)
