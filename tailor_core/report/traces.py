"""Sample traces of each model, right and wrong, drawn by lot: not the best and not the worst."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailor_core.errors import ArtifactError
from tailor_core.records import EvaluationRow, Problem, content_id
from tailor_core.report.materials import Materials
from tailor_core.report.results import describe_models, describe_split
from tailor_core.report.text import clip, count, label


@dataclass(frozen=True, slots=True)
class Trace:
    """One completion; `about` tells in a line where it is from, how long, and how it ended."""

    problem: str
    right: bool
    about: str
    question: str
    answer: str
    completion: str
    reason: str


@dataclass(frozen=True, slots=True)
class ModelTraces:
    """The drawn traces of one model, and how many there were to draw from."""

    model: str
    colour: str
    right: tuple[Trace, ...]
    wrong: tuple[Trace, ...]
    right_of: str
    wrong_of: str


def describe_traces(
    materials: Materials, *, per_model: int, characters: int, unit: str
) -> tuple[ModelTraces, ...]:
    """At most `per_model` right and wrong traces of each model; ArtifactError where there is none."""
    rows = materials.records("evaluation", "evaluation", EvaluationRow)
    if not rows:
        raise ArtifactError("The evaluation table is empty.")
    problems: Mapping[str, Problem] = {}
    if materials.has("problems", "problems.parquet"):
        problems = {p.id: p for p in materials.records("problems", "problems", Problem)}
    found = []
    for model in describe_models(list(dict.fromkeys(row.model for row in rows))):
        mine = [row for row in rows if row.model == model.name]
        parts = {right: [row for row in mine if (row.reward == 1) == right] for right in (True, False)}
        drawn = {
            right: tuple(_trace(row, problems, characters, unit) for row in draw_lots(part, per_model))
            for right, part in parts.items()
        }
        found.append(
            ModelTraces(
                model.label,
                model.colour,
                drawn[True],
                drawn[False],
                count(len(parts[True])),
                count(len(parts[False])),
            )
        )
    return tuple(found)


def draw_lots(rows: Sequence[EvaluationRow], number: int) -> list[EvaluationRow]:
    """At most `number` rows on different problems, taking turns among the splits; by lot."""
    piles: dict[str, list[EvaluationRow]] = {}
    for row in sorted(rows, key=lambda row: (row.problem_id, row.sample)):
        pile = piles.setdefault(row.split, [])
        if not pile or pile[-1].problem_id != row.problem_id:
            pile.append(row)
    for split, pile in piles.items():
        random.Random(content_id(["traces", split, [row.problem_id for row in pile]])).shuffle(pile)
    chosen: list[EvaluationRow] = []
    while len(chosen) < number and any(piles.values()):
        for split in sorted(piles, key=lambda split: (split.startswith("ood"), split)):
            if piles[split] and len(chosen) < number:
                chosen.append(piles[split].pop())
    return chosen


def _trace(row: EvaluationRow, problems: Mapping[str, Problem], characters: int, unit: str) -> Trace:
    problem = problems.get(row.problem_id)
    return Trace(
        problem=label(row.problem_id, 20),
        right=row.reward == 1,
        about=_about(row, unit),
        question=clip(problem.question, characters) if problem else "",
        answer=clip(problem.answer, characters) if problem else "",
        completion=clip(row.completion, characters),
        reason=label(row.reason, 200),
    )


def _about(row: EvaluationRow, unit: str) -> str:
    split, level = describe_split(row.split), f"{count(row.difficulty)} {unit}"
    parts = [split] if level in split else [split, level]
    parts += [f"{count(row.tokens)} tokens", f"entropy {row.entropy:.3f}"]
    return ", ".join(parts if row.finished else [*parts, "cut off"])
