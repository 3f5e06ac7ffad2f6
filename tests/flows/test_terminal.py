"""The table of a result: every model, split and number of people, with its interval."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from flows.terminal import read_summary, result_table
from tailor_core.errors import ArtifactError


def group(value: float, problems: int, **by_difficulty: object) -> dict[str, object]:
    interval = {"value": value, "low": value - 0.05, "high": value + 0.05}
    return {"pass@1": interval, "problems": problems, "by_difficulty": by_difficulty}


def test_each_cell_has_its_value_and_interval() -> None:
    few, many = group(0.75, 100), group(0.25, 100)
    summary = {
        "settings": {"confidence": 0.95},
        "splits": ["test", "ood_people_9"],
        "models": {
            "base": {"splits": {"test": group(0.1, 200, **{"10": many, "3": few})}},
            "warm_start": {
                "splits": {
                    "test": group(0.5, 200, **{"10": many, "3": few}),
                    "ood_people_9": group(0.2, 50, **{"9": group(0.2, 50)}),
                }
            },
        },
    }
    out = io.StringIO()
    Console(file=out, width=80).print(result_table(summary, "op"))
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert "test all 200 10.0 (5.0-15.0) 50.0 (45.0-55.0)" in lines
    assert "ood_people_9 all 50 - 20.0 (15.0-25.0)" in lines
    three = lines.index("3 100 75.0 (70.0-80.0) 75.0 (70.0-80.0)")
    ten = lines.index("10 100 25.0 (20.0-30.0) 25.0 (20.0-30.0)")
    assert three < ten, "difficulties are numbers, not words"
    assert "split op n base warm start" in lines, "the family says what its difficulty counts"
    assert any("95% intervals" in line for line in lines)


def test_a_summary_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no readable"):
        read_summary(tmp_path)
