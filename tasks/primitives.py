"""The task that makes the product `primitives`."""

from __future__ import annotations

from tasks.stage import stage_task

primitives = stage_task("primitives")
