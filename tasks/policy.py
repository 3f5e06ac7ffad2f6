"""The task that makes the product `policy`."""

from __future__ import annotations

from tasks.stage import stage_task

policy = stage_task("policy")
