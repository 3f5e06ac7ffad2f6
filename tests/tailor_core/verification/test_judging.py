"""Verdicts where a family reads no steps at all, and where it reads every sentence as one."""

from __future__ import annotations

from tailor_core.config.verdicts import VerdictsConfig
from tailor_core.demonstrations.teacher import make_demonstration
from tailor_core.environments import get_environment, read_options
from tailor_core.records import Primitive, Problem, Verdict
from tailor_core.verification.judging import judge

PROSE = (
    "Each kind of animal has its own number of legs, so the count of each is multiplied by that first. The products "
    "are then added up one after the other, and the sum is what was asked for in the end."
)


def verdict_on(problem: Problem, think: str) -> Verdict:
    primitive = Primitive(id="z", name="z", instruction="z", kind="chat")
    return judge(
        problem, make_demonstration("chat", problem, primitive, 0, think, problem.answer), VerdictsConfig()
    )


def problem_of(family: str) -> Problem:
    options = read_options(family, {})
    return get_environment(family).generate(options, count=1, split="train", seed=0)[0]


def test_a_trace_of_a_family_that_reads_no_steps_is_judged_by_its_quality() -> None:
    problem = problem_of("rg:leg_counting")
    found = verdict_on(problem, PROSE)
    assert found.reward == 1.0, found.reason
    assert not found.checks["sound_required"]
    assert verdict_on(problem, "Easy.").checks["fault"] == "too_short"
    assert verdict_on(problem, f"The answer is {problem.answer}. {PROSE}").checks["fault"] == "answer_first"


def test_a_trace_that_reads_as_steps_throughout_must_be_sound() -> None:
    found = verdict_on(problem_of("igsm"), "Next I look at Amber Cabin. Wait, that is wrong.")
    assert found.checks["sound_required"]
    assert found.reward == 0.0
