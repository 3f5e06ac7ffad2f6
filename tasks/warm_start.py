"""The task that makes the product `warm_start`."""

from __future__ import annotations

from tasks.stage import stage_task

warm_start = stage_task("warm_start")
