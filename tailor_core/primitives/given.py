"""Primitives that nobody has to find: the ways of reasoning that a baseline is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tailor_core.environments.teaching import takes_programs
from tailor_core.errors import StageError
from tailor_core.primitives.language import language_of
from tailor_core.records import Primitive, TeacherKind, content_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way of reasoning in one family.

    must:        dimension -> value that makes it what it is, whatever a recipe allows
    may:         dimension -> value that it has where `primitives.dimensions` allows it
    instruction: what a language model is told; that of the program where it is empty
    """

    name: str
    must: Mapping[str, str] = field(default_factory=dict)
    may: Mapping[str, str] = field(default_factory=dict)
    instruction: str = ""


Ways = Mapping[str, Sequence[Way]]
"""Family -> ways."""


def ways_of(method: str, ways: Ways, family: str) -> Sequence[Way]:
    """The ways of a baseline in a family; StageError, naming the families, where it has none."""
    if family not in ways:
        raise StageError(
            f"method = {method!r} is worded for {', '.join(ways)}, and not for environment.name = {family!r}; choose "
            "one of these families, or another method"
        )
    return ways[family]


def given_primitive(
    method: str, way: Way, family: str, allowed: Mapping[str, Sequence[str]], kind: TeacherKind
) -> Primitive:
    """The primitive of a way, accepted without screening.

    Where a recipe restricts the move language to what its backbone can read, dimensions that do not make the way what
    it is have the first value that is allowed.
    """
    provenance: dict[str, Any] = {"teacher": kind, "round": 0, "parents": [], "method": method}
    screening = {"verdict": "accepted", "rule": "", "reason": f"given by the method {method}"}
    if takes_programs(kind, family):
        language = language_of(family).within(allowed)
        values = {name: values[0] for name, values in allowed.items()}
        values |= {name: value for name, value in way.may.items() if value in language.dimensions[name]}
        made = language.primitive({**values, **way.must}, provenance, kind)
        instruction = made.instruction if kind == "procedural" else way.instruction or made.instruction
        return replace(made, name=way.name, instruction=instruction, screening=screening)
    return Primitive(
        id=content_id(["given", method, way.name, way.instruction]),
        name=way.name,
        instruction=way.instruction or "Think step by step.",
        kind=kind,
        provenance=provenance,
        screening=screening,
    )
