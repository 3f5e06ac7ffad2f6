from __future__ import annotations

import json
import random

import pytest
from scipy import stats

from tailor_core.config.evaluation import EvaluationConfig
from tailor_core.evaluation.summary import summarise
from tailor_core.records import EvaluationRow

CONFIG = EvaluationConfig(samples_per_problem=4, ks=(1, 2, 4), resamples=500)


def rows_of(model: str, split: str, chance: float, problems: int = 40, seed: int = 0) -> list[EvaluationRow]:
    rng = random.Random(f"{model}{split}{seed}")
    rows = []
    for number in range(problems):
        for sample in range(4):
            right = rng.random() < chance
            well_formed = right or rng.random() < 0.5
            rows.append(
                EvaluationRow(
                    model=model,
                    problem_id=f"{split}-{number}",
                    split=split,
                    difficulty=2 + number % 3,
                    sample=sample,
                    completion="",
                    reward=float(right),
                    well_formed=well_formed,
                    finished=True,
                    tokens=10 if right else 30,
                    entropy=0.5 if right else 0.1,
                    reason="all roles are right" if right else "1 of 2 roles are right",
                    moves={"assume": 2, "voice:plain": 3} if right else {"other": 1},
                    sound=right and sample != 2,
                )
            )
    return rows


ROWS = [
    *rows_of("base", "test", 0.05),
    *rows_of("base", "ood_people_6", 0.0),
    *rows_of("warm_start", "test", 0.4),
    *rows_of("warm_start", "ood_people_6", 0.0),
    *rows_of("policy", "test", 0.9),
]
SUMMARY = summarise(ROWS, CONFIG, seed=1)


def test_every_figure_is_the_one_counted_by_hand() -> None:
    rows = [row for row in ROWS if row.model == "warm_start" and row.split == "test"]
    right = [row for row in rows if row.reward == 1]
    block = SUMMARY["models"]["warm_start"]["splits"]["test"]
    assert (block["problems"], block["samples"]) == (40, 160)
    assert block["pass@1"]["value"] == pytest.approx(len(right) / 160)
    assert block["pass@k"]["1"]["value"] == pytest.approx(len(right) / 160, abs=1e-6)
    solved = {row.problem_id for row in right}
    assert block["pass@k"]["4"]["value"] == pytest.approx(len(solved) / 40)
    assert block["pass@1"]["low"] < block["pass@1"]["value"] < block["pass@1"]["high"]
    assert block["pass@k"]["1"]["value"] < block["pass@k"]["2"]["value"] < block["pass@k"]["4"]["value"]
    assert block["format_rate"]["value"] == pytest.approx(sum(row.well_formed for row in rows) / 160)
    sound = sum(row.sound for row in rows)
    assert 0 < sound < len(right)
    assert block["sound_rate"]["value"] == pytest.approx(sound / 160, abs=1e-6)
    assert block["sound_rate"]["low"] < sound / 160 < block["sound_rate"]["high"]
    assert block["mean_tokens_correct"] == 10
    assert block["mean_tokens"] == pytest.approx((10 * len(right) + 30 * (160 - len(right))) / 160)
    entropy = (0.5 * 10 * len(right) + 0.1 * 30 * (160 - len(right))) / (block["mean_tokens"] * 160)
    assert block["entropy"] == pytest.approx(entropy, abs=1e-6)
    assert block["reasons"] == {"1 of 2 roles are right": 160 - len(right), "correct": len(right)}


def test_difficulties_add_up_to_the_split() -> None:
    block = SUMMARY["models"]["base"]["splits"]["test"]
    parts = block["by_difficulty"]
    assert list(parts) == ["2", "3", "4"]
    assert sum(part["samples"] for part in parts.values()) == block["samples"]
    mean = sum(part["pass@1"]["value"] * part["problems"] for part in parts.values()) / block["problems"]
    assert mean == pytest.approx(block["pass@1"]["value"], abs=1e-5)


