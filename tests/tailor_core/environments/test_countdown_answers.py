"""Countdown answers: an expression of exactly the given numbers, evaluated exactly; nothing else earns anything."""

from __future__ import annotations

import ast
import operator
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.environments import get_environment
from tailor_core.environments.countdown.expressions import read_expression
from tailor_core.records import Problem
from tailor_core.verification import score

COUNTDOWN = get_environment("countdown")


def game(*numbers: int, target: int) -> Problem:
    return COUNTDOWN.from_record({"nums": list(numbers), "target": target})


PROBLEM = game(3, 5, 7, 8, target=24)


@pytest.mark.parametrize(
    "answer",
    [
        "(8 - 5) * 7 + 3",
        "3+7*(8-5)",
        " ( ( 8 - 5 ) * (7) ) + 3 \n",
        "8 - 5 + 7 * 3",
        "-5 + 8 + 3 * 7",
        "3 - (-7 * (8 - 5))",
    ],
)
def test_any_writing_of_a_solution_is_right(answer: str) -> None:
    assert COUNTDOWN.check_answer(PROBLEM, answer).correct


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("(8 - 5) * 7 - 3", "does not make the target"),
        ("3 * 8", "does not use each number exactly once"),
        ("(8 - 5) * 7 + 3 + 5 - 5", "does not use each number exactly once"),
        ("38 - 7 * 5", "does not use each number exactly once"),
        ("24", "does not use each number exactly once"),
        ("3 / (5 - 5) + 7 + 8", "does not use each number exactly once"),
        ("8 / (3 + 5 - 8) * 7", "does not use each number exactly once"),
        ("3 + 5 / (8 - 7 - 1)", "does not use each number exactly once"),
    ],
)
def test_what_reads_but_is_wrong_says_why(answer: str, reason: str) -> None:
    check = COUNTDOWN.check_answer(PROBLEM, answer)
    assert (check.correct, check.parsed, check.matched) == (False, True, 0.0)
    assert reason in check.reason


def test_a_division_by_zero_is_wrong_and_no_exception() -> None:
    problem = game(1, 1, 2, target=2)
    assert COUNTDOWN.check_answer(problem, "2 / (1 - 1)").reason == "the expression does not make the target"
    assert COUNTDOWN.check_answer(problem, "2 * 1 / 1").correct


def test_what_only_comes_near_is_wrong() -> None:
    problem = game(3, 3, 8, 8, target=24)
    assert COUNTDOWN.check_answer(problem, "8 / (3 - 8 / 3)").correct
    near = game(1, 999_999, 1_000_000, target=1)
    assert not COUNTDOWN.check_answer(near, "1_000_000 / 999_999 * 1").correct
    assert not COUNTDOWN.check_answer(near, "1000000 / 999999 * 1").correct
    assert COUNTDOWN.check_answer(near, "(1000000 - 999999) * 1").correct


