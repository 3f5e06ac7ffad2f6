"""A model of this process as a teacher's engine: batches that repeat themselves, are kept, and are counted."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from small_run import write_backbone

from tailor_core.artifacts.shards import Shards
from tailor_core.inference.engine import Completion, Messages, Request, Sampling, Usage
from tailor_core.inference.in_process import InProcessAnswers
from tailor_core.inference.transformers_engine import TransformersEngine


class Dice:
    """An engine whose completions depend on the seed and on the whole batch, as those of a real one do."""

    def __init__(self, fail_at: int = -1) -> None:
        self.calls: list[tuple[list[str], Sampling]] = []
        self._fail_at = fail_at

    def generate(
        self, prompts: Sequence[Messages], sampling: Sampling, on_done: Callable[[int], None] | None = None
    ) -> list[list[Completion]]:
        if len(self.calls) == self._fail_at:
            raise OSError("the machine went away")
        texts = [prompt[-1]["content"] for prompt in prompts]
        self.calls.append((texts, sampling))
        rng = random.Random(f"{sampling.seed} {texts}")
        found = []
        for text in texts:
            said = f"{text} {rng.random()} \u00e9"
            usage = Usage(prompt_tokens=len(text), completion_tokens=3)
            found.append([Completion(text=said, finish="length", usage=usage)])
            if on_done:
                on_done(1)
        return found


def requests(count: int, **sampling: float) -> list[Request]:
    settings = {"temperature": 0.5, "max_tokens": 9, **sampling}
    return [
        Request([{"role": "user", "content": f"question {i}"}], Sampling(seed=i, **settings))  # type: ignore[arg-type]
        for i in range(count)
    ]


def never() -> Dice:
    raise AssertionError("nothing is to be sampled")


def test_requests_go_in_batches_in_order_and_each_has_its_completion(tmp_path: Path) -> None:
    dice, done = Dice(), []
    answers = InProcessAnswers(lambda: dice, Shards(tmp_path), rows=4)
    found = answers.answer(requests(10), done.append)
    assert [len(texts) for texts, _ in dice.calls] == [4, 4, 2]
    assert [one.text.split(" 0.")[0] for one in found] == [f"question {i}" for i in range(10)]
    assert sum(done) == 10
    seeds = [sampling.seed for _, sampling in dice.calls]
    assert len(set(seeds)) == 3
    assert {(s.temperature, s.max_tokens, s.n) for _, s in dice.calls} == {(0.5, 9, 1)}
    assert {one.finish for one in found} == {"length"}
    assert answers.account.metrics() == {
        "requests": 10, "prompt_tokens": 100, "completion_tokens": 30, "cost_dollars": 0.0,
    }  # fmt: skip


def test_requests_that_are_sampled_otherwise_go_in_a_batch_of_their_own(tmp_path: Path) -> None:
    dice = Dice()
    mixed = [*requests(2), *requests(2, temperature=1.0), *requests(1)]
    InProcessAnswers(lambda: dice, Shards(tmp_path), rows=4).answer(mixed)
    assert [(len(texts), sampling.temperature) for texts, sampling in dice.calls] == [
        (2, 0.5), (2, 1.0), (1, 0.5),
    ]  # fmt: skip


def test_what_was_sampled_before_a_failure_is_not_sampled_again_and_the_end_is_the_same(
    tmp_path: Path,
) -> None:
    whole = InProcessAnswers(Dice, Shards(tmp_path / "whole"), rows=4)
    undisturbed = whole.answer(requests(10))
    with pytest.raises(OSError, match="went away"):
        InProcessAnswers(lambda: Dice(fail_at=2), Shards(tmp_path / "cut"), rows=4).answer(requests(10))
    dice, done = Dice(), []
    again = InProcessAnswers(lambda: dice, Shards(tmp_path / "cut"), rows=4)
    assert again.answer(requests(10), done.append) == undisturbed
    assert [texts[0] for texts, _ in dice.calls] == ["question 8"]
    assert sum(done) == 10
    assert again.account.metrics() == whole.account.metrics()
    assert again.account.received.completion_tokens == 2 * 3
    third = InProcessAnswers(never, Shards(tmp_path / "cut"), rows=4)
    assert third.answer(requests(10)) == undisturbed, "no model is loaded where nothing is missing"


def test_other_seeds_settings_or_rows_are_other_samples(tmp_path: Path) -> None:
    def sampled(asked: list[Request], rows: int = 4) -> list[str]:
        return [one.text for one in InProcessAnswers(Dice, Shards(tmp_path), rows).answer(asked)]

    first = sampled(requests(4))
    assert sampled(requests(4)) == first
    other_seed = [
        *requests(3),
        Request(requests(4)[3].messages, Sampling(temperature=0.5, max_tokens=9, seed=7)),
    ]
    assert not set(sampled(other_seed)) & set(first)
    assert not set(sampled(requests(4, temperature=0.6))) & set(first)
    assert not set(sampled(requests(4), rows=2)) & set(first)


def test_a_real_model_repeats_itself_batch_by_batch(tmp_path: Path) -> None:
    write_backbone(tmp_path / "model")

    def answers(place: str) -> InProcessAnswers:
        return InProcessAnswers(
            lambda: TransformersEngine(tmp_path / "model", torch.float32), Shards(tmp_path / place), rows=3
        )

    asked = requests(7)
    whole = answers("whole").answer(asked)
    answers("cut").answer(asked[:3])
    resumed = answers("cut")
    assert resumed.answer(asked) == whole
    assert len({one.text for one in whole}) > 1
    assert resumed.account.received.prompt_tokens < resumed.account.usage.prompt_tokens
    assert all(0 < one.usage.completion_tokens <= 9 for one in whole)
