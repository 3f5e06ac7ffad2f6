"""The task that makes the product `probe`."""

from __future__ import annotations

from tasks.stage import stage_task

probe = stage_task("probe")
