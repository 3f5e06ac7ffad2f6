"""The task that makes the product `report`."""

from __future__ import annotations

from tasks.stage import stage_task

report = stage_task("report")
