"""Make a tiny backbone from nothing: exercises, tokenizer, pretraining. Half an hour on two cores, resumable."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from prefect import flow, task

from flows.preflight import backbone_workdir, check_output, note_output
from tailor_core.artifacts.locks import held
from tailor_core.artifacts.store import key_lock
from tailor_core.config.backbone import PretrainingConfig
from tailor_core.config.settings import read_settings
from tailor_core.stages.context import untracked

progress = logging.getLogger("tailor")


@task(name="pretraining", retries=1)
def pretraining(config: PretrainingConfig, output: Path, workdir: Path, lock: Path) -> dict[str, float]:
    """Pretrain into `output`; an interrupted run goes on from its newest checkpoint in `workdir`.

    One process at a time works there, and the last one removes it. Returns what the backbone can do: the share of
    exercises that it answers word for word, by kind.
    """
    from tailor_core.stages.examination import examine
    from tailor_core.stages.pretraining import make_backbone

    with held(lock, "the backbone", on_wait=progress.info):
        note_output(output, workdir)
        make_backbone(config, output, workdir, untracked)
        right = examine(output, config, workdir)
        shutil.rmtree(workdir)
    return right


@flow(name="tailor-backbone")
def backbone(output: Path, config: PretrainingConfig, home: Path | None = None) -> dict[str, float]:
    """Pretrain a tiny backbone and leave a model directory in `output`; the share of each exercise that it can do."""
    places = read_settings(home, None)
    workdir = backbone_workdir(config, places)
    check_output(output, workdir)
    stage, _, key = workdir.name.partition("-")
    return pretraining(config, output, workdir, key_lock(stage, key, places.locks))
