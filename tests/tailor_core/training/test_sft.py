"""What cannot be trained on is refused before training, in the words of the recipe's section."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailor_core.config.warm_start import WarmStartConfig
from tailor_core.errors import StageError
from tailor_core.records import Problem, SFTExample
from tailor_core.stages.context import untracked
from tailor_core.training.sft import fine_tune


@pytest.mark.parametrize("section", ["warm_start", "primitives.pilot.training"])
@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (0, r"^{section}: there are 0 rows to train on, expected at least 1; "),
        (1, r"^{section}\.max_length = 32 tokens, .* has (\d+); set {section}\.max_length to at least \1, "),
    ],
)
def test_rows_that_cannot_be_trained_on_are_one_sentence(
    model_dir: Path, problems: list[Problem], tmp_path: Path, section: str, rows: int, told: str
) -> None:
    examples = [
        SFTExample(
            id="row",
            demonstration_id="row",
            problem_id=problem.id,
            primitive_id="z",
            prompt=[{"role": "user", "content": problem.question}],
            completion=[{"role": "assistant", "content": problem.answer * 8}],
        )
        for problem in problems[:rows]
    ]
    with pytest.raises(StageError, match=told.replace("{section}", section.replace(".", r"\."))):
        fine_tune(
            model_dir,
            examples,
            WarmStartConfig(max_length=32),
            output=tmp_path / "model",
            workdir=tmp_path / "work",
            seed=5,
            track=untracked,
            section=section,
        )
    assert not any(tmp_path.iterdir()), "nothing is half-written"
