"""The task that makes the product `selection`."""

from __future__ import annotations

from tasks.stage import stage_task

selection = stage_task("selection")
