"""`tailor lineage` and `tailor catalog`: answers in three forms, and a mistake is one sentence."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from made_up_store import commit, write_artifacts

from flows.cli import main
from tailor_core.artifacts.store import Store
from tailor_core.config.settings import Settings
from tailor_core.tracking.datasets import Dataset
from tailor_core.tracking.openlineage import LineageLog

Tailor = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(finished: Settings) -> Path:
    return finished.home


@pytest.fixture
def tailor(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tailor:
    """Run a command in that home; exit status, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tailor", *arguments, "--home", str(home)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def key(home: Path, stage: str) -> str:
    [manifest] = Store(str(home / "store")).manifests(stage)
    return manifest.key


def test_a_tree_shows_what_an_artifact_was_made_from_and_what_became_of_it(tailor: Tailor) -> None:
    status, out, _ = tailor("lineage", "selection")
    assert status == 0
    lines = [line.lstrip("│├└─ \xa0") for line in out.splitlines()]
    assert re.match(r"selection@\w{12}  10 rows  1\.5 s", lines[0])
    assert lines[1] == "made from"
    used = lines[lines.index("used by") + 1 : lines.index("attempts")]
    assert [line.split("@")[0].split(" (")[0] for line in used] == [
        "sft_dataset",
        "warm_start",
        "evaluation",
        "policy",
        "evaluation",
    ]
    assert len([line for line in lines if line.startswith("problems@")]) == 1
    assert "problems (see above)" in lines
    _, up, _ = tailor("lineage", "selection", "--up")
    _, down, _ = tailor("lineage", "selection", "--down")
    assert ("used by" in up, "made from" in up) == (False, True)
    assert ("used by" in down, "made from" in down) == (True, False)


def test_a_stage_a_digest_and_a_key_name_the_same_artifact(tailor: Tailor, home: Path) -> None:
    [manifest] = Store(str(home / "store")).manifests("policy")
    said = {
        tailor("lineage", reference)[1]
        for reference in (
            "policy",
            f"policy@{manifest.digest[:6]}",
            manifest.digest[:10],
            manifest.key[:12],
            f"policy@{manifest.key}",
        )
    }
    assert len(said) == 1


def test_attempts_are_told_with_the_artifact_those_that_failed_too(tailor: Tailor, home: Path) -> None:
    log = LineageLog(directory=home / "lineage", recipe="kk")
    failed, killed, hit = (log.attempt("policy", key(home, "policy"), []) for _ in range(3))
    failed.start()
    failed.fail(OSError("disk full"))
    killed.start()
    killed.abort()
    hit.complete(Dataset(name="policy", digest="d", uri="file:///p"), cached=True)
    log.attempt("report", "ab" * 32, []).start()
    tailor("catalog", "rebuild")
    lines = [line.lstrip("│├└─ \xa0") for line in tailor("lineage", "policy")[1].splitlines()]
    told = lines[lines.index("attempts") + 1 :]
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    for line, expected in zip(
        sorted(told),
        (
            rf"begun {time}, failed \(OSError: disk full\)",
            rf"begun {time}, killed",
            "hits since: 1",
            f"made {time}",
        ),
        strict=True,
    ):
        assert re.fullmatch(expected, line), line
    answer = json.loads(tailor("lineage", "policy", "--format", "json")[1])
    states = sorted((one["state"], one["cached"]) for one in answer["attempts"])
    assert states == [("ABORT", False), ("COMPLETE", False), ("COMPLETE", True), ("FAIL", False)]
    status, _, err = tailor("lineage", "report")
    assert status == 2
    assert "'report' has no artifact; the last of all attempts at report (1): begun" in err


def test_json_holds_every_artifact_and_step(tailor: Tailor, home: Path) -> None:
    answer = json.loads(tailor("lineage", "warm_start", "--up", "--format", "json")[1])
    assert answer["artifact"]["key"] == key(home, "warm_start")
    assert answer["artifact"]["created"] == "2026-11-21T10:07:00Z"
    steps = {(edge["from"].split("/")[0], edge["to"].split("/")[0]) for edge in answer["edges"]}
    assert ("sft_dataset", "warm_start") in steps
    assert ("primitives", "selection") in steps
    assert len(answer["edges"]) == 14
    places = {f"{one['stage']}/{one['key']}" for one in answer["artifacts"]}
    assert {edge[end] for edge in answer["edges"] for end in ("from", "to")} <= places


def test_mermaid_is_a_flowchart_of_the_same_steps(tailor: Tailor) -> None:
    lines = tailor("lineage", "demonstrations", "--up", "--format", "mermaid")[1].splitlines()
    names = dict(re.match(r'  (\w+)\["(\w+)@', line).groups() for line in lines if "[" in line)  # type: ignore[union-attr]
    steps = {
        (names[one], names[other])
        for one, other in (line.split(" --> ") for line in map(str.strip, lines) if "-->" in line)
    }
    assert lines[0] == "flowchart LR"
    assert steps == {
        ("problems", "primitives"),
        ("problems", "demonstrations"),
        ("primitives", "demonstrations"),
    }


