"""The Countdown teacher and the step checker, which share no code: what the one writes, the other follows."""

from __future__ import annotations

import itertools
import random
import re
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.demonstrations.countdown.choices import Choices
from tailor_core.demonstrations.countdown.narration import UNANSWERED, narrate
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.environments import get_environment, read_options
from tailor_core.environments.countdown.moves import DIMENSIONS, Program
from tailor_core.environments.countdown.spec import Countdown, read_spec
from tailor_core.environments.countdown.step_language import LANGUAGE, VOICES
from tailor_core.primitives.language import language_of
from tailor_core.records import Problem
from tailor_core.verification import score

pytestmark = pytest.mark.integration

COUNTDOWN = get_environment("countdown")

SPECIAL = (
    ((3, 3, 8, 8), 24),
    ((1, 5, 5, 5), 24),
    ((2, 2), 0),
    ((4, 4, 4, 4), 1),
    ((1, 1, 1), 3),
    ((9, 3), 3),
)
"""Fractions, zeros and equal numbers on the way."""


@cache
def problems() -> list[Problem]:
    options = read_options("countdown", {"numbers": [2, 3, 4], "largest_number": 60})
    made = COUNTDOWN.generate(options, count=54, split="train", seed=4)
    return made + [COUNTDOWN.from_record({"nums": list(n), "target": t}) for n, t in SPECIAL]


chosen = st.builds(lambda place: problems()[place], st.integers(0, 59))
sources = st.builds(random.Random, st.integers(0, 2**32))
programs = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in DIMENSIONS.items()})


def written(problem: Problem, values: Any, rng: random.Random) -> tuple[str, str]:
    return narrate(read_spec(problem.spec), Program.from_dict(values), rng)


@given(chosen, programs, sources)
@settings(max_examples=800, deadline=None)
def test_what_any_program_writes_is_sound_and_right(
    problem: Problem, values: Any, rng: random.Random
) -> None:
    program = Program(**values)
    think, answer = written(problem, values, rng)
    report = COUNTDOWN.check_steps(problem, think)
    assert report.sound, report.reason
    assert COUNTDOWN.check_answer(problem, answer).correct
    assert "other" not in report.moves
    assert (
        report.moves[f"voice:{program.voice}"]
        == report.steps
        == sum(report.moves.get(m, 0) for m in LANGUAGE.moves)
    )
    assert report.errors_found == report.recovered == report.moves.get("retract", 0)
    if program.slip == "arithmetic":
        assert report.recovered == 1
    dead_ends = report.moves.get("back", 0)
    assert dead_ends == sum(report.moves.get(end, 0) for end in ("miss", "ends", "bound"))
    assert dead_ends <= {"straight": 0, "short": 2, "long": 5}[program.wandering]


def test_five_and_six_numbers_are_searched_too() -> None:
    options = read_options("countdown", {"numbers": [5, 6], "largest_number": 30})
    for problem in COUNTDOWN.generate(options, count=4, split="train", seed=4):
        think, answer = written(problem, {"wandering": "long", "direction": "both"}, random.Random(0))
        assert COUNTDOWN.check_steps(problem, think).sound
        assert COUNTDOWN.check_answer(problem, answer).correct


def makes_by_trying(goal: Any, numbers: tuple[Any, ...], *, whole: bool) -> bool:
    """Can the goal be made? Told by joining any two numbers in any way, again and again."""
    if len(numbers) == 1:
        return bool(numbers[0] == goal)
    for one, other in itertools.permutations(range(len(numbers)), 2):
        left, right = Fraction(numbers[one]), Fraction(numbers[other])
        rest = tuple(n for place, n in enumerate(numbers) if place not in (one, other))
        values = {left + right, left - right, left * right, *([left / right] if right else [])}
        if whole:
            values = {value for value in values if value > 0 and value.denominator == 1}
        if any(makes_by_trying(goal, (*rest, value), whole=whole) for value in values):
            return True
    return False


