"""`tailor run` from nothing to a report, twice; and what a killed run leaves."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import polars
import pytest

from tailor_core.artifacts.store import Store
from tailor_core.config.load import load_recipe
from tailor_core.stages.execute import find_intact
from tailor_core.stages.explain import plan_stages
from tailor_core.stages.registry import STAGES

pytestmark = pytest.mark.integration


def tailor(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments],
        env={**environment, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result


def outcomes(result: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    """Stage -> (made or hit, digest), from the lines of progress."""
    lines = re.findall(r"(\w+) +(made|hit) +[\d.]+ s  (\w{12})", result.stderr)
    return {stage: (word, digest) for stage, word, digest in lines}


@pytest.mark.timeout(1800)  # ten programs, one after the other: busy machines take their time
def test_a_run_makes_everything_once_and_leaves_report_catalog_and_runs(
    small_recipe: Path, tmp_path: Path, python_environment: dict[str, str]
) -> None:
    home = tmp_path / "home"
    place = ("--home", str(home))
    before = tailor(python_environment, "plan", str(small_recipe), *place).stdout
    assert before.count("never run in this store") == len(STAGES)

    first = tailor(python_environment, "run", str(small_recipe), *place)
    shutil.rmtree(home / "prefect")  # its database and its cache: the store is the truth
    second = tailor(python_environment, "run", str(small_recipe), *place)

    assert list(outcomes(first)) == list(STAGES)
    assert {word for word, _ in outcomes(first).values()} == {"made"}
    assert {word for word, _ in outcomes(second).values()} == {"hit"}
    assert {s: d for s, (_, d) in outcomes(first).items()} == {s: d for s, (_, d) in outcomes(second).items()}
    for result in (first, second):
        assert re.search(r"^ *test +all +6 .*\(.*-.*\)", result.stdout, re.MULTILINE)
        assert f"report: {home / 'reports' / 'small.html'}" in result.stdout
        assert "Traceback" not in result.stderr

    page = (home / "reports" / "small.html").read_text(encoding="utf-8")
    assert "<html" in page
    assert not re.search(r"""(?:src|href)=["']https?://""", page), "the page needs no network"
    check_plans(python_environment, small_recipe, place)
    check_every_file_is_watched(small_recipe, Store(str(home / "store")))
    check_damage_costs_that_stage_alone(python_environment, small_recipe, home)
    check_catalog(home)
    check_answers(python_environment, place)
    check_mlflow(home)
    check_lineage(home)


def check_plans(environment: dict[str, str], recipe: Path, place: tuple[str, str]) -> None:
    after = tailor(environment, "plan", str(recipe), *place).stdout
    assert [line.split()[1] for line in after.splitlines()] == ["hit"] * len(STAGES)
    changed = tailor(environment, "plan", str(recipe), *place, "--set", "policy.beta=0.125").stdout
    missed = {line.split()[0]: line for line in changed.splitlines() if line.split()[1] == "miss"}
    assert list(missed) == ["policy", "evaluation", "report"]
    assert missed["policy"].endswith("miss  policy.beta 0.001 -> 0.125")
    assert "miss  waits on policy (a hit" in missed["evaluation"]
    assert "miss  waits on policy, evaluation (a hit" in missed["report"]


def check_every_file_is_watched(path: Path, store: Store) -> None:
    """Whichever file of whichever artifact is deleted or changed: its stage would be made again, and no other."""
    recipe = load_recipe(str(path), path.parent)
    manifests = list(store.manifests())
    assert {manifest.stage for manifest in manifests} == set(STAGES)
    for manifest in manifests:
        artifact = Path(store._at(manifest.ref.uri))
        for file in [artifact / name for name in (*manifest.files, "manifest.json")]:
            content = file.read_bytes()
            middle = len(content) // 2
            flipped = bytes(byte ^ (place == middle) for place, byte in enumerate(content))
            for damaged in (None, content[:-2] if content else b"x", flipped if content else b"x"):
                file.unlink(missing_ok=True)
                if damaged is not None:
                    file.write_bytes(damaged)
                damaged_ones = [one for one in manifests if find_intact(store, one.stage, one.key) is None]
                assert damaged_ones == [manifest], file
            plans = {plan.stage: plan for plan in plan_stages(recipe, store, list(STAGES.values()))}
            assert not plans[manifest.stage].hit
            for plan in plans.values():
                assert plan.hit or plan.stage == manifest.stage or (plan.waits_on and not plan.reasons)
            file.write_bytes(content)
    assert all(plan.hit for plan in plan_stages(recipe, store, list(STAGES.values())))


def check_damage_costs_that_stage_alone(environment: dict[str, str], recipe: Path, home: Path) -> None:
    """A table and a model: what was made from them is found, for made again they are the same."""
    for stage, file in (("demonstrations", "demonstrations.parquet"), ("policy", "model.safetensors")):
        (manifest,) = Store(str(home / "store")).manifests(stage)
        (home / "store" / manifest.ref.uri / file).write_bytes(b"damaged")
    again = outcomes(tailor(environment, "run", str(recipe), "--home", str(home)))
    assert {stage for stage, (word, _) in again.items() if word == "made"} == {"demonstrations", "policy"}


