"""The procedural teacher: demonstrations from a primitive's program, without a language model."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tailor_core.demonstrations.igsm import narration as igsm
from tailor_core.demonstrations.knights_knaves import narration as knights_knaves
from tailor_core.demonstrations.teacher import make_demonstration
from tailor_core.errors import InputError, RecipeError
from tailor_core.records import Demonstration, Primitive, Problem, content_id

Writer = Callable[[Problem, Primitive, random.Random], tuple[str, str]]
"""(problem, primitive, random source) -> (think text, answer text)."""

_WRITERS: dict[str, Writer] = {
    "igsm": igsm.write_demonstration,
    "kk": knights_knaves.write_demonstration,
}
"""Environment -> who runs programs on its problems."""


@dataclass(frozen=True, slots=True)
class ProceduralTeacher:
    """Runs programs on the problems of one environment. RecipeError where no program language exists."""

    environment: str
    name: str = "procedural"

    def __post_init__(self) -> None:
        if self.environment not in _WRITERS:
            raise RecipeError(
                f"environment.name = {self.environment!r} has no procedural teacher; "
                f"use one of {', '.join(sorted(_WRITERS))}, or another teacher"
            )

    def demonstrate(self, problem: Problem, primitive: Primitive, seed: int) -> Demonstration:
        """The demonstration that the primitive's program leads to. InputError where it has no program."""
        if primitive.kind != "procedural" or not primitive.program:
            raise InputError(
                f"primitive {primitive.name!r} is of kind {primitive.kind!r} and has no program to run; "
                "give the procedural teacher procedural primitives only"
            )
        rng = random.Random(content_id(["demonstration", problem.id, primitive.id, seed], length=64))
        think, answer = _WRITERS[self.environment](problem, primitive, rng)
        return make_demonstration(self.name, problem, primitive, seed, think, answer)
