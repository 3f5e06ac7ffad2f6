"""Rewards in the shape of TRL's `reward_funcs`: completions and data set columns in, a float each out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from tailor_core.environments.rows import json_object, problem_from_json, shown
from tailor_core.errors import InputError
from tailor_core.records import Problem
from tailor_core.verification.scoring import MODES, Mode, score

RewardFunction = Callable[..., list[float]]


def reward_function(mode: Mode = "binary", environment: str | None = None) -> RewardFunction:
    """A callable for TRL's `reward_funcs`, named after the mode (TRL logs that name).

    It takes `completions`, texts or lists of messages (the last one counts), and the columns of the data set:
    either `problem` (`Problem`s, or JSON lines as text or dict), or the fields of a problem as columns of
    their own, of which `metadata` is enough. `environment` is that of problems that name none.
    """
    if mode not in MODES:
        raise InputError(f"mode = {mode!r}, but must be one of {', '.join(MODES)}")

    def reward(completions: Sequence[Any], **columns: Any) -> list[float]:
        problems = _problems(columns, len(completions), environment)
        return [
            score(problem, completion_text(completion), mode).reward
            for problem, completion in zip(problems, completions, strict=True)
        ]

    reward.__name__ = f"{mode.replace('-', '_')}_reward"
    return reward


def completion_text(completion: Any) -> Any:
    """The text of a completion: itself, or the content of the last message; anything else earns no reward."""
    if isinstance(completion, (list, tuple)):
        last = completion[-1] if completion else None
        return last.get("content") if isinstance(last, Mapping) else None
    return completion


def _problems(columns: Mapping[str, Any], count: int, environment: str | None) -> list[Problem]:
    if "problem" in columns:
        cells = columns["problem"]
    elif "metadata" in columns:
        fields = [field for field in ("id", "environment", "question", "metadata") if field in columns]
        rows = zip(*(columns[field] for field in fields), strict=True)
        cells = [dict(zip(fields, row, strict=True)) for row in rows]
    else:
        raise InputError(
            "the data set has neither a column problem nor a column metadata, so completions cannot be "
            "scored; add the problem as a JSON text column named problem"
        )
    if len(cells) != count:
        raise InputError(f"{count} completions came with {len(cells)} problems; give one for each")
    return [_problem(cell, environment) for cell in cells]


def _problem(cell: Any, environment: str | None) -> Problem:
    if isinstance(cell, Problem):
        return cell
    if isinstance(cell, str):
        return _problem_of_text(cell, environment)
    if isinstance(cell, Mapping):
        return problem_from_json(cell, environment)
    raise InputError(f"problem = {shown(cell)}, but must be a problem as JSON text or as a dict")


@lru_cache(maxsize=4096)
def _problem_of_text(text: str, environment: str | None) -> Problem:
    """Every problem comes back for each completion of its group and in each epoch; read it once."""
    return problem_from_json(json_object(text, "problem"), environment)
