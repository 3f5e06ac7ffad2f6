"""The selection and sft_dataset stages over real files: accounting, determinism, clear refusals."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import polars
import pytest

from tailor_core.artifacts.tables import read_records, read_table, write_records, write_table
from tailor_core.config.selection import SelectionConfig
from tailor_core.config.sft_dataset import SFTDatasetConfig
from tailor_core.diversity.embedding import HashedEmbedder, Vectors
from tailor_core.errors import InputError, StageError
from tailor_core.records import Demonstration, Primitive, Problem, SelectionDecision, SFTExample, Verdict
from tailor_core.stages import selection, sft_dataset
from tailor_core.stages.context import StageContext
from tailor_core.stages.piecework import make_table

STATEMENTS = [
    "Ella is a knave",
    "Zoey is a knight or Ella is a knave",
    "if Zoey is a knave then Ella is a knight",
]


def make_problem(i: int, split: str = "train") -> Problem:
    metadata = {"split": split, "canonical_hash": f"h{i}", "difficulty": {"people": 2 + i % 3}, "spec": {}}
    question = f"On island {i} you meet Zoey and Ella. Zoey says: {STATEMENTS[i % 3]} {'so ' * (i % 11)}"
    return Problem(id=f"x{i:02d}", environment="kk", question=question, answer="", metadata=metadata)


def make_demonstration(problem: int, primitive: int) -> Demonstration:
    steps = [
        "Suppose Zoey were a knight.",
        f"It is true that {STATEMENTS[problem % 3]}.",
        "That fails.",
        "Undo.",
    ]
    think = " ".join(steps[(primitive + k) % 4] for k in range(problem % 5 + 1)) + f" Case {'on ' * problem}."
    return Demonstration(
        id=f"d{problem:02d}{primitive}", problem_id=f"x{problem:02d}", primitive_id=f"p{primitive}",
        teacher="procedural", think=think, answer_text="Zoey is a knight.", tokens=len(think), seed=0,
    )  # fmt: skip


def write_inputs(folder: Path, *, reward: float = 1.0) -> dict[str, Path]:
    problems = [make_problem(i) for i in range(30)]
    # The last problem is an evaluation problem under another id.
    problems.append(replace(make_problem(29, "test"), id="t29"))
    demonstrations = [make_demonstration(i, z) for i in range(30) for z in range(3)]
    demonstrations.append(replace(demonstrations[4], id="d-copy", tokens=4_000))
    primitives = [
        Primitive(id=f"p{z}", name=f"way {z}", instruction="Reason.", kind="procedural",
                  screening={"verdict": "accepted" if z < 4 else "rejected"})
        for z in range(5)
    ]  # fmt: skip
    verdicts = [
        Verdict(demonstration_id=d.id, reward=0.0 if d.id == "d000" else reward, checks={}, reason="")
        for d in demonstrations
    ]
    inputs = {name: folder / name for name in ("problems", "primitives", "demonstrations", "verdicts")}
    for path in inputs.values():
        path.mkdir(parents=True)
    table = polars.DataFrame([problem.to_row() for problem in problems]).with_columns(
        split=polars.Series([problem.split for problem in problems]),
        difficulty=polars.Series([int(problem.difficulty["people"]) for problem in problems]),
    )
    write_table(inputs["problems"] / "problems.parquet", table)
    write_records(inputs["primitives"] / "primitives.parquet", primitives)
    write_records(inputs["demonstrations"] / "demonstrations.parquet", demonstrations)
    write_records(inputs["verdicts"] / "verdicts.parquet", verdicts)
    return inputs


def make_context(inputs: dict[str, Path], output: Path) -> StageContext:
    output.mkdir(parents=True)
    return StageContext(inputs=inputs, output=output, workdir=output.with_name(f"{output.name}-work"), seed=7)


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


CONFIG = SelectionConfig(budget=20)


def test_every_demonstration_is_accounted_for_and_the_kept_become_training_rows(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path / "in")
    output = tmp_path / "selection"
    summary = selection.run(CONFIG, make_context(inputs, output))
    decisions = read_records(output / "selection.parquet", SelectionDecision)
    assert len(decisions) == 91 == summary["rows"]["selection"] == summary["funnel"]["in"]
    assert summary["funnel"]["kept"] + sum(summary["funnel"]["dropped"].values()) == 91
    assert summary["funnel"]["kept"] == sum(decision.kept for decision in decisions) == 20
    by_id = {decision.demonstration_id: decision for decision in decisions}
    assert by_id["d000"].rule == "not_verified"
    assert [(by_id[f"d29{z}"].rule, by_id[f"d29{z}"].duplicate_of) for z in range(3)] == [
        ("contaminated", "t29")
    ] * 3
    assert (by_id["d-copy"].rule, by_id["d-copy"].duplicate_of) == ("exact_duplicate", "d011")

    rows = sft_dataset.run(
        SFTDatasetConfig(), make_context({**inputs, "selection": output}, tmp_path / "sft_dataset")
    )
    examples = read_records(tmp_path / "sft_dataset" / "sft_dataset.parquet", SFTExample)
    ranks = [by_id[example.demonstration_id].rank for example in examples]
    assert ranks == list(range(1, 21))
    assert rows["funnel"] == {"in": 91, "kept": 20, "dropped": {"not_selected": 71}}


def test_embeddings_are_unit_vectors_of_every_demonstration(tmp_path: Path) -> None:
    selection.run(CONFIG, make_context(write_inputs(tmp_path / "in"), tmp_path / "out"))
    table = read_table(tmp_path / "out" / "embeddings.parquet")
    assert table.schema["embedding"] == polars.Array(polars.Float32, 256)
    assert table["demonstration_id"].is_sorted()
    assert table.height == 91
    np.testing.assert_allclose(np.linalg.norm(table["embedding"].to_numpy(), axis=1), 1, atol=1e-6)


def test_a_killed_selection_embeds_only_what_it_has_not_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = write_inputs(tmp_path / "in")
    selection.run(CONFIG, make_context(inputs, tmp_path / "whole"))
    monkeypatch.setattr(selection, "make_table", partial(make_table, size=20))
    embedded: list[int] = []
    real = HashedEmbedder.embed

    def embed(self: HashedEmbedder, texts: list[str]) -> Vectors:
        embedded.append(len(texts))
        if sum(embedded) > 60:
            raise KeyboardInterrupt
        return real(self, texts)

    monkeypatch.setattr(HashedEmbedder, "embed", embed)
    killed = make_context(inputs, tmp_path / "killed")
    with pytest.raises(KeyboardInterrupt):
        selection.run(CONFIG, killed)
    embedded.clear()
    selection.run(CONFIG, killed)
    assert embedded == [20, 11], "91 rows, of which three shards of 20 were there"
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


def test_metrics_tell_before_from_after_and_from_a_random_draw_of_the_same_size(tmp_path: Path) -> None:
    summary = selection.run(CONFIG, make_context(write_inputs(tmp_path / "in"), tmp_path / "out"))
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert {name: metrics[name] for name in ("before", "random", "after")} == summary["metrics"]
    assert (metrics["before"]["rows"], metrics["random"]["rows"], metrics["after"]["rows"]) == (91, 20, 20)
    assert metrics["after"]["mean_pairwise_distance"] > metrics["before"]["mean_pairwise_distance"]
    assert metrics["after"]["vendi_score"] > metrics["random"]["vendi_score"]
    # Four primitives are accepted and three are used.
    assert metrics["after"]["primitive_balance"] == pytest.approx(np.log(3) / np.log(4), abs=0.01)


def test_the_random_draw_has_no_rows_that_could_not_be_trained_on(tmp_path: Path) -> None:
    config = SelectionConfig(budget=20, max_tokens=100)
    summary = selection.run(config, make_context(write_inputs(tmp_path / "in"), tmp_path / "out"))
    assert summary["funnel"]["dropped"]["too_long"] > 20
    assert summary["metrics"]["random"]["mean_tokens"] <= 100 < summary["metrics"]["before"]["mean_tokens"]


def test_the_bytes_are_the_same_in_another_process_with_another_hash_seed(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path / "in")
    selection.run(CONFIG, make_context(inputs, tmp_path / "here"))
    script = (
        "import sys; from pathlib import Path\n"
        "from tailor_core.config.selection import SelectionConfig\n"
        "from tailor_core.stages.context import StageContext\n"
        "from tailor_core.stages.selection import run\n"
        "root, out = Path(sys.argv[1]), Path(sys.argv[2]); out.mkdir()\n"
        "inputs = {p.name: p for p in root.iterdir()}\n"
        "context = StageContext(inputs=inputs, output=out, workdir=out.with_name('work'), seed=7)\n"
        "run(SelectionConfig(budget=20), context)\n"
    )
    for seed in ("0", "31"):
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "in"), str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed, "OPENBLAS_NUM_THREADS": "1"},
            check=True,
        )
        assert digests(tmp_path / seed) == digests(tmp_path / "here")


def test_a_selection_that_keeps_nothing_says_what_dropped_the_rows(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path / "in", reward=0.0)
    with pytest.raises(StageError, match=r"kept none of 91 demonstrations \(dropped: {'not_verified': 91}\)"):
        selection.run(CONFIG, make_context(inputs, tmp_path / "out"))


def test_ids_that_come_twice_and_problems_that_are_missing_are_refused(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path / "in")
    path = inputs["demonstrations"] / "demonstrations.parquet"
    one = make_demonstration(1, 1)
    write_records(path, [one, one])
    with pytest.raises(InputError, match="'d011' occurs twice"):
        selection.run(CONFIG, make_context(inputs, tmp_path / "out"))
    write_records(path, [replace(one, problem_id="nowhere")])
    with pytest.raises(InputError, match="answers problem 'nowhere', which is not in problems"):
        selection.run(CONFIG, make_context(inputs, tmp_path / "out2"))
