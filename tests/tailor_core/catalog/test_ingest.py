"""The catalog: rows of artifacts arrive once and whole, and SQL finds its way from a row to its origin."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars
import pytest

from tailor_core.artifacts.tables import write_records, write_table
from tailor_core.catalog.connection import open_catalog
from tailor_core.catalog.embeddings import embeddings_table
from tailor_core.catalog.ingest import content_digest, ingest_artifact, update_catalog
from tailor_core.catalog.migrations import migrate
from tailor_core.catalog.queries import load_query, query
from tailor_core.errors import ArtifactError, InputError
from tailor_core.records import (
    Demonstration,
    EvaluationRow,
    Primitive,
    Problem,
    SelectionDecision,
    SFTExample,
    Verdict,
)

DIMENSION = 8


def make_problem(i: str, split: str, canonical_hash: str, people: int) -> Problem:
    metadata = {
        "split": split,
        "canonical_hash": canonical_hash,
        "difficulty": {"people": people},
        "spec": {},
    }
    return Problem(id=i, environment="kk", question="Who?", answer="Zoey is a knight.", metadata=metadata)


PROBLEMS = [
    make_problem("x1", "train", "h1", 2),
    make_problem("x2", "train", "h2", 3),
    make_problem("t1", "test", "h2", 3),
    make_problem("o1", "ood_people_5", "h3", 5),
]
PRIMITIVES = [
    Primitive(id="p1", name="assume first", instruction="Assume.", kind="procedural",
              screening={"verdict": "accepted", "reason": ""}),
    Primitive(id="p2", name="guess", instruction="Guess.", kind="procedural",
              screening={"verdict": "rejected", "reason": "pass rate 0.1 < 0.8"}),
]  # fmt: skip
DEMONSTRATIONS = [
    Demonstration(id=f"d{i}", problem_id=f"x{i % 2 + 1}", primitive_id="p1", teacher="procedural",
                  think=f"Trace {i}.", answer_text="Zoey is a knight.", tokens=3, seed=2**62)
    for i in range(5)
]  # fmt: skip
DECISIONS = [
    SelectionDecision(demonstration_id="d0", kept=True, rule="kept_diverse", rank=1),
    SelectionDecision(demonstration_id="d1", kept=True, rule="kept_diverse", rank=2),
    SelectionDecision(
        demonstration_id="d2", kept=False, rule="near_duplicate", duplicate_of="d0", similarity=0.95
    ),
    SelectionDecision(demonstration_id="d3", kept=False, rule="not_verified"),
    SelectionDecision(demonstration_id="d4", kept=False, rule="over_budget", similarity=0.5),
]
EXAMPLES = [
    SFTExample(id=f"e{i}", demonstration_id=f"d{i}", problem_id=f"x{i + 1}", primitive_id="p1",
               prompt=[{"role": "user", "content": "Who?"}],
               completion=[{"role": "assistant", "content": "."}])
    for i in range(2)
]  # fmt: skip
EVALUATION = [
    EvaluationRow(model="base", problem_id="t1", split="test", difficulty=3, sample=s, completion="",
                  reward=float(s), well_formed=True, finished=True, tokens=4, entropy=0.1, reason="",
                  moves={"assume": 1})
    for s in range(2)
]  # fmt: skip


def vectors() -> np.ndarray:
    rows = np.random.default_rng(0).normal(size=(5, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def write_artifacts(root: Path) -> dict[str, Path]:
    stages = (
        "problems",
        "primitives",
        "demonstrations",
        "verdicts",
        "selection",
        "sft_dataset",
        "evaluation",
    )
    artifacts = {stage: root / stage for stage in stages}
    table = polars.DataFrame([problem.to_row() for problem in PROBLEMS]).with_columns(
        split=polars.Series([problem.split for problem in PROBLEMS]),
        difficulty=polars.Series([2, 3, 3, 5]),
    )
    write_table(artifacts["problems"] / "problems.parquet", table)
    write_records(artifacts["primitives"] / "primitives.parquet", PRIMITIVES)
    write_records(artifacts["demonstrations"] / "demonstrations.parquet", DEMONSTRATIONS)
    verdicts = [
        Verdict(demonstration_id=d.id, reward=1.0, checks={"sound": True}, reason="") for d in DEMONSTRATIONS
    ]
    write_records(artifacts["verdicts"] / "verdicts.parquet", verdicts)
    write_records(artifacts["selection"] / "selection.parquet", DECISIONS)
    embedding = polars.Series(vectors(), dtype=polars.Array(polars.Float32, DIMENSION))
    write_table(
        artifacts["selection"] / "embeddings.parquet",
        polars.DataFrame({"demonstration_id": [d.id for d in DEMONSTRATIONS], "embedding": embedding}),
    )
    write_records(artifacts["sft_dataset"] / "sft_dataset.parquet", EXAMPLES)
    write_records(artifacts["evaluation"] / "evaluation.parquet", EVALUATION)
    return artifacts


def ask(path: Path, name: str, **parameters: object) -> polars.DataFrame:
    with open_catalog(path, read_only=True) as connection:
        return query(connection, name, recipe="kk", **parameters)


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "catalog.duckdb"
    update_catalog(path, write_artifacts(tmp_path / "store"), "kk")
    return path


def test_the_funnel_counts_what_each_test_drops_and_leaves(catalog: Path) -> None:
    assert ask(catalog, "selection/count_funnel").rows() == [
        (1, "not_verified", 1, 4),
        (2, "contaminated", 0, 4),
        (3, "exact_duplicate", 0, 4),
        (4, "near_duplicate", 1, 3),
        (5, "semantic_duplicate", 0, 3),
        (6, "over_budget", 1, 2),
    ]


def test_dropped_rows_are_counted_by_primitive_and_rule_and_shown_beside_the_kept_one(catalog: Path) -> None:
    assert ask(catalog, "selection/count_dropped").rows() == [
        ("assume first", "near_duplicate", 1, 0.95),
        ("assume first", "not_verified", 1, None),
        ("assume first", "over_budget", 1, 0.5),
    ]
    assert ask(catalog, "selection/list_duplicates", limit=9).rows() == [
        ("near_duplicate", 0.95, "d2", "Trace 2.", "d0", "Trace 0.")
    ]


def test_a_demonstration_leads_to_its_problem_primitive_decision_and_training_row(catalog: Path) -> None:
    row = ask(catalog, "lineage/trace_demonstration", demonstration="d1").row(0, named=True)
    assert row["problem_id"] == "x2"
    assert (row["split"], row["difficulty"], row["canonical_hash"]) == ("train", 3, "h2")
    assert (row["primitive"], row["reward"], row["rule"], row["rank"]) == (
        "assume first",
        1.0,
        "kept_diverse",
        2,
    )
    assert row["sft_example_id"] == "e1"
    assert ask(catalog, "lineage/list_training_rows")["sft_example_id"].to_list() == ["e0", "e1"]


def test_puzzles_that_splits_share_are_found_and_so_are_trained_ones(catalog: Path) -> None:
    assert ask(catalog, "contamination/count_shared_hashes").rows() == [("test", "train", 1)]
    assert ask(catalog, "contamination/list_trained_evaluation").rows() == [("e1", "d1", "x2", "t1", "test")]


def test_nearest_neighbours_are_numpys(catalog: Path) -> None:
    found = ask(
        catalog, "selection/find_nearest", table=embeddings_table(DIMENSION), demonstration="d0", limit=3
    )
    cosines = vectors()[1:] @ vectors()[0]
    order = np.argsort(-cosines)[:3]
    assert found["demonstration_id"].to_list() == [f"d{i + 1}" for i in order]
    assert found["similarity"].to_list() == pytest.approx(cosines[order].tolist(), abs=1e-6)


def test_screening_and_accuracy_are_summarised(catalog: Path) -> None:
    assert ask(catalog, "primitives/count_screening").rows() == [
        ("accepted", "", 1),
        ("rejected", "pass rate 0.1 < 0.8", 1),
    ]
    assert ask(catalog, "evaluation/summarise_accuracy").rows() == [("base", "test", 3, 1, 2, 0.5, 1.0, 4.0)]


def test_embeddings_are_stored_as_arrays_of_their_dimension(catalog: Path) -> None:
    with open_catalog(catalog, read_only=True) as connection:
        described = connection.execute(f"describe {embeddings_table(DIMENSION)}").fetchall()
    assert (described[2][0], described[2][1]) == ("embedding", f"FLOAT[{DIMENSION}]")


def test_the_same_artifacts_again_change_nothing(catalog: Path, tmp_path: Path) -> None:
    def rows() -> list[int]:
        with open_catalog(catalog, read_only=True) as connection:
            return [
                connection.execute(f"select count(*) from {table}").fetchall()[0][0]
                for table in ("artifacts", "problems", "selection", embeddings_table(DIMENSION), "evaluation")
            ]

    before = rows()
    assert before == [7, 4, 5, 5, 2]
    update_catalog(catalog, write_artifacts(tmp_path / "elsewhere"), "kk")
    assert rows() == before


def test_a_newer_run_becomes_current_and_recipes_do_not_mix(catalog: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    fewer = [
        replace(DECISIONS[0], rank=1),
        *(replace(d, kept=False, rule="over_budget") for d in DECISIONS[1:]),
    ]
    write_records(newer / "selection.parquet", fewer)
    write_table(
        newer / "embeddings.parquet",
        polars.DataFrame(
            {
                "demonstration_id": ["d0"],
                "embedding": polars.Series([[1.0, 0.0]], dtype=polars.Array(polars.Float32, 2)),
            }
        ),
    )
    update_catalog(catalog, {"selection": newer}, "kk")
    assert ask(catalog, "selection/count_funnel")["remaining"].to_list()[-1] == 1
    update_catalog(catalog, {"selection": newer, "policy": tmp_path}, "other")
    assert ask(catalog, "lineage/list_training_rows").height == 2


def test_an_artifact_with_a_damaged_table_leaves_the_catalog_as_it_was(catalog: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    write_records(broken / "selection.parquet", DECISIONS[:1])
    (broken / "embeddings.parquet").write_bytes(b"no table")
    with pytest.raises(ArtifactError, match=r"'embeddings\.parquet' of the 'selection' artifact"):
        update_catalog(catalog, {"selection": broken}, "kk")
    assert ask(catalog, "selection/count_funnel")["remaining"].to_list()[-1] == 2
    with pytest.raises(ArtifactError, match=r"has no readable 'problems\.parquet'"):
        update_catalog(catalog, {"problems": tmp_path / "nowhere"}, "kk")


def test_a_table_without_a_column_is_refused_by_name(tmp_path: Path) -> None:
    write_table(tmp_path / "verdicts.parquet", polars.DataFrame({"demonstration_id": ["d"]}))
    with pytest.raises(ArtifactError, match=r"'verdicts\.parquet' of the 'verdicts' artifact .* \"reward\""):
        update_catalog(tmp_path / "catalog.duckdb", {"verdicts": tmp_path}, "kk")


def test_empty_tables_and_folders_with_pattern_characters_are_read(tmp_path: Path) -> None:
    store = tmp_path / "a[b]*c?"
    artifacts = write_artifacts(store)
    write_records(artifacts["sft_dataset"] / "sft_dataset.parquet", [], SFTExample)
    update_catalog(tmp_path / "c[d]*.duckdb", artifacts, "kk")
    assert ask(tmp_path / "c[d]*.duckdb", "lineage/list_training_rows").height == 0


def test_a_process_killed_in_the_middle_leaves_a_catalog_that_the_next_run_completes(tmp_path: Path) -> None:
    artifacts = write_artifacts(tmp_path / "store")
    path = tmp_path / "catalog.duckdb"
    script = (
        "import os, sys; from pathlib import Path\n"
        "from tailor_core.catalog import ingest\n"
        "ingest.insert_embeddings = lambda *_: os.kill(os.getpid(), 9)\n"
        "root = Path(sys.argv[1])\n"
        "ingest.update_catalog(Path(sys.argv[2]), {p.name: p for p in root.iterdir()}, 'kk')\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "store"), str(path)])
    assert killed.returncode == -9
    assert ask(path, "selection/count_funnel")["remaining"].to_list() == [0] * 6
    update_catalog(path, artifacts, "kk")
    assert ask(path, "selection/count_funnel")["remaining"].to_list()[-1] == 2


def test_runs_that_update_at_the_same_time_wait_for_each_other(tmp_path: Path) -> None:
    write_artifacts(tmp_path / "store")
    path = tmp_path / "catalog.duckdb"
    script = (
        "import sys; from pathlib import Path\n"
        "from tailor_core.catalog.ingest import update_catalog\n"
        "root = Path(sys.argv[1])\n"
        "update_catalog(Path(sys.argv[2]), {p.name: p for p in root.iterdir()}, sys.argv[3])\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "store"), str(path)]
    runs = [subprocess.Popen([*command, recipe]) for recipe in ("kk", "other", "kk")]
    assert [run.wait() for run in runs] == [0, 0, 0]
    assert ask(path, "lineage/list_training_rows").height == 2


def test_ingesting_says_whether_it_did_anything(tmp_path: Path) -> None:
    directory = write_artifacts(tmp_path)["problems"]
    key = content_digest("problems", directory)
    with open_catalog() as connection:
        migrate(connection)
        assert ingest_artifact(connection, "problems", key, directory)
        assert not ingest_artifact(connection, "problems", key, directory)
        assert connection.execute("select count(*) from problems").fetchall() == [(4,)]


def test_a_catalog_that_another_program_rearranged_is_one_clear_sentence(
    catalog: Path, tmp_path: Path
) -> None:
    with open_catalog(catalog) as connection:
        connection.execute("drop table current_artifacts cascade")
    with pytest.raises(ArtifactError, match=r"could not be written .* delete the catalog"):
        update_catalog(catalog, {"problems": tmp_path / "store" / "problems"}, "kk")


def test_wrong_names_and_dimensions_are_clear() -> None:
    with pytest.raises(InputError, match=r"no query 'selection/drop_tables'; choose one of .*count_funnel"):
        load_query("selection/drop_tables")
    with pytest.raises(InputError, match="dimension 0 must be a whole number from 1"):
        embeddings_table(0)
