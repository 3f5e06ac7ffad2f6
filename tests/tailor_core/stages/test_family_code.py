"""A family from outside counts in the stage keys: its code, and the libraries that its package requires."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import own_family
import pytest

from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.config.load import make_recipe
from tailor_core.environments.base import get_environment
from tailor_core.environments.teaching import get_teaching
from tailor_core.stages import fingerprint
from tailor_core.stages.registry import STAGES
from tailor_core.stages.spec import StageSpec, make_spec

pytestmark = pytest.mark.integration

RUNS_FAMILY = {
    "problems", "probe", "primitives", "demonstrations", "verdicts", "policy", "evaluation", "report",
}  # fmt: skip


def forget() -> None:
    """As in a new process."""
    for name in [name for name in sys.modules if name.startswith("gcd_")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    for function in (
        get_environment, get_teaching, fingerprint._find, fingerprint._roots, fingerprint._read,
    ):  # fmt: skip
        function.cache_clear()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The one file of the family of the documentation, installed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    forget()
    yield own_family.install(tmp_path)
    forget()


def specs() -> dict[str, StageSpec]:
    forget()
    recipe = make_recipe({"name": "toy", "environment": {"name": "gcd"}}, "toy")
    inputs: dict[str, Any] = {name: ArtifactRef(stage=name, key="k", digest="d", uri="u") for name in STAGES}
    return {
        name: make_spec(stage, recipe, {i: inputs[i] for i in stage.inputs}) for name, stage in STAGES.items()
    }


def changed(before: dict[str, StageSpec], after: dict[str, StageSpec]) -> set[str]:
    return {name for name in before if before[name].key != after[name].key}


def test_what_runs_the_family_depends_on_its_file_and_nothing_else_does(module: Path) -> None:
    before = specs()
    assert {name for name, spec in before.items() if "gcd_family" in spec.code} == RUNS_FAMILY
    assert changed(before, specs()) == set()
    module.write_text(module.read_text() + "\n# a remark\n")
    assert changed(before, specs()) == set()
    module.write_text(module.read_text().replace("rng.randint(1, 9)", "rng.randint(1, 8)"))
    after = specs()
    assert changed(before, after) == RUNS_FAMILY
    for name in RUNS_FAMILY:
        code = after[name].code
        assert [m for m in code if code[m] != before[name].code[m]] == ["gcd_family"]


def test_a_teacher_in_a_module_of_its_own_leaves_the_other_stages_alone(module: Path) -> None:
    teacher = (
        "from gcd_family import Teaching, Program, write\nTEACHING = Teaching(Program, write)\nBOUND = 1\n"
    )
    (module.parent / "gcd_teacher.py").write_text(teacher)
    [points] = module.parent.glob("*.dist-info/entry_points.txt")
    points.write_text(points.read_text().replace("gcd_family:TEACHING", "gcd_teacher:TEACHING"))
    before = specs()
    assert {name for name, spec in before.items() if "gcd_teacher" in spec.code} == {
        "primitives",
        "demonstrations",
    }
    (module.parent / "gcd_teacher.py").write_text(teacher.replace("BOUND = 1", "BOUND = 2"))
    assert changed(before, specs()) == {"primitives", "demonstrations"}


def test_an_entry_point_that_passes_on_what_another_package_defines_counts_both(module: Path) -> None:
    (module.parent / "gcd_names.py").write_text("from gcd_family import GCD, TEACHING\n")
    [points] = module.parent.glob("*.dist-info/entry_points.txt")
    points.write_text(points.read_text().replace("gcd_family:", "gcd_names:"))
    for name, spec in specs().items():
        assert ({"gcd_family", "gcd_names"} <= spec.code.keys()) == (name in RUNS_FAMILY)


def test_the_versions_of_what_the_package_requires_count(module: Path) -> None:
    before = specs()
    [metadata] = module.parent.glob("*.dist-info/METADATA")
    metadata.write_text(
        f"{metadata.read_text()}Requires-Dist: pydantic>=2\nRequires-Dist: tailor[dev]\nRequires-Dist: gcd_lib (>1)\n"
    )
    after = specs()
    assert changed(before, after) == RUNS_FAMILY
    assert after["problems"].libraries == {
        "gcd_lib": "absent",
        "pydantic": importlib.import_module("pydantic").VERSION,
    }
