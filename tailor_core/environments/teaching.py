"""How a family is taught: its move language, and who runs programs of that on its problems.

Found by the family's name in the entry-point group `tailor.teachers`. No module of an environment imports this
one, so what checks answers and steps depends neither on it nor on any teacher.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from tailor_core.environments.plugins import TEACHERS, find_plugin, plugin_names
from tailor_core.environments.programs import MoveProgram
from tailor_core.errors import RecipeError
from tailor_core.records import Problem, TeacherKind

P = TypeVar("P", bound=MoveProgram)


@dataclass(frozen=True, slots=True)
class Teaching(Generic[P]):
    """The part of a family that writes demonstrations.

    program: the move language, a frozen dataclass; its values are programs
    write:   (problem, program, random source) -> (think text, answer text); what it draws comes from the
             source alone. It may be wrong: that is for the environment to find out.
    """

    program: type[P]
    write: Callable[[Problem, P, random.Random], tuple[str, str]]


def takes_programs(teacher: TeacherKind, name: str) -> bool:
    """Whether primitives of the family called `name` are programs of its move language with this kind of teacher.

    With `procedural` always, with `chat` never, with `self` where the family has such a language.
    """
    return teacher == "procedural" or (teacher == "self" and find_plugin(TEACHERS, name) is not None)


@cache
def get_teaching(name: str) -> Teaching[MoveProgram]:
    """How the family called `name` is taught; RecipeError where it is not, or its package is at fault."""
    plugin = find_plugin(TEACHERS, name)
    if plugin is None:
        raise RecipeError(
            f"environment.name = {name!r} has no move language to discover primitives in, and no teacher; use one "
            f"of {', '.join(plugin_names(TEACHERS))}, or give it an entry point in the group {TEACHERS!r}"
        )
    teaching = plugin.load()
    if not isinstance(teaching, Teaching):
        raise plugin.broken(
            f"is {type(teaching).__name__}, but must be a tailor_core.environments.teaching.Teaching"
        )
    if fault := _fault(teaching.program, teaching.write):
        raise plugin.broken(fault)
    return teaching


_SAYS = ("family", "telling", "short", "sentences", "worded", "called_for")


def _fault(program: Any, write: Any) -> str:
    """What is wrong with the two parts of a teaching; empty where nothing is."""
    if not callable(write):
        return "has a `write` that cannot be called"
    if not _is_language(program):
        return "has a `program` that is no frozen dataclass deriving from MoveProgram"
    if missing := [part for part in _SAYS if not hasattr(program, part)]:
        return f"has a program without {', '.join(missing)}"
    dimensions = program.dimensions()
    for name, values in dimensions.items():
        if not values or not all(isinstance(value, str) for value in values):
            return f"has a program whose dimension {name!r} is no Literal of texts"
    if any(field.default is dataclasses.MISSING for field in dataclasses.fields(program)):
        return "has a program with a dimension without a default"
    mentioned: dict[str, Iterable[str]] = {
        "telling": program.telling,
        "short": program.short,
        "sentences": program.sentences,
        "worded": program.worded,
        "called_for": [name for helps in program.called_for.values() for name in helps],
    }
    for part, names in mentioned.items():
        if unknown := sorted(set(names) - dimensions.keys()):
            return f"has a program whose `{part}` speaks of {unknown[0]!r}, which is no dimension"
    for part, needed in (("short", {*program.telling, "voice"}), ("sentences", dimensions.keys())):
        if lacking := sorted(set(needed) - set(mentioned[part])):
            return f"has a program whose `{part}` says nothing of {lacking[0]!r}"
    for name, value in program.worded.items():
        if value not in dimensions[name]:
            return f"has a program whose `worded` gives {name!r} the value {value!r}, which it does not have"
    return ""


def _is_language(program: Any) -> bool:
    return (
        isinstance(program, type) and issubclass(program, MoveProgram) and dataclasses.is_dataclass(program)
    )
