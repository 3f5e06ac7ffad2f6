"""The task that makes the product `evaluation`."""

from __future__ import annotations

from tasks.stage import stage_task

evaluation = stage_task("evaluation")
