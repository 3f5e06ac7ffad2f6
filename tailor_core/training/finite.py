"""A training that computes NaN or infinity ends before it takes the step.

transformers takes it: the weights are NaN from then on, and so is every checkpoint after. It shows nothing in a log of
the loss either, where such values are left out by default.
"""

from __future__ import annotations

from typing import Any

from torch.distributed.tensor import DTensor
from torch.nn.utils import get_total_norm
from transformers import TrainerCallback

from tailor_core.errors import StageError


class FiniteGradients(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
    """StageError, before a weight is changed, where the gradient of a step has a value that is not finite.

    section: that of the recipe whose `learning_rate` the step would be taken with

    DeepSpeed keeps gradients to itself, so with ZeRO nothing is seen.
    """

    def __init__(self, section: str) -> None:
        self.section = section

    def on_pre_optimizer_step(
        self, args: Any, state: Any, control: Any, *, model: Any, **kwargs: Any
    ) -> None:
        """The gradient is clipped by now: a NaN anywhere, on any process, has made all of it NaN."""
        norm = get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
        if isinstance(norm, DTensor):
            norm = norm.full_tensor()
        if not norm.isfinite():
            raise StageError(
                f"{self.section}: the gradient of step {state.global_step + 1} is not finite, so the step was not "
                f"taken; lower {self.section}.learning_rate, which is {args.learning_rate:g}, or, where the machine is "
                "to blame, run the same again: it goes on from the newest checkpoint"
            )
