"""Which programs there are to choose from: the move language of each environment, seen as dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tailor_core.environments.programs import MoveProgram
from tailor_core.environments.teaching import get_teaching
from tailor_core.errors import RecipeError
from tailor_core.records import Primitive, TeacherKind

Values = Mapping[str, str]
"""Dimension -> value: one program."""


@dataclass(frozen=True, slots=True)
class MoveLanguage:
    """The programs of an environment, and which dimensions and values of them there are to choose from."""

    program: type[MoveProgram]
    dimensions: Mapping[str, tuple[str, ...]]

    def within(self, allowed: Mapping[str, Sequence[str]]) -> MoveLanguage:
        """The language with only these values in these dimensions; RecipeError where there is no such."""
        for name, values in allowed.items():
            if name not in self.dimensions:
                raise RecipeError(
                    f"primitives.dimensions.{name} is no dimension of the move language; "
                    f"use {', '.join(self.dimensions)}"
                )
            for value in values:
                if value not in self.dimensions[name]:
                    raise RecipeError(
                        f"primitives.dimensions.{name} holds {value!r}, which is no value of this dimension; "
                        f"use some of {', '.join(self.dimensions[name])}"
                    )
        return replace(self, dimensions={**self.dimensions, **{n: tuple(v) for n, v in allowed.items()}})

    def called_for(self, dimension: str) -> Mapping[str, Sequence[str]]:
        """What a student can lack -> the values of a dimension that help."""
        return {lack: helps.get(dimension, ()) for lack, helps in self.program.called_for.items()}

    def retold(self, values: Values) -> Values:
        """The same reasoning, worded as that of any other program: what is left to tell two apart."""
        return {**values, **self.program.worded}

    def identify(self, values: Values) -> str:
        """The id that the primitive of these values has."""
        return self.program.from_dict(values).id

    def primitive(
        self, values: Values, provenance: Mapping[str, Any], kind: TeacherKind = "procedural"
    ) -> Primitive:
        """The primitive of a program, not screened yet; the teacher of this kind is to write with it."""
        program = self.program.from_dict(values)
        return Primitive(
            id=program.id,
            name=program.name,
            instruction=program.instruction,
            kind=kind,
            program=dict(program.to_dict()),
            provenance=dict(provenance),
        )


def language_of(environment: str) -> MoveLanguage:
    """The move language of an environment; RecipeError where it has none."""
    program = get_teaching(environment).program
    return MoveLanguage(program, program.dimensions())
