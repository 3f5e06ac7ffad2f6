"""Names of stages that people give: known, or one sentence."""

from __future__ import annotations

import pytest

from tailor_core.errors import InputError
from tailor_core.stages.registry import STAGES, check_stages


def test_every_stage_is_known_also_as_the_last() -> None:
    check_stages(STAGES)
    check_stages([], "policy")
    check_stages(["policy", "problems"], "policy")


@pytest.mark.parametrize(("names", "until"), [(["problems", "polcy"], ""), ([], "polcy")])
def test_an_unknown_stage_is_one_sentence_with_the_nearest(names: list[str], until: str) -> None:
    with pytest.raises(InputError, match=r"'polcy' is no stage \(did you mean 'policy'\?\); .* problems, "):
        check_stages(names, until)


def test_a_stage_after_the_end_is_refused() -> None:
    with pytest.raises(InputError, match="'report' comes after 'policy', where the run is to end"):
        check_stages(["problems", "report"], "policy")
