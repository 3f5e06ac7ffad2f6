"""Rows of other data sets: mem-kk-logic (Xie et al. 2024) and Logic-RL (Xie et al. 2025).

A mem-kk row is flat: `quiz`, `names`, `statements` (the text of nested tuples), `solution`, role words and
the solution in two wordings. Logic-RL wraps the same row for verl. Their chain-of-thought columns are
demonstrations, not part of a problem, and are neither read nor written here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tailor_core.environments.knights_knaves.canonical import canonical_hash
from tailor_core.environments.knights_knaves.generator import problem_of
from tailor_core.environments.knights_knaves.rendering import answer_lines, answer_sentence, find_templates
from tailor_core.environments.knights_knaves.spec import read_solution, read_spec, read_templates
from tailor_core.environments.knights_knaves.statements import with_article
from tailor_core.environments.rows import identity_of, metadata_spec, shown, split_of, text_of
from tailor_core.errors import InputError
from tailor_core.records import Problem


def from_record(row: Mapping[str, Any]) -> Problem:
    """The problem of a row in Tailor's own, mem-kk or Logic-RL form. Raises InputError naming the field.

    A question in other words than `render`'s is kept as it is; hash, difficulty and answer are computed.
    """
    spec = spec_of(row)
    flat = spec is row
    where = "row" if flat else "metadata.spec"
    words = row.get("knight_knave") if flat else spec.get("roles")
    puzzle = read_spec({**spec, "roles": words}, where, roles="knight_knave" if flat else "roles")
    solution = read_solution(spec, puzzle, where)
    question = text_of(row, "quiz" if flat else "question")
    templates = read_templates(spec, puzzle.people, where)
    if question is not None and not templates:
        templates = find_templates(puzzle, question) or []
    return problem_of(
        puzzle,
        templates,
        solution,
        split_of(row),
        canonical_hash(puzzle.statements),
        question=question,
        identity=identity_of(row),
    )


def spec_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """`metadata.spec` of a row, or the row itself where it is a peer's flat one (it holds `statements`)."""
    return row if row.get("metadata") is None and "statements" in row else metadata_spec(row)


def to_record(problem: Problem) -> dict[str, Any]:
    """The mem-kk row of a problem."""
    spec = problem.spec
    puzzle = read_spec(spec)
    solution = read_solution(spec, puzzle)
    knight, knave = puzzle.knight, puzzle.knave
    return {
        "quiz": problem.question,
        "names": list(puzzle.names),
        "knight_knave": {
            "knight": knight,
            "knave": knave,
            "a_knight": with_article(knight),
            "a_knave": with_article(knave),
            "Knight": knight.capitalize(),
            "Knave": knave.capitalize(),
        },
        "solution": solution,
        "solution_text": answer_sentence(puzzle.names, solution, knight, knave),
        "solution_text_format": answer_lines(puzzle.names, solution, knight, knave),
        "statements": repr(puzzle.statements),
    }


def to_logic_rl(problem: Problem, index: int) -> dict[str, Any]:
    """The Logic-RL row (verl columns) of a problem that stands at `index` of its split."""
    row = to_record(problem)
    truth = {"solution_text_format": row["solution_text_format"], "statements": row["statements"]}
    return {
        **row,
        "index": index,
        "data_source": "kk_logic",
        "prompt": [{"role": "user", "content": problem.question}],
        "ability": "logic",
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {"split": problem.split, "index": index},
    }


_PLACED = re.compile(r"\(\d+\) (.+) is an? (\S+)")


def row_of_truth(truth: Mapping[str, Any]) -> dict[str, Any]:
    """A mem-kk row of what Logic-RL's `reward_model.ground_truth` says: all that scoring needs."""
    said = text_of(truth, "solution_text_format")
    placed = [_PLACED.fullmatch(line.strip()) for line in (said or "").splitlines()]
    if not placed or None in placed:
        raise InputError(
            f"solution_text_format = {shown(said)}, but must have a line like '(1) Zoey is a knight' for each person"
        )
    people = [match.groups() for match in placed if match]
    return {
        "names": [name for name, _ in people],
        "solution": [role == "knight" for _, role in people],
        "statements": truth.get("statements"),
    }
