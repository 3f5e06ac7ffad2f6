"""The figures of warm-start data against numpy, scipy and scikit-learn, on data that the real stages made."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import polars
import pytest
from made_up_trials import MadeUp
from scipy.stats import entropy
from sklearn.metrics.pairwise import cosine_distances, cosine_similarity

from tailor_core.artifacts.tables import read_table
from tailor_core.environments import get_environment
from tailor_core.study import warm_start_data
from tailor_core.study.trial_files import TrialFiles
from tailor_core.study.trials import Trial
from tailor_core.study.warm_start_data import METRICS, read_data


def table(made_up: MadeUp, trial: Trial, product: str, name: str = "") -> polars.DataFrame:
    directory = made_up.store.local(trial.refs[product], made_up.settings.cache)
    return read_table(directory / f"{name or product}.parquet")


def kept_rows(made_up: MadeUp, trial: Trial) -> polars.DataFrame:
    kept = table(made_up, trial, "selection").filter("kept")["demonstration_id"].implode()
    return table(made_up, trial, "demonstrations").filter(polars.col("id").is_in(kept))


@pytest.fixture
def habits(made_up: MadeUp) -> Trial:
    return made_up.trial("4-star")


def test_every_figure_is_what_others_make_of_the_kept_rows(made_up: MadeUp, habits: Trial) -> None:
    found = read_data(TrialFiles(habits, made_up.store))
    kept = kept_rows(made_up, habits)
    assert list(found.metrics) == list(METRICS)
    assert found.metrics["rows"] == kept.height == 24
    assert found.metrics["tokens"] == kept["tokens"].sum()
    assert found.metrics["mean_tokens"] == pytest.approx(kept["tokens"].mean(), abs=1e-6)
    assert found.metrics["problems"] == len(set(kept["problem_id"]))

    embeddings = table(made_up, habits, "selection", "embeddings")
    chosen = embeddings.filter(polars.col("demonstration_id").is_in(kept["id"].implode()))
    vectors = chosen["embedding"].to_numpy().astype(np.float64)
    kernel = cosine_similarity(vectors)
    shares = np.linalg.eigvalsh(kernel / len(kernel)).clip(0)
    assert found.metrics["vendi_score"] == pytest.approx(np.exp(entropy(shares)), abs=1e-4)
    apart = cosine_distances(vectors)[np.triu_indices(len(vectors), 1)]
    assert found.metrics["mean_pairwise_distance"] == pytest.approx(apart.mean(), abs=1e-5)

    pairs = [pair for text in kept["think"] for pair in pairwise(text.casefold().split())]
    assert found.metrics["distinct_2"] == pytest.approx(len(set(pairs)) / len(pairs), abs=1e-6)


def test_moves_are_those_of_the_classifier_without_wording_and_unknown_sentences(
    made_up: MadeUp, habits: Trial
) -> None:
    count_moves = get_environment("kk").count_moves
    counts: Counter[str] = Counter()
    for think in kept_rows(made_up, habits)["think"]:
        counts.update(count_moves(think))
    steps = [count for move, count in counts.items() if ":" not in move and move != "other"]
    assert any(":" in move for move in counts)
    found = read_data(TrialFiles(habits, made_up.store)).metrics["move_entropy"]
    assert found == pytest.approx(entropy(steps), abs=1e-6)


def test_what_is_too_long_to_be_kept_is_told(made_up: MadeUp) -> None:
    limit = {"selection": {"budget": 24, "max_tokens": 90}}
    trial = made_up.trial("rule-based", seed=8, **limit)
    long = table(made_up, trial, "demonstrations", "demonstrations").filter(polars.col("tokens") > 90).height
    assert 0 < long < 40
    assert read_data(TrialFiles(trial, made_up.store)).metrics["too_long"] == pytest.approx(long / 40)


def test_one_strategy_has_one_primitive_and_no_entropy(made_up: MadeUp) -> None:
    found = read_data(TrialFiles(made_up.trial("rule-based"), made_up.store)).metrics
    assert (found["primitives"], found["primitive_entropy"], found["effective_primitives"]) == (1, 0, 1)
    assert (found["pass_rate"], found["steps_checked"], found["step_soundness"]) == (1, 1, 1)


def test_wrong_answers_do_not_pass_and_dots_have_no_steps_to_check(made_up: MadeUp) -> None:
    wrong = read_data(TrialFiles(made_up.trial("all-wrong"), made_up.store)).metrics
    assert wrong["pass_rate"] < 0.5
    assert (wrong["steps_checked"], wrong["step_soundness"]) == (1, 0), (
        "sound for another problem, not for this"
    )
    dots = read_data(TrialFiles(made_up.trial("dots"), made_up.store)).metrics
    assert dots["pass_rate"] == 1
    assert (dots["steps_checked"], dots["step_soundness"]) == (0, 0)


@pytest.mark.parametrize("counts", [{}, {"a": 4}, {"a": 1, "b": 1}, {"a": 5, "b": 0, "c": 2}])
def test_entropy_is_scipys_in_nats(counts: dict[str, int]) -> None:
    expected: Any = entropy(list(counts.values())) if counts else 0
    assert warm_start_data.entropy(counts) == pytest.approx(expected)
    assert math.copysign(1, warm_start_data.entropy(counts)) == 1


def test_the_verdicts_of_kept_rows_say_what_was_checked(made_up: MadeUp, habits: Trial) -> None:
    """By hand: of the kept rows' verdicts, those that had to be sound, have steps, and hold."""
    kept = set(kept_rows(made_up, habits)["id"])
    verdicts = table(made_up, habits, "verdicts").iter_rows(named=True)
    checks = [json.loads(one["checks"]) for one in verdicts if one["demonstration_id"] in kept]
    sound = sum(one["sound_required"] and one["steps"] > 0 and one["sound"] for one in checks)
    found = read_data(TrialFiles(habits, made_up.store)).metrics
    assert found["step_soundness"] == sound / len(checks) == 1


