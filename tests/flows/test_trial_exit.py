"""A run for a study: a sentence is exit 2, a failure of the machine is not, for the next try may go well."""

from __future__ import annotations

import pytest

from flows import trial
from tailor_core.errors import MachineError, StageError


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
