"""Ways of reasoning as small programs that can be stored, named and mixed: what all move languages share.

A family's language is a frozen dataclass that derives from `MoveProgram`: every field is one independent
dimension, and its type lists the values. A program says how to argue about any problem of the family, and
nothing about a particular one. Its id is the hash of its values; its name and instruction are made from them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Self, cast, get_args, get_type_hints

from tailor_core.errors import InputError
from tailor_core.records import content_id

NAME_PARTS = 4
"""A name speaks of so many dimensions at most, and of the voice."""


class MoveProgram:
    """What programs can do; subclasses are frozen dataclasses with a field `voice` among others.

    family:     opens what is hashed for the id
    telling:    the dimensions that a name may speak of, what shows most in a trace first
    short:      dimension -> value -> the few words for it in a name; a value without any goes unsaid
    sentences:  dimension -> value -> the sentence for it in the instruction
    worded:     the dimensions that say how reasoning is worded -> the value in which programs are compared
    called_for: what a student can lack (`wrong`, `out_of_form`, `falls`) -> dimension -> values that help
    """

    __slots__ = ()

    family: ClassVar[str]
    telling: ClassVar[tuple[str, ...]]
    short: ClassVar[Mapping[str, Mapping[str, str]]]
    sentences: ClassVar[Mapping[str, Mapping[str, str]]]
    worded: ClassVar[Mapping[str, str]]
    called_for: ClassVar[Mapping[str, Mapping[str, tuple[str, ...]]]]

    @classmethod
    def dimensions(cls) -> dict[str, tuple[str, ...]]:
        """Dimension -> its values, the plainest first for most."""
        return _dimensions(cast(Any, cls))  # classes are hashable

    def to_dict(self) -> dict[str, str]:
        """Dimension -> value; JSON values."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]  # subclasses are dataclasses

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The program of `to_dict`; dimensions left out have their default. InputError names a wrong one."""
        dimensions = cls.dimensions()
        for name, value in values.items():
            if name not in dimensions:
                raise InputError(
                    f"program.{name} = {value!r} is no dimension of the move language; "
                    f"use {', '.join(dimensions)}"
                )
            if value not in dimensions[name]:
                raise InputError(
                    f"program.{name} = {value!r}, but must be one of {', '.join(dimensions[name])}"
                )
        return cls(**values)

    @property
    def id(self) -> str:
        """The content hash of what the program does."""
        return content_id([self.family, self.to_dict()])

    @property
    def name(self) -> str:
        """What sets the program apart, in a few words; two programs may share a name."""
        values = self.to_dict()
        parts = [part for name in self.telling if (part := self.short[name].get(values[name]))]
        voice = self.short["voice"].get(values["voice"])
        return ", ".join(parts[:NAME_PARTS] + ([voice] if voice else []))

    @property
    def instruction(self) -> str:
        """The program in English, as one could add it to a question."""
        found = [self.sentences[name].get(value, "") for name, value in self.to_dict().items()]
        return " ".join(sentence for sentence in found if sentence)

    @property
    def voice_number(self) -> int:
        """The place of the voice among those of the language."""
        return self.dimensions()["voice"].index(self.to_dict()["voice"])


@cache
def _dimensions(program: Any) -> dict[str, tuple[str, ...]]:
    hints = get_type_hints(program)
    return {field.name: get_args(hints[field.name]) for field in dataclasses.fields(program)}
