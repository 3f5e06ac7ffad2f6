"""What RL pays for is refused before it begins, where nothing could ever earn it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailor_core.artifacts.tables import write_records
from tailor_core.config.policy import PolicyConfig
from tailor_core.environments import get_environment
from tailor_core.errors import StageError
from tailor_core.stages import policy
from tailor_core.stages.context import StageContext
from tailor_core.training import grpo


@pytest.mark.parametrize(("family", "refused"), [("rg:leg_counting", True), ("kk", False), ("igsm", False)])
def test_soundness_is_not_paid_for_in_a_family_that_reads_no_steps(
    family: str, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = get_environment(family)
    problems = environment.generate(environment.options_model(), count=2, split="train", seed=1)
    write_records(tmp_path / "problems" / "problems.parquet", problems)
    context = StageContext(
        inputs={"problems": tmp_path / "problems", "warm_start": tmp_path},
        output=tmp_path,
        workdir=tmp_path,
        seed=1,
    )

    class Begun(Exception):  # noqa: N818  # no error
        pass

    def begin(*_: object, **__: object) -> None:
        raise Begun

    monkeypatch.setattr(grpo, "reinforce", begin)
    if refused:
        with pytest.raises(
            StageError, match=r"^policy\.reward = 'sound', but the family 'rg:leg_counting' reads no"
        ):
            policy.run(PolicyConfig(reward="sound"), context)
    else:
        with pytest.raises(Begun):
            policy.run(PolicyConfig(reward="sound"), context)
    with pytest.raises(Begun):
        policy.run(PolicyConfig(), context)
