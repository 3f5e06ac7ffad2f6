from __future__ import annotations

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.study.multiplicity import holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_holms_example_worked_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04, times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04, which may not fall again.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


@given(P_VALUES, st.floats(0.001, 0.999))
def test_it_rejects_what_the_step_down_procedure_rejects(p_values: list[float], alpha: float) -> None:
    rejected = set()
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        if p_values[at] * (len(p_values) - rank) > alpha:
            break
        rejected.add(at)
    assert {at for at, p in enumerate(holm(p_values)) if p <= alpha} == rejected


@given(P_VALUES)
def test_it_lies_between_no_correction_and_bonferronis(p_values: list[float]) -> None:
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted <= min(1, p * len(p_values))


def test_the_chance_of_any_false_rejection_stays_at_alpha() -> None:
    rng, families = numpy.random.default_rng(0), 2000
    uncorrected = corrected = 0
    for _ in range(families):
        p_values = rng.random(11).tolist()
        uncorrected += min(p_values) <= 0.05
        corrected += min(holm(p_values)) <= 0.05
    assert uncorrected / families > 0.35
    assert 0.03 < corrected / families < 0.065
