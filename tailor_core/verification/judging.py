"""The verdict on a demonstration: its answer scored, and its reasoning checked as far as it can be."""

from __future__ import annotations

from tailor_core.config.verdicts import VerdictsConfig
from tailor_core.environments.base import get_environment
from tailor_core.records import Demonstration, Problem, Verdict
from tailor_core.verification.quality import find_fault
from tailor_core.verification.scoring import score


def judge(problem: Problem, demonstration: Demonstration, config: VerdictsConfig) -> Verdict:
    """The verdict on one demonstration.

    The steps must hold where the teacher is one of `sound_steps_from`, and where every sentence reads as a step;
    other traces must pass the tests of `quality`. Checks are those of `score`, and `sound`, `steps`, `recovered`,
    `sound_required`, and in `fault` the test of quality that failed, empty where none did or none was made.
    """
    result = score(problem, demonstration.completion)
    environment = get_environment(problem.environment)
    report = environment.check_steps(problem, demonstration.think)
    moves = environment.count_moves(demonstration.think)  # none at all where a family reads no steps
    must_be_sound = demonstration.teacher in config.sound_steps_from or bool(moves and not moves.get("other"))
    fault, reason = "", result.reason
    if result.reward == 1.0 and must_be_sound:
        reason = result.reason if report.sound else report.reason
    elif result.reward == 1.0:
        fault, found = find_fault(problem, demonstration.think, config.quality)
        reason = found or result.reason
    accepted = result.reward == 1.0 and not fault and (report.sound or not must_be_sound)
    return Verdict(
        demonstration_id=demonstration.id,
        reward=1.0 if accepted else 0.0,
        checks={
            **result.checks,
            "sound": report.sound,
            "steps": report.steps,
            "recovered": report.recovered,
            "sound_required": must_be_sound,
            "fault": fault,
        },
        reason=reason,
    )


def rule_of_refusal(verdict: Verdict) -> str:
    """The first check that a refused demonstration fails."""
    for check in ("well_formed", "parsed", "correct"):
        if not verdict.checks[check]:
            return f"not_{check}"
    return str(verdict.checks["fault"]) or "not_sound"
