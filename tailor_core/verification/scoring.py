"""What a response to a problem earns.

| mode       | form                          | right | wrong           | unreadable answer | broken form |
|------------|-------------------------------|-------|-----------------|-------------------|-------------|
| `binary`   | think and answer blocks       | 1     | 0               | 0                 | 0           |
| `sound`    | think and answer blocks       | 0, 1  | 0               | 0                 | 0           |
| `logic-rl` | think and answer blocks       | 3     | -0.5            | -1                | -3          |
| `boxed`    | the last `\\boxed{...}`        | 1     | 0               | 0                 | 0           |
| `partial`  | think and answer blocks       | 1     | 0.3 + 0.7 share | 0                 | 0           |

`sound` pays only where every step of the think block was read and follows, and the end takes nothing for granted
(`StepReport.guessed`): an answer that was guessed, or that a slip led to by chance, earns nothing. So nothing earns it
in a family that reads no steps.
`logic-rl` has the values of Logic-RL, `boxed` those of re-distillation (deep-reasoning), `partial` those of
reasoning-gym, where `share` is the share of people who are right, and none right earns 0; a family with a scale of
its own pays that (`rg:NAME` the score of reasoning-gym's own scorer, of which the other modes take only 1 for right).
The reading of form and answer is Tailor's strict one in each mode. A response is never an error, whatever it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

from tailor_core.environments.base import AnswerCheck, get_environment
from tailor_core.errors import InputError
from tailor_core.records import Problem
from tailor_core.verification.parsing import blocks_of, last_boxed

Mode = Literal["binary", "sound", "logic-rl", "boxed", "partial"]
MODES: tuple[Mode, ...] = get_args(Mode)


class Score(NamedTuple):
    """The reward, what was checked on the way (`well_formed`, `parsed`, `correct`), and one sentence why.

    A right answer is checked for being `sound` too where the mode asks for it.
    """

    reward: float
    checks: dict[str, bool | str]
    reason: str


def score(problem: Problem, response: object, mode: Mode = "binary") -> Score:
    """The score of one response; only an unknown mode or environment is an error."""
    if mode not in MODES:
        raise InputError(f"mode = {mode!r}, but must be one of {', '.join(MODES)}")
    think = None
    if mode == "boxed":
        answer, reason = last_boxed(response), "the response has no \\boxed{...}"
    else:
        think, answer, reason = blocks_of(response)
    if answer is None:
        checks: dict[str, bool | str] = {"well_formed": False, "parsed": False, "correct": False}
        return Score(-3.0 if mode == "logic-rl" else 0.0, checks, reason)
    environment = get_environment(problem.environment)
    check = environment.check_answer(problem, answer)
    checks = {"well_formed": True, "parsed": check.parsed, "correct": check.correct}
    if mode == "sound" and check.correct and think is not None:
        report = environment.check_steps(problem, think)
        sound = report.sound and not report.guessed
        reason = report.reason or report.guessed or check.reason
        return Score(float(sound), {**checks, "sound": sound}, reason)
    return Score(_reward(check, mode), checks, check.reason)


def _reward(check: AnswerCheck, mode: Mode) -> float:
    """The table above, from the third column on."""
    if mode == "logic-rl":
        return 3.0 if check.correct else -0.5 if check.parsed else -1.0
    if mode == "partial" and check.credit is not None:
        return check.credit
    if mode == "partial" and check.matched > 0:
        return 1.0 if check.correct else 0.3 + 0.7 * check.matched
    return 1.0 if check.correct else 0.0


def score_batch(
    problems: Iterable[Problem], responses: Iterable[object], mode: Mode = "binary"
) -> list[Score]:
    """The scores of as many responses as problems, in order."""
    problems, responses = list(problems), list(responses)
    if len(problems) != len(responses):
        raise InputError(
            f"responses holds {len(responses)} entries and problems {len(problems)}; give one for each"
        )
    return [score(problem, response, mode) for problem, response in zip(problems, responses, strict=True)]
