"""What kind of problems to generate: the recipe's `[environment.options]` for Countdown."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tailor_core.environments.countdown.spec import FEWEST, LARGEST, MOST

_MOST_VALUE = 1000


class OutOfDistribution(BaseModel):
    """Problems unlike the training ones; each entry becomes a split of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    numbers: tuple[int, ...] = Field(default=(), description="how many numbers training never sees at once")
    target: tuple[int, ...] = Field(
        default=(), description="bounds of targets that training never sees: each level goes up to the next"
    )


class CountdownOptions(BaseModel):
    """How many numbers there are, and how large they and the target may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    numbers: tuple[int, ...] = Field(
        default=(3, 4), min_length=1, description="how many numbers a problem has, in turns"
    )
    largest_number: int = Field(
        default=99, ge=2, le=_MOST_VALUE, description="numbers are drawn from 1 to this"
    )
    least_target: int = Field(default=10, ge=1, description="targets are at least this")
    largest_target: int = Field(default=99, ge=1, le=LARGEST, description="targets are at most this")
    ood: OutOfDistribution = OutOfDistribution()

    @model_validator(mode="after")
    def _possible(self) -> CountdownOptions:
        for field, numbers in (("numbers", self.numbers), ("ood.numbers", self.ood.numbers)):
            for number in numbers:
                if not FEWEST <= number <= MOST:
                    raise ValueError(f"{field} holds {number}, but a problem has {FEWEST} to {MOST} numbers")
            if len(set(numbers)) < len(numbers):
                raise ValueError(f"{field} = {list(numbers)} names a number twice; name each once")
        if both := sorted(set(self.numbers) & set(self.ood.numbers)):
            raise ValueError(f"ood.numbers holds {both[0]}, which numbers holds too; take it out of one")
        if self.least_target > self.largest_target:
            raise ValueError(
                f"least_target = {self.least_target}, but must not exceed largest_target = {self.largest_target}"
            )
        bounds = (self.largest_target, *self.ood.target)
        if list(bounds) != sorted(set(bounds)) or bounds[-1] > LARGEST:
            raise ValueError(
                f"ood.target = {list(self.ood.target)}, but must rise from above largest_target = "
                f"{self.largest_target} to at most {LARGEST}"
            )
        return self


def ood_levels(options: CountdownOptions) -> dict[str, CountdownOptions]:
    """Split name -> options of each out-of-distribution level, `ood_numbers_<n>` and `ood_target_<bound>`."""
    usual = options.model_copy(update={"ood": OutOfDistribution()})
    levels = {f"ood_numbers_{n}": usual.model_copy(update={"numbers": (n,)}) for n in options.ood.numbers}
    above = options.largest_target
    for bound in options.ood.target:
        change = {"least_target": above + 1, "largest_target": bound}
        levels[f"ood_target_{bound}"] = usual.model_copy(update=change)
        above = bound
    return levels


OOD_KINDS = ("numbers", "target")
"""The ways to leave the distribution, as `splits.belongs` wants them."""
