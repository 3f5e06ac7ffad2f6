"""The procedural teacher: demonstrations from a primitive's program, without a language model."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tailor_core.demonstrations.teacher import Wanted, make_demonstration
from tailor_core.environments.programs import MoveProgram
from tailor_core.environments.teaching import Teaching, get_teaching
from tailor_core.errors import InputError
from tailor_core.records import Demonstration, Primitive, Problem, content_id


@dataclass(frozen=True, slots=True)
class ProceduralTeacher:
    """Runs programs on the problems of one environment. RecipeError where no program language exists."""

    environment: str
    name: str = "procedural"
    _teaching: Teaching[MoveProgram] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_teaching", get_teaching(self.environment))

    def demonstrate(self, problem: Problem, primitive: Primitive, seed: int) -> Demonstration:
        """The demonstration that the primitive's program leads to. InputError where it has no program."""
        if primitive.kind != "procedural" or not primitive.program:
            raise InputError(
                f"primitive {primitive.name!r} is of kind {primitive.kind!r} and has no program to run; "
                "give the procedural teacher procedural primitives only"
            )
        rng = random.Random(content_id(["demonstration", problem.id, primitive.id, seed], length=64))
        program = self._teaching.program.from_dict(primitive.program)
        think, answer = self._teaching.write(problem, program, rng)
        return make_demonstration(self.name, problem, primitive, seed, think, answer)

    def demonstrate_all(
        self, wanted: Sequence[Wanted], on_done: Callable[[int], None] | None = None
    ) -> list[Demonstration]:
        """See `Teacher.demonstrate_all`."""
        written = []
        for one in wanted:
            written.append(self.demonstrate(*one))
            if on_done:
                on_done(1)
        return written
