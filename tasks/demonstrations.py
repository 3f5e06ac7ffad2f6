"""The task that makes the product `demonstrations`."""

from __future__ import annotations

from tasks.stage import stage_task

demonstrations = stage_task("demonstrations")
