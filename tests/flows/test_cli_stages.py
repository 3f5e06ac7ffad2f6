"""`tailor run`, `plan` and `invalidate` from the command line, as far as nothing runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from flows import cli, pipeline, terminal
from flows.cli import main
from tailor_core.config.settings import Settings
from tailor_core.stages.registry import STAGES

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tailor(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], settings: Settings) -> Run:
    """Runs `tailor ...` on the test's home: the exit status, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tailor", *arguments, "--home", str(settings.home)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, error = capfd.readouterr()
        return int(ended.value.code or 0), out, error

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "kk-tiny", "--force", "problems", "--force", "polcy"],
        ["run", "kk-tiny", "--until", "polcy"],
        ["invalidate", "kk-tiny", "problems", "polcy"],
    ],
    ids=" ".join,
)
def test_an_unknown_stage_is_one_sentence_before_anything_runs(
    tailor: Run, settings: Settings, arguments: list[str]
) -> None:
    status, out, error = tailor(*arguments)
    assert (status, out) == (2, "")
    assert error.startswith("tailor: stage = 'polcy' is no stage (did you mean 'policy'?); the stages are ")
    assert error.count("\n") == 1
    assert list(settings.home.iterdir()) == []


def test_a_forced_stage_after_the_end_is_refused(tailor: Run) -> None:
    status, _, error = tailor("run", "kk-tiny", "--force", "report", "--until", "policy")
    assert status == 2
    assert "'report' comes after 'policy'" in error


def test_the_end_of_a_run_names_its_place_whatever_that_is_called(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Square brackets are no markup."""

    @contextmanager
    def served(*_: object) -> Iterator[Callable[[], AbstractContextManager[None]]]:
        yield nullcontext

    ref = {"stage": "problems", "key": "a" * 64, "digest": "b" * 64, "uri": f"problems/{'a' * 64}"}
    monkeypatch.setattr(cli, "served", served)
    monkeypatch.setattr(cli, "prepare_process", lambda _: None)
    monkeypatch.setattr(terminal, "show_progress", lambda: None)
    monkeypatch.setattr(pipeline, "pipeline", lambda *_: {"problems": ref})
    home = tmp_path / "a [/b] [red]c"
    monkeypatch.setattr(sys, "argv", ["tailor", "run", "kk-tiny", "--until", "problems", "--home", str(home)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert capfd.readouterr().out == f"ended after problems: file://{home}/store/problems/{'a' * 64}\n"


def test_a_plan_in_json_has_a_line_a_stage(tailor: Run) -> None:
    status, out, _ = tailor("plan", "kk-tiny", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [row["stage"] for row in rows] == list(STAGES)
    assert rows[0] == {
        "stage": "problems",
        "hit": False,
        "reasons": ["never run in this store"],
        "waits_on": [],
        "digest": None,
    }
    assert rows[-1]["waits_on"] == list(STAGES["report"].inputs)


def test_what_was_never_made_cannot_be_put_aside(tailor: Run) -> None:
    status, out, _ = tailor("invalidate", "kk-tiny", "problems", "policy", "--dry-run")
    assert status == 0
    assert out.splitlines() == [
        "problems: nothing to put aside: never run in this store",
        "policy: nothing to put aside: never run in this store; it waits on warm_start, problems",
    ]
