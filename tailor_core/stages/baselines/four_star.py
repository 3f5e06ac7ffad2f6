"""4-STaR: the four habits of Gandhi et al. 2025 (arXiv 2503.01307), all of them in each trace, worded for each family.

Verification, backtracking, subgoal setting and backward chaining. There, a language model writes the traces, told by a
system prompt that lists them; here a program of the move language does, or a chat teacher with these instructions. Not
equal to the paper: rows are verified (there, only the controls look at correctness), and the habits are those of our
move languages.
"""

from __future__ import annotations

from typing import Any

from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.primitives.given import Way, Ways, ways_of
from tailor_core.stages.baselines.given_primitives import family_of, write_given
from tailor_core.stages.context import StageContext

METHOD = "4-star"

WAYS: Ways = {
    "kk": [
        Way(
            name="four habits",
            must={
                "verification": "check",
                "branching": "nested",
                "subgoals": "open",
                "direction": "backward",
            },
            may={"depth": "none"},
            instruction="Use these four habits, each at least once. Subgoals: say who is still to be placed, and place "
            "them one by one. Backward chaining: start from the person you want to place, and ask who says something "
            "about them. Backtracking: assume a role, and where the claims contradict each other, say so, give it up "
            "and try the other. Verification: in the end check every claim against the roles you found.",
        )
    ],
    "igsm": [
        Way(
            name="four habits",
            must={
                "verification": "all",
                "slip": "premature",
                "listing": "needed",
                "direction": "backward",
            },
            instruction="Use these four habits, each at least once. Subgoals: list the quantities that you will need. "
            "Backward chaining: start from the question, and say what you need for it, then what you need for that. "
            "Backtracking: where you turn to something that cannot be found yet, say so, leave it and find what it "
            "needs first. Verification: in the end compute everything once more.",
        )
    ],
    "countdown": [
        Way(
            name="four habits",
            must={
                "verification": "expression",
                "wandering": "short",
                "aiming": "pair",
                "direction": "backward",
            },
            instruction="Use these four habits, each at least once. Subgoals: before you join two numbers, say what "
            "you want to make of them. Backward chaining: start from the target, set a number aside and say what the "
            "others have to make. Backtracking: where an attempt misses, say so, and go back to an earlier choice. "
            "Verification: in the end evaluate the whole expression.",
        )
    ],
}


def primitives(config: PrimitivesConfig, context: StageContext) -> dict[str, Any]:
    """Write primitives.parquet: the one way with all four habits."""
    return write_given(METHOD, ways_of(METHOD, WAYS, family_of(context)), config, context)
