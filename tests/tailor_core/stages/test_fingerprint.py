"""Fingerprints: what a program means counts, wherever it is reached; how it is written does not."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tailor_core.errors import RecipeError
from tailor_core.stages import fingerprint
from tailor_core.stages.fingerprint import code_fingerprint, library_versions, path_digest
from tailor_core.stages.registry import STAGES

PACKAGE = {
    "__init__": "",
    "stage": """
        '''A stage.'''
        from plug.middle import double
        from . import sibling
        import json

        def run(x):
            '''Run.'''
            return double(x) + sibling.ONE  # the sum
        """,
    "middle": """
        def double(x):
            from plug import deep
            product = x * deep.TWO
            return product
        """,
    "deep": "TWO = 2\n",
    "sibling": "ONE = 1\nTARGET = 'plug.named:Thing'\n",
    "named": "class Thing:\n    '''Doc.'''\n    size = 3\n",
    "unrelated": "X = 1\n",
}
REACHED = ["plug", "plug.deep", "plug.middle", "plug.named", "plug.sibling", "plug.stage"]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "plug"
    directory.mkdir()
    for name, source in PACKAGE.items():
        (directory / f"{name}.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(str(tmp_path))
    return directory


def digests() -> dict[str, str]:
    """As a new process would compute them."""
    importlib.invalidate_caches()
    for function in (fingerprint._find, fingerprint._roots, fingerprint._read):
        function.cache_clear()
    return code_fingerprint("plug.stage")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_all_modules_that_imports_reach_are_there_and_no_others(package: Path) -> None:
    assert list(digests()) == REACHED
    assert not any(name.startswith("plug.") for name in sys.modules), "nothing was imported"


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("stage", "# the sum", "# another comment"),
        ("stage", "'''A stage.'''", "'''Another docstring.'''"),
        ("stage", "'''Run.'''", ""),
        ("named", "'''Doc.'''", "'''Other.'''"),
        ("stage", "double(x) + sibling.ONE", "(double( x )\n            + sibling.ONE)"),
        ("middle", "x * deep.TWO", "x * (deep . TWO)"),
        ("sibling", "'plug.named:Thing'", 'u"plug.named:Thing"'),
        ("unrelated", "X = 1", "X = 2"),
        ("middle", "product", "doubled"),
    ],
)
def test_writing_and_unreached_modules_do_not_count(package: Path, module: str, old: str, new: str) -> None:
    before = digests()
    replace(package / f"{module}.py", old, new)
    assert digests() == before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("stage", "double(x) +", "double(x) -"),
        ("middle", "x * deep.TWO", "deep.TWO * x"),
        ("middle", "return product", "return x"),
        ("middle", "(x)", "(x, /)"),
        ("deep", "2", "3"),
        ("deep", "2", "2.0"),
        ("deep", "2", "'2'"),
        ("deep", "2", "True"),
        ("named", "size = 3", "size = 4"),
    ],
)
def test_any_change_of_meaning_counts_for_its_module_alone(
    package: Path, module: str, old: str, new: str
) -> None:
    before = digests()
    replace(package / f"{module}.py", old, new)
    after = digests()
    assert [name for name in after if after[name] != before[name]] == [f"plug.{module}"]


def test_a_package_that_is_run_on_the_way_counts(package: Path) -> None:
    before = digests()
    (package / "__init__.py").write_text("import plug.unrelated\n")
    assert digests().keys() - before.keys() == {"plug.unrelated"}


def test_moving_the_checkout_changes_nothing(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digests()
    moved = package.parent / "elsewhere"
    moved.mkdir()
    package.rename(moved / "plug")
    monkeypatch.syspath_prepend(str(moved))
    assert digests() == before


def test_a_module_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(RecipeError, match=r"'no_such_package\.stage'"):
        code_fingerprint("no_such_package.stage")


def test_a_package_without_init_may_lie_in_two_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, source in (("one", "from acme.second import X\n"), ("two", "X = 1\n")):
        (tmp_path / place / "acme").mkdir(parents=True)
        (tmp_path / place / "acme" / ("first.py" if place == "one" else "second.py")).write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path / place))
    importlib.invalidate_caches()
    assert list(code_fingerprint("acme.first")) == ["acme.first", "acme.second"]


def test_a_stage_by_itself_depends_on_no_family_of_problems() -> None:
    reached = code_fingerprint("tailor_core.stages.demonstrations")
    assert {"tailor_core.environments.base", "tailor_core.environments.teaching"} <= reached.keys()
    assert not [name for name in reached if "knights_knaves" in name or "igsm" in name]
    assert not any(name.startswith("tailor_core.training") for name in reached)
    tracking = {name for name in reached if name.startswith("tailor_core.tracking.")}
    assert tracking == {"tailor_core.tracking.progress"}


def test_no_stage_depends_on_the_orchestration() -> None:
    for stage in STAGES.values():
        reached = code_fingerprint(stage.function.partition(":")[0])
        assert not reached.keys() & {"tailor_core.stages.execute", "tailor_core.stages.registry"}


def test_fingerprints_are_the_same_in_another_process_and_checkout(
    tmp_path: Path, python_environment: dict[str, str]
) -> None:
    elsewhere = tmp_path / "another checkout"
    source = Path(importlib.import_module("tailor_core").__path__[0])
    ignored = shutil.ignore_patterns("backbones", "__pycache__")
    shutil.copytree(source, elsewhere / "tailor_core", ignore=ignored)
    program = (
        "import tailor_core; from tailor_core.stages.fingerprint import code_fingerprint;"
        "print(tailor_core.__file__, code_fingerprint('tailor_core.stages.selection'))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=elsewhere,
        env={**python_environment, "PYTHONPATH": str(elsewhere), "PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        check=True,
    )
    place = elsewhere / "tailor_core" / "__init__.py"
    assert run.stdout.strip() == f"{place} {code_fingerprint('tailor_core.stages.selection')}"


def test_versions_are_those_installed() -> None:
    assert library_versions(["pydantic", "no-such-library"]) == {
        "no-such-library": "absent",
        "pydantic": importlib.import_module("pydantic").VERSION,
    }


def test_a_directory_is_its_names_and_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "a").write_bytes(b"a")
        (tmp_path / name / "b").write_bytes(b"b")
    before = path_digest(tmp_path / "one")
    assert before == path_digest(tmp_path / "two")
    (tmp_path / "one" / "b").rename(tmp_path / "one" / "c")
    (tmp_path / "two" / "b").write_bytes(b"c")
    assert len({before, path_digest(tmp_path / "one"), path_digest(tmp_path / "two")}) == 3
    assert path_digest(tmp_path / "none") == "absent"
