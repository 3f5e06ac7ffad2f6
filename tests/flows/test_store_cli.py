"""`tailor store`: what an operator sees of the store, and that a mistake is one sentence."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import toy_stages

from flows.cli import main
from tailor_core.artifacts.manifest import Manifest
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.config.load import make_recipe
from tailor_core.config.settings import Settings
from tailor_core.stages.execute import StageJob, execute
from tailor_core.stages.registry import StageDefinition
from tailor_core.stages.runs import registered
from tailor_core.stages.spec import make_spec
from tailor_core.stages.trials import study_directory
from tailor_core.tracking.attempts import newest_completed
from tailor_core.tracking.datasets import Dataset
from tailor_core.tracking.openlineage import LineageLog

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tailor(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], settings: Settings) -> Run:
    """Runs `tailor store ...` on the test's home: the exit status, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tailor", "store", *arguments, "--home", str(settings.home)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, error = capfd.readouterr()
        return int(ended.value.code or 0), out, error

    return run


@pytest.fixture
def made(settings: Settings, toy_log: Path) -> list[Manifest]:
    """Problems and verdicts of one recipe, and older problems of the same recipe."""
    old = _execute(toy_stages.PROBLEMS, settings, 3)
    problems = _execute(toy_stages.PROBLEMS, settings, 4)
    verdicts = _execute(toy_stages.VERDICTS, settings, 4, {"problems": problems.ref})
    store = Store(settings.store)
    for age, manifest in enumerate((verdicts, problems, old)):  # all older than an hour
        text = replace(manifest, created=f"20{20 - age}-01-01T00:00:00+00:00").to_text()
        store._fs.pipe_file(store._at(manifest.ref.uri, "manifest.json"), text.encode())
        os.utime(store._at(manifest.ref.uri, "manifest.json"), (0, 0))
    return [old, problems, verdicts]


def _execute(
    definition: StageDefinition, settings: Settings, train: int, inputs: dict[str, ArtifactRef] | None = None
) -> Manifest:
    recipe = make_recipe({"name": "toy", "seed": 10, "problems": {"train": train}}, "toy")
    job = StageJob(
        spec=make_spec(definition, recipe, inputs or {}),
        config=definition.config,
        inputs=inputs or {},
        recipe="toy",
        home=str(settings.home),
        store=settings.store,
    )
    return execute(job).manifest


