"""A family in one file outside the package, made and run as its page says: from problems to a report."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import own_family
import polars
import pytest

from tailor_core.stages.registry import STAGES

pytestmark = pytest.mark.integration

SHELL = f'tailor() {{ {shlex.quote(sys.executable)} -m flows.cli "$@"; }}; set -euo pipefail; '


@pytest.fixture
def world(tmp_path: Path, python_environment: dict[str, str]) -> dict[str, str]:
    """Where the section's package is installed, and its recipe lies in the current directory."""
    own_family.install(tmp_path / "packages")
    (tmp_path / "gcd.toml").write_text(own_family.recipe())
    path = os.pathsep.join([str(tmp_path / "packages"), python_environment["PYTHONPATH"]])
    return {**python_environment, "PYTHONPATH": path, "TAILOR_HOME": str(tmp_path / "home")}


def typed(
    command: str, world: dict[str, str], where: Path, code: int = 0
) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        ["bash", "-c", SHELL + command], cwd=where, env=world, capture_output=True, text=True, check=False
    )
    assert result.returncode == code, result.stderr[-3000:]
    return result


@pytest.mark.timeout(900)  # a dozen programs, one after the other: busy machines take their time
def test_the_page_works_as_it_stands(world: dict[str, str], tmp_path: Path) -> None:
    said = {command: typed(command, world, tmp_path) for command in own_family.commands()}
    made, solved, run, planned = said.values()

    rows = [json.loads(line) for line in made.stdout.splitlines()]
    assert [row["metadata"]["difficulty"] for row in rows] == [{"divisions": 4}] * 3
    solutions = [json.loads(line) for line in solved.stdout.splitlines()]
    assert [row["n_solutions"] for row in solutions] == [1, 1, 1]

    assert [line.split()[:2] for line in planned.stdout.splitlines()] == [[stage, "hit"] for stage in STAGES]
    store = tmp_path / "home" / "store"
    [verdicts] = store.glob("verdicts/*/verdicts.parquet")
    assert set(polars.read_parquet(verdicts)["reward"]) == {1.0}
    [primitives] = store.glob("primitives/*/primitives.parquet")
    accepted = [json.loads(text)["verdict"] for text in polars.read_parquet(primitives)["screening"]]
    assert 2 <= accepted.count("accepted") <= 4
    [evaluation] = store.glob("evaluation/*/evaluation.parquet")
    assert set(polars.read_parquet(evaluation)["split"]) == {"test", "ood_divisions_4"}
    report = tmp_path / "home" / "reports" / "gcd.html"
    assert f"report: {report}" in run.stdout
    assert "What is the greatest number that divides both" in report.read_text()

    row = {"problem": rows[0], "response": f"<think>Easy.</think>\n<answer>{rows[0]['answer']}</answer>"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    scored = json.loads(typed("tailor score gcd < rows.jsonl", world, tmp_path).stdout)
    assert scored["reward"] == 1.0

    page = tmp_path / "packages" / "gcd_family.py"
    page.write_text(page.read_text().replace("rng.randint(1, 9)", "rng.randint(1, 5)"))
    plan = typed("tailor plan gcd.toml", world, tmp_path).stdout.splitlines()
    assert plan[0] == f"{'problems':<15} miss  the code of gcd_family changed"
    assert plan[1].startswith(f"{'backbone':<15} hit")


def test_a_family_without_a_teacher_is_told_so_before_anything_runs(
    world: dict[str, str], tmp_path: Path
) -> None:
    points = next((tmp_path / "packages").glob("*.dist-info")) / "entry_points.txt"
    points.write_text(points.read_text().partition("[tailor.teachers]")[0])
    said = typed("tailor run gcd.toml", world, tmp_path, code=2)
    assert said.stderr.startswith(
        "tailor: environment.name = 'gcd' has no move language to discover primitives in, "
    )
    assert said.stderr.endswith("or give it an entry point in the group 'tailor.teachers'\n")
    assert said.stderr.count("\n") == 1
    assert not (tmp_path / "home" / "store").exists()
    assert typed("tailor problems gcd --size 1", world, tmp_path).stdout.count("\n") == 1
