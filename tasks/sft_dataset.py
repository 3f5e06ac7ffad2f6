"""The task that makes the product `sft_dataset`."""

from __future__ import annotations

from tasks.stage import stage_task

sft_dataset = stage_task("sft_dataset")
