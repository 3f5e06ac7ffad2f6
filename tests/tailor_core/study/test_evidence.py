"""The evidence of trials whose every answer is known; what is missing, damaged, hostile or of no method."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars
import pytest
from made_up_trials import COMPLETIONS, PROMPTS, MadeUp, grpo_log, rambles, rows_of, solves
from polars.testing import assert_frame_equal

from tailor_core.artifacts.store import Store
from tailor_core.config.settings import Settings
from tailor_core.errors import ArtifactError
from tailor_core.records import EvaluationRow
from tailor_core.study.coverage import MEASURES
from tailor_core.study.evidence import Evidence, read_evidence
from tailor_core.study.trial_files import TrialFiles
from tailor_core.study.trials import Trial
from tailor_core.study.warm_start_data import METRICS

pytestmark = pytest.mark.integration

FRAMES = [field.name for field in dataclasses.fields(Evidence)]


def tables(made_up: MadeUp, models: Sequence[str], *, wrong: Any = solves) -> dict[str, list[EvaluationRow]]:
    """Of three samples the first is right; the curve's models get better by one sample a snapshot."""
    trial = made_up.trial("rule-based")  # for its problems, which all share
    problems = [*made_up.problems(trial.refs), *made_up.problems(trial.refs, "ood_people_4")]
    validation = made_up.problems(trial.refs, "validation")

    def first(sample: int) -> bool:
        return sample == 0

    def curve(step: int) -> list[EvaluationRow]:
        return rows_of(f"step-{step:06d}", validation, solves, 2, lambda sample: sample < step // 2)

    return {
        "evaluation": [row for model in models for row in rows_of(model, problems, wrong, 3, first)],
        "curve": [row for step in (0, 2, 4) for row in curve(step)],
        "wide": [row for model in models for row in rows_of(model, problems[:2], wrong, 8, first)],
    }


@pytest.fixture
def two(made_up: MadeUp) -> list[Trial]:
    """A baseline with a warm start, and one without."""
    return [
        made_up.trial("rule-based", tables=tables(made_up, ["warm_start", "policy"])),
        made_up.trial("none", seed=8, tables=tables(made_up, ["base", "policy"])),
    ]


def test_answers_are_counted_problem_by_problem(made_up: MadeUp, two: list[Trial]) -> None:
    answers = read_evidence(two, made_up.store).answers
    assert answers.height == 2 * 2 * 8, "trials, models, and six test problems with two that are out of it"
    first = answers.row(0, named=True)
    assert (first["arm"], first["backbone"], first["seed"]) == ("rule-based", "tiny", 7)
    assert set(answers.select("arm", "seed", "model").iter_rows()) == {
        ("rule-based", 7, "warm_start"), ("rule-based", 7, "policy"), ("none", 8, "base"), ("none", 8, "policy")
    }  # fmt: skip
    assert set(answers.select("samples", "correct", "well_formed", "tokens").iter_rows()) == {
        (3, 1, 3, 10 + 11 + 12)
    }
    assert set(answers["sound"]) == {1}, "the one that is right and solves the puzzle step by step"
    assert set(answers.group_by("split").agg(polars.col("problem_id").n_unique()).iter_rows()) == {
        ("test", 6), ("ood_people_4", 2)
    }  # fmt: skip
    assert set(answers.filter(split="ood_people_4")["difficulty"]) == {4}


def test_the_curve_has_the_steps_and_the_wide_table_many_samples(made_up: MadeUp, two: list[Trial]) -> None:
    evidence = read_evidence(two, made_up.store)
    by_step = evidence.curve.filter(arm="none").group_by("step").agg(polars.col("samples", "correct").sum())
    assert sorted(by_step.iter_rows()) == [(0, 8, 0), (2, 8, 4), (4, 8, 8)]
    assert evidence.curve["tokens"].unique().to_list() == [10 + 11]
    assert evidence.wide.filter(arm="rule-based").height == 4
    assert set(evidence.wide.select("samples", "correct").iter_rows()) == {(8, 1)}


def test_training_counts_completions_from_the_settings_and_tokens_from_the_log(
    made_up: MadeUp, two: list[Trial]
) -> None:
    training = read_evidence(two, made_up.store).training.filter(arm="none")
    assert training["step"].to_list() == [1, 2, 3, 4]
    assert training["samples"].to_list() == [PROMPTS * COMPLETIONS * step for step in (1, 2, 3, 4)]
    assert training.row(1, named=True) | {"arm": "", "backbone": "", "seed": 0} == {
        "arm": "", "backbone": "", "seed": 0, "step": 2, "reward": 0.2, "kl": 0.02, "entropy": 0.5,
        "mean_length": 22.0, "samples": 24, "tokens": 2000,
    }  # fmt: skip


def test_what_a_log_lacks_is_null_and_a_step_without_reward_is_none(made_up: MadeUp) -> None:
    log = (
        grpo_log(3)
        .drop("kl", "num_tokens")
        .with_columns(reward=polars.when(polars.col("step") > 1).then("reward"))
    )
    training = read_evidence([made_up.trial("rule-based", log=log)], made_up.store).training
    assert training["step"].to_list() == [2, 3]
    assert training["kl"].null_count() == training["tokens"].null_count() == 2


def test_moves_are_told_of_the_data_of_each_model_and_along_rl(made_up: MadeUp, two: list[Trial]) -> None:
    moves = read_evidence(two, made_up.store).moves
    kinds = set(moves.select("arm", "model", "step", "split").iter_rows())
    assert ("rule-based", "data", None, "train") in kinds
    assert ("none", "data", None, "train") not in kinds
    assert ("none", "base", None, "test") in kinds
    assert ("none", "step-000002", 2, "validation") in kinds
    answers = tables(made_up, ["policy"])["evaluation"]
    counts = [row.moves.get("assume", 0) for row in answers if row.split == "test"]
    told = moves.filter(arm="none", model="policy", split="test", move="assume").row(0, named=True)
    assert told["share"] == pytest.approx(sum(count > 0 for count in counts) / len(counts), abs=1e-6)
    assert told["mean"] == pytest.approx(sum(counts) / len(counts), abs=1e-6)


def test_data_are_those_of_arms_that_have_a_warm_start(made_up: MadeUp, two: list[Trial]) -> None:
    data = read_evidence(two, made_up.store).data
    assert data["arm"].unique().to_list() == ["rule-based"]
    assert data["metric"].to_list() == list(METRICS)


def test_coverage_is_of_data_and_of_test_answers_of_each_model(made_up: MadeUp, two: list[Trial]) -> None:
    evidence = read_evidence(two, made_up.store)
    largest = evidence.coverage.group_by("arm", "what").agg(polars.col("size").max())
    assert set(largest.iter_rows()) == {
        ("rule-based", "data", 20), ("rule-based", "warm_start", 10), ("rule-based", "policy", 10),
        ("none", "base", 10), ("none", "policy", 10),
    }  # fmt: skip
    assert set(evidence.coverage["measure"]) == set(MEASURES)
    assert evidence.map.height == 24 + 4 * 18
    same = evidence.coverage.filter(polars.col("what").is_in(["base", "policy"]), arm="none")
    base, policy = (same.filter(what=what).drop("what") for what in ("base", "policy"))
    assert_frame_equal(base, policy)  # who says the same covers the same


def test_answers_that_are_wrong_are_no_ground_to_cover(made_up: MadeUp) -> None:
    problems = made_up.problems(made_up.trial("rule-based").refs)

    def measures(right: bool) -> set[str]:
        rows = rows_of("policy", problems, solves, 2, lambda _: right)
        trial = made_up.trial("none", tables={"evaluation": rows})
        return set(read_evidence([trial], made_up.store).coverage["measure"])

    assert measures(True) == set(MEASURES)
    assert measures(False) == {"sentences", "ngram_states"}


def test_a_trial_that_did_not_end_is_left_out_and_no_trials_have_no_rows(
    made_up: MadeUp, two: list[Trial]
) -> None:
    ended, _ = two
    waiting = dataclasses.replace(ended, arm="waiting", refs={}, reason="the disk is full")
    evidence = read_evidence([ended, waiting], made_up.store)
    nothing = read_evidence([waiting], made_up.store)
    for name in FRAMES:
        frame = getattr(evidence, name)
        told = [] if name == "primitives" else ["rule-based"]  # it has one, and nothing to tell apart
        assert frame["arm"].unique().to_list() == told, name
        assert getattr(nothing, name).schema == frame.schema, name
        assert getattr(nothing, name).is_empty()


def test_the_same_artifacts_give_the_same_evidence(made_up: MadeUp, two: list[Trial]) -> None:
    first, second = read_evidence(two, made_up.store), read_evidence(two, made_up.store)
    for name in FRAMES:
        assert_frame_equal(getattr(first, name), getattr(second, name))


def test_arms_that_share_their_data_have_the_same_figures(made_up: MadeUp) -> None:
    one = made_up.trial("rule-based")
    other = dataclasses.replace(one, arm="kl=0.02")
    evidence = read_evidence([one, other], made_up.store)
    for frame in (evidence.data, evidence.coverage, evidence.map):
        parts = [frame.filter(arm=arm).drop("arm") for arm in ("rule-based", "kl=0.02")]
        assert_frame_equal(*parts)
        assert parts[0].height


def test_text_that_nobody_should_believe_is_counted_like_any_other(made_up: MadeUp) -> None:
    answers = tables(made_up, ["warm_start", "policy"], wrong=rambles)
    evidence = read_evidence(
        [made_up.trial("<b>&$x_1$\\", method="rule-based", tables=answers)], made_up.store
    )
    assert set(evidence.answers["well_formed"]) == {0}
    assert set(evidence.moves.filter(model="policy", split="test")["move"]) == {"other"}
    assert set(evidence.map["arm"]) == {"<b>&$x_1$\\"}


def test_a_store_of_any_kind_will_do_and_models_are_not_copied(
    any_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    fetched: list[str] = []
    fetch = Store.fetch

    def watched(store: Store, manifest: Any, directory: Path, only: Any = None) -> None:
        fetch(store, manifest, directory, only)
        fetched.extend(path.name for path in directory.iterdir())

    settings = Settings(home=tmp_path / "home", store=any_store.url)
    made_up = MadeUp(any_store, settings, tmp_path / "made-up")
    trial = made_up.trial("rule-based")
    monkeypatch.setattr(Store, "fetch", watched)
    evidence = read_evidence([trial], any_store)
    assert evidence.answers.height == 6
    assert evidence.data.height == len(METRICS)
    assert "evaluation.parquet" in fetched
    assert "model.safetensors" not in fetched
    assert not any(copies.iterdir())


@pytest.mark.parametrize("product", ["demonstrations", "verdicts", "selection", "policy", "evaluation"])
@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_what_is_missing_or_damaged_is_one_sentence_with_trial_stage_and_key(
    made_up: MadeUp, product: str, fault: str
) -> None:
    trial = made_up.trial("rule-based")
    ref = trial.refs[product]
    directory = made_up.store.local(ref, made_up.settings.cache)
    if fault == "missing":
        made_up.store.delete(ref.stage, ref.key)
    else:
        table = directory / ("training_log.parquet" if product == "policy" else f"{product}.parquet")
        content = bytearray(table.read_bytes())
        content[len(content) // 2] ^= 1
        table.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        read_evidence([trial], made_up.store)
    sentence = str(caught.value)
    assert sentence.startswith("the trial of 'rule-based' on 'tiny' with seed 7: ")
    assert f"{product!r} artifact {ref.key[:12]}" in sentence
    assert fault in sentence
    assert "\n" not in sentence


def test_a_trial_that_ended_without_an_evaluation_is_told(made_up: MadeUp) -> None:
    trial = made_up.trial("rule-based")
    refs = {name: ref for name, ref in trial.refs.items() if name != "evaluation"}
    with pytest.raises(ArtifactError, match="seed 7: the stage 'evaluation' is not among what it made"):
        read_evidence([dataclasses.replace(trial, refs=refs)], made_up.store)


def test_a_table_of_another_form_is_told(made_up: MadeUp) -> None:
    log = grpo_log(2).rename({"step": "steps"})
    trial = made_up.trial("rule-based", log=log)
    with pytest.raises(ArtifactError, match=r"'policy' artifact \w{12} has no column 'step' in training_log"):
        read_evidence([trial], made_up.store)


def test_a_log_of_rl_without_rewards_is_told(made_up: MadeUp) -> None:
    log = grpo_log(2).drop("reward")
    trial = made_up.trial("rule-based", log=log)
    with pytest.raises(
        ArtifactError, match=r"'policy' artifact \w{12} has no column 'reward' in training_log"
    ):
        read_evidence([trial], made_up.store)


@pytest.mark.parametrize("metadata", ["{", "null", "[]"])
def test_problems_whose_metadata_cannot_be_read_are_told(
    made_up: MadeUp, monkeypatch: pytest.MonkeyPatch, metadata: str
) -> None:
    trial = made_up.trial("rule-based")
    table = TrialFiles.table

    def torn(files: TrialFiles, product: str, *of: Any) -> polars.DataFrame:
        found = table(files, product, *of)
        return found.with_columns(metadata=polars.lit(metadata)) if product == "problems" else found

    monkeypatch.setattr(TrialFiles, "table", torn)
    with pytest.raises(
        ArtifactError, match=r"'problems' artifact \w{12} has metadata that are no JSON object"
    ):
        read_evidence([trial], made_up.store)


def test_problems_of_one_skeleton_share_a_cluster_and_others_stand_alone(made_up: MadeUp) -> None:
    igsm = {"name": "igsm", "options": {"op": [3], "ood": {"op": [4]}}}
    trials = [made_up.trial("none", environment=environment) for environment in (igsm, {"name": "kk"})]
    for trial, alike in zip(trials, (True, False), strict=True):
        problems = made_up.problems(trial.refs)
        answers = read_evidence([trial], made_up.store).answers
        found = dict(answers.filter(split="test").select("problem_id", "cluster").iter_rows())
        assert found == {one.id: one.metadata["template_hash"] if alike else one.id for one in problems}
        assert (len(set(found.values())) < len(found)) == alike