def check_catalog(home: Path) -> None:
    """From the registered model SQL reaches every row, and says what the files say."""
    from tailor_core.catalog.connection import open_catalog
    from tailor_core.catalog.queries import query

    with open_catalog(home / "lineage.duckdb", read_only=True) as connection:
        found = query(connection, "lineage/list_registered_rows", model="small", alias="policy")
        problems = query(connection, "runs/list_funnel", recipe="small")
        trained = connection.execute(
            "select problem_id from model_problems inner join registered_models using (model_key) "
            "where name = 'small' and is_current"
        ).fetchall()

    files = {stage: one_artifact(home, stage) for stage in STAGES}
    read = {
        stage: polars.read_parquet(files[stage] / f"{stage}.parquet")
        for stage in ("problems", "demonstrations", "verdicts", "selection", "sft_dataset")
    }
    expected = (
        read["selection"]
        .join(
            read["demonstrations"].select("id", "problem_id", "primitive_id"),
            left_on="demonstration_id",
            right_on="id",
        )
        .join(read["verdicts"].select("demonstration_id", "reward", "reason"), on="demonstration_id")
        .join(
            read["sft_dataset"].select("demonstration_id", sft_example_id="id"),
            on="demonstration_id",
            how="left",
        )
        .rename({"reason": "verdict_reason"})
        .select(found.columns)
        .cast(dict(found.schema))
    )
    order = ["demonstration_id"]
    assert found.sort(order).equals(expected.sort(order))
    kept, dropped = found.filter("kept"), found.filter(~polars.col("kept"))
    assert kept.height + dropped.height == found.height == read["demonstrations"].height
    assert kept.height == read["sft_dataset"].height
    assert sorted(kept["sft_example_id"]) == sorted(read["sft_dataset"]["id"])
    assert dropped.height > 0
    assert dropped["rule"].null_count() == 0
    assert dropped["sft_example_id"].null_count() == dropped.height
    assert sorted(row for (row,) in trained) == sorted(
        read["problems"].filter(polars.col("split") == "train")["id"]
    )
    assert (
        problems.filter(polars.col("stage") == "selection").select("entered", "kept").rows()
        == [(found.height, kept.height)] * 3
    )


def one_artifact(home: Path, stage: str) -> Path:
    [manifest] = Store(str(home / "store")).manifests(stage)
    return home / "store" / manifest.ref.uri


def check_answers(environment: dict[str, str], place: tuple[str, str]) -> None:
    """A dropped row of a registered model, and the way up from it; the catalog made anew says the same."""
    dropped = polars.read_parquet(one_artifact(Path(place[1]), "selection") / "selection.parquet")
    row = dropped.filter(~polars.col("kept")).row(0, named=True)
    asked = ("lineage", "models:/small@policy", "--row", row["demonstration_id"], *place)
    told = tailor(environment, *asked).stdout
    assert f"dropped: {row['rule']}" in told
    tailor(environment, "catalog", "rebuild", *place)
    assert tailor(environment, *asked).stdout == told


