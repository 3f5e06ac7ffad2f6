from __future__ import annotations

import json
from dataclasses import replace

import numpy
import polars
import pytest
from made_up_study import Arm, MadeUp, evidence

from tailor_core.study.evidence import Evidence
from tailor_core.study.figures import Estimate
from tailor_core.study.results import StudyResults, summarise_study

ARMS = {
    "tailor": Arm(warm_start=0.45, policy=0.75, diversity=9.0),
    "rule-based": Arm(warm_start=0.4, policy=0.5, diversity=2.0),
    "4-star": Arm(warm_start=0.4, policy=0.55, diversity=4.0, seeds=(1, 2)),
    "dots": Arm(warm_start=0.1, policy=0.3, diversity=1.0),
    "none": Arm(warm_start=None, policy=0.1, diversity=None),
}
EVIDENCE = MadeUp(arms=ARMS, seed_std=0.01).evidence()
RESULTS = summarise_study(EVIDENCE, "tailor", 0.6)


def only(rows, **fields):
    """The one row with these fields."""
    found = [row for row in rows if all(getattr(row, name) == value for name, value in fields.items())]
    assert len(found) == 1
    return found[0]


def without(whole: Evidence, rows: polars.Expr) -> Evidence:
    """Evidence without some rows of each frame that has the columns."""
    names = rows.meta.root_names()
    return replace(
        whole,
        **{
            name: frame.filter(~rows)
            for name in ("answers", "curve", "wide", "training", "data")
            if {*names} <= {*(frame := getattr(whole, name)).columns}
        },
    )


def test_a_cell_is_counted_by_hand() -> None:
    rows = EVIDENCE.answers.filter(
        polars.col("arm") == "tailor", polars.col("model") == "policy", polars.col("split") == "test"
    )
    by_seed = [part["correct"].sum() / part["samples"].sum() for part in rows.partition_by("seed")]
    cell = only(RESULTS.cells, arm="tailor", model="policy", split="test")
    assert (cell.backbone, cell.seeds, cell.problems) == ("tiny", (1, 2, 3), 60)
    assert cell.per_seed == pytest.approx(by_seed)
    assert (cell.mean, cell.std) == pytest.approx((numpy.mean(by_seed), numpy.std(by_seed, ddof=1)))
    assert cell.interval.low < cell.mean < cell.interval.high
    assert (cell.format_rate, cell.mean_tokens) == (1, 30)
    assert list(cell.by_difficulty) == [2, 3]
    level = rows.filter(polars.col("difficulty") == 3)
    assert cell.by_difficulty[3].mean == pytest.approx(level["correct"].sum() / level["samples"].sum())
    assert cell.by_difficulty[3].problems == 30
    sound = [part["sound"].sum() / part["samples"].sum() for part in rows.partition_by("seed")]
    assert cell.sound.per_seed == pytest.approx(sound)
    assert 0 < cell.sound.interval.low < cell.sound.mean < cell.mean


def test_every_model_and_split_has_a_cell_in_the_order_of_the_evidence() -> None:
    order = list(dict.fromkeys(EVIDENCE.answers.select("arm", "model", "split").iter_rows()))
    assert [(cell.arm, cell.model, cell.split) for cell in RESULTS.cells] == order


def test_a_gain_is_policy_minus_start_seed_by_seed() -> None:
    gain = only(RESULTS.gains, arm="tailor", split="test")
    policy = only(RESULTS.cells, arm="tailor", model="policy", split="test")
    start = only(RESULTS.cells, arm="tailor", model="warm_start", split="test")
    assert gain.start == "warm_start"
    assert gain.per_seed == pytest.approx(numpy.subtract(policy.per_seed, start.per_seed))
    assert gain.interval.low > 0


def test_without_a_warm_start_rl_begins_at_the_base_model() -> None:
    gain = only(RESULTS.gains, arm="none", split="test")
    base = only(RESULTS.cells, arm="none", model="base", split="test")
    assert gain.start == "base"
    assert only(
        RESULTS.comparisons, arm="none", split="test", quantity="accuracy before RL"
    ).difference == pytest.approx(
        only(RESULTS.cells, arm="tailor", model="warm_start", split="test").mean - base.mean
    )
    assert not [row for row in RESULTS.widening if row.arm == "none"]


def test_the_reference_is_compared_with_every_other_arm_in_everything() -> None:
    found = {(row.arm, row.split, row.quantity) for row in RESULTS.comparisons}
    expected = {
        (arm, split, quantity)
        for arm in ("rule-based", "4-star", "dots", "none")
        for split in ("test", "ood_people_4")
        for quantity in ("final accuracy", "sound accuracy", "RL gain", "accuracy before RL")
    } | {
        (arm, "validation", quantity)
        for arm in ("rule-based", "4-star", "dots", "none")
        for quantity in ("area under the curve", "steps to target")
    }
    assert found == expected
    assert len(RESULTS.comparisons) == len(expected)