def test_no_success_at_all_has_an_honest_interval() -> None:
    one = SUMMARY["models"]["base"]["splits"]["ood_people_6"]["pass@1"]
    high = stats.binomtest(0, 40).proportion_ci(method="wilson").high
    assert one == {"value": 0.0, "low": 0.0, "high": pytest.approx(high, abs=1e-6), "method": "wilson"}


def test_models_are_compared_in_pairs_on_shared_problems() -> None:
    found = {(one["model"], one["against"], one["split"]): one for one in SUMMARY["comparisons"]}
    assert list(found) == [
        ("warm_start", "base", "test"),
        ("warm_start", "base", "ood_people_6"),
        ("policy", "base", "test"),
        ("policy", "warm_start", "test"),
    ]
    gain = found["policy", "warm_start", "test"]
    values = [SUMMARY["models"][m]["splits"]["test"]["pass@1"]["value"] for m in ("policy", "warm_start")]
    assert gain["difference"]["value"] == pytest.approx(values[0] - values[1])
    assert gain["difference"]["low"] > 0.3
    assert gain["separate"]
    assert gain["p_value"] == pytest.approx(1 / 501, abs=1e-6)
    nothing = found["warm_start", "base", "ood_people_6"]
    assert (nothing["p_value"], nothing["separate"], nothing["difference"]["value"]) == (1.0, False, 0.0)


def test_moves_are_shares_of_traces() -> None:
    moves = SUMMARY["moves"]["policy"]["test"]
    value = SUMMARY["models"]["policy"]["splits"]["test"]["pass@1"]["value"]
    assert moves["assume"] == {"share": pytest.approx(value), "mean": pytest.approx(2 * value)}
    assert set(moves) == {"assume", "other", "voice:plain"}


def test_the_summary_is_plain_json_and_the_same_for_the_same_seed() -> None:
    assert json.loads(json.dumps(SUMMARY, allow_nan=False)) == SUMMARY
    assert list(SUMMARY) == ["settings", "splits", "models", "comparisons", "moves"]
    assert SUMMARY["splits"] == ["test", "ood_people_6"]
    assert summarise(ROWS, CONFIG, seed=1) == SUMMARY
    other = summarise(ROWS, CONFIG, seed=2)["models"]["base"]["splits"]["test"]["pass@1"]
    assert other["value"] == SUMMARY["models"]["base"]["splits"]["test"]["pass@1"]["value"]


def test_settings_that_cannot_be_are_refused_with_the_cure() -> None:
    with pytest.raises(ValueError, match=r"ks holds 8.*raise samples_per_problem"):
        EvaluationConfig(samples_per_problem=4, ks=(1, 8))
    with pytest.raises(ValueError, match="temperature 0 repeats one greedy"):
        EvaluationConfig(samples_per_problem=4, temperature=0)
    greedy = {"samples_per_problem": 1, "ks": (1,), "temperature": 0}
    with pytest.raises(ValueError, match=r"curve\.samples_per_problem = 2 at temperature 0 repeats"):
        EvaluationConfig(**greedy)
    once = {"samples_per_problem": 1}
    with pytest.raises(ValueError, match=r"wide\.samples_per_problem = 64 at temperature 0 repeats"):
        EvaluationConfig(**greedy, curve=once, wide={"problems": 3})
    EvaluationConfig(**greedy, curve=once, wide={"problems": 3, "ks": (1,), **once})


def test_intervals_are_over_skeletons_where_problems_share_them() -> None:
    alike = {row.problem_id: f"skeleton {row.problem_id[-1]}" for row in ROWS}
    found = summarise(ROWS, CONFIG, seed=1, skeletons=alike)
    blocks = [one["models"]["warm_start"]["splits"]["test"] for one in (SUMMARY, found)]
    assert [block["skeletons"] for block in blocks] == [40, 10]
    assert blocks[0]["pass@1"]["value"] == blocks[1]["pass@1"]["value"]
    assert blocks[0]["pass@1"] != blocks[1]["pass@1"]
    none = found["models"]["base"]["splits"]["ood_people_6"]["pass@1"]
    assert none["high"] == pytest.approx(stats.binomtest(0, 10).proportion_ci(method="wilson").high, abs=1e-6)
