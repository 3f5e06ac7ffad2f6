"""The task that makes the product `verdicts`."""

from __future__ import annotations

from tasks.stage import stage_task

verdicts = stage_task("verdicts")