GOOD = "(8 - 5) * 7 + 3"
HOSTILE = {
    "nothing": "",
    "blanks": " \t\n",
    "equation": f"{GOOD} = 24",
    "equation the other way": f"24 = {GOOD}",
    "text around": f"The answer is {GOOD}",
    "period": f"{GOOD}.",
    "two answers": f"{GOOD}\n{GOOD}",
    "two answers with a comma": f"{GOOD}, 3 * 8",
    "boxed": rf"\boxed{{{GOOD}}}",
    "code": "__import__('os').getpid() * 0 + 24",
    "call": "abs(8 - 5) * 7 + 3",
    "power": "8 ** 1 - 5 * 7 ** 0 + 3",
    "caret": "8 ^ 5 + 7 + 3",
    "huge power": "8 ** 99999999 ** 7 + 5 + 3",
    "floor division": "8 // 5 * 7 + 3",
    "modulo": "8 % 5 * 7 + 3",
    "shift": "8 << 5 - 7 + 3",
    "factorial": "4! + 3 - 3",
    "decimals": "(8.0 - 5) * 7 + 3",
    "exponent": "8e0 - 5 + 7 * 3",
    "underscores": "(8 - 5) * 0_7 + 3",
    "leading zero": "(8 - 5) * 07 + 3",
    "hexadecimal": "(0x8 - 5) * 7 + 3",
    "plus sign": "+8 - 5 + 7 * 3",
    "two signs": "8 - -5 + 7 + 3",
    "sign after a sign": "8 - 5 * -7 + 3",
    "implicit product": "(8 - 5)7 + 3",
    "implicit product of parentheses": "(8 - 5)(7) + 3",
    "number after number": "8 - 5 7 + 3",
    "open": "((8 - 5) * 7 + 3",
    "closed": "(8 - 5) * 7 + 3)",
    "empty parentheses": "(8 - 5) * 7 + 3 + ()",
    "brackets": "[8 - 5] * 7 + 3",
    "cross": "(8 - 5) × 7 + 3",
    "minus sign of Unicode": "(8 − 5) * 7 + 3",
    "asterisk of Unicode": "(8 - 5) ∗ 7 + 3",
    "full-width": "（8 - 5） * 7 + 3",
    "full-width digits": "(８ - 5) * 7 + 3",
    "arabic digits": "(٨ - 5) * 7 + 3",
    "superscript": "(8 - 5) * 7 + ³",
    "no-break space": "(8\u00a0- 5) * 7 + 3",
    "zero-width space": "(8 - 5) * 7 + 3\u200b",
    "null": "(8 - 5) * 7 + 3\0",
    "tab inside": "(8 - 5)\t* 7 + 3",
    "surrogate": "(8 - 5) * 7 + 3\ud800",
    "long number": "9" * 100_000,
    "nested": "(" * 50_000 + GOOD + ")" * 50_000,
    "only opened": "(" * 100_000,
    "only closed": ")" * 100_000,
    "many signs": "8" + "-" * 100_000,
    "long sum": "+".join(["8"] * 50_000),
    "long product": "*".join(["999999999"] * 10_000),
    "garbage": "\\{[<\x7f" * 25_000,
    "blanks without end": " " * 100_000 + "x",
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.usefixtures("cpu_minute")
def test_nothing_else_is_an_answer(answer: str) -> None:
    for text in (answer, f" {answer} "):
        check = COUNTDOWN.check_answer(PROBLEM, text)
        assert (check.correct, check.parsed) == (False, False), check
    assert score(PROBLEM, f"<think>Well.</think>\n<answer>{answer}</answer>").reward == 0.0


@given(st.text(alphabet="0123456789+-*/() .x\n", max_size=40) | st.text(max_size=20))
@settings(max_examples=1500)
def test_no_text_is_an_exception_and_what_reads_means_what_python_says(text: str) -> None:
    """Python's own parser as the oracle, with rationals in place of floats."""
    COUNTDOWN.check_answer(PROBLEM, text)
    found = read_expression(text)
    if found is not None:
        tree = ast.parse(text.strip(), mode="eval").body
        assert list(found.numbers) == [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)] or (
            sorted(found.numbers) == sorted(n.value for n in ast.walk(tree) if isinstance(n, ast.Constant))
        )
        assert found.value == value_of(tree)


expressions = st.recursive(
    st.integers(0, 30).map(str),
    lambda inner: (
        st.builds("{} {} {}".format, inner, st.sampled_from("+-*/"), inner) | inner.map("({})".format)
    ),
    max_leaves=12,
)


@given(expressions)
@settings(max_examples=500)
def test_every_expression_of_the_grammar_reads_as_python_reads_it(text: str) -> None:
    found = read_expression(text)
    assert found is not None
    assert found.value == value_of(ast.parse(text, mode="eval").body)


OPERATORS: dict[type[ast.operator], Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


def value_of(tree: ast.expr) -> Fraction | None:
    if isinstance(tree, ast.Constant):
        assert type(tree.value) is int
        return Fraction(tree.value)
    if isinstance(tree, ast.UnaryOp):
        assert isinstance(tree.op, ast.USub)
        inner = value_of(tree.operand)
        return None if inner is None else -inner
    assert isinstance(tree, ast.BinOp)
    left, right = value_of(tree.left), value_of(tree.right)
    if left is None or right is None or (isinstance(tree.op, ast.Div) and right == 0):
        return None
    return Fraction(OPERATORS[type(tree.op)](left, right))
