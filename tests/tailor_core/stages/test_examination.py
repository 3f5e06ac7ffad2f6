"""What a tiny backbone can do is told by exercises about problems that it never saw."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest

from tailor_core.config.backbone import BACKBONES
from tailor_core.environments import get_environment, read_options
from tailor_core.inference.engine import Completion, Messages, Sampling, Usage
from tailor_core.stages import examination
from tailor_core.stages.examination import examine

pytestmark = pytest.mark.integration

SHIPPED = Path(examination.__file__).parent.parent / "backbones"
CONFIG = BACKBONES["tiny-igsm"]


class Calculator:
    """Can do sums modulo 7, and nothing else."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def generate(self, prompts: Sequence[Messages], sampling: Sampling) -> list[list[Completion]]:
        assert sampling.temperature == 0
        self.asked = [messages[-1]["content"] for messages in prompts]
        return [[Completion(text=self._reply(text), finish="stop", usage=Usage())] for text in self.asked]

    def _reply(self, text: str) -> str:
        sums = re.findall(r"(\d) ([-+*]) (\d)", text.rpartition("\nWhat is ")[2])
        results = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}
        found = [f"{a} {sign} {b} = {results[sign](int(a), int(b)) % 7}." for a, sign, b in sums]
        return f"- {' '.join(found)}"


def test_a_kind_that_is_done_word_for_word_counts_and_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = Calculator()
    monkeypatch.setattr(examination, "load_engine", lambda *_, **__: nullcontext(model))
    right = examine(SHIPPED / "tiny-igsm", CONFIG, tmp_path)
    assert right == {"answer": 0, "calculate": 1, "compute": 0, "need": 0, "restate": 0}


def test_the_problems_are_of_the_test_split_and_each_kind_is_asked_about_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = Calculator()
    monkeypatch.setattr(examination, "load_engine", lambda *_, **__: nullcontext(model))
    examine(SHIPPED / "tiny-igsm", CONFIG, tmp_path)
    options = read_options("igsm", CONFIG.environment.options)
    test = get_environment("igsm").generate(
        options, count=examination.PROBLEMS, split="test", seed=CONFIG.seed
    )
    asked = [text.partition("\n")[0] for text in model.asked]
    assert sorted(asked) == sorted(5 * [problem.question for problem in test])


@pytest.mark.parametrize("name", BACKBONES)
def test_a_shipped_backbone_reads_problems_that_it_never_saw(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(examination, "PROBLEMS", 60)
    right = examine(SHIPPED / name, BACKBONES[name], tmp_path)
    assert right["restate"] > 0.95
    assert all(share > 0.4 for share in right.values()), right
