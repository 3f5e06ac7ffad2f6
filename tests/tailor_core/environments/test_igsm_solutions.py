"""The process check of template solutions: every true one passes, and nothing that was tampered with."""

import random
import re
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.environments import get_environment, read_options
from tailor_core.environments.igsm.environment import named_of
from tailor_core.environments.igsm.solution import write_solution

IGSM = get_environment("igsm")


@cache
def problems():
    return [
        problem
        for setting in ("med", "hard", "plain")
        for problem in IGSM.generate(
            read_options("igsm", {"setting": setting}), count=60, split="train", seed=5
        )
    ]


chosen = st.builds(lambda place: problems()[place], st.integers(0, 179))
sources = st.builds(random.Random, st.integers(0, 2**32))


def solution_of(problem, rng):
    return write_solution(named_of(problem), rng)


@given(chosen, sources)
@settings(max_examples=300, deadline=None)
def test_true_solutions_are_accepted(problem, rng):
    found = IGSM.check_solution(problem, solution_of(problem, rng))
    assert found.correct, found.reason
    assert found.definitions == len(named_of(problem).scenario.order)


@given(chosen, sources)
@settings(max_examples=100, deadline=None)
def test_any_order_in_which_everything_is_known_is_accepted(problem, rng):
    scenario = named_of(problem).scenario
    left, order = list(scenario.order), []
    while left:
        ready = [p for p in left if set(scenario.needs(p)) <= set(order)]
        order.append(rng.choice(ready))
        left.remove(order[-1])
    if order[-1] == scenario.question:
        assert IGSM.check_solution(problem, write_solution(named_of(problem), rng, order)).correct


def another_value(text, rng, problem):
    """Another number somewhere in the text."""
    numbers = list(re.finditer(r"(?<= )\d+", text))
    found = rng.choice(numbers)
    return text[: found.start()] + str(int(found[0]) + rng.choice((1, 2, 7, 23))) + text[found.end() :]


def another_reference(text, rng, problem):
    """Another letter in place of one that is used."""
    letters = sorted(set(re.findall(r"\b([A-Za-z]{1,2}) = ", text)))
    uses = list(re.finditer(r"(?<=[=+*-] )([A-Za-z]{1,2})(?= )", text))
    if len(letters) < 2 or not uses:
        return None
    found = rng.choice(uses)
    other = rng.choice([letter for letter in letters if letter != found[0]])
    return text[: found.start()] + other + text[found.end() :]


def another_operator(text, rng, problem):
    signs = list(re.finditer(r"(?<= )[-+*](?= )", text))
    if not signs:
        return None
    found = rng.choice(signs)
    return text[: found.start()] + rng.choice([s for s in "+-*" if s != found[0]]) + text[found.end() :]


def a_dropped_sentence(text, rng, problem):
    sentences = text.removesuffix(".").split(". ")
    del sentences[rng.randrange(len(sentences))]
    return ". ".join(sentences) + "."


def a_dropped_step(text, rng, problem):
    steps = text.split("; ")
    del steps[rng.randrange(1, len(steps))]
    return "; ".join(steps)


def a_swap(text, rng, problem):
    """A definition after something that uses it."""
    scenario = named_of(problem).scenario
    order = list(scenario.order)
    pairs = [(i, j) for j, p in enumerate(order) for i in range(j) if order[i] in scenario.needs(p)]
    if not pairs:
        return None
    sentences = text.removesuffix(".").split(". ")
    i, j = rng.choice(pairs)
    sentences[i], sentences[j] = sentences[j], sentences[i]
    return ". ".join(sentences) + "."


def another_parameter(text, rng, problem):
    """The name of another parameter of the problem."""
    named = named_of(problem)
    names = [named.name(p) for p in (*named.scenario.statements, *named.scenario.products)]
    found = re.search(r"Define (.+?) as ", rng.choice(text.split(". ")))
    other = rng.choice([name for name in names if name != found[1]])
    return text.replace(f"Define {found[1]} as", f"Define {other} as")


def a_repetition(text, rng, problem):
    sentences = text.removesuffix(".").split(". ")
    sentences.insert(rng.randrange(len(sentences)), rng.choice(sentences))
    return ". ".join(sentences) + "."


def a_missing_end(text, rng, problem):
    sentences = text.removesuffix(".").split(". ")
    return ". ".join(sentences[:-1]) + "." if len(sentences) > 1 else ""


CORRUPTIONS = (
    another_value,
    another_reference,
    another_operator,
    a_dropped_sentence,
    a_dropped_step,
    a_swap,
    another_parameter,
    a_repetition,
    a_missing_end,
)


@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda corrupt: corrupt.__name__)
@given(chosen, sources)
@settings(max_examples=150, deadline=None)
def test_a_corrupted_solution_is_refused(corrupt, problem, rng):
    text = solution_of(problem, rng)
    corrupted = corrupt(text, rng, problem)
    if corrupted is not None and corrupted != text:
        found = IGSM.check_solution(problem, corrupted)
        assert not found.correct, corrupted
        assert found.reason


