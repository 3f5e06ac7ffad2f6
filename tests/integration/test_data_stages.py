"""The data stages give the same bytes in a fresh store, another process and another hash seed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

STAGES = (
    "problems",
    "backbone",
    "probe",
    "primitives",
    "demonstrations",
    "verdicts",
    "selection",
    "sft_dataset",
)

RUN = """
import json, sys
from pathlib import Path
from tailor_core.config.load import load_recipe
from tailor_core.stages.execute import StageJob, execute
from tailor_core.stages.registry import STAGES
from tailor_core.stages.spec import make_spec

path, home, *products = sys.argv[1:]
recipe = load_recipe(path, Path(path).parent)
refs = {}
for product in products:
    stage = STAGES[product]
    inputs = {name: refs[name] for name in stage.inputs}
    spec = make_spec(stage, recipe, inputs)
    places = {"home": home, "store": f"{home}/store"}
    job = StageJob(spec=spec, config=stage.config, inputs=inputs, recipe=recipe.name, **places)
    refs[product] = execute(job).manifest.ref
print(json.dumps({product: [ref.key, ref.digest] for product, ref in refs.items()}))
"""


def run(recipe: Path, home: Path, environment: dict[str, str], hash_seed: str) -> dict[str, list[str]]:
    result = subprocess.run(
        [sys.executable, "-c", RUN, str(recipe), str(home), *STAGES],
        env={**environment, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
        cwd=home.parent,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    found: dict[str, list[str]] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_keys_and_digests_are_the_same_in_another_process(
    small_recipe: Path, tmp_path: Path, python_environment: dict[str, str]
) -> None:
    first = run(small_recipe, tmp_path / "one", python_environment, "0")
    second = run(small_recipe, tmp_path / "two", python_environment, "4242")
    assert first == second
    assert len({digest for _, digest in first.values()}) == len(STAGES)