@given(st.lists(st.integers(1, 12), min_size=1, max_size=4), st.integers(0, 40), st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_can_be_made_is_what_trying_everything_makes(numbers: list[int], goal: int, whole: bool) -> None:
    choices = Choices(Program(), whole=whole)
    assert choices.makes(goal, numbers) == makes_by_trying(goal, tuple(numbers), whole=whole)


@pytest.mark.parametrize(
    ("numbers", "goal"), [((0, 7, 5), 0), ((-2, Fraction(1, 3), 6, 1), -12), ((Fraction(1, 2), 3, 0, 3), 9)]
)
def test_what_can_be_made_of_fractions_and_of_numbers_below_one(numbers: tuple[Any, ...], goal: int) -> None:
    choices = Choices(Program(), whole=False)
    assert choices.makes(goal, numbers) == makes_by_trying(goal, numbers, whole=False)


@pytest.mark.parametrize("direction", DIMENSIONS["direction"])
def test_six_numbers_that_need_fractions_are_searched_too(direction: str) -> None:
    game = Countdown((1, 3, 4, 6, 89, 97), 24 * 89 * 97)
    assert not Choices(Program(), whole=True).makes(game.target, game.numbers)
    think, answer = narrate(game, Program(direction=direction), random.Random(0))
    problem = COUNTDOWN.from_record({"nums": game.numbers, "target": game.target, "solution": answer})
    assert COUNTDOWN.check_steps(problem, think).sound


def test_six_numbers_that_do_not_make_the_target_are_soon_given_up(cpu_minute: None) -> None:
    for seed in range(5):
        found = narrate(Countdown((2, 3, 5, 7, 11, 13), 4000), Program(), random.Random(seed))
        assert found[1] == UNANSWERED


HABITS = {
    "verification": ({"verification": "expression"}, "check"),
    "backtracking": ({"wandering": "short"}, "back"),
    "subgoal setting": ({"aiming": "pair"}, "aim"),
    "backward chaining": ({"direction": "backward"}, "keep"),
}


@pytest.mark.parametrize(("values", "move"), HABITS.values(), ids=HABITS)
def test_each_of_the_four_habits_shows_where_it_is_wanted_and_only_there(values: Any, move: str) -> None:
    found = [problem for problem in problems()[:54] if problem.difficulty["numbers"] > 2]
    wanted = [COUNTDOWN.count_moves(written(p, values, random.Random(1))[0]).get(move, 0) for p in found]
    assert sum(map(bool, wanted)) >= 0.9 * len(found)
    assert not any(move in COUNTDOWN.count_moves(written(p, {}, random.Random(1))[0]) for p in found)


def a_wrong_number(think: str, rng: random.Random) -> str:
    """One number of the trace becomes another."""
    found = rng.choice(list(re.finditer(r"(?<![\d/])\d+(?![\d/])", think)))
    return f"{think[: found.start()]}{int(found[0]) + rng.choice((1, 2, 5, 100))}{think[found.end() :]}"


def another_sign(think: str, rng: random.Random) -> str:
    found = rng.choice(list(re.finditer(r"(?<=[\d)]) ([-+*/]) (?=[(\d])", think)))
    other = rng.choice([sign for sign in "+-*/" if sign != found[1]])
    return f"{think[: found.start(1)]}{other}{think[found.end(1) :]}"


def a_lost_step(think: str, rng: random.Random) -> str | None:
    """Without the sentence of some step that changes what is left."""
    sentences = think.split(". ")
    steps = [
        i
        for i, s in enumerate(sentences)
        if re.match(r"I take|Say I do|Compute|Do |If I keep|I could|Setting|Keep", s)
    ]
    del sentences[rng.choice(steps)]
    return ". ".join(sentences)


def a_foreign_sentence(think: str, rng: random.Random) -> str:
    sentences = think.split(". ")
    sentences.insert(rng.randrange(len(sentences)), "This is easy")
    return ". ".join(sentences)


def a_mistake_without_correction(think: str, rng: random.Random) -> str:
    return re.sub(
        r"(?:Wait, that is wrong|Hmm, no, that was a slip|Correction: the last step does not hold|Undo)\. ",
        "",
        think,
        count=1,
    )


def a_correction_of_nothing(think: str, rng: random.Random) -> str:
    return f"{think} Undo."


def a_lost_return(think: str, rng: random.Random) -> str | None:
    sentences = think.split(". ")
    returns = [
        i for i, s in enumerate(sentences) if re.match(r"I go back|Let me return|The search returns|Back:", s)
    ]
    if not returns:
        return None
    del sentences[rng.choice(returns)]
    return ". ".join(sentences)


def an_early_end(think: str, rng: random.Random) -> str:
    sentences = think.split(". ")
    hits = [i for i, s in enumerate(sentences) if re.match(r"That is|And there|This equals|Hit", s)]
    return ". ".join(sentences[: hits[-1]]) + "."


ERRORS = (
    a_wrong_number, another_sign, a_lost_step, a_foreign_sentence, a_mistake_without_correction,
    a_correction_of_nothing, a_lost_return, an_early_end,
)  # fmt: skip


def evaluates_alike(think: str, changed: str) -> bool:
    """1 * 5 for 1 / 5 and 5 + 0 for 5 - 0 are both right: does a changed sentence stay true by itself?"""
    for old, new in zip(think.split(". "), changed.split(". "), strict=False):
        if old != new:
            equations = re.findall(r"([-+*/()\d ]+) = ([-\d/]+)", new)
            return all(abs(eval(left) - eval(right)) < 1e-9 for left, right in equations)  # our own text
    return True


@pytest.mark.parametrize("inject", ERRORS, ids=lambda inject: inject.__name__)
@given(chosen, programs, sources)
@settings(max_examples=200, deadline=None)
def test_injected_errors_are_found(inject: Any, problem: Problem, values: Any, rng: random.Random) -> None:
    # A list of what two numbers make need not be whole, so a change there can leave the trace true.
    values = {**values, "slip": "none", "pruning": "bounds" if values["pruning"] == "bounds" else "none"}
    if inject is a_mistake_without_correction:
        values["slip"] = "arithmetic"
    think, _ = written(problem, values, rng)
    changed = inject(think, rng)
    if changed is None or changed == think:
        return
    if inject is another_sign and evaluates_alike(think, changed):
        return
    report = COUNTDOWN.check_steps(problem, changed)
    assert not report.sound, f"{think}\n{changed}"
    assert report.reason


def test_the_same_seed_writes_the_same_and_others_differ() -> None:
    problem = problems()[5]
    primitive = language_of("countdown").primitive(Program(wandering="long").to_dict(), {})
    teacher = ProceduralTeacher("countdown")
    assert teacher.demonstrate(problem, primitive, 3) == teacher.demonstrate(problem, primitive, 3)
    assert len({teacher.demonstrate(problem, primitive, seed).think for seed in range(5)}) > 1
    assert score(problem, teacher.demonstrate(problem, primitive, 3).completion).reward == 1.0


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_every_dimension_shows_in_what_is_written(dimension: str) -> None:
    """Each value makes some trace, or its answer, different from those of all other values."""
    base = Program(wandering="short").to_dict()
    texts = [
        str([written(problem, {**base, dimension: value}, random.Random(2)) for problem in problems()])
        for value in DIMENSIONS[dimension]
    ]
    assert len(set(texts)) == len(texts)


def test_programs_are_named_and_described() -> None:
    program = Program(direction="backward", wandering="long", backing="start", voice="formal")
    assert program.name == "backward, try much and go back, begin afresh, formal"
    assert "Work backward from the target" in program.instruction


def test_a_problem_without_a_solution_gets_none() -> None:
    assert narrate(Countdown((1, 1), 9), Program(), random.Random(0)) == ("I cannot tell.", "I cannot tell.")


def steps_problem() -> Problem:
    return COUNTDOWN.from_record({"nums": [3, 5, 7, 8], "target": 24})


@pytest.mark.parametrize(
    ("think", "reason"),
    [
        ("I take 8 - 5 = 3. I take 3 * 7 = 21. I take 21 + 3 = 24. That is 24, as needed.", ""),
        ("I take 8 - 5 = 3. I take 3 * 7 = 21. I take 21 + 3 = 24.", "ends before the target is made"),
        ("I take 8 - 5 = 4. I take 3 * 7 = 21.", "the arithmetic is wrong"),
        ("I take 8 - 6 = 2.", "not the numbers that are left"),
        ("I take 3 + 3 = 6.", "not the numbers that are left"),
        ("I take 8 - 5 = 3. That leaves 3, 3 and 7. I take 8 + 7 = 15.", "not the numbers that are left"),
        ("I take 8 - 5 = 3. That leaves 3 and 7.", "not the numbers that are left"),
        ("I take 8 / 0 = 8.", "the arithmetic is wrong"),
        ("I take 08 - 5 = 3.", "the arithmetic is wrong"),
        ("I need 24 from 8, 7, 5 and 3.", "ends before"),
        ("I need 25 from 8, 7, 5 and 3.", "not what is to be done"),
        ("First I want 3 from 8 and 5.", "ends before"),
        ("First I want 4 from 8 and 5.", "do not make that"),
        ("First I want 6 from 3 and 3.", "not the numbers that are left"),
        ("If I keep 3, then 21 + 3 = 24, so I need 21 from 5, 7 and 8.", "ends before"),
        ("If I keep 3, then 72 / 3 = 24, so I need 72 from 5, 7 and 8.", "ends before"),
        ("If I keep 3, then 27 - 3 = 24, so I need 24 from 5, 7 and 8.", "does not lead to what is needed"),
        ("If I keep 3, then 20 + 3 = 24, so I need 20 from 5, 7 and 8.", "the arithmetic is wrong"),
        ("If I keep 3, then 8 * 3 = 24, so I need 8 from 5, 7 and 7.", "not the numbers that are left"),
        ("I take 3 + 5 = 8. I take 7 + 8 = 15. From 8 and 15 come 23, 7 and 120, and 24 is not among them.", "ends"),
        ("I take 3 + 5 = 8. I take 7 + 8 = 15. From 8 and 15 come 23 and 7, and 24 is not among them.", "make more"),
        ("I take 3 + 5 = 8. I take 7 + 8 = 15. With 8 and 15 I can only get 23, but not 24.", "make more than that"),
        ("I take 3 * 5 = 15. I take 7 + 8 = 15. From 15 and 15 come 31, and 24 is not among them.", "do not make that"),
        ("I take 8 - 5 = 3. I take 3 * 7 = 21. From 21 and 3 come 18, and 24 is not among them.", "do make it"),
        ("I take 8 / 8 = 1.", "not the numbers that are left"),
        ("I take 8 - 7 = 1. I take 5 - 3 = 2. At most 3 can come of 1 and 2, which is less than 24.", "ends before"),
        ("I take 8 - 7 = 1. I take 5 - 3 = 2. At most 2 can come of 1 and 2, which is less than 24.", "not the most"),
        ("I take 8 + 7 = 15. At most 225 can come of 3, 5 and 15, which is less than 24.", "or is enough"),
        ("At most 840 can come of 3, 5, 7 and 8, which is less than 24.", "not the numbers that are left"),
        ("That is 24, as needed.", "not what is left and needed"),
        ("But 8 is not 24.", "not the numbers that are left"),
        ("I go back to 24 from 3, 5, 7 and 8.", "was never there"),
        ("I take 8 - 5 = 3. I go back to 24 from 3, 5, 7 and 8. I take 8 + 5 = 13.", "ends before"),
        ("I take 8 - 5 = 3. I go back to 23 from 3, 5, 7 and 8.", "was never there"),
        ("Check: 3 * 8 = 24.", "nothing was found"),
        ("So the expression is (8 - 5) * 7 + 3.", "nothing was found"),
        ("Wait, that is wrong.", "nothing wrong was said"),
        ("3 * 8 is 24, obviously.", "does not read as a step"),
    ],
)  # fmt: skip
def test_what_a_step_may_say(think: str, reason: str) -> None:
    report = COUNTDOWN.check_steps(steps_problem(), think)
    assert report.sound == (not reason)
    assert reason in report.reason


DONE = "I take 8 - 5 = 3. I take 3 * 7 = 21. I take 21 + 3 = 24. That is 24, as needed."


@pytest.mark.parametrize(
    ("end", "right"),
    [
        ("Check: (8 - 5) * 7 + 3 = 24.", True),
        ("Check: 3 * 7 + 8 - 5 = 24.", True),
        ("Check: (8 - 5) * 7 + 3 = 25.", False),
        ("Check: 8 * 3 = 24.", False),
        ("Check: 8 - 5 = 3, 3 * 7 = 21, 21 + 3 = 24.", True),
        ("Check: 8 - 5 = 3, 3 * 7 = 21.", False),
        ("Check: 8 - 5 = 3, 3 * 7 = 22, 22 + 3 = 24.", False),
        ("Each of 3, 5, 7 and 8 is used once.", True),
        ("Each of 3, 5, 7 and 9 is used once.", False),
        ("So the expression is (8 - 5) * 7 + 3.", True),
        ("So the expression is 3 * 8.", False),
    ],
)
def test_what_may_be_said_in_the_end(end: str, right: bool) -> None:
    assert COUNTDOWN.check_steps(steps_problem(), f"{DONE} {end}").sound == right


def test_an_error_counts_as_recovered_only_if_taken_back_at_once() -> None:
    wrong = "I take 8 - 5 = 4."
    at_once = COUNTDOWN.check_steps(steps_problem(), f"{wrong} Undo. {DONE}")
    assert (at_once.sound, at_once.errors_found, at_once.recovered) == (True, 1, 1)
    late = COUNTDOWN.check_steps(steps_problem(), f"{wrong} Task: 24 from 3, 5, 7 and 8. Undo. {DONE}")
    assert (late.sound, late.errors_found, late.recovered) == (False, 1, 0)


@pytest.mark.parametrize("voice", VOICES)
def test_moves_are_counted_by_wording_alone(voice: str) -> None:
    think, _ = written(
        problems()[4], {"voice": voice, "slip": "arithmetic", "summary": "done"}, random.Random(0)
    )
    counts = COUNTDOWN.count_moves(f"{think} Who knows. Take")
    assert counts["other"] == 2
    assert {"retract": 1, "done": 1, "hit": 1}.items() <= counts.items()


@given(st.text(max_size=300))
def test_no_text_is_an_exception(text: str) -> None:
    report = COUNTDOWN.check_steps(steps_problem(), text)
    assert not report.sound


@pytest.mark.usefixtures("cpu_minute")
@pytest.mark.parametrize(
    "think",
    [
        "I take " + "9" * 100_000 + " + 1 = 2.",
        "That leaves " + ", ".join(["3"] * 30_000) + ".",
        "I need 24 from 3, 5, 7 and 8. " * 5_000,
        "I take 8 - 5 = 3. I go back to 24 from 3, 5, 7 and 8. " * 2_000,
        "Check: " + "(" * 100_000 + ".",
        "I take 1/0 + 1 = 2.",
        "At most " * 20_000,
        ". " * 50_000,
    ],
)
def test_long_and_hostile_traces_are_refused_in_linear_time(think: str) -> None:
    assert not COUNTDOWN.check_steps(steps_problem(), think).sound
