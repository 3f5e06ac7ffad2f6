"""The evidence of real runs, scaled down: an untrained model with and without a warm start."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import polars
import pytest
from made_up_trials import MadeUp, make_stages, rows_of, solves
from small_run import RECIPE, write_backbone

from tailor_core.artifacts.store import Store
from tailor_core.config.load import make_recipe
from tailor_core.config.settings import Settings
from tailor_core.stages.registry import STAGES
from tailor_core.study.evidence import read_evidence
from tailor_core.study.trials import Trial
from tailor_core.study.warm_start_data import METRICS

pytestmark = pytest.mark.integration


def run(method: str, backbone: Path, settings: Settings) -> Trial:
    values = tomllib.loads(RECIPE.format(backbone=backbone)) | {"name": "small", "method": method}
    values["policy"]["snapshots"] = 1
    values["evaluation"] |= {"base": False, "wide": {"problems": 2, "samples_per_problem": 4, "ks": [1, 4]}}
    values["evaluation"] |= {"curve": {"problems": 3}}
    left_out = ("report",) if method == "tailor" else ("probe", "report")
    products = [product for product in STAGES if product not in left_out]
    refs = make_stages(make_recipe(values, "a test"), settings, products)
    return Trial(
        arm=method, method=method, backbone="small", seed=7, overrides=(), command=("run",), refs=refs
    )


def test_real_runs_give_every_frame(tmp_path: Path, settings: Settings) -> None:
    write_backbone(tmp_path / "backbone")
    trials = [run(method, tmp_path / "backbone", settings) for method in ("none", "rule-based")]
    evidence = read_evidence(trials, Store(settings.store))

    models = set(evidence.answers.select("arm", "model").iter_rows())
    assert models == {
        ("none", "base"), ("none", "policy"), ("rule-based", "warm_start"), ("rule-based", "policy")
    }  # fmt: skip
    assert set(evidence.answers["split"]) == {"test", "ood_people_4"}
    assert set(evidence.answers["samples"]) == {2}
    assert set(evidence.curve.select("arm", "step").iter_rows()) == {
        (arm, step) for arm in ("none", "rule-based") for step in (0, 1, 2)
    }
    assert set(evidence.curve.group_by("arm", "step").len()["len"]) == {3}
    assert set(evidence.wide.select("arm", "model", "samples").iter_rows()) == {
        ("none", "policy", 4), ("rule-based", "warm_start", 4), ("rule-based", "policy", 4)
    }  # fmt: skip

    training = evidence.training.filter(arm="rule-based")
    assert training["step"].to_list() == [1, 2]
    assert training["samples"].to_list() == [8, 16], "two prompts, four completions of each"
    assert training["reward"].is_between(0, 1).all()
    assert training["mean_length"].is_between(1, 16).all()
    written = (training["mean_length"] * 8).sum()
    assert training["tokens"][1] > written, "prompts are counted as well"

    data = dict(evidence.data.select("metric", "value").iter_rows())
    assert list(data) == list(METRICS)
    assert (data["rows"], data["primitives"], data["pass_rate"], data["step_soundness"]) == (40, 1, 1, 1)
    whats = set(evidence.coverage.select("arm", "what").iter_rows())
    assert whats == {*models, ("rule-based", "data")}
    assert {"data", "warm_start", "policy", "base"} == set(evidence.map["what"])
    assert evidence.moves.filter(polars.col("step") == 2)["model"].unique().to_list() == ["step-000002"]


def test_primitives_are_followed_from_the_data_over_rl_to_the_policy(
    tmp_path: Path, settings: Settings
) -> None:
    write_backbone(tmp_path / "backbone")
    evidence = read_evidence([run("tailor", tmp_path / "backbone", settings)], Store(settings.store))
    used = evidence.primitives
    assert set(used.select("model", "step", "split").iter_rows()) == {
        ("data", None, "train"), ("warm_start", None, "test"), ("policy", None, "test"),
        *((f"step-{step:06}", step, "validation") for step in (0, 1, 2)),
    }  # fmt: skip
    shares = used.group_by("model", "split").agg(polars.col("share").sum(), polars.len())
    assert shares["share"].to_list() == pytest.approx([1.0] * 6)
    assert shares["len"].n_unique() == 1 < shares["len"][0]
    data = used.filter(model="data")
    assert set(data["accuracy"]) == {1.0}
    assert data["share"].min() > 0
    assert data["told"][0] >= data["guessed"][0]


def test_an_evaluation_without_test_problems_has_primitives_of_the_data_alone(
    tmp_path: Path, settings: Settings
) -> None:
    write_backbone(tmp_path / "backbone")
    trial = run("tailor", tmp_path / "backbone", settings)
    made_up = MadeUp(Store(settings.store), settings, tmp_path / "made-up")
    out_of_it = rows_of("policy", made_up.problems(trial.refs, "ood_people_4"), solves, 2, lambda _: True)
    refs = {**trial.refs, "evaluation": made_up.commit("evaluation", {"evaluation": out_of_it}, {})}
    evidence = read_evidence([dataclasses.replace(trial, refs=refs)], Store(settings.store))
    assert set(evidence.primitives["model"]) == {"data"}
    assert set(evidence.answers["split"]) == {"ood_people_4"}
