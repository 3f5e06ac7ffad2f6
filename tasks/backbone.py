"""The task that makes the product `backbone`."""

from __future__ import annotations

from tasks.stage import stage_task

backbone = stage_task("backbone")
