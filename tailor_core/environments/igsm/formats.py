"""Rows: Tailor's own, and those of the published generator (`question`, `solution`, `answer`, `n_op`, `setting`)."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from tailor_core.environments.igsm.canonical import canonical_hash, template_hash
from tailor_core.environments.igsm.generator import problem_of
from tailor_core.environments.igsm.reading import read_question
from tailor_core.environments.igsm.scenario import MODULUS
from tailor_core.environments.igsm.solution import write_solution
from tailor_core.environments.igsm.solution_check import AnswerKey
from tailor_core.environments.igsm.spec import Named, read_answer, read_spec, spec_of
from tailor_core.environments.rows import identity_of, metadata_spec, shown, split_of, text_of
from tailor_core.errors import InputError
from tailor_core.records import Problem

_MODULI: dict[str, int | None] = {"med": MODULUS, "hard": MODULUS, "plain": None}


def from_record(row: Mapping[str, Any]) -> Problem:
    """The problem of a row in Tailor's own or the published form. Raises InputError naming the field."""
    question = text_of(row, "question")
    if row.get("metadata") is None and question is not None:
        named, answer = _published(row, question), None
    else:
        spec = metadata_spec(row)
        named = read_spec(spec)
        answer = spec.get("answer")
    scenario = named.scenario
    return problem_of(
        scenario,
        named.categories,
        named.items,
        split_of(row),
        answer=read_answer({"answer": answer}, named),
        op=scenario.op,
        template=template_hash(scenario),
        digest=canonical_hash(scenario),
        question=question,
        identity=identity_of(row),
    )


def spec_of_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """`metadata.spec` of a row, or what the question of a published row says."""
    question = text_of(row, "question")
    if row.get("metadata") is None and question is not None:
        named = _published(row, question)
        return spec_of(named.scenario, named.categories, named.items)
    return metadata_spec(row)


def _published(row: Mapping[str, Any], question: str) -> Named:
    """Which reading of a question is meant is settled by the solution, the number of operations and the answer."""
    setting = row.get("setting", "med")
    if not isinstance(setting, str) or setting not in _MODULI:
        raise InputError(f"setting = {shown(setting)}, but must be one of {', '.join(_MODULI)}")
    solution, answer, op = text_of(row, "solution"), row.get("answer"), row.get("n_op")

    def accept(named: Named) -> bool:
        return (
            (solution is None or AnswerKey(named).check(solution).correct)
            and (answer is None or named.scenario.answer == answer)
            and (op is None or named.scenario.op == op)
        )

    return read_question(question, accept, _MODULI[setting])


def to_record(problem: Problem) -> dict[str, Any]:
    """The published row of a problem, with a template solution."""
    named = read_spec(problem.spec)
    hard = named.scenario.op > 15 or len(named.scenario.statements) > 20
    return {
        "setting": "plain" if named.scenario.modulus is None else "hard" if hard else "med",
        "n_op": named.scenario.op,
        "question": problem.question,
        "solution": write_solution(named, Random(problem.id)),
        "answer": read_answer(problem.spec, named),
    }
