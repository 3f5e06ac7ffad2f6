"""The flow `tailor` without a server: what a run that fails leaves."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from flows import pipeline
from flows.cli import main
from tailor_core.config.settings import Settings
from tasks.run import Run

KEY = "ab" * 32


def break_down(run: Run) -> Any:
    """A stage that cannot be made."""
    attempt = run.lineage.attempt("problems", KEY, [])
    attempt.start()
    error = OSError("the disk went away")
    attempt.fail(error)
    raise error


def test_a_run_that_fails_is_known_to_the_catalog(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(pipeline, "problems", break_down)
    with pytest.raises(OSError, match="went away"):
        pipeline.pipeline.fn("kk-tiny", home=settings.home)
    monkeypatch.setattr(sys, "argv", ["tailor", "lineage", "problems", "--home", str(settings.home)])
    with pytest.raises(SystemExit):
        main()
    told = capsys.readouterr().err
    assert "REF = 'problems' has no artifact; the last of all attempts at problems (1): begun " in told
    assert "failed (OSError: the disk went away)" in told
