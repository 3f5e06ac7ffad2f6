"""When the page of a study is made anew, and that nobody sees half of one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows import study_page
from flows.study_page import axis, write_page
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.config.settings import Settings
from tailor_core.config.study import Study, Sweep
from tailor_core.study.trials import Trial

STUDY = Study(name="mine", recipe="kk-tiny", methods=("none", "tailor"), reference="none")
REF = ArtifactRef(stage="policy", key="ab" * 32, digest="cd" * 32, uri="policy/" + "ab" * 32)
DONE = Trial(
    arm="none", method="none", backbone="tiny", seed=3, overrides=(), command=("run",), refs={"policy": REF}
)
ENDED = replace(DONE, arm="tailor", refs={}, reason="it solves nothing")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where pages are written, each with the number of those before it in it."""
    made: list[Path] = []

    def write(study: Study, trials: Any, store: Any, directory: Path) -> None:
        directory.mkdir()
        (directory / "index.html").write_text(str(len(made)))
        made.append(directory)

    monkeypatch.setattr(study_page, "_write", write)
    return made


def test_a_page_is_swapped_in_whole_and_nothing_else_is_left(settings: Settings, written: list[Path]) -> None:
    page = write_page(STUDY, [DONE, ENDED], settings)
    assert page == settings.reports / "study-mine" / "index.html"
    assert page.read_text() == "0"
    write_page(STUDY, [DONE], settings)
    assert page.read_text() == "1"
    assert all(directory.parent != settings.reports for directory in written), "made out of sight"
    assert [path.name for path in settings.reports.iterdir()] == ["study-mine"]


def test_a_page_that_cannot_be_made_leaves_the_one_before(
    settings: Settings, written: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = write_page(STUDY, [DONE], settings)
    assert page

    def fail(study: Study, trials: Any, store: Any, directory: Path) -> None:
        directory.mkdir()
        (directory / "index.html").write_text("half")
        raise RuntimeError

    monkeypatch.setattr(study_page, "_write", fail)
    with pytest.raises(RuntimeError):
        write_page(STUDY, [DONE, ENDED], settings)
    assert page.read_text() == "0"
    assert [path.name for path in settings.reports.iterdir()] == ["study-mine"]


def test_a_page_is_made_anew_where_anything_that_it_shows_is_another(
    settings: Settings, written: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(DONE, refs={"policy": replace(REF, digest="ef" * 32)})
    monkeypatch.setattr(study_page, "code_fingerprint", lambda module: {module: "as it is"})
    for study, trials in (
        (STUDY, [DONE]),
        (STUDY, [DONE, ENDED]),
        (STUDY, [other, ENDED]),
        (STUDY, [other, replace(ENDED, reason="it still solves nothing")]),
        (STUDY.model_copy(update={"target": 0.5}), [DONE]),
    ):
        before = len(written)
        for _ in range(2):
            assert write_page(study, trials, settings)
        assert len(written) == before + 1
    monkeypatch.setattr(study_page, "code_fingerprint", lambda module: {module: "changed"})
    write_page(study, trials, settings)
    assert len(written) == before + 2


def test_without_the_reference_there_is_no_page(
    settings: Settings, written: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    assert write_page(STUDY, [replace(DONE, arm="tailor"), replace(ENDED, arm="none")], settings) is None
    assert not written


def test_the_axis_of_a_sweep_has_the_default_in_its_place() -> None:
    sweep = Sweep(values=(0.02, 0), overrides=("policy.beta={value}",), default=0.005)
    assert list(axis("kl", sweep).items()) == [(0, "kl=0"), (0.005, "tailor"), (0.02, "kl=0.02")]
    plain = Sweep(values=("b", 2, "a"), overrides=("x={value}",))
    assert list(axis("x", plain)) == [2, "a", "b"]
