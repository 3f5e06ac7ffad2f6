"""Which reasoning moves a trace shows, however imperfect its text: the primitives that a model still uses.

Counts come from the sentence forms of the trace language that the environment owns (`Environment.count_moves`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from tailor_core.environments.base import get_environment
from tailor_core.evaluation.intervals import rounded


def classify(environment: str, think: str) -> dict[str, int]:
    """How often each move of an environment is seen in a think block; moves not seen are left out.

    Any text will do: whatever is no step counts as `other`, a last sentence cut short among it.
    """
    return get_environment(environment).count_moves(think)


def trace_of(completion: str) -> str:
    """The think block of a completion, or what comes nearest to it where the tags are not in order."""
    before_answer = completion.partition("</think>")[0].partition("<answer>")[0]
    return before_answer.replace("<think>", " ")


def usage(traces: Iterable[Mapping[str, int]]) -> dict[str, dict[str, float]]:
    """Per move: the share of traces that show it, and its mean count in a trace. Sorted by move."""
    shown: Counter[str] = Counter()
    total: Counter[str] = Counter()
    number = 0
    for number, moves in enumerate(traces, 1):  # noqa: B007  # the last number is the count
        shown.update(move for move, count in moves.items() if count)
        total.update(moves)
    return {
        move: {"share": rounded(shown[move] / number), "mean": rounded(total[move] / number)}
        for move in sorted(shown)
    }
