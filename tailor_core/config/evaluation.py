"""The `[evaluation]` section: on which problems, and with how many samples, the models are compared."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tailor_core.config.seeds import Seed
from tailor_core.config.vllm import EngineKind, VLLMConfig


def _check_ks(ks: Sequence[int], samples: int) -> None:
    for k in ks:
        if not 1 <= k <= samples:
            raise ValueError(
                f"ks holds {k}, but pass@k needs 1 <= k <= samples_per_problem = {samples}; drop it or raise "
                "samples_per_problem"
            )


class WideConfig(BaseModel):
    """`[evaluation.wide]`: many completions of few problems, for pass@k of a large k (does RL sharpen or widen?)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    split: str = Field(default="test", description="whose problems are asked")
    problems: int = Field(default=0, ge=0, description="at most so many; none, and it is left out")
    samples_per_problem: int = Field(
        default=64, ge=1, description="completions of warm start and policy on each"
    )
    ks: tuple[int, ...] = Field(default=(1, 2, 4, 8, 16, 32, 64), min_length=1)

    @model_validator(mode="after")
    def _ks_are_possible(self) -> WideConfig:
        _check_ks(self.ks, self.samples_per_problem)
        return self


class CurveConfig(BaseModel):
    """`[evaluation.curve]`: how the models that a policy kept on the way (`policy.snapshots`) are evaluated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    split: str = Field(default="validation", description="whose problems are asked")
    problems: int = Field(default=100, ge=1, description="at most so many")
    samples_per_problem: int = Field(default=2, ge=1, description="completions of each model on each")


class EvaluationConfig(BaseModel):
    """How completions are sampled and how sure the figures must be.

    A completion counts as correct when the `binary` reward is 1, whatever reward the policy was trained with. `vllm`
    is the recipe's section [vllm], `suite_seed` its `problems.seed`: which problems there are and which of them are
    asked go together, so that all seeds of a study which fixes the problems are asked the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: EngineKind = Field(
        default="transformers",
        description="what samples: `transformers` in this process, or `vllm`, as the section [vllm] says",
    )
    vllm: VLLMConfig = VLLMConfig()
    suite_seed: Seed | None = Field(default=None, description="draws the problems; none: the run's seed does")
    splits: tuple[str, ...] = Field(
        default=("test", "ood_*"), min_length=1, description="names or shell patterns of held-out splits"
    )
    problems_per_split: int = Field(
        default=200, ge=1, description="at most so many problems a split, spread evenly over its difficulties"
    )
    samples_per_problem: int = Field(default=4, ge=1, description="completions of each model on each problem")
    ks: tuple[int, ...] = Field(default=(1, 4), min_length=1, description="the k of each pass@k")
    temperature: float = Field(default=1.0, ge=0, description="0 is greedy")
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=512, ge=1, description="length of a completion at most")
    confidence: float = Field(default=0.95, gt=0, lt=1, description="coverage of every interval")
    resamples: int = Field(default=2000, ge=100, description="bootstrap resamples, and sign flips of a test")

    base: bool = Field(
        default=True, description="ask the base model, too; where there is no warm start, it is asked anyway"
    )
    curve: CurveConfig = CurveConfig()
    wide: WideConfig = WideConfig()

    @property
    def runs_vllm(self) -> bool:
        return self.engine == "vllm"

    @model_validator(mode="after")
    def _ks_are_possible(self) -> EvaluationConfig:
        _check_ks(self.ks, self.samples_per_problem)
        asked = {"samples_per_problem": self.samples_per_problem}
        asked["curve.samples_per_problem"] = self.curve.samples_per_problem
        if self.wide.problems:
            asked["wide.samples_per_problem"] = self.wide.samples_per_problem
        for field, samples in asked.items():
            if self.temperature == 0 and samples > 1:
                raise ValueError(
                    f"{field} = {samples} at temperature 0 repeats one greedy completion; set it to 1, and its ks to "
                    "[1] where it has any, or raise temperature"
                )
        return self
