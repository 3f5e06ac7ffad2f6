"""Which programs there are to choose from: the move language of each environment, seen as dimensions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tailor_core.environments.knights_knaves import moves as knights_knaves
from tailor_core.errors import RecipeError
from tailor_core.records import Primitive

Values = Mapping[str, str]
"""Dimension -> value: one program."""


@dataclass(frozen=True, slots=True)
class MoveLanguage:
    """The dimensions of programs and their values, and how a program becomes a primitive.

    telling: the dimensions that say how reasoning is worded -> the value in which programs are compared
    """

    dimensions: Mapping[str, tuple[str, ...]]
    telling: Mapping[str, str]
    describe: Callable[[Values], tuple[str, str, str, dict[str, Any]]]
    """Values -> (id, name, instruction, program)."""

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

    def retold(self, values: Values) -> Values:
        """The same reasoning, worded as that of any other program: what is left to tell two apart."""
        return {**values, **self.telling}

    def identify(self, values: Values) -> str:
        """The id that the primitive of these values has."""
        return self.describe(values)[0]

    def primitive(self, values: Values, provenance: Mapping[str, Any]) -> Primitive:
        """The primitive of a program, not screened yet."""
        identity, name, instruction, program = self.describe(values)
        return Primitive(
            id=identity,
            name=name,
            instruction=instruction,
            kind="procedural",
            program=program,
            provenance=dict(provenance),
        )


def language_of(environment: str) -> MoveLanguage:
    """The move language of an environment; RecipeError where it has none."""
    if environment not in _LANGUAGES:
        raise RecipeError(
            f"environment.name = {environment!r} has no move language to discover primitives in; "
            f"use one of {', '.join(sorted(_LANGUAGES))}"
        )
    return _LANGUAGES[environment]


def _describe_knights_knaves(values: Values) -> tuple[str, str, str, dict[str, Any]]:
    program = knights_knaves.Program.from_dict(values)
    return program.id, program.name, program.instruction, dict(program.to_dict())


_LANGUAGES = {
    "kk": MoveLanguage(
        knights_knaves.DIMENSIONS, {"voice": "plain", "answer": "lines"}, _describe_knights_knaves
    )
}
