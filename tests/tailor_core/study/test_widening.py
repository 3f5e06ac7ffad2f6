from __future__ import annotations

import math

import pytest
from made_up_study import frame

from tailor_core.study.resampling import Resampler
from tailor_core.study.widening import overtaken_at, pass_figures, pass_table, widenings

RESAMPLER = Resampler(0, 500)


def rows(model: str, correct: dict[int, list[int]], samples: int = 64) -> list[dict[str, object]]:
    """So many correct samples of each problem, by seed."""
    return [
        {
            "arm": "tailor", "backbone": "tiny", "seed": seed, "model": model, "problem_id": f"p-{number}",
            "samples": samples, "correct": count,
        }
        for seed, counts in correct.items() for number, count in enumerate(counts)
    ]  # fmt: skip


def test_pass_at_k_is_the_mean_of_exact_binomials_over_problems_and_seeds() -> None:
    correct = {1: [0, 1, 30], 2: [2, 64, 5]}
    found = next(pass_table(pass_figures(frame("wide", rows("policy", correct)), RESAMPLER), RESAMPLER))
    assert list(found.by_k) == [1, 2, 4, 8, 16, 32, 64]
    assert (found.model, found.seeds, found.problems) == ("policy", (1, 2), 3)
    for k, interval in found.by_k.items():
        exact = [1 - math.comb(64 - c, k) / math.comb(64, k) for counts in correct.values() for c in counts]
        assert interval.value == pytest.approx(sum(exact) / 6)
        assert interval.low <= interval.value <= interval.high


def test_k_ends_where_the_problem_with_the_fewest_samples_does() -> None:
    wide = frame("wide", [*rows("policy", {1: [1]}, samples=6), *rows("policy", {2: [1]}, samples=9)])
    assert list(next(iter(pass_figures(wide, RESAMPLER).values()))) == [1, 2, 4]


def test_a_policy_that_solves_fewer_problems_more_often_is_overtaken() -> None:
    start = {seed: [4] * 8 + [1] * 8 for seed in (1, 2)}
    policy = {seed: [60] * 8 + [0] * 8 for seed in (1, 2)}
    wide = frame("wide", [*rows("warm_start", start), *rows("policy", policy)])
    found = next(widenings(pass_figures(wide, RESAMPLER), RESAMPLER))
    assert found.start == "warm_start"
    assert found.by_k[1].low > 0
    assert found.by_k[64].high < 0
    assert found.by_k[64].value == pytest.approx(-0.5)
    # At k = 32 each of the last eight is still found by the start in one draw of two: 1 - C(63, 32) / C(64, 32).
    assert found.by_k[32].value < 0 < found.by_k[16].value
    assert found.overtaken_at == 32


def test_where_it_is_overtaken_by_hand() -> None:
    assert overtaken_at({1: 0.3, 2: 0.1, 4: -0.1, 8: -0.2}) == 4
    assert overtaken_at({1: -0.1, 2: 0.1, 4: -0.1}) == 4
    assert overtaken_at({1: -0.1, 2: -0.1}) == 1
    assert overtaken_at({1: -0.1, 2: 0.1}) is None
    assert overtaken_at({1: 0.3, 2: 1e-17, 4: -1e-17}) is None


def test_without_a_start_there_is_pass_at_k_but_nothing_to_widen() -> None:
    found = pass_figures(frame("wide", rows("policy", {1: [3, 4]})), RESAMPLER)
    assert len(list(pass_table(found, RESAMPLER))) == 1
    assert not list(widenings(found, RESAMPLER))
    apart = frame("wide", [*rows("policy", {1: [3]}), *rows("warm_start", {2: [3]})])
    assert not list(widenings(pass_figures(apart, RESAMPLER), RESAMPLER))


def test_the_base_model_is_the_start_where_there_is_no_warm_start() -> None:
    wide = frame("wide", [*rows("policy", {1: [3, 9]}), *rows("base", {1: [0, 0], 2: [1, 1]})])
    found = next(widenings(pass_figures(wide, RESAMPLER), RESAMPLER))
    assert (found.start, found.seeds) == ("base", (1,))
