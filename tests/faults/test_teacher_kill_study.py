"""The study of a chat teacher's kills in small. The large one is a command."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("openai", reason="openai is not installed (extra openai)")

from teacher_kill_study import run_study


@pytest.mark.integration
@pytest.mark.timeout(600)
def test_no_kept_completion_is_asked_for_again_whoever_is_killed(tmp_path: Path) -> None:
    study = run_study(tmp_path, 6, 3)
    assert study.faults == []
    assert study.kills.total() >= 4
    assert study.kills.keys() == {"stage", "server"}
    assert sum(len(kept) for _, kept in study.promises) > 0
