"""What a teacher is: whatever writes a demonstration of a primitive on a problem."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from tailor_core.records import Demonstration, Primitive, Problem, completion_text, content_id

_TOKEN = re.compile(r"\w+|[^\w\s]")


Wanted = tuple[Problem, Primitive, int]
"""A demonstration to write: of the primitive on the problem, with the seed."""


class Teacher(Protocol):
    """Writes demonstrations; the same problem, primitive and seed should give the same one."""

    @property
    def name(self) -> str: ...

    def demonstrate_all(
        self, wanted: Sequence[Wanted], on_done: Callable[[int], None] | None = None
    ) -> list[Demonstration]:
        """Solve each problem in the way of its primitive, rightly or wrongly: that is for a verifier to say.

        In order; `on_done(k)` is called as k more are written.
        """
        ...


def make_demonstration(
    teacher: str, problem: Problem, primitive: Primitive, seed: int, think: str, answer: str
) -> Demonstration:
    """The record of what a teacher wrote; its id tells apart problem, primitive, teacher, seed and text."""
    completion = completion_text(think, answer)
    return Demonstration(
        id=content_id([problem.id, primitive.id, teacher, seed, completion]),
        problem_id=problem.id,
        primitive_id=primitive.id,
        teacher=teacher,
        think=think,
        answer_text=answer,
        tokens=count_tokens(completion),
        seed=seed,
    )


def count_tokens(text: str) -> int:
    """Words and punctuation marks: what a word-level tokenizer would make of the text, roughly."""
    return len(_TOKEN.findall(text))