def test_a_comparison_is_the_reference_minus_the_arm_with_all_its_figures() -> None:
    row = only(RESULTS.comparisons, arm="rule-based", split="test", quantity="final accuracy")
    mine, theirs = (
        only(RESULTS.cells, arm=arm, model="policy", split="test") for arm in ("tailor", "rule-based")
    )
    assert row.difference == pytest.approx(mine.mean - theirs.mean)
    assert row.interval.low > 0.1
    assert row.t_interval[0] > 0
    assert row.p_value < row.p_adjusted < 0.05
    assert row.superiority == 1
    assert row.dz > 0.5
    assert (row.seeds, row.problems, row.over, row.reached) == ((1, 2, 3), 60, "seeds and problems", None)


def test_sound_accuracy_is_compared_where_an_arm_ever_reasons_soundly() -> None:
    row = only(RESULTS.comparisons, arm="rule-based", split="test", quantity="sound accuracy")
    mine, theirs = (
        only(RESULTS.cells, arm=arm, model="policy", split="test").sound for arm in ("tailor", "rule-based")
    )
    assert row.difference == pytest.approx(mine.mean - theirs.mean)
    assert row.interval.low > 0
    assert (row.seeds, row.problems) == ((1, 2, 3), 60)
    prose = replace(EVIDENCE, answers=EVIDENCE.answers.with_columns(sound=polars.lit(0, polars.Int64)))
    unread = summarise_study(prose, "tailor", 0.6)
    assert not [row for row in unread.comparisons if row.quantity == "sound accuracy"]
    assert {cell.sound.mean for cell in unread.cells} == {0}


def test_fewer_steps_to_the_target_are_superior_and_tell_who_got_there() -> None:
    row = only(RESULTS.comparisons, arm="rule-based", quantity="steps to target")
    assert row.difference < 0
    assert row.superiority == 1
    assert row.reached == (3, 0)
    assert row.dz is None


def test_steps_to_a_target_are_compared_up_to_the_last_step_of_both() -> None:
    shorter = without(EVIDENCE, (polars.col("arm") == "tailor") & (polars.col("step") > 20))
    row = only(summarise_study(shorter, "tailor", 0.5).comparisons, arm="dots", quantity="steps to target")
    tailor = only(summarise_study(shorter, "tailor", 0.5).curves, arm="tailor").steps_to_target
    assert row.difference == pytest.approx(tailor.mean - 20)


def test_who_reaches_a_target_is_counted_among_the_seeds_and_steps_that_both_have() -> None:
    assert only(RESULTS.comparisons, arm="4-star", quantity="steps to target").reached == (2, 0)
    short = without(EVIDENCE, (polars.col("arm") == "rule-based") & (polars.col("step") > 10))
    found = summarise_study(short, "tailor", 0.6)
    assert only(found.curves, arm="tailor").steps_to_target.reached == 3
    # By step 10, where the other's curve ends, no seed of either is there.
    compared = [row.arm for row in found.comparisons if row.quantity == "steps to target"]
    assert compared == ["4-star", "dots", "none"]


def test_a_target_that_neither_reaches_is_not_compared() -> None:
    rows = summarise_study(EVIDENCE, "tailor", 0.99)
    assert not [row for row in rows.comparisons if row.quantity == "steps to target"]
    assert all(curve.steps_to_target.reached == 0 for curve in rows.curves)
    assert all(curve.steps_to_target is None for curve in summarise_study(EVIDENCE, "tailor", None).curves)


def test_holm_is_applied_within_a_split_and_quantity() -> None:
    for split, quantity in {(row.split, row.quantity) for row in RESULTS.comparisons}:
        family = [row for row in RESULTS.comparisons if (row.split, row.quantity) == (split, quantity)]
        smallest = min(family, key=lambda row: row.p_value)
        assert smallest.p_adjusted == pytest.approx(min(1, smallest.p_value * len(family)))


def test_arms_with_missing_seeds_are_compared_on_those_that_both_have() -> None:
    row = only(RESULTS.comparisons, arm="4-star", split="test", quantity="final accuracy")
    tailor = only(RESULTS.cells, arm="tailor", model="policy", split="test")
    other = only(RESULTS.cells, arm="4-star", model="policy", split="test")
    assert row.seeds == (1, 2)
    assert row.difference == pytest.approx(numpy.mean(tailor.per_seed[:2]) - other.mean)


def test_arms_without_a_common_seed_are_not_compared() -> None:
    arms = {"tailor": Arm(seeds=(1,)), "dots": Arm(seeds=(2,))}
    found = summarise_study(MadeUp(arms=arms).evidence(), "tailor", 0.5)
    assert found.comparisons == ()
    assert len(found.gains) == 4


