"""verl: rows of a training file, and the function that scores them.

In verl's configuration, with the path of this file:

    custom_reward_function.path=.../tailor_core/exchange/verl.py
    custom_reward_function.name=compute_score
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from tailor_core.environments.knights_knaves import formats as knights_knaves
from tailor_core.environments.rows import problem_to_json, shown
from tailor_core.errors import InputError
from tailor_core.records import Problem, canonical_json
from tailor_core.verification import Mode, RewardFunction, reward_function

LOGIC_RL = "kk_logic"
"""What Logic-RL calls Knights & Knaves; its own files are scored, too."""

_PEERS = {"kk": knights_knaves.to_logic_rl}
"""Families of which others publish files for verl -> the row in their form."""


def to_verl(problem: Problem, index: int) -> dict[str, Any]:
    """The row of the problem that stands at `index` of its file; `extra_info.problem` holds all of it as JSON text.

    Knights & Knaves have all columns of Logic-RL's files.
    """
    peer = _PEERS.get(problem.environment)
    row = peer(problem, index) if peer else _row(problem, index)
    whole = canonical_json(problem_to_json(problem))
    return {**row, "extra_info": {**row["extra_info"], "problem": whole}}


def _row(problem: Problem, index: int) -> dict[str, Any]:
    return {
        "data_source": f"tailor/{problem.environment}",
        "prompt": [{"role": "user", "content": problem.question}],
        "ability": "reasoning",
        "reward_model": {"style": "rule", "ground_truth": problem.answer},
        "extra_info": {"split": problem.split, "index": index},
    }


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    mode: Mode = "binary",
) -> float:
    """The reward of a response to a row of `to_verl`, or of a file of Logic-RL's.

    `mode` is one of `verification.MODES`. InputError where the row does not say which problem it is.
    """
    problem = (extra_info or {}).get("problem")
    if problem is None:
        if data_source != LOGIC_RL or not isinstance(ground_truth, Mapping):
            raise InputError(
                f"data_source = {shown(data_source)} came without extra_info.problem; "
                "train on files of tailor problems --export verl, or of Logic-RL's"
            )
        problem = canonical_json(knights_knaves.row_of_truth(ground_truth))
    return _reward(mode)(completions=[solution_str], problem=[problem])[0]


@cache
def _reward(mode: Mode) -> RewardFunction:
    return reward_function(mode, environment="kk")
