"""Provenance: for each trial how to make it again, what it took, and every artifact that it rests on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from tailor_core.report.study.blocks import Block, Made, Section, TrialGroup, TrialNote, Trials, Words
from tailor_core.report.study.study import Study
from tailor_core.report.study.tables import BACKBONE, Cell, Column, Table, heading, nothing, words
from tailor_core.report.text import clip, duration, humanise, label
from tailor_core.secrets import masked
from tailor_core.study.trials import Trial

_HASH = 12
_LONGEST = 2000


def describe_provenance(study: Study) -> Section:
    """The section: a table of all trials, then each with its command and artifacts."""
    return Section("provenance", "Provenance", tuple(_blocks(study)))


def command_line(trial: Trial) -> str:
    """What to type to make a trial again."""
    return masked(shlex.join(["tailor", *trial.command]))


def _blocks(study: Study) -> Iterator[Block]:
    yield Words(
        "Every figure of the tables above leads here. A trial is an ordinary run: its command makes it again, alone, "
        "and takes from the store what is there already. Artifacts are stage/key; the digest is of their content.",
        "about",
    )
    yield _table(study)
    yield Trials(
        tuple(
            TrialGroup(
                study.anchor(backbone, arm.name),
                arm.title,
                label(backbone),
                arm.colour,
                tuple(_note(study, trial) for trial in study.of_arm(backbone, arm.name)),
            )
            for backbone, arm in study.each()
        )
    )


def _note(study: Study, trial: Trial) -> TrialNote:
    page = masked(trial.mlflow)
    return TrialNote(
        anchor=study.anchor(trial.backbone, trial.arm, trial.seed),
        seed=str(trial.seed),
        method=label(trial.method),
        time=duration(trial.seconds) if trial.seconds else "",
        page=page if page.startswith(("http://", "https://")) else "",
        page_name=label(page, 60),
        reason=clip(masked(trial.reason), _LONGEST),
        command=clip(command_line(trial), _LONGEST),
        made=tuple(
            Made(humanise(product), f"{ref.stage}/{ref.key[:_HASH]}", ref.digest[:_HASH])
            for product, ref in trial.refs.items()
        ),
    )


def _table(study: Study) -> Table:
    lines = []
    for backbone, arm in study.each():
        for trial in study.of_arm(backbone, arm.name):
            lines.append(
                (
                    *study.names(backbone, arm),
                    Cell(str(trial.seed), value=trial.seed, href=study.href(backbone, arm.name, trial.seed)),
                    words(label(trial.method)),
                    Cell(duration(trial.seconds), value=trial.seconds) if trial.seconds else nothing(),
                    words(clip(masked(trial.reason), _LONGEST) or ("finished" if trial.refs else "not run")),
                    words(clip(command_line(trial), _LONGEST)),
                )
            )
    return Table(
        "trials",
        "All trials",
        (
            heading("arm", "Arm"),
            BACKBONE,
            Column("seed", "Seed"),
            heading("method", "Method"),
            Column("seconds", "Time", "what its stages took in all where they were executed"),
            heading("outcome", "Outcome"),
            Column("command", "Command", number=False, printed=False),
        ),
        tuple(lines),
        folded=True,
    )
