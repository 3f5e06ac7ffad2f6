"""Reward functions as TRL calls them: completions and columns in, floats out."""

import json

import pytest

from tailor_core.environments.knights_knaves import KnightsKnaves
from tailor_core.errors import InputError
from tailor_core.verification import reward_function

KK = KnightsKnaves()
PROBLEMS = KK.generate(KK.options_model(), count=3, split="train", seed=0)
GOOD = [f"<think>so</think><answer>{problem.answer}</answer>" for problem in PROBLEMS]
LINES = [
    {"id": problem.id, "environment": "kk", "question": problem.question, "metadata": problem.metadata}
    for problem in PROBLEMS
]


def chat(texts):
    return [[{"role": "assistant", "content": text}] for text in texts]


@pytest.mark.parametrize(
    "column",
    [PROBLEMS, LINES, [json.dumps(line) for line in LINES], [problem.to_row() for problem in PROBLEMS]],
)
@pytest.mark.parametrize("shape", [list, chat])
def test_problems_come_as_records_dicts_or_text_and_completions_as_text_or_chat(column, shape):
    reward = reward_function("binary")
    mixed = [GOOD[0], "no", GOOD[2]]
    assert reward(completions=shape(mixed), problem=column, prompts=["p"] * 3) == [1.0, 0.0, 1.0]


def test_the_fields_of_a_problem_may_be_columns_of_their_own():
    reward = reward_function("logic-rl", environment="kk")
    specs = [{"spec": {k: problem.spec[k] for k in ("names", "statements")}} for problem in PROBLEMS]
    assert reward(completions=GOOD, metadata=specs) == [3.0] * 3
    assert reward(completions=GOOD, metadata=[json.dumps(spec) for spec in specs]) == [3.0] * 3
    assert reward(completions=GOOD[::-1], metadata=specs)[1] == 3.0


def test_odd_completions_earn_the_least_and_do_not_raise():
    odd = [None, [], [{"role": "assistant"}]]
    assert reward_function("logic-rl")(completions=odd, problem=PROBLEMS) == [-3.0] * 3
    assert reward_function()(completions=[[3], {"content": "x"}, [None]], problem=PROBLEMS) == [0.0] * 3


def test_trl_can_log_the_name():
    assert reward_function("logic-rl").__name__ == "logic_rl_reward"
    assert reward_function().__name__ == "binary_reward"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "neither a column problem nor a column metadata"),
        ({"problem": PROBLEMS[:2]}, "3 completions came with 2 problems"),
        ({"problem": ["{", "{", "{"]}, "problem is not JSON"),
        ({"problem": [3, 3, 3]}, "problem = 3, but must be a problem"),
        ({"metadata": [{"spec": PROBLEMS[0].spec}] * 3}, "environment = None"),
    ],
)
def test_columns_that_hold_no_problems_are_one_clear_sentence(columns, message):
    with pytest.raises(InputError, match=message):
        reward_function()(completions=GOOD, **columns)


def test_an_unknown_mode_is_refused_before_training_starts():
    with pytest.raises(InputError, match="mode = 'fair'"):
        reward_function("fair")
