"""The study of kills in small: two kills on the way to the training rows. The large one is a command."""

from __future__ import annotations

from pathlib import Path

import pytest
from kill_study import run_study


@pytest.mark.integration
@pytest.mark.timeout(1200)  # seven programs, one after the other
def test_data_that_was_killed_twice_has_the_bytes_of_an_undisturbed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    options = ("--until", "sft_dataset", "--set", "demonstrations.shard_size=20")
    study = run_study(tmp_path, 2, 7, ("probe", "demonstrations"), options)
    assert study.faults == []
    assert study.kills.total() == 2
    assert len(study.expected) == 8
