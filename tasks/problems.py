"""The task that makes the product `problems`."""

from __future__ import annotations

from tasks.stage import stage_task

problems = stage_task("problems")