def lines(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_ls_shows_every_artifact_whole(tailor: Run, made: list[Manifest]) -> None:
    status, out, _ = tailor("ls")
    assert status == 0
    for manifest in made:
        assert f"{manifest.stage}/{manifest.key[:12]} " in out
    assert "3 artifacts, " in out
    status, out, _ = tailor("ls", "problems", "--json")
    assert [row["key"] for row in lines(out)] == [made[0].key, made[1].key]
    assert [row["rows"] for row in lines(out)] == [3, 4]


def test_show_tells_what_it_was_made_from(tailor: Run, made: list[Manifest]) -> None:
    _, problems, verdicts = made
    status, out, _ = tailor("show", f"verdicts/{verdicts.key[:8]}")
    assert status == 0
    for text in (verdicts.key, f"problems/{problems.key[:12]}", "toy_stages:halve", "verdicts.parquet"):
        assert text in out
    _, out, _ = tailor("show", f"verdicts/{verdicts.key[:8]}", "--json")
    assert lines(out)[0]["digest"] == verdicts.digest


def test_verify_puts_aside_what_fails_and_exits_1(tailor: Run, made: list[Manifest], store: Store) -> None:
    assert tailor("verify", "--deep")[:2] == (0, "3 artifacts looked at, 0 damaged\n")
    path = store.directory / made[1].ref.uri / "problems.parquet"  # type: ignore[operator]
    content = path.read_bytes()
    path.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    assert tailor("verify")[0] == 0, "sizes alone cannot tell"
    status, out, _ = tailor("verify", "--deep", f"problems/{made[1].key[:6]}")
    assert status == 1
    assert "problems.parquet has other bytes than were written; moved to " in out
    (aside,) = store.quarantined()
    assert (store.directory / ".quarantine" / aside / "problems.parquet").exists()  # type: ignore[operator]
    assert "1 in quarantine" in tailor("ls")[1]


def test_gc_shows_first_and_deletes_on_demand(tailor: Run, made: list[Manifest], store: Store) -> None:
    old, problems, verdicts = made
    status, out, _ = tailor("gc", "--json")
    assert status == 0
    assert [row["key"] for row in lines(out)] == [old.key]
    assert len(list(store.manifests())) == 3
    status, out, _ = tailor("gc", "--keep", "toy", "--delete")
    assert status == 0
    assert "freed" in out
    assert {one.key for one in store.manifests()} == {problems.key, verdicts.key}


def test_gc_frees_workdirs_that_were_left_for_long(
    tailor: Run, settings: Settings, made: list[Manifest]
) -> None:
    left = settings.work / f"policy-{'ab' * 32}"
    left.mkdir(parents=True)
    (left / "shard").write_text("12345")
    for path in (left / "shard", left):
        os.utime(path, (0, 0))
    rows = lines(tailor("gc", "--json")[1])
    assert [row for row in rows if row["kind"] == "workdir"] == [
        {"stage": "policy", "key": "ab" * 32, "kind": "workdir", "bytes": 5}
    ]
    assert left.exists()
    assert tailor("gc", "--delete")[0] == 0
    assert not left.exists()


def test_gc_keeps_what_a_recipe_used_last_though_it_is_not_the_newest(
    tailor: Run, made: list[Manifest], settings: Settings
) -> None:
    log = LineageLog(directory=settings.lineage, recipe="toy")
    for manifest in (made[1], made[0]):
        output = Dataset(name="problems", digest=manifest.digest, uri="x")
        log.attempt("problems", manifest.key, []).complete(output, cached=True)
    with next(settings.lineage.iterdir()).open("a") as stream:
        stream.write('{"eventType": "COMPLETE", "job": 3}\n[]\n{"torn')
    assert newest_completed(settings.lineage) == {("toy", "problems"): made[0].key}
    assert lines(tailor("gc", "--json")[1]) == []


def test_gc_keeps_what_a_run_that_goes_on_has_come_to(
    tailor: Run, made: list[Manifest], settings: Settings
) -> None:
    """Another run of the same recipe, with another seed, has newer artifacts of the same stages."""
    with registered(settings, ["run", "toy"]) as record:
        log = LineageLog(directory=settings.lineage, recipe="toy", run_id=record.id)
        log.start()
        for manifest in (made[0], made[1]):
            attempt = log.attempt(manifest.stage, manifest.key, [])
            attempt.complete(Dataset(name=manifest.stage, digest=manifest.digest, uri="x"), cached=False)
        log.attempt("verdicts", "k" * 64, []).start()
        assert lines(tailor("gc", "--json")[1]) == []
        goes = {row["key"] for row in lines(tailor("gc", "--keep", "toy", "--json")[1])}
        assert made[0].key not in goes, "whatever is asked to be kept besides"
    assert [row["key"] for row in lines(tailor("gc", "--json")[1])] == [made[0].key]


def test_gc_keeps_every_trial_of_a_study_though_all_are_runs_of_one_recipe(
    tailor: Run, made: list[Manifest], settings: Settings
) -> None:
    """Seeds and ablations of a method are runs of one recipe, of which only the last would stay."""
    assert [row["key"] for row in lines(tailor("gc", "--json")[1])] == [made[0].key]
    end = study_directory(settings, "seeds") / "0123456789ab.json"
    end.parent.mkdir(parents=True)
    end.write_text(json.dumps({"artifacts": [["problems", made[0].key]]}))
    assert lines(tailor("gc", "--json")[1]) == []
    assert {row["key"] for row in lines(tailor("gc", "--keep", "seeds", "--json")[1])} == {
        made[1].key,
        made[2].key,
    }
    assert [row["key"] for row in lines(tailor("gc", "--keep", "toy", "--json")[1])] == [made[0].key]


def test_push_and_pull_carry_all_it_was_made_from(
    tailor: Run, made: list[Manifest], s3_url: str, settings: Settings
) -> None:
    ref = f"verdicts/{made[2].key[:10]}"
    status, out, _ = tailor("push", ref, "--to", s3_url, "--json")
    assert status == 0
    assert [(row["stage"], row["copied"]) for row in lines(out)] == [("problems", True), ("verdicts", True)]
    other = settings.home / "other"
    status, out, _ = tailor("pull", ref, "--from", s3_url, "--store", str(other))
    assert status == 0
    assert [Store(other).damage(one) for one in Store(other).manifests()] == ["", ""]
    assert "is there already" in tailor("pull", ref, "--from", s3_url, "--store", str(other))[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ls", "nonsense"], "STAGE = 'nonsense' has no artifact in the store"),
        (["show", "problems"], "must be a stage, a slash and the first digits of a key"),
        (["show", "problems/zz"], "'problems/zz' matches no artifact"),
        (["show", "../x"], "artifact stage = '..' is not allowed"),
        (["verify", "problems/zz"], "matches nothing in the store"),
        (["verify", "../x"], "is not allowed"),
        (["gc", "--keep", "nonsense"], "--keep = 'nonsense' is no recipe that the store"),
        (["push", "problems/zz", "--to", "nonsense://x"], "store = 'nonsense://x' cannot be opened"),
        (
            ["pull", "problems/zz", "--from", "memory://empty"],
            "matches no artifact in the store 'memory://empty'",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(
    tailor: Run, made: list[Manifest], arguments: list[str], sentence: str
) -> None:
    status, out, error = tailor(*arguments)
    assert (status, out) == (2, "")
    assert sentence in error
    assert error.startswith("tailor: ")
    assert error.count(os.linesep) == 1
