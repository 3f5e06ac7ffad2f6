"""What a model says is scored: the answer, and whether the reasoning holds that it was found by."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from tailor_core.environments import get_environment
from tailor_core.environments.teaching import get_teaching
from tailor_core.evaluation.answering import answer_problems
from tailor_core.inference.engine import Completion, Messages, Sampling, Usage
from tailor_core.records import EvaluationRow, Problem, completion_text


@dataclass
class Saying:
    """Says these texts to every prompt."""

    texts: Sequence[str]

    def generate(
        self,
        prompts: Sequence[Messages],
        sampling: Sampling,
        on_done: Callable[[int], None] | None = None,
    ) -> list[list[Completion]]:
        said = [Completion(text=text, token_ids=(1,), finish="stop", usage=Usage()) for text in self.texts]
        return [said for _ in prompts]


def answered(problem: Problem, *texts: str) -> list[EvaluationRow]:
    sampling = Sampling(n=len(texts))
    return answer_problems(Saying(texts), [problem], sampling, model="policy", difficulty={problem.id: 2})


@pytest.mark.parametrize("family", ["kk", "igsm", "countdown"])
def test_an_answer_is_sound_where_it_is_right_and_every_step_of_its_reasoning_follows(family: str) -> None:
    environment, teaching = get_environment(family), get_teaching(family)
    problem, other = environment.generate(environment.options_model(), count=2, split="test", seed=3)
    think, answer = teaching.write(problem, teaching.program(), random.Random(1))
    elsewhere, wrong = teaching.write(other, teaching.program(), random.Random(1))
    *steps, last = think.split(". ")
    rows = answered(
        problem,
        completion_text(think, answer),
        completion_text(elsewhere, answer),  # as one that guesses
        completion_text(last, answer),  # as one that leaves steps out
        completion_text(f"{think} It is obvious.", answer),  # a sentence that is no step
        completion_text(think, wrong),
        f"<think>{think}</think>",
    )
    assert len(steps) > 1
    assert [row.reward for row in rows[:4]] == [1.0] * 4
    assert [row.reward for row in rows[4:]] == [float(wrong == answer), 0.0]
    assert [row.sound for row in rows[:4]] == [True, False, False, False]
    assert rows[4].sound == (wrong == answer), "sound steps do not make up for a wrong answer"
    assert not rows[5].sound


def test_nothing_is_sound_in_a_family_whose_steps_are_not_read() -> None:
    environment = get_environment("rg:leg_counting")
    [problem] = environment.generate(environment.options_model(), count=1, split="test", seed=3)
    [row] = answered(problem, completion_text("I count the legs.", problem.answer))
    assert (row.reward, row.sound) == (1.0, False)
