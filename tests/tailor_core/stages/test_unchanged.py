"""Code that is edited while a run goes on is not run under the key of the code before."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tailor_core.errors import MachineError
from tailor_core.stages.fingerprint import code_fingerprint
from tailor_core.stages.spec import StageSpec
from tailor_core.stages.unchanged import check_sources, note_sources


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `edited` with a stage that imports a helper when it is called."""
    root = tmp_path / "edited"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "helper.py").write_text("VALUE = 1\n")
    (root / "stage.py").write_text("def make():\n    from edited.helper import VALUE\n    return VALUE\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield root
    for name in [name for name in sys.modules if name.partition(".")[0] == "edited"]:
        del sys.modules[name]


def spec() -> StageSpec:
    return StageSpec(
        stage="toy",
        function="edited.stage:make",
        schema_version=1,
        config={},
        code=code_fingerprint("edited.stage"),
    )


def test_a_helper_that_was_edited_since_the_run_began_is_refused(package: Path) -> None:
    note_sources(["edited.stage:make"])
    assert set(spec().code) == {"edited", "edited.helper", "edited.stage"}
    check_sources(spec())
    (package / "helper.py").write_text("VALUE = 2\n")
    with pytest.raises(
        MachineError, match=r"toy: the source of 'edited\.helper' was changed .* run the same again"
    ):
        check_sources(spec())
    (package / "stage.py").write_text("")
    with pytest.raises(MachineError, match=r"'edited\.helper' and 1 more"):
        check_sources(spec())
    (package / "helper.py").unlink()
    with pytest.raises(MachineError):
        check_sources(spec())