def test_one_seed_gives_intervals_over_problems_and_no_std() -> None:
    arms = {name: replace(arm, seeds=(1,)) for name, arm in ARMS.items()}
    found = summarise_study(MadeUp(arms=arms).evidence(), "tailor", 0.6)
    rows: list[Estimate] = [*found.cells, *found.gains]
    assert {(row.std, row.over) for row in rows} == {(None, "problems")}
    assert {row.over for row in found.comparisons} == {"problems"}
    assert {row.superiority for row in found.comparisons} == {None}, "one pair of seeds tells no chance"


def test_another_arm_changes_no_figure_of_the_others() -> None:
    fewer = summarise_study(without(EVIDENCE, polars.col("arm") == "dots"), "tailor", 0.6)
    for name in ("cells", "gains", "curves", "pass_at_k", "widening"):
        assert getattr(fewer, name) == tuple(row for row in getattr(RESULTS, name) if row.arm != "dots")
    kept = [replace(row, p_adjusted=0.0) for row in RESULTS.comparisons if row.arm != "dots"]
    assert [replace(row, p_adjusted=0.0) for row in fewer.comparisons] == kept


def test_the_order_of_rows_changes_no_figure() -> None:
    names = ("answers", "curve", "wide", "training")
    mixed = replace(
        EVIDENCE, **{name: getattr(EVIDENCE, name).sample(fraction=1, shuffle=True, seed=0) for name in names}
    )
    found = summarise_study(mixed, "tailor", 0.6)
    key = repr
    for name in ("cells", "gains", "comparisons", "curves", "pass_at_k", "widening"):
        assert sorted(map(key, getattr(found, name))) == sorted(map(key, getattr(RESULTS, name)))


def test_a_reference_that_did_not_run_leaves_all_but_the_comparisons() -> None:
    found = summarise_study(without(EVIDENCE, polars.col("arm") == "tailor"), "tailor", 0.6)
    assert found.comparisons == ()
    assert {cell.arm for cell in found.cells} == {*ARMS} - {"tailor"}


def test_a_study_without_curves_wide_samples_or_data_has_the_rest() -> None:
    found = summarise_study(evidence(answers=EVIDENCE.answers), "tailor", 0.6)
    assert found.cells == RESULTS.cells
    assert (found.curves, found.pass_at_k, found.widening, found.correlations) == ((), (), (), ())
    nothing = summarise_study(evidence(), "tailor", None)
    assert (nothing.cells, nothing.comparisons) == ((), ())


def test_backbones_are_summarised_apart() -> None:
    second = {
        name: getattr(EVIDENCE, name).with_columns(backbone=polars.lit("smollm2"))
        for name in ("answers", "curve", "wide", "training", "data")
    }
    both = summarise_study(
        replace(
            EVIDENCE,
            **{name: polars.concat([getattr(EVIDENCE, name), frame]) for name, frame in second.items()},
        ),
        "tailor",
        0.6,
    )
    for name in ("cells", "gains", "comparisons", "curves", "pass_at_k", "widening", "correlations"):
        rows = getattr(both, name)
        assert tuple(row for row in rows if row.backbone == "tiny") == getattr(RESULTS, name)
        assert len(rows) == 2 * len(getattr(RESULTS, name))


def test_data_metrics_are_correlated_with_outcomes_over_arms_and_seeds() -> None:
    row = only(RESULTS.correlations, metric="vendi_score", outcome="final accuracy")
    assert (row.arms, len(row.points)) == (4, 11)
    assert row.rho > 0.8
    assert row.interval is None, "draws of four arms that are in order are all in order"
    point = only(row.points, arm="tailor", seed=2)
    assert point.metric == pytest.approx(9.02)
    assert point.outcome == only(RESULTS.cells, arm="tailor", model="policy", split="test").per_seed[1]
    # All have as many rows: nothing to correlate. And the arm without data is not among the points.
    assert {one.metric for one in RESULTS.correlations} == {"vendi_score"}
    assert {one.outcome for one in RESULTS.correlations} == {
        "RL gain",
        "final accuracy",
        "accuracy before RL",
    }
    assert "none" not in {one.arm for one in row.points}


def test_arms_that_are_fine_tuned_on_the_same_data_count_as_one() -> None:
    longer = {f"{name}-longer": replace(arm, data=name) for name, arm in ARMS.items() if name != "dots"}
    found = summarise_study(MadeUp(arms={**ARMS, **longer}, seed_std=0.01).evidence(), "tailor", 0.6)
    row = only(found.correlations, metric="vendi_score", outcome="final accuracy")
    assert (row.arms, len(row.points)) == (4, 19)
    three = {name: arm for name, arm in {**ARMS, **longer}.items() if not name.startswith("4-star")}
    assert summarise_study(MadeUp(arms=three).evidence(), "tailor", 0.6).correlations == ()


