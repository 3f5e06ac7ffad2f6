"""Make the `tiny` backbone from nothing: exercises, tokenizer, pretraining. Half an hour on two cores, resumable."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, task

from tailor_core.config.backbone import PretrainingConfig
from tailor_core.config.settings import read_settings
from tailor_core.records import content_id
from tailor_core.stages.context import untracked


@task(name="pretraining", retries=1)
def pretraining(config: PretrainingConfig, output: Path, workdir: Path) -> dict[str, float]:
    """Pretrain into `output`; an interrupted run goes on from its newest checkpoint in `workdir`."""
    from tailor_core.stages.pretraining import make_backbone

    return make_backbone(config, output, workdir, untracked)


@flow(name="tailor-backbone")
def backbone(
    output: Path, config: PretrainingConfig | None = None, home: Path | None = None
) -> dict[str, float]:
    """Pretrain `tiny` and leave a model directory in `output`; the last metrics."""
    settings = config or PretrainingConfig()
    workdir = read_settings(home, None).work / f"pretraining-{content_id(settings.model_dump(mode='json'))}"
    workdir.mkdir(parents=True, exist_ok=True)
    return pretraining(settings, output, workdir)
