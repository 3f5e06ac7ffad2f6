"""Which training problems are also evaluation problems, in substance or in wording.

A problem is contaminated when its canonical hash is that of a problem of another split (the same puzzle up to
renaming and re-ordering), or when its question reads nearly the same as one of theirs: such a row would let
evaluation measure memory. How texts are compared is the caller's choice (`TextIndex`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tailor_core.records import Problem

TRAIN_SPLIT = "train"


class TextIndex(Protocol):
    """Finds the text most like a given one among those added, at or above a threshold of its own."""

    def add(self, text: str) -> None:
        """Make `text` findable."""
        ...

    def nearest(self, text: str) -> tuple[int, float] | None:
        """(position of addition, similarity) of the most similar text, None where none is similar enough."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """Why a problem must not be trained on: which evaluation problem it meets, and how."""

    problem_id: str
    evaluation_id: str
    split: str
    rule: Literal["evaluation_split", "canonical_hash", "question_text"]
    similarity: float


def find_contamination(
    problems: Iterable[Problem], evaluation: Sequence[Problem], index: TextIndex
) -> dict[str, Contamination]:
    """Problem id -> why it is contaminated, for those of `problems` that are.

    `evaluation` is every problem of every other split than train; `index` must be empty. A problem that is
    itself of such a split is contaminated whatever its text.
    """
    by_hash: dict[str, Problem] = {}
    for other in evaluation:
        by_hash.setdefault(other.canonical_hash, other)
        index.add(other.question)
    found = {}
    for problem in problems:
        if problem.split != TRAIN_SPLIT:
            found[problem.id] = _meets(problem, problem, "evaluation_split", 1.0)
        elif problem.canonical_hash in by_hash:
            found[problem.id] = _meets(problem, by_hash[problem.canonical_hash], "canonical_hash", 1.0)
        elif (near := index.nearest(problem.question)) is not None:
            found[problem.id] = _meets(problem, evaluation[near[0]], "question_text", near[1])
    return found


def _meets(
    problem: Problem,
    other: Problem,
    rule: Literal["evaluation_split", "canonical_hash", "question_text"],
    similarity: float,
) -> Contamination:
    return Contamination(
        problem_id=problem.id, evaluation_id=other.id, split=other.split, rule=rule, similarity=similarity
    )