def test_many_arms_have_an_interval_of_their_correlation() -> None:
    arms = {f"arm-{place}": Arm(policy=0.1 * place, diversity=float(place)) for place in range(1, 9)}
    row = only(
        summarise_study(MadeUp(arms=arms, seed_std=0.01).evidence(), "arm-1", None).correlations,
        metric="vendi_score",
        outcome="final accuracy",
    )
    assert row.arms == 8
    assert 0 < row.interval.low < row.rho == row.interval.value


def test_what_ranks_data_as_another_metric_does_is_no_test_of_its_own() -> None:
    twice = [
        EVIDENCE.data.filter(metric="vendi_score").with_columns(metric=polars.lit(name))
        for name in ("primitive_entropy", "effective_primitives")
    ]
    found = summarise_study(replace(EVIDENCE, data=polars.concat(twice)), "tailor", 0.6)
    assert {row.metric for row in found.correlations} == {"primitive_entropy"}


def test_an_arm_with_the_references_own_trials_is_not_compared() -> None:
    same = {
        name: polars.concat(
            [
                whole := getattr(EVIDENCE, name),
                whole.filter(arm="tailor").with_columns(arm=polars.lit("without-dedup")),
            ]
        )
        for name in ("answers", "curve", "wide", "training", "data")
    }
    found = summarise_study(replace(EVIDENCE, **same), "tailor", 0.6)
    assert (found.twins, RESULTS.twins) == ((("tiny", "without-dedup"),), ())
    assert found.comparisons == RESULTS.comparisons
    other = same["answers"].with_columns(
        tokens=polars.col("tokens") + (polars.col("arm") == "without-dedup").cast(int)
    )
    assert summarise_study(replace(EVIDENCE, **{**same, "answers": other}), "tailor", 0.6).twins == ()


def test_an_arm_that_changes_rl_alone_is_not_compared_before_it() -> None:
    answers = EVIDENCE.answers
    own = answers.filter(arm="tailor").with_columns(arm=polars.lit("kl"))
    changed = own.with_columns(
        correct=polars.when(polars.col("model") == "policy").then(0).otherwise("correct")
    )
    found = summarise_study(replace(EVIDENCE, answers=polars.concat([answers, changed])), "tailor", 0.6)
    assert {row.quantity for row in found.comparisons if row.arm == "kl" and row.split == "test"} >= {
        "final accuracy",
        "RL gain",
    }
    before = [row for row in found.comparisons if row.quantity == "accuracy before RL"]
    assert before == [row for row in RESULTS.comparisons if row.quantity == "accuracy before RL"], (
        "one more p-value of 1 would make the corrected ones of the others larger"
    )


def test_areas_are_compared_up_to_the_last_step_of_both() -> None:
    # The same policies, one of which is trained on for longer: up to where both were there is no difference.
    rows = EVIDENCE.curve.filter(arm="tailor")
    longer = polars.concat(
        [
            rows.with_columns(arm=polars.lit("longer")),
            rows.filter(step=30).with_columns(arm=polars.lit("longer"), step=polars.lit(90, polars.Int64)),
        ]
    )
    found = summarise_study(replace(EVIDENCE, curve=polars.concat([EVIDENCE.curve, longer])), "tailor", None)
    areas = {curve.arm: curve.area.mean for curve in found.curves}
    assert areas["longer"] > areas["tailor"] + 0.02
    row = only(found.comparisons, arm="longer", quantity="area under the curve")
    assert row.difference == pytest.approx(0)


def test_few_arms_have_no_correlation() -> None:
    few = without(EVIDENCE, polars.col("arm") == "dots")
    assert summarise_study(few, "tailor", 0.6).correlations == ()


def test_the_same_seed_gives_the_same_results_and_another_other_intervals() -> None:
    assert summarise_study(EVIDENCE, "tailor", 0.6) == RESULTS
    other = summarise_study(EVIDENCE, "tailor", 0.6, seed=1)
    assert [row.mean for row in other.cells] == [row.mean for row in RESULTS.cells]
    assert [row.interval for row in other.cells] != [row.interval for row in RESULTS.cells]


def test_the_results_are_json_without_nan() -> None:
    found = RESULTS.to_json()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["settings"] == {
        "confidence": 0.95, "resamples": 2000, "seed": 0, "reference": "tailor", "target": 0.6,
    }  # fmt: skip
    assert set(found) == {*StudyResults.__slots__}
    cell = found["cells"][0]
    assert cell["interval"]["method"] == "bootstrap"
    assert cell["by_difficulty"]["2"]["mean"] == round(RESULTS.cells[0].by_difficulty[2].mean, 6)