def test_rows_whose_steps_nobody_could_read_are_not_checked(made_up: MadeUp, habits: Trial) -> None:
    verdicts = table(made_up, habits, "verdicts").with_columns(
        polars.col("checks").str.replace(r'"steps":\d+', '"steps":0')
    )
    refs = {**habits.refs, "verdicts": made_up.commit("verdicts", {"verdicts": verdicts}, {})}
    found = read_data(TrialFiles(dataclasses.replace(habits, refs=refs), made_up.store)).metrics
    assert (found["pass_rate"], found["steps_checked"], found["step_soundness"]) == (1, 0, 0)


def test_a_pilot_is_told_by_what_each_of_its_fine_tunings_may_cost(made_up: MadeUp, habits: Trial) -> None:
    assert read_data(TrialFiles(habits, made_up.store)).metrics["pilot_tokens"] == 0
    accepted = table(made_up, habits, "primitives")
    tried = accepted.with_columns(polars.col("screening").str.replace(r"^\{", '{"learned": 0.0, '))
    joined = tried.with_columns(polars.col("screening").str.replace(r"^\{", '{"together": 0.0, '))
    library = polars.concat([tried, joined, accepted])
    config = {"pilot": {"token_budget": 500}}
    refs = {**habits.refs, "primitives": made_up.commit("primitives", {"primitives": library}, config)}
    found = read_data(TrialFiles(dataclasses.replace(habits, refs=refs), made_up.store)).metrics
    assert found["pilot_tokens"] == 3 * 500


def test_a_sentence_of_no_known_form_is_no_move(made_up: MadeUp, habits: Trial) -> None:
    table_of = table(made_up, habits, "demonstrations")
    greeting = table_of.with_columns(polars.col("think") + " Hello there, whoever may read this.")
    refs = {
        **habits.refs,
        "demonstrations": made_up.commit("demonstrations", {"demonstrations": greeting}, {}),
    }
    found = read_data(TrialFiles(dataclasses.replace(habits, refs=refs), made_up.store))
    before = read_data(TrialFiles(habits, made_up.store))
    assert all(one["other"] == 1 for one in found.moves)
    assert found.metrics["move_entropy"] == before.metrics["move_entropy"] > 1
