"""Rows: Tailor's own, and those of the peers.

TinyZero's data set has `nums` and `target`; verl rows of it hold `numbers` and `target` as the ground truth of
their reward model; items of reasoning-gym's `countdown` hold them in their metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tailor_core.environments.countdown.answers import check_answer
from tailor_core.environments.countdown.generator import problem_of
from tailor_core.environments.countdown.solver import all_solutions
from tailor_core.environments.countdown.spec import Countdown, canonical_hash, read_spec
from tailor_core.environments.rows import identity_of, json_object, metadata_spec, shown, split_of, text_of
from tailor_core.errors import InputError
from tailor_core.records import Problem


def from_record(row: Mapping[str, Any]) -> Problem:
    """The problem of a row in one of the four forms; a question in other words is kept as it is.

    InputError naming the field that is wrong, and where no expression makes the target, or the one given does not.
    """
    spec, where = _find(row)
    game = read_spec(spec, where, field="nums" if where == "row" else "numbers")
    return problem_of(
        game,
        _solution(spec, game, where),
        split_of(row),
        canonical_hash(game),
        question=text_of(row, "question"),
        identity=identity_of(row),
    )


def spec_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """`numbers` and `target` of a row in one of the four forms, whether it can be solved or not."""
    return _find(row)[0]


def to_record(problem: Problem) -> dict[str, Any]:
    """The TinyZero row of a problem, with its question and a solution."""
    spec = problem.spec
    return {
        "nums": list(spec["numbers"]),
        "target": spec["target"],
        "question": problem.question,
        "solution": problem.answer,
    }


def _find(row: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """(the spec, where in the row it is)."""
    metadata = row.get("metadata")
    if isinstance(metadata, str):
        metadata = json_object(metadata, "metadata")
    if isinstance(metadata, Mapping) and "numbers" in metadata:
        return {**metadata, "hint": metadata.get("expression")}, "metadata"
    if metadata is None and "nums" in row:
        return {"numbers": row["nums"], "target": row.get("target"), "solution": row.get("solution")}, "row"
    if metadata is None and isinstance(row.get("reward_model"), Mapping):
        truth = row["reward_model"].get("ground_truth")
        if not isinstance(truth, Mapping):
            raise InputError(f"reward_model.ground_truth = {shown(truth)}, but must hold numbers and target")
        return truth, "reward_model.ground_truth"
    return metadata_spec(row), "metadata.spec"


def _solution(spec: Mapping[str, Any], game: Countdown, where: str) -> str:
    """The solution that the row gives, or the shortest of all; a peer's expression may be beyond our grammar."""
    given, hint = spec.get("solution"), spec.get("hint")
    if given is None and isinstance(hint, str) and check_answer(hint, game.numbers, game.target).correct:
        return hint
    if given is None:
        found = all_solutions(game)
        if not found:
            raise InputError(f"{where}.target = {game.target}, but no expression of the numbers makes that")
        return found[0]
    if not isinstance(given, str) or not check_answer(given, game.numbers, game.target).correct:
        raise InputError(
            f"{where}.solution = {shown(given)}, but must be an expression that makes {game.target} of "
            f"{list(game.numbers)}, each used once; leave it out to have one found"
        )
    return given
