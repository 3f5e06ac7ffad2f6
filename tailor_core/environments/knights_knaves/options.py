"""What kind of puzzles to generate: the recipe's `[environment.options]` for knights and knaves."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tailor_core.environments.knights_knaves.statements import MAX_PEOPLE

_MOST_PARTS = 10_000


class OutOfDistribution(BaseModel):
    """Puzzles unlike the training ones; each entry becomes a split of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    people: tuple[int, ...] = Field(default=(), description="numbers of people that training never sees")
    depth: tuple[int, ...] = Field(default=(), description="depths of statements that training never sees")
    uncommon_names: bool = Field(default=False, description="people with names that training never sees")
    flipped_roles: bool = Field(default=False, description="knaves tell the truth, and knights lie")


class KnightsKnavesOptions(BaseModel):
    """Shape and wording of the puzzles."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    people: tuple[int, ...] = Field(
        default=(3, 4, 5), min_length=1, description="numbers of people, drawn equally often"
    )
    depth: int = Field(default=2, ge=2, description="levels of a statement at most; a leaf has one")
    width: int = Field(default=2, ge=2, description='operands of an "and" or "or" at most')
    full_depth: bool = Field(default=False, description="every puzzle has a statement of `depth` levels")
    allow_constant: bool = Field(default=False, description="allow statements that are always true or false")
    names: Literal["common", "uncommon"] = "common"
    role_words: Literal["knight-knave", "varied", "flipped"] = Field(
        default="knight-knave", description="the usual words, another pair for each puzzle, or exchanged"
    )
    reports: Literal["varied", "plain"] = Field(
        default="varied", description='18 ways to report a claim, or always "<name> said that <claim>."'
    )
    ood: OutOfDistribution = OutOfDistribution()

    @model_validator(mode="after")
    def _possible(self) -> KnightsKnavesOptions:
        for field, numbers in (("people", self.people), ("ood.people", self.ood.people)):
            for number in numbers:
                if not 2 <= number <= MAX_PEOPLE:
                    raise ValueError(f"{field} holds {number}, but a puzzle has 2 to {MAX_PEOPLE} people")
            if len(set(numbers)) < len(numbers):
                raise ValueError(f"{field} = {list(numbers)} names a number twice; name each once")
        if both := sorted(set(self.people) & set(self.ood.people)):
            raise ValueError(f"ood.people holds {both[0]}, which people holds too; take it out of one")
        for depth in (self.depth, *self.ood.depth):
            self._check_size(depth)
        if shallow := [depth for depth in self.ood.depth if depth <= self.depth]:
            raise ValueError(f"ood.depth holds {shallow[0]}, but must exceed depth = {self.depth}")
        if self.ood.uncommon_names and self.names == "uncommon":
            raise ValueError(
                "ood.uncommon_names = true, but names = 'uncommon' gives training the same names; change one of them"
            )
        if self.ood.flipped_roles and self.role_words == "flipped":
            raise ValueError(
                "ood.flipped_roles = true, but role_words = 'flipped' exchanges the words of training as well; "
                "change one of them"
            )
        return self

    def _check_size(self, depth: int) -> None:
        """Refuse shapes whose statements would be of absurd size: each level multiplies the parts."""
        parts = usual_parts(depth, self.width)
        if parts > _MOST_PARTS:
            raise ValueError(
                f"depth = {depth} with width = {self.width} makes statements of about {parts:.0e} leaves, "
                f"but {_MOST_PARTS} is the most; lower depth or width"
            )


def usual_parts(depth: int, width: int) -> float:
    """About so many leaves has a statement that is drawn."""
    branching = (1 + 2 + 2 + (2 + width)) / 6
    return float(branching ** (depth - 1))


def ood_levels(options: KnightsKnavesOptions) -> dict[str, KnightsKnavesOptions]:
    """Split name -> options of each out-of-distribution level."""
    plain = options.model_copy(update={"ood": OutOfDistribution()})
    changes: dict[str, dict[str, object]] = {}
    changes |= {f"ood_people_{people}": {"people": (people,)} for people in options.ood.people}
    changes |= {f"ood_depth_{depth}": {"depth": depth, "full_depth": True} for depth in options.ood.depth}
    if options.ood.uncommon_names:
        changes["ood_names"] = {"names": "uncommon"}
    if options.ood.flipped_roles:
        changes["ood_roles"] = {"role_words": "flipped"}
    return {split: plain.model_copy(update=change) for split, change in changes.items()}


OOD_KINDS = ("people", "depth", "names", "roles")
"""The ways to leave the distribution, as `splits.belongs` wants them."""