@pytest.mark.parametrize("reference", ["policy", "selection", "problems", "evaluation"])
def test_a_dropped_row_tells_its_whole_way_and_why(tailor: Tailor, reference: str) -> None:
    _, out, _ = tailor("lineage", reference, "--row", "d2")
    assert "demonstration in" in out
    assert "problem x1, primitive 'assume first', reward 1.0" in out
    assert "dropped: near_duplicate, of d0, similarity 0.950" in out
    assert "fine_tuned" not in out
    answer = json.loads(tailor("lineage", reference, "--row", "d2", "--format", "json")[1])
    [decision] = answer["decisions"]
    assert (decision["kept"], decision["rule"], decision["sft_example_id"]) == (False, "near_duplicate", None)


def test_a_problem_and_a_primitive_tell_of_all_their_demonstrations(tailor: Tailor) -> None:
    _, out, _ = tailor("lineage", "policy", "--row", "x1")
    assert "3 demonstrations, 1 kept, 2 dropped" in out
    assert "training row e0" in out
    assert re.search(r"policy@\w{12}  fine_tuned 1", out)
    assert re.search(r"policy@\w{12}  reinforced 1", out)
    _, out, _ = tailor("lineage", "policy", "--row", "p2")
    assert "verdict rejected, reason pass rate 0.1 < 0.8" in out
    _, out, _ = tailor("lineage", "evaluation", "--row", "t1")
    assert re.search(r"backbone@\w{12}  evaluated 2", out)
    chart = tailor("lineage", "policy", "--row", "d0", "--format", "mermaid")[1]
    assert '["demonstration<br/>d0"]' in chart
    assert '["decision on d0<br/>kept: kept_diverse"]' in chart
    assert '["model<br/>policy#64;' in chart
    assert '["model<br/>' not in tailor("lineage", "policy", "--row", "d2", "--format", "mermaid")[1]


def test_a_reference_that_means_nothing_or_too_much_is_one_sentence(
    tailor: Tailor, home: Path, tmp_path: Path
) -> None:
    store = Store(str(home / "store"))
    made = {manifest.stage: manifest for manifest in store.manifests()}
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text("other\n")
    commit(store, "backbone", tmp_path / "other", {**made}, seed=1)
    commit(store, "problems", write_artifacts(tmp_path / "more")["problems"], made, seed=1)
    assert tailor("catalog", "rebuild")[:2] == (0, f"12 artifacts and 10 attempts in {home}/lineage.duckdb\n")
    for arguments, why in (
        (("nosuch",), "'nosuch' matches no artifact in the catalog; give a stage"),
        (("policy@ffffffffff",), "matches no artifact"),
        (("nosuch@ab",), "names no stage that has artifacts; use backbone, "),
        (("policy@",), "matches no artifact"),
        (("backbone@",), "matches no artifact"),
        (("models:/kk@policy",), "no run has registered a model"),
        (("models:policy",), "must be models:/NAME@ALIAS"),
        (("policy", "--row", "nobody"), "--row = 'nobody' is no problem, primitive, demonstration or"),
        (("policy", "--row", "d0", "--up"), "leave --up and --down out"),
    ):
        status, out, err = tailor("lineage", *arguments)
        assert (status, out, len(err.splitlines())) == (2, "", 1), err
        assert why in err
    assert not (home / "mlflow.db").exists(), "a question makes no registry"
    digits = [one.digest[0] for one in store.manifests()]
    common = next(digit for digit in digits if digits.count(digit) > 1)
    assert (
        f"matches {len({m.digest for m in store.manifests() if common in (m.digest[0], m.key[0])})} artifacts"
        in (tailor("lineage", common)[2])
    )
    assert tailor("lineage", f"problems@{made['problems'].digest[:8]}")[0] == 0, "one content, two keys"


def test_without_a_catalog_the_sentence_says_how_to_make_one(tailor: Tailor, home: Path) -> None:
    (home / "lineage.duckdb").unlink()
    status, _, err = tailor("lineage", "policy")
    assert status == 2
    assert "run `tailor catalog rebuild`" in err
    assert tailor("catalog", "rebuild")[0] == 0
    assert tailor("lineage", "policy")[0] == 0


def test_rebuilding_says_what_had_to_be_left_out(tailor: Tailor, home: Path) -> None:
    table = home / "store" / "verdicts" / key(home, "verdicts") / "verdicts.parquet"
    table.write_bytes(b"torn")
    status, out, err = tailor("catalog", "rebuild")
    assert status == 1
    assert "left out: the 'verdicts' artifact" in err
    assert "is damaged (verdicts.parquet has 4 bytes" in err
    assert "10 artifacts and 10 attempts" in out
