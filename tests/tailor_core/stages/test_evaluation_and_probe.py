"""The stages on real puzzles, with an engine that answers from the problem's own solution."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars
import psutil
import pytest
from pydantic import ValidationError
from standin_vllm import make_environment, notes

from tailor_core.artifacts.tables import read_records, read_table, write_table
from tailor_core.config.evaluation import CurveConfig, EvaluationConfig, WideConfig
from tailor_core.config.probe import ProbeConfig
from tailor_core.config.vllm import VLLMConfig
from tailor_core.environments.base import get_environment
from tailor_core.errors import StageError
from tailor_core.inference import loading
from tailor_core.inference.engine import Completion, Messages, Sampling, Usage
from tailor_core.records import EvaluationRow, Problem
from tailor_core.stages import evaluation, probe
from tailor_core.stages.context import StageContext

TINY = Path(__file__).parents[3] / "tailor_core" / "backbones" / "tiny"


class Knowing:
    """Answers the first `skill` of each four samples rightly, and the others without an answer block."""

    def __init__(self, skill: int, answers: dict[str, str]) -> None:
        self.skill = skill
        self.answers = answers

    def generate(
        self,
        prompts: Sequence[Messages],
        sampling: Sampling,
        on_done: Callable[[int], None] | None = None,
    ) -> list[list[Completion]]:
        groups = []
        for prompt in prompts:
            answer = self.answers[prompt[0]["content"]]
            right = f"<think>Consider Ann. All claims fit.</think>\n<answer>{answer}</answer>"
            texts = [right if i % 4 < self.skill else "<think>Consider" for i in range(sampling.n)]
            groups.append(
                [
                    Completion(
                        text=text,
                        token_ids=(1, 2),
                        logprobs=(-0.5, -1.5),
                        finish="stop" if text.endswith(">") else "length",
                        usage=Usage(),
                    )
                    for text in texts
                ]
            )
            if on_done:
                on_done(sampling.n)
        return groups


@pytest.fixture
def problems() -> list[Problem]:
    kk = get_environment("kk")
    options = kk.options_model()
    return [p for split in ("train", "test") for p in kk.generate(options, count=12, split=split, seed=5)]


@pytest.fixture
def context(tmp_path: Path, problems: list[Problem]) -> StageContext:
    rows = [{**p.to_row(), "split": p.split, "difficulty": len(p.spec["names"])} for p in problems]
    write_table(tmp_path / "problems" / "problems.parquet", polars.DataFrame(rows))
    inputs = {name: tmp_path / name for name in ("problems", "backbone", "warm_start", "policy")}
    for name in ("output", "workdir"):
        (tmp_path / name).mkdir()
    return StageContext(inputs=inputs, output=tmp_path / "output", workdir=tmp_path / "workdir", seed=9)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, problems: list[Problem]) -> list[str]:
    """Models that were loaded, by directory name."""
    seen: list[str] = []
    answers = {p.question: p.answer for p in problems}

    @contextmanager
    def load(directory: Path, *_: Any, **__: Any) -> Iterator[Knowing]:
        seen.append(directory.name)
        skills = {"backbone": 0, "warm_start": 2, "step-000010": 1, "policy": 3}
        yield Knowing(skills[directory.name], answers)

    monkeypatch.setattr(evaluation, "load_engine", load)
    monkeypatch.setattr(probe, "load_engine", load)
    return seen


CONFIG = EvaluationConfig(problems_per_split=8, resamples=200)


def test_all_models_are_evaluated_on_all_held_out_splits(context: StageContext, loaded: list[str]) -> None:
    result = evaluation.run(CONFIG, context)
    rows = read_records(context.output / "evaluation.parquet", EvaluationRow)
    summary = json.loads((context.output / "summary.json").read_text())
    assert loaded == ["backbone", "warm_start", "policy"]
    assert result["rows"] == {"evaluation": 3 * 8 * 4} == {"evaluation": len(rows)}
    assert result["metrics"] == {
        "base/test/pass@1": 0.0,
        "warm_start/test/pass@1": 0.5,
        "policy/test/pass@1": 0.75,
    }
    assert list(summary["models"]) == ["base", "warm_start", "policy"]
    assert summary["models"]["policy"]["splits"]["test"]["pass@k"]["4"]["value"] == 1
    assert summary["models"]["base"]["splits"]["test"]["reasons"] == {"cut off at max_tokens": 32}
    assert {row.split for row in rows} == {"test"}
    right = next(row for row in rows if row.reward == 1)
    assert right.entropy == 1.0
    assert right.tokens == 2
    assert right.moves == {"fits": 1, "focus": 1, "voice:formal": 1, "voice:plain": 1}
    assert all(row.finished == row.well_formed for row in rows)
    assert not right.sound
    assert summary["models"]["policy"]["splits"]["test"]["sound_rate"]["value"] == 0


def test_a_killed_evaluation_goes_on_after_the_last_whole_shard(
    context: StageContext, loaded: list[str], tmp_path: Path
) -> None:
    evaluation.run(CONFIG, context)
    first = {path.name: path.read_bytes() for path in context.output.iterdir()}
    shards = context.workdir / "shards"
    policy = next(p for p in shards.iterdir() if "policy" in read_table(p)["model"].to_list())
    policy.rename(shards / "shard.partial")
    loaded.clear()
    evaluation.run(CONFIG, context)
    assert loaded == ["policy"]
    assert {path.name: path.read_bytes() for path in context.output.iterdir()} == first


def test_models_kept_on_the_way_are_a_curve_from_the_warm_start_to_the_policy(
    context: StageContext, loaded: list[str], tmp_path: Path
) -> None:
    (tmp_path / "policy" / "snapshots" / "step-000010").mkdir(parents=True)
    write_table(tmp_path / "policy" / "training_log.parquet", polars.DataFrame({"step": list(range(1, 31))}))
    config = EvaluationConfig(
        problems_per_split=8,
        resamples=200,
        curve=CurveConfig(split="train", problems=5, samples_per_problem=8),
    )
    before = evaluation.run(CONFIG.model_copy(update={"curve": config.curve}), context)
    rows = read_records(context.output / "curve.parquet", EvaluationRow)
    assert before["rows"] == {"evaluation": 3 * 8 * 4, "curve": 3 * 5 * 8}
    assert {row.split for row in rows} == {"train"}
    shares = {
        model: sum(row.reward for row in rows if row.model == model) / 40
        for model in dict.fromkeys(row.model for row in rows)
    }
    assert list(shares.items()) == [("step-000000", 0.5), ("step-000010", 0.25), ("step-000030", 0.75)]
    with pytest.raises(
        StageError, match=r"evaluation.curve.split = 'validation', .* only test, train; choose"
    ):
        evaluation.run(EvaluationConfig(problems_per_split=8), context)


def test_few_problems_are_answered_many_times_where_the_recipe_asks(
    context: StageContext, loaded: list[str]
) -> None:
    plain = evaluation.run(CONFIG, context)
    once = (context.output / "evaluation.parquet").read_bytes()
    assert "wide" not in plain["rows"]
    wide = WideConfig(problems=3, samples_per_problem=16, ks=(1, 16))
    evaluation.run(CONFIG.model_copy(update={"wide": wide}), context)
    rows = read_records(context.output / "wide.parquet", EvaluationRow)
    assert [(row.model, row.split) for row in rows] == [
        (model, "test") for model in ("warm_start", "policy") for _ in range(3 * 16)
    ]
    assert (context.output / "evaluation.parquet").read_bytes() == once
    with pytest.raises(ValidationError, match=r"ks holds 32, but pass@k needs .* = 16"):
        WideConfig(problems=3, samples_per_problem=16)


def test_runs_with_other_seeds_are_asked_the_same_where_the_seed_of_the_problems_is_said(
    context: StageContext, loaded: list[str]
) -> None:
    def asked(seed: int, suite_seed: int | None) -> set[str]:
        wide = WideConfig(problems=5, samples_per_problem=1, ks=(1,))
        config = CONFIG.model_copy(update={"wide": wide, "suite_seed": suite_seed})
        evaluation.run(config, dataclasses.replace(context, seed=seed))
        tables = (read_table(context.output / f"{name}.parquet") for name in ("evaluation", "wide"))
        return {f"{number} {one}" for number, table in enumerate(tables) for one in table["problem_id"]}

    assert asked(seed=9, suite_seed=4) == asked(seed=10, suite_seed=4) == asked(seed=4, suite_seed=None)
    assert asked(seed=9, suite_seed=None) != asked(seed=10, suite_seed=None)


def test_tables_with_as_many_samples_of_the_same_problems_draw_samples_of_their_own(
    context: StageContext, loaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []
    generate = Knowing.generate

    def listened(self: Knowing, prompts: Any, sampling: Sampling, on_done: Any = None) -> Any:
        seeds.append(sampling.seed)
        return generate(self, prompts, sampling, on_done)

    monkeypatch.setattr(Knowing, "generate", listened)
    wide = WideConfig(problems=8, samples_per_problem=CONFIG.samples_per_problem, ks=(1,))
    evaluation.run(CONFIG.model_copy(update={"wide": wide}), context)
    assert len(seeds) == len(set(seeds)) == 3 + 2, "three models in one table, two in the other"


def test_the_base_model_is_left_out_only_where_there_is_another_to_compare(
    context: StageContext, loaded: list[str]
) -> None:
    without = CONFIG.model_copy(update={"base": False})
    evaluation.run(without, context)
    assert loaded == ["warm_start", "policy"]
    loaded.clear()
    inputs = {name: path for name, path in context.inputs.items() if name != "warm_start"}
    evaluation.run(without, dataclasses.replace(context, inputs=inputs, workdir=context.output))
    assert loaded == ["backbone", "policy"]


@pytest.mark.integration
def test_students_are_served_one_at_a_time_where_vllm_cannot_be_imported(
    context: StageContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "runs_vllm", lambda: False)
    monkeypatch.setenv("TAILOR_VLLM_ENV", str(make_environment(tmp_path / "environment")))
    monkeypatch.setenv("STANDIN_NOTES", str(tmp_path / "notes"))
    for name in ("backbone", "warm_start", "policy"):
        shutil.copytree(TINY, tmp_path / name)
        (tmp_path / name / "name").write_text(name)  # three models that differ
    config = EvaluationConfig(
        problems_per_split=3, resamples=100, engine="vllm", vllm=VLLMConfig(cpu_cache_gib=1)
    )
    result = evaluation.run(config, context)
    told = notes(tmp_path / "notes")
    assert result["rows"] == {"evaluation": 3 * 3 * 4}
    kinds = "".join("s" if "server" in one else "a" for one in told)
    assert kinds == ("s" + 12 * "a") * 3
    names = [one["asked"]["model"] for one in told if "asked" in one]
    assert names[0] == f"{tmp_path.name}/backbone"
    paths = [one["arguments"][one["arguments"].index("--model") + 1] for one in told if "server" in one]
    assert paths == [str(tmp_path / name) for name in ("backbone", "warm_start", "policy")]
    assert all(
        one["asked"]["logprobs"] and one["asked"]["return_token_ids"] for one in told if "asked" in one
    )
    assert not any(psutil.pid_exists(one["server"]) for one in told if "server" in one)
    rows = read_records(context.output / "evaluation.parquet", EvaluationRow)
    assert {row.tokens for row in rows} == {3}


def test_what_is_not_there_is_an_error_that_says_so(context: StageContext, loaded: list[str]) -> None:
    with pytest.raises(StageError, match=r"'validation'.*test, train"):
        evaluation.run(EvaluationConfig(splits=("validation",)), context)
    bare = StageContext(
        inputs={"problems": context.inputs["problems"]},
        output=context.output,
        workdir=context.workdir,
        seed=1,
    )
    with pytest.raises(StageError, match="no model among its inputs"):
        evaluation.run(CONFIG, bare)


def test_the_probe_labels_the_base_models_answers_to_training_problems(
    context: StageContext, loaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = probe.run(ProbeConfig(problems=6, samples_per_problem=2), context)
    rows = read_records(context.output / "completions.parquet", EvaluationRow)
    summary = json.loads((context.output / "summary.json").read_text())
    assert loaded == ["backbone"]
    assert {(row.model, row.split) for row in rows} == {("base", "train")}
    assert summary["failures"] == {"cut off at max_tokens": 12}
    assert set(summary["pass_rate_by_difficulty"].values()) == {0.0}
    assert result["funnel"] == {"in": 12, "kept": 0, "dropped": {"cut off at max_tokens": 12}}
    assert list(summary["pass_rate_by_difficulty"]) == sorted({str(row.difficulty) for row in rows})
    table = context.inputs["problems"] / "problems.parquet"
    write_table(table, polars.read_parquet(table).filter(split="test"))
    with pytest.raises(StageError, match="'train'"):
        probe.run(ProbeConfig(problems=6, samples_per_problem=2), context)


def test_what_a_teacher_is_shown_is_never_of_a_split_for_evaluation() -> None:
    with pytest.raises(ValidationError, match="split"):
        ProbeConfig.model_validate({"split": "test"})
