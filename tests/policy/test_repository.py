"""What must hold for the repository as a whole."""

from __future__ import annotations

import ast
import math
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from flows import RECIPES
from tailor_core.artifacts.store import Store
from tailor_core.config.load import load_recipe
from tailor_core.environments import read_options
from tailor_core.primitives.language import language_of
from tailor_core.stages.explain import plan_stages
from tailor_core.stages.registry import STAGES, load_target

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path for package in ("flows", "tasks", "tailor_core", "sql") for path in (ROOT / package).rglob("*.py")
)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_loads_and_says_what_it_is_for(path: Path) -> None:
    recipe = load_recipe(path.stem, RECIPES)
    assert recipe.name == path.stem
    assert recipe.description
    read_options(recipe.environment.name, recipe.environment.options)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_can_be_planned_and_leaves_ways_to_choose_from(path: Path, tmp_path: Path) -> None:
    recipe = load_recipe(path.stem, RECIPES)
    plans = plan_stages(recipe, Store(f"file://{tmp_path}/store"), list(STAGES.values()))
    assert [plan.stage for plan in plans] == list(STAGES)
    language = language_of(recipe.environment.name).within(recipe.primitives.dimensions)
    assert math.prod(map(len, language.dimensions.values())) > recipe.primitives.max_primitives
    # What is demonstrated must fit where it is trained on and sampled: about a token for each word or mark.
    assert recipe.primitives.max_tokens <= recipe.selection.max_tokens
    assert recipe.policy.max_completion_length <= recipe.evaluation.max_tokens


SIZES = [
    (path.stem, size)
    for path in sorted(RECIPES.glob("*.toml"))
    for size in tomllib.loads(path.read_text()).get("sizes", {})
]


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_every_size_of_a_recipe_can_be_planned(name: str, size: str, tmp_path: Path) -> None:
    recipe = load_recipe(name, RECIPES, [f"size={size}"])
    assert recipe.name == f"{name}-{size}"
    read_options(recipe.environment.name, recipe.environment.options)
    plans = plan_stages(recipe, Store(f"file://{tmp_path}/store"), list(STAGES.values()))
    assert [plan.stage for plan in plans] == list(STAGES)


def test_imports_point_one_way(python_environment: dict[str, str]) -> None:
    command = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    result = subprocess.run(
        [sys.executable, "-c", command],
        cwd=ROOT,
        env=python_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"[1-9]\d* kept, 0 broken", result.stdout)


def test_the_changelog_begins_with_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## \[?v?(\d[^\]\s]*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == version


@pytest.mark.parametrize("product", STAGES)
def test_every_stage_has_its_function_section_and_task(product: str) -> None:
    definition = STAGES[product]
    assert callable(load_target(definition.function))
    assert load_target(definition.config).__name__.endswith("Config")
    assert load_target(f"tasks.{product}:{product}").definition == definition


def test_the_pipeline_runs_every_stage_and_numbers_them_in_order() -> None:
    source = (ROOT / "flows" / "pipeline.py").read_text()
    pipeline = next(
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == "pipeline"
    )
    numbered = re.findall(r"^\d+\. +(\w+)", ast.get_docstring(pipeline) or "", re.MULTILINE)
    called = [
        node.func.id
        for node in ast.walk(pipeline)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in STAGES
    ]
    assert numbered == list(STAGES)
    assert set(called) == set(STAGES)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_owns(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.strip()
    assert ast.get_docstring(ast.parse(text))


def test_no_test_takes_its_time() -> None:
    """A test that asserts on seconds fails on a busy machine; what is about speed is in tests/benchmarks."""
    clocks = {"perf_counter", "perf_counter_ns", "process_time", "process_time_ns", "thread_time", "timeit"}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if "benchmarks" not in path.parts:
            nodes = list(ast.walk(ast.parse(path.read_text())))
            names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
            names |= {node.name for node in nodes if isinstance(node, ast.alias)}
            assert not clocks & names, path
