"""What kind of problems to generate: the recipe's `[environment.options]` for iGSM."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tailor_core.environments.igsm.dependencies import DEPTHS, most_operations
from tailor_core.environments.igsm.scenario import MODULUS
from tailor_core.environments.igsm.vocabulary import ALL_NAMES, FEW_NAMES, Names

Setting = Literal["med", "hard", "plain", "tiny"]

_MOST_LINKS: dict[Setting, int] = {"med": 20, "hard": 28, "plain": 20, "tiny": 6}
_OPERATIONS: dict[Setting, range] = {
    "med": range(4, 16),
    "hard": range(4, 22),
    "plain": range(15, 21),
    "tiny": range(3, 5),
}
_MODULI: dict[Setting, int | None] = {"med": MODULUS, "hard": MODULUS, "plain": None, "tiny": 7}


class OutOfDistribution(BaseModel):
    """Problems unlike the training ones; each entry becomes a split of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: tuple[int, ...] = Field(default=(), description="numbers of operations that training never sees")


class IGSMOptions(BaseModel):
    """Size and arithmetic of the problems.

    The settings `med` (at most 15 operations and 20 links) and `hard` (21 and 28) count modulo 23, as those of
    the published benchmark do; `plain` (15 to 20 operations) has whole numbers from 0 to 999 instead. `tiny` (3
    and 4 operations, 6 links between two layers, modulo 7) has few names, for models of a few million parameters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    setting: Setting = "med"
    op: tuple[int, ...] = Field(
        default=(),
        description="numbers of operations that the solution takes; empty for 4 to 15 (med), 4 to 21 (hard), "
        "15 to 20 (plain), 3 and 4 (tiny)",
    )
    op_share: Literal["even", "light"] = Field(
        default="even",
        description="every number of operations equally often, or as often as in the published data, where it "
        "is the smaller of two even draws",
    )
    ood: OutOfDistribution = OutOfDistribution()

    @model_validator(mode="after")
    def _possible(self) -> IGSMOptions:
        most = most_operations(self.most_links)
        for field, numbers in (("op", self.op), ("ood.op", self.ood.op)):
            for number in numbers:
                if not 1 <= number <= most:
                    raise ValueError(
                        f"{field} holds {number}, but a problem of the setting {self.setting} takes 1 to {most} "
                        "operations"
                    )
            if len(set(numbers)) < len(numbers):
                raise ValueError(f"{field} = {list(numbers)} names a number twice; name each once")
        if both := sorted(set(self.operations) & set(self.ood.op)):
            raise ValueError(f"ood.op holds {both[0]}, which op holds too; take it out of one")
        return self

    @property
    def operations(self) -> tuple[int, ...]:
        """The numbers of operations to draw."""
        return self.op or tuple(_OPERATIONS[self.setting])

    @property
    def most_links(self) -> int:
        """At most so many parameters are stated."""
        return _MOST_LINKS[self.setting]

    @property
    def modulus(self) -> int | None:
        return _MODULI[self.setting]

    @property
    def depths(self) -> tuple[int, ...]:
        """The numbers of layers of categories to draw."""
        return (2,) if self.setting == "tiny" else DEPTHS

    @property
    def names(self) -> Names:
        """What the names are drawn from."""
        return FEW_NAMES if self.setting == "tiny" else ALL_NAMES


def ood_levels(options: IGSMOptions) -> dict[str, IGSMOptions]:
    """Split name -> options of each out-of-distribution level, `ood_op_<n>`."""
    usual = OutOfDistribution()
    return {f"ood_op_{op}": options.model_copy(update={"op": (op,), "ood": usual}) for op in options.ood.op}
