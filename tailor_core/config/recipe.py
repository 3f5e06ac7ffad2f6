"""The recipe: everything that decides what a run computes, one section a product, and where it computes that."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tailor_core.config.accelerate import AccelerateConfig
from tailor_core.config.backbone import BackboneConfig
from tailor_core.config.baselines import BaselinesConfig, Method
from tailor_core.config.demonstrations import BalanceConfig, DemonstrationsConfig
from tailor_core.config.evaluation import EvaluationConfig
from tailor_core.config.execution import ExecutionConfig
from tailor_core.config.policy import PolicyConfig
from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.config.probe import ProbeConfig
from tailor_core.config.problems import EnvironmentConfig, ProblemsConfig
from tailor_core.config.report import ReportConfig
from tailor_core.config.seeds import Seed
from tailor_core.config.selection import SelectionConfig
from tailor_core.config.sft_dataset import SFTDatasetConfig
from tailor_core.config.teacher import TeacherConfig
from tailor_core.config.verdicts import QualityConfig, VerdictsConfig
from tailor_core.config.vllm import VLLMConfig
from tailor_core.config.warm_start import WarmStartConfig


class Recipe(BaseModel):
    """A run of the whole method. Defaults are vetted settings; a recipe file holds only what differs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="lower-case letters, digits, . _ -")
    description: str = Field(default="", description="one sentence on what the recipe is for")
    seed: Seed = Field(default=0, description="all random choices follow from it")
    method: Method = Field(default="tailor", description="whose warm-start data are made")
    environment: EnvironmentConfig = EnvironmentConfig()
    backbone: BackboneConfig = BackboneConfig()
    problems: ProblemsConfig = ProblemsConfig()
    probe: ProbeConfig = ProbeConfig()
    teacher: TeacherConfig = TeacherConfig()
    vllm: VLLMConfig = VLLMConfig()
    primitives: PrimitivesConfig = PrimitivesConfig()
    demonstrations: DemonstrationsConfig = DemonstrationsConfig()
    verdicts: VerdictsConfig = VerdictsConfig()
    selection: SelectionConfig = SelectionConfig()
    baselines: BaselinesConfig = BaselinesConfig()
    sft_dataset: SFTDatasetConfig = SFTDatasetConfig()
    warm_start: WarmStartConfig = WarmStartConfig()
    policy: PolicyConfig = PolicyConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    report: ReportConfig = ReportConfig()
    execution: ExecutionConfig = ExecutionConfig()
    accelerate: AccelerateConfig = AccelerateConfig()

    @model_validator(mode="after")
    def _shared_sections_are_said_once(self) -> Recipe:
        for product, name, section in _SHARED:
            if name in getattr(self, product).model_fields_set:
                raise ValueError(f"{product}.{name} is taken from the section [{section}]; write it there")
        return self

    @model_validator(mode="after")
    def _processes_divide_batches(self) -> Recipe:
        for section in (self.warm_start, self.policy):
            section.batches(self.accelerate.processes)
        return self

    def section(self, product: str) -> BaseModel:
        """The configuration of a product's stage."""
        found = getattr(self, product)
        assert isinstance(found, BaseModel), f"{product} is no section"
        samples = self.teacher.kind != "procedural"
        shared = {
            "environment": self.environment,
            "accelerate": self.accelerate,
            "teacher": self.teacher.used(),
            "quality": self.verdicts.quality if samples else QualityConfig(),
            "suite_seed": self.problems.seed,
        }
        update: dict[str, Any] = {
            name: shared[name] for owner, name, _ in _SHARED if owner == product and name in shared
        }
        if product == "demonstrations" and not (samples and self.demonstrations.balance.temperatures):
            update["balance"] = BalanceConfig()
        made = found.model_copy(update=update)
        # To others [vllm] means nothing, and must be in no key of theirs.
        return made.model_copy(update={"vllm": self.vllm}) if getattr(made, "runs_vllm", False) else made


def place_of(product: str, field: str) -> str:
    """Where a recipe says a field of a stage's configuration: `policy.beta`, `environment.name`, `teacher.model`."""
    for owner, name, section in _SHARED:
        if owner == product and field.partition(".")[0] == name:
            return section + field.removeprefix(name)
    return f"{product}.{field}"


_SHARED = (
    ("problems", "environment", "environment"),
    ("probe", "vllm", "vllm"),
    ("primitives", "teacher", "teacher"),
    ("primitives", "vllm", "vllm"),
    ("primitives", "quality", "verdicts.quality"),
    ("demonstrations", "teacher", "teacher"),
    ("demonstrations", "vllm", "vllm"),
    ("evaluation", "vllm", "vllm"),
    ("evaluation", "suite_seed", "problems.seed"),
    ("warm_start", "accelerate", "accelerate"),
    ("policy", "accelerate", "accelerate"),
)
"""Product, and the field of its stage's configuration that is another section of the recipe: which one."""
