"""A run for a study: a sentence is exit 2, a failure of the machine is not, for the next try may go well.

And the study itself: exit 2 where none of its trials came to its end.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

import flows.study
from flows import study_cli, trial
from flows.scores import Score
from flows.study import StudyEnd
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.errors import MachineError, StageError
from tailor_core.study.trials import Trial


@pytest.mark.parametrize(
    ("error", "status"),
    [(StageError("selection kept none"), 2), (MachineError("policy: the disk is full"), 1)],
)
def test_what_a_person_can_mend_ends_a_trial_for_good_and_a_full_disk_does_not(
    error: Exception, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(trial, "app", fail)
    with pytest.raises(SystemExit) as ended:
        trial.main()
    assert ended.value.code == status
    assert capsys.readouterr().err == f"tailor: {error}\n"


def trial_of(arm: str, reason: str = "") -> Trial:
    refs = (
        {}
        if reason
        else {"evaluation": ArtifactRef(stage="evaluation", key="0" * 64, digest="1" * 64, uri="")}
    )
    return Trial(
        arm=arm, method="none", backbone="tiny", seed=7, overrides=(), command=("run", "kk-tiny"), refs=refs,
        reason=reason,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reasons", "crashed", "status"),
    [
        (["people holds 50"] * 2, [], 2),
        (["", "people holds 50"], [], 0),
        (["people holds 50", ""], ["none"], 1),
    ],
)
def test_a_study_none_of_whose_trials_comes_to_its_end_exits_with_2(
    reasons: list[str],
    crashed: list[str],
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    trials = [trial_of(arm, reason) for arm, reason in zip(("tailor", "none"), reasons, strict=True)]
    scores = [None if one.reason else Score(start=0.5, final=0.6) for one in trials]
    end = StudyEnd(trials=trials, crashed=crashed, scores=scores, page=None)
    monkeypatch.setattr(study_cli, "served", lambda *_: nullcontext(nullcontext))
    monkeypatch.setattr(flows.study, "study", lambda *_: end)
    monkeypatch.setattr("sys.argv", ["tailor", "study", "kk-tiny", "--home", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        trial.app()
    assert ended.value.code == status
    assert capsys.readouterr().out.count("did not come to its end: people holds 50") == sum(
        map(bool, reasons)
    )
