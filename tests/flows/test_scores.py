"""The closing table of a study, on figures worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from flows.scores import Score, read_score, score_rows
from tailor_core.artifacts.manifest import Manifest, content_digest, describe_files
from tailor_core.artifacts.store import Store
from tailor_core.study.trials import Trial


def trial(arm: str, seed: int, backbone: str = "tiny") -> Trial:
    return Trial(
        arm=arm, method="none", backbone=backbone, seed=seed, overrides=(), command=("run", arm, str(seed))
    )


def score(start: float, final: float) -> Score:
    return Score(start=start, final=final)


def test_arms_have_mean_and_spread_over_seeds_the_best_first() -> None:
    trials = [trial("a", 1), trial("b", 1), trial("c", 1), trial("a", 2), trial("b", 2), trial("c", 2)]
    scores = [score(0.1, 0.2), score(0.1, 0.5), None, score(0.3, 0.4), score(0.1, 0.7), None]
    headings, rows = score_rows(trials, scores)
    assert headings == ["arm", "seeds", "start", "final"]
    assert rows == [
        ["b", "2 of 2", "10.0 ± 0.0", "60.0 ± 14.1"],  # sqrt(((50 - 60)² + (70 - 60)²) / 1)
        ["a", "2 of 2", "20.0 ± 14.1", "30.0 ± 14.1"],
        ["c", "0 of 2", "-", "-"],
    ]


def test_one_seed_has_no_spread_and_several_backbones_are_told_apart() -> None:
    headings, rows = score_rows([trial("a", 1), trial("a", 1, "big")], [score(0.5, 0.25), score(0.5, 0.75)])
    assert headings == ["arm", "backbone", "seeds", "start", "final"]
    assert rows == [["a", "big", "1 of 1", "50.0", "75.0"], ["a", "tiny", "1 of 1", "50.0", "25.0"]]


@pytest.mark.parametrize("start", ["warm_start", "base"])
def test_a_score_is_read_from_the_summary_of_the_evaluation(tmp_path: Path, store: Store, start: str) -> None:
    models = {
        model: {"splits": {"test": {"pass@1": {"value": value}}, "ood": {"pass@1": {"value": 0.9}}}}
        for model, value in ((start, 0.25), ("policy", 0.5))
    }
    (tmp_path / "summary.json").write_text(json.dumps({"splits": ["test", "ood"], "models": models}))
    files = {"summary.json": describe_files(tmp_path)["summary.json"]}
    digest = content_digest({name: entry["sha256"] for name, entry in files.items()})
    output = store.staging("evaluation", "ab" * 32, tmp_path)
    (tmp_path / "summary.json").replace(output / "summary.json")
    made = store.commit(
        output, Manifest(stage="evaluation", key="ab" * 32, digest=digest, files=files, spec={})
    )
    finished = replace(trial("a", 1), refs={"evaluation": made.ref})
    read = read_score(finished, store, tmp_path / "cache")
    assert read == score(0.25, 0.5)
    assert str(read) == "25.0 -> 50.0 %"
    assert read_score(trial("a", 1), store, tmp_path) is None
