"""Which texts are answers to an iGSM problem."""

import pytest

from tailor_core.environments.igsm.answers import check_answer

RIGHT = ("7", " 7\n", "The answer is 7.", "The answer is 7", "The final answer is 7.", "\\boxed{7}",
         "The final answer is \\boxed{7}.")  # fmt: skip
WRONG = ("8", "-7", "The answer is 17.", "\\boxed{0}", "30")
NONE = ("", "seven", "07", "+7", "7.0", "７", "٧", "7 8", "7\n8", "7 or 8", "not 7", "\\boxed{7", "\\boxed{7}7",
        "the answer is 7", "The answer is 7 or 8.", "7.", "--7", "-", "1e1", "9" * 5000, "The answer is .",
        "\\boxed{\\boxed{7}}", "The answer is The answer is 7.")  # fmt: skip


@pytest.mark.parametrize("text", RIGHT)
def test_right_answers(text):
    found = check_answer(text, 7)
    assert (found.correct, found.parsed, found.matched) == (True, True, 1.0)


@pytest.mark.parametrize("text", WRONG)
def test_wrong_answers_are_read(text):
    found = check_answer(text, 7)
    assert (found.correct, found.parsed, found.matched) == (False, True, 0.0)


@pytest.mark.parametrize("text", NONE)
def test_anything_else_is_no_answer(text):
    found = check_answer(text, 7)
    assert (found.correct, found.parsed, found.matched) == (False, False, 0.0)
    assert found.reason


def test_answers_can_be_negative_where_the_problem_says_so():
    assert check_answer("-12", -12).correct
    assert not check_answer("-0", 0).parsed