def test_an_intermediate_result_belongs_to_its_sentence():
    row = {
        "categories": ["Farm", "Barn"],
        "items": [["Red Farm"], ["A Barn", "B Barn", "C Barn", "D Barn"]],
        "statements": [
            [["Red Farm", "A Barn"], 2],
            [["Red Farm", "B Barn"], 3],
            [["Red Farm", "C Barn"], ["more", 1, ["sum", ["Red Farm", "A Barn"], ["Red Farm", "B Barn"]]]],
            [["Red Farm", "D Barn"], ["times", 5, ["sum", ["Red Farm", "A Barn"], ["Red Farm", "B Barn"]]]],
        ],
        "question": ["Red Farm", "Barn"],
        "modulus": 23,
    }
    problem = IGSM.from_record({"metadata": {"spec": row}})
    start = (
        "Define Red Farm's A Barn as a; so a = 2. Define Red Farm's B Barn as b; so b = 3. "
        "Define Red Farm's C Barn as c; r = a + b = 2 + 3 = 5; so c = 1 + r = 1 + 5 = 6. "
    )
    end = " Define Red Farm's Barn as e; t = a + b = 2 + 3 = 5; u = t + c = 5 + 6 = 11; so e = u + d = 11 + 2 = 13."
    own = "Define Red Farm's D Barn as d; s = a + b = 2 + 3 = 5; so d = 5 * s = 5 * 5 = 2."
    assert IGSM.check_solution(problem, start + own + end).correct
    borrowed = "Define Red Farm's D Barn as d; s = a + b = 2 + 3 = 5; so d = 5 * r = 5 * 5 = 2."
    assert IGSM.check_solution(problem, start + borrowed + end).reason.endswith("an operand is not defined")
    idle = own.replace("; so", "; x = a + b = 2 + 3 = 5; so")
    assert IGSM.check_solution(problem, start + idle + end).reason.endswith(
        "an intermediate result is not used"
    )


def test_something_more_than_is_needed_is_refused():
    checked = 0
    for problem in problems()[:60]:
        named = named_of(problem)
        scenario = named.scenario
        spare = [
            p for p in scenario.statements if p not in scenario.order and not scenario.statements[p].terms
        ]
        if spare:
            text = write_solution(named, random.Random(0), [spare[0], *scenario.order])
            assert "not define a parameter that is needed" in IGSM.check_solution(problem, text).reason
            checked += 1
    assert checked > 5


def test_a_formula_that_happens_to_have_the_right_value_is_refused():
    """2 * 2 = 2 + 2: the values agree, the formula does not."""
    row = {
        "categories": ["Farm", "Barn"],
        "items": [["Red Farm"], ["Old Barn", "New Barn"]],
        "statements": [
            [["Red Farm", "Old Barn"], 2],
            [["Red Farm", "New Barn"], ["times", 2, ["Red Farm", "Old Barn"]]],
        ],
        "question": ["Red Farm", "New Barn"],
        "modulus": 23,
    }  # fmt: skip
    problem = IGSM.from_record({"metadata": {"spec": row}})
    good = "Define Red Farm's Old Barn as a; so a = 2. Define Red Farm's New Barn as b; so b = 2 * a = 2 * 2 = 4."
    assert IGSM.check_solution(problem, good).correct
    assert IGSM.check_solution(problem, good.replace("2 * a = 2 * 2", "2 + a = 2 + 2")).reason.endswith(
        "the formula is not that of the problem"
    )
    assert IGSM.check_solution(problem, good.replace("2 * a = 2 * 2", "a * a = 2 * 2")).reason.endswith(
        "the formula is not that of the problem"
    )
    assert IGSM.check_solution(problem, good.replace("so b = 2 * a = 2 * 2 = 4", "so b = 4")).reason.endswith(
        "it depends on too little"
    )


HOSTILE = (
    "", " ", ".", "Define", "Define  as ; so  = .", "Define a as b", "so v = 1.", "Define x as v; so v = ٣.",
    "\x00", "\ud800", "; " * 5000, ". " * 5000, "Define " * 9999, "= " * 9999, "9" * 100_000,
    "Define Red Farm's Old Barn as a; so a = " + "9" * 90_000 + ".",
    "Define Red Farm's Old Barn as a" + "; a = 1" * 12_000 + ".",
    "a" * 100_000, "(" * 100_000, "so v = " + "1 + " * 25_000 + "1.",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_is_an_exception(text):
    problem = problems()[0]
    assert not IGSM.check_solution(problem, text).correct
    assert not IGSM.check_steps(problem, text).sound
    assert not IGSM.check_answer(problem, text).correct
    assert isinstance(IGSM.count_moves(text), dict)


@given(st.text())
def test_random_text_is_neither_right_nor_an_exception(text):
    problem = problems()[1]
    assert not IGSM.check_solution(problem, text).correct
    assert not IGSM.check_steps(problem, text).sound


def test_a_trace_of_100_kb_is_read_to_its_end_wherever_it_breaks():
    problem = problems()[2]
    text = solution_of(problem, random.Random(0))
    garbage = (text + " ") * (100_000 // len(text))
    assert not IGSM.check_solution(problem, garbage).correct
    assert not IGSM.check_steps(problem, garbage).sound
    retracted = "Define Nothing as a; so a = 1. Wait, that is wrong. " * 2_000
    report = IGSM.check_steps(problem, retracted + text)
    assert report.sound
    assert report.recovered == 2_000
