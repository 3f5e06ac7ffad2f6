"""What a person sees of an error: one sentence where they can mend it, a traceback where it is a bug."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from flows import cli
from tailor_core.errors import InputError, MissingExtraError
from tailor_core.stages.registry import STAGES
from tailor_core.training import vllm_checks


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InputError("seed = -1 is too low"), "tailor: seed = -1 is too low\n"),
        (
            OSError(errno.ENOSPC, "full", "/data/runs/1.json"),
            "tailor: the disk failed at '/data/runs/1.json' (No space left on device); mend it and run the same "
            "again\n",
        ),
    ],
)
def test_what_can_be_mended_is_one_sentence_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, told: str
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 2
    assert capsys.readouterr().err == told


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise FileNotFoundError(errno.ENOENT, "no such file", "x")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(FileNotFoundError):
        cli.main()


VLLM = "policy.rollout_engine=vllm"


@pytest.fixture
def no_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_checks, "installed_vllm", lambda: None)


def test_a_run_that_would_come_to_rollouts_by_vllm_ends_at_once_where_there_is_none(
    no_vllm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["tailor", "run", "kk-tiny", "--set", VLLM, "--home", str(tmp_path)])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("tailor: policy.rollout_engine = 'vllm', but ")
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_ends_before_the_policy_needs_no_vllm(
    no_vllm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BeganError(Exception):
        pass

    def begin(*_: object) -> None:
        raise BeganError

    monkeypatch.setattr(cli, "served", begin)
    with pytest.raises(BeganError):
        cli.run("kk-tiny", [VLLM], until="warm_start", home=tmp_path)
    with pytest.raises(MissingExtraError):
        cli.run("kk-tiny", [VLLM], until="policy", home=tmp_path)


def test_a_plan_says_on_stderr_that_a_run_would_be_refused(
    no_vllm: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.plan("kk-tiny", [VLLM], home=tmp_path, json=True)
    told = capsys.readouterr()
    assert "a run would be refused here: policy.rollout_engine = 'vllm'" in told.err
    assert len([json.loads(line) for line in told.out.splitlines()]) == len(STAGES)
    cli.plan("kk-tiny", home=tmp_path)
    assert capsys.readouterr().err == ""
