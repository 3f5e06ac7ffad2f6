"""Traces whose steps nobody can check: each fault is found, and sound reasoning has none."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.config.verdicts import QualityConfig
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.environments import get_environment, read_options
from tailor_core.primitives.aim import Aim
from tailor_core.primitives.composition import Composer
from tailor_core.primitives.language import language_of
from tailor_core.records import Problem
from tailor_core.verification.quality import ascii_share, find_fault, repeated_share

KK = get_environment("kk")
PROBLEM = KK.from_record(
    {"names": ["Zoey", "Ella"], "statements": [["or", ["lying", 0], ["lying", 1]], ["telling-truth", 1]]}
)
PROSE = (
    "Zoey claims that one of the two of them lies. If that were a lie nobody would lie, and she herself neither, so it "
    "cannot be one. She tells the truth, then, and the liar that she speaks of has to be the other one."
)
RIGHT, WRONG = "Zoey is a knight, and Ella is a knave.", "Zoey is a knave, and Ella is a knave."
CHINESE = "\u5979\u8bf4\u7684\u662f\u771f\u7684" * 9


def fault_of(think: str, problem: Problem = PROBLEM, **limits: float) -> str:
    fault, reason = find_fault(problem, think, QualityConfig(**limits))  # type: ignore[arg-type]
    assert bool(fault) == bool(reason)
    return fault


@pytest.mark.parametrize(
    ("think", "fault"),
    [
        (PROSE, ""),
        (f"{PROSE} So {RIGHT}", ""),
        (f"{PROSE} Therefore, the answer is: {RIGHT}", ""),
        (f"{PROSE}\n**Conclusion: {RIGHT}**", ""),
        (f"Suppose {WRONG} {PROSE} {RIGHT}", ""),
        ("She is a knight.", "too_short"),
        (f"{RIGHT} {PROSE}", "answer_first"),
        (f"The answer is: {RIGHT}\n{PROSE}", "answer_first"),
        (f"{PROSE} So {WRONG}", "disagrees"),
        (f"{PROSE} Thus the final answer is {WRONG} Quite easy.", "disagrees"),
        (f"{PROSE} {CHINESE}", "language"),
        (PROSE * 3, "repetition"),
        ("wait " * 400, "repetition"),
    ],
)
def test_each_fault_is_found_by_its_test(think: str, fault: str) -> None:
    assert fault_of(think) == fault


def test_limits_are_those_of_the_recipe() -> None:
    assert fault_of(PROSE, min_words=100) == "too_short"
    assert fault_of(PROSE, max_words=20) == "too_long"
    assert fault_of(PROSE * 3, max_repetition=1) == ""
    assert fault_of(f"{PROSE} {CHINESE}", min_ascii=0.1) == ""
    assert fault_of(f"{RIGHT} {PROSE}", min_words_before_answer=0) == ""


@pytest.mark.parametrize("family", ["kk", "igsm", "countdown"])
def test_the_procedural_teachers_sound_traces_have_no_fault_but_that_they_repeat_themselves(
    family: str,
) -> None:
    environment, language = get_environment(family), language_of(family)
    problems = environment.generate(read_options(family, {}), count=10, split="train", seed=1)
    teacher = ProceduralTeacher(family)
    for candidate in Composer(language, Aim(), random.Random(0)).compose(20):
        for problem in problems:
            written = teacher.demonstrate(problem, language.primitive(candidate.values, {}), 0)
            if environment.check_steps(problem, written.think).sound:
                fault = fault_of(written.think, problem, min_words=1, max_repetition=1)
                assert fault == "", (fault, written.think)


def test_shares_are_those_counted_by_hand() -> None:
    assert ascii_share("ab \u00e9\u00e8 1!") == 0.5
    assert ascii_share("12 !") == 1.0
    words = [str(i) for i in range(11)]
    assert repeated_share(words) == 0.0
    assert repeated_share(["a"] * 11) == 0.5
    assert repeated_share(words[:9]) == 0.0


@given(st.text())
def test_no_text_is_an_error(think: str) -> None:
    for problem in (PROBLEM, *_one_of_each()):
        find_fault(problem, think, QualityConfig(min_words=1))


def _one_of_each() -> list[Problem]:
    if not _MADE:
        for family in ("igsm", "countdown"):
            options = read_options(family, {})
            _MADE.extend(get_environment(family).generate(options, count=1, split="train", seed=1))
    return _MADE


_MADE: list[Problem] = []


@pytest.mark.parametrize(
    "text", ["so " * 300_000, "Zoey is a knight, and " * 50_000, ".\n" * 500_000, "\x00" * 1_000_000]
)
def test_a_megabyte_takes_linear_time(text: str, cpu_minute: None) -> None:
    find_fault(PROBLEM, text, QualityConfig(max_words=10_000_000, max_repetition=1))
