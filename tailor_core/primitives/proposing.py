"""Where candidate primitives come from: whoever proposes some in each round, seeing the library so far."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tailor_core.primitives.aim import Aim
from tailor_core.primitives.composition import Candidate, Composer
from tailor_core.primitives.language import MoveLanguage
from tailor_core.primitives.screening import Refusal
from tailor_core.records import Primitive, TeacherKind, content_id


@dataclass(frozen=True, slots=True)
class Proposal:
    """A primitive to try.

    retold:  the same reasoning in the wording in which all are compared; itself where it has no other
    refusal: why it is not even tried; None where it is
    """

    primitive: Primitive
    retold: Primitive
    refusal: Refusal | None = None


class Proposer(Protocol):
    """Proposes primitives."""

    def propose(
        self, number: int, library: Sequence[Primitive], screened: Sequence[Primitive]
    ) -> list[Proposal]:
        """The proposals of round `number`; `screened` are all so far, those of the library among them."""
        ...


class ProgramProposer:
    """Programs of a move language: composed at first, then varied towards what the probe says the student lacks.

    The `procedural` teacher runs them; any other is told them, as instructions.
    """

    def __init__(
        self, language: MoveLanguage, aim: Aim, count: int, seed: int, teacher: TeacherKind = "procedural"
    ) -> None:
        self._language, self._count, self._teacher = language, count, teacher
        rng = random.Random(content_id(["discovery", seed], length=64))
        self._composer = Composer(language, aim, rng)

    def propose(
        self, number: int, library: Sequence[Primitive], screened: Sequence[Primitive]
    ) -> list[Proposal]:
        """See `Proposer.propose`; composed as long as there is nothing to vary."""
        if number and library:
            parents = [Candidate(primitive.program, (primitive.id,)) for primitive in library]
            candidates = self._composer.vary(self._count, parents)
        else:
            candidates = self._composer.compose(self._count)
        return [program_proposal(self._language, one, number, self._teacher) for one in candidates]


def program_proposal(
    language: MoveLanguage, candidate: Candidate, number: int, teacher: TeacherKind = "procedural"
) -> Proposal:
    """A program as a proposal of round `number`."""
    provenance = {"teacher": teacher, "round": number, "parents": list(candidate.parents)}
    return Proposal(
        language.primitive(candidate.values, provenance, teacher),
        language.primitive(language.retold(candidate.values), provenance, teacher),
    )
