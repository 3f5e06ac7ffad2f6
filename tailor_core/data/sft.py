"""Training rows: the kept demonstrations as chat messages, in TRL's prompt-completion format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tailor_core.errors import InputError
from tailor_core.records import Demonstration, Problem, SelectionDecision, SFTExample, content_id


def render(problem: Problem, demonstration: Demonstration) -> SFTExample:
    """One row: the question as the user's message, think block and answer as the assistant's."""
    prompt = [{"role": "user", "content": problem.question}]
    completion = [{"role": "assistant", "content": demonstration.completion}]
    return SFTExample(
        id=content_id({"demonstration": demonstration.id, "prompt": prompt, "completion": completion}),
        demonstration_id=demonstration.id,
        problem_id=problem.id,
        primitive_id=demonstration.primitive_id,
        prompt=prompt,
        completion=completion,
    )


def render_kept(
    problems: Mapping[str, Problem],
    demonstrations: Mapping[str, Demonstration],
    decisions: Iterable[SelectionDecision],
) -> list[SFTExample]:
    """The kept rows in order of rank; both mappings are by id.

    InputError where a decision names a demonstration, or that a problem, which is not there.
    """
    kept = [decision for decision in decisions if decision.kept]
    kept.sort(key=lambda decision: (decision.rank is None, decision.rank, decision.demonstration_id))
    return [_render_row(problems, demonstrations, decision.demonstration_id) for decision in kept]


def _render_row(
    problems: Mapping[str, Problem], demonstrations: Mapping[str, Demonstration], demonstration_id: str
) -> SFTExample:
    demonstration = demonstrations.get(demonstration_id)
    if demonstration is None:
        raise InputError(
            f"selection keeps demonstration {demonstration_id!r}, which is not in the demonstrations table; "
            "use the demonstrations that the selection was made from"
        )
    problem = problems.get(demonstration.problem_id)
    if problem is None:
        raise InputError(
            f"demonstration {demonstration_id!r} answers problem {demonstration.problem_id!r}, which is not "
            "in the problems table; use the problems that the demonstrations were made from"
        )
    return render(problem, demonstration)