def check_mlflow(home: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("small")
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = {run.info.run_name: run for run in runs if "mlflow.parentRunId" in run.data.tags}
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(parents) == 3
    assert children.keys() == STAGES.keys(), "later runs executed what was made in the first, or less"
    assert len(client.get_metric_history(children["policy"].info.run_id, "reward")) >= 2
    for alias in ("warm_start", "policy"):
        version = client.get_model_version_by_alias("small", alias)
        assert version.source == one_artifact(home, alias).as_uri()
        assert version.run_id == children[alias].info.run_id
    assert len(client.search_model_versions("name = 'small'")) == 2, "later runs registered nothing anew"


def check_lineage(home: Path) -> None:
    events = [
        json.loads(line) for path in (home / "lineage").iterdir() for line in path.read_text().splitlines()
    ]
    completed = [event["job"]["name"] for event in events if event["eventType"] == "COMPLETE"]
    assert sorted(completed) == sorted(["small", *(f"small.{stage}" for stage in STAGES)] * 3)


def unfinished(home: Path) -> list[tuple[str, str]]:
    """What Prefect and MLflow believe to be running, from their databases: kind and state."""
    found: list[tuple[str, str]] = []
    for database, query in (
        ("prefect/prefect.db", "select 'flow', state_type from flow_run"),
        ("prefect/prefect.db", "select 'task', state_type from task_run"),
        ("mlflow.db", "select 'mlflow', status from runs"),
    ):
        if not (home / database).exists():
            continue
        # Not read-only: what a kill cut off in the middle of a transaction has to be rolled back first.
        with closing(sqlite3.connect(home / database)) as connection:
            found += connection.execute(query).fetchall()
    return [(kind, state) for kind, state in found if state in ("RUNNING", "PENDING", "SCHEDULED")]


def test_a_killed_run_leaves_no_process_and_is_recovered_and_goes_on(
    small_recipe: Path, tmp_path: Path, python_environment: dict[str, str]
) -> None:
    home = tmp_path / "home"
    place = ("--home", str(home))
    command = [sys.executable, "-m", "flows.cli", "run", str(small_recipe), "--set", "seed=8", *place]
    process = subprocess.Popen(
        command, env=python_environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    store = Store(str(home / "store"))
    deadline = time.monotonic() + 240
    while not list(store.manifests("demonstrations")) and time.monotonic() < deadline:
        time.sleep(0.05)
    children = [
        int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    ]
    assert children, "a Prefect server runs"
    assert "left alone, for it lives: run " in tailor(python_environment, "recover", *place).stdout
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    made = {stage: [m.digest for m in store.manifests(stage)] for stage in STAGES}
    assert {kind for kind, _ in unfinished(home)} >= {"flow", "mlflow"}

    recovered = tailor(python_environment, "recover", *place).stdout
    assert "set to Crashed: Prefect flow run " in recovered
    assert "set to KILLED: MLflow run small" in recovered
    assert "set to ABORT: lineage of small" in recovered
    assert unfinished(home) == []
    assert tailor(python_environment, "recover", *place).stdout.startswith(
        "nothing to recover\n--resume would"
    )

    resumed = outcomes(tailor(python_environment, "recover", "--resume", *place))
    assert list(resumed) == list(STAGES)
    for stage, digests in made.items():
        if digests:
            assert resumed[stage] == ("hit", digests[0][:12])
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert tailor(python_environment, "recover", *place).stdout.startswith("removed: ")
    assert tailor(python_environment, "recover", *place).stdout == "nothing to recover\n"
    check_force_and_invalidate(python_environment, small_recipe, home)


@pytest.mark.timeout(900)  # four programs, one after the other
def test_a_killed_backbone_is_recovered_and_made_after_all(
    tmp_path: Path, python_environment: dict[str, str]
) -> None:
    home, output = tmp_path / "home", tmp_path / "out"
    sizes = ("conversations=100", "steps=2", "hidden_size=36", "intermediate_size=64")
    words = [part for size in sizes for part in ("--set", size)]
    command = [sys.executable, "-m", "flows.cli", "backbone", "tiny", "--output", str(output), *words]
    process = subprocess.Popen(
        [*command, "--home", str(home)],
        env=python_environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 240
    while not list((home / "work").glob("pretraining-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert ("flow", "RUNNING") in unfinished(home)

    resumed = tailor(python_environment, "recover", "--resume", "--home", str(home)).stdout
    assert f"of `tailor backbone tiny --output {output}" in resumed
    assert "set to Crashed: Prefect flow run " in resumed
    assert unfinished(home) == []
    assert (output / "model.safetensors").exists()
    assert re.search(r"restate +0\.0%", resumed), "it is examined, and two steps teach nothing"
    assert not list((home / "work").glob("pretraining-*")), "it is of no use any more"
    assert not list((home / "runs").iterdir()), "nothing is left to resume"


def check_force_and_invalidate(environment: dict[str, str], recipe: Path, home: Path) -> None:
    """A stage made again with the same content, on request, costs nothing that follows."""
    place = ("--set", "seed=8", "--home", str(home))
    only = tailor(environment, "run", str(recipe), *place, "--force", "problems", "--until", "primitives")
    words = {stage: word for stage, (word, _) in outcomes(only).items()}
    assert words == {"problems": "made", "backbone": "hit", "probe": "hit", "primitives": "hit"}
    assert re.fullmatch(rf"ended after primitives: file://{home}/store/primitives/\w{{64}}\n", only.stdout)

    said = tailor(environment, "invalidate", str(recipe), "verdicts", *place, "--dry-run").stdout
    assert re.fullmatch(r"verdicts/\w{12}: would be moved to quarantine\n", said)
    done = tailor(environment, "invalidate", str(recipe), "verdicts", *place).stdout
    assert re.fullmatch(rf"verdicts/\w{{12}}: moved to {home}/store/\.quarantine/verdicts-\S+\n", done)
    plans = [
        json.loads(line)
        for line in tailor(environment, "plan", str(recipe), *place, "--json").stdout.splitlines()
    ]
    waits = {row["stage"]: row["waits_on"] for row in plans if not row["hit"]}
    assert waits["verdicts"] == []
    assert waits["selection"] == ["verdicts"]
    assert list(waits) == list(STAGES)[list(STAGES).index("verdicts") :]


def test_two_runs_at_once_make_each_stage_once(
    small_recipe: Path, tmp_path: Path, python_environment: dict[str, str]
) -> None:
    home = tmp_path / "home"
    command = [sys.executable, "-m", "flows.cli", "run", str(small_recipe), "--home", str(home)]
    runs = [
        subprocess.Popen(
            command, env=python_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [run.communicate()[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], told[0][-2000:] + told[1][-2000:]
    first, second = (dict(re.findall(r"(\w+) +(?:made|hit) +[\d.]+ s  (\w{12})", lines)) for lines in told)
    assert first == second
    assert list(first) == list(STAGES)
    made = [stage for lines in told for stage in re.findall(r"(\w+) +made +[\d.]+ s", lines)]
    assert sorted(made) == sorted(STAGES), "each by one of the two"
    assert unfinished(home) == []
