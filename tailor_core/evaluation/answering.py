"""Lets a model answer problems and scores what it says: the rows of an evaluation, and of a probe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tailor_core.evaluation.intervals import rounded
from tailor_core.evaluation.moves import classify, trace_of
from tailor_core.inference.engine import Completion, Engine, Sampling
from tailor_core.records import EvaluationRow, Problem
from tailor_core.verification.scoring import score

CUT_OFF = "cut off at max_tokens"
"""The reason of a completion that did not end in time and so has no answer."""


def answer_problems(
    engine: Engine,
    problems: Sequence[Problem],
    sampling: Sampling,
    *,
    model: str,
    difficulty: Mapping[str, int],
    on_done: Callable[[int], None] | None = None,
) -> list[EvaluationRow]:
    """`sampling.n` scored completions (`binary` reward) of each problem, in order.

    `difficulty` maps problem id to level; `on_done(k)` is called as k more completions are finished.
    """
    prompts = [[{"role": "user", "content": problem.question}] for problem in problems]
    groups = engine.generate(prompts, sampling, on_done)
    return [
        _row(problem, completion, sample, model, difficulty[problem.id])
        for problem, group in zip(problems, groups, strict=True)
        for sample, completion in enumerate(group)
    ]


def _row(problem: Problem, completion: Completion, sample: int, model: str, difficulty: int) -> EvaluationRow:
    found = score(problem, completion.text, "binary")
    well_formed = bool(found.checks["well_formed"])
    surprise = -sum(completion.logprobs) / max(1, len(completion.logprobs))
    return EvaluationRow(
        model=model,
        problem_id=problem.id,
        split=problem.split,
        difficulty=difficulty,
        sample=sample,
        completion=completion.text,
        reward=found.reward,
        well_formed=well_formed,
        finished=completion.finished,
        tokens=len(completion.token_ids),
        entropy=rounded(surprise),
        reason=found.reason if well_formed or completion.finished else CUT_OFF,
        moves=classify(problem.environment, trace_of(completion.text)),
        sound=score(problem, completion.text, "sound").reward == 1,
    )
