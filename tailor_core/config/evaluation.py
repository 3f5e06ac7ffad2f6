"""The `[evaluation]` section: on which problems, and with how many samples, the models are compared."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tailor_core.config.vllm import EngineKind, VLLMConfig


class EvaluationConfig(BaseModel):
    """How completions are sampled and how sure the figures must be.

    A completion counts as correct when the `binary` reward is 1, whatever reward the policy was trained with. `vllm`
    is the recipe's section [vllm].
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: EngineKind = Field(
        default="transformers",
        description="what samples: `transformers` in this process, or `vllm`, as the section [vllm] says",
    )
    vllm: VLLMConfig = VLLMConfig()
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

    @property
    def runs_vllm(self) -> bool:
        return self.engine == "vllm"

    @model_validator(mode="after")
    def _ks_are_possible(self) -> EvaluationConfig:
        for k in self.ks:
            if not 1 <= k <= self.samples_per_problem:
                raise ValueError(
                    f"ks holds {k}, but pass@k needs 1 <= k <= samples_per_problem = "
                    f"{self.samples_per_problem}; drop it or raise samples_per_problem"
                )
        if self.temperature == 0 and self.samples_per_problem > 1:
            raise ValueError(
                f"samples_per_problem = {self.samples_per_problem} at temperature 0 repeats one greedy "
                "completion; set samples_per_problem = 1 and ks = [1], or raise temperature"
            )
        return self
