"""The procedural teacher against the step checker, which shares no code with it.

Random programs argue about random puzzles. Every step they write must be sound, and an error put into a
finished trace must be found. TAILOR_TRACES=100000 looks longer.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from tailor_core.demonstrations.knights_knaves.narration import narrate
from tailor_core.environments.base import StepReport
from tailor_core.environments.knights_knaves.answers import check_answer
from tailor_core.environments.knights_knaves.moves import DIMENSIONS, Program
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.sampler import sampler
from tailor_core.environments.knights_knaves.statements import phrase, with_article
from tailor_core.environments.knights_knaves.step_language import MOVES, readings, sentences
from tailor_core.environments.knights_knaves.steps import check_steps
from tailor_core.environments.knights_knaves.words import COMMON_NAMES, ROLE_WORDS

pytestmark = pytest.mark.integration

TRACES = int(os.environ.get("TAILOR_TRACES", "2000"))

CONCLUSIONS = ("derive", "judge", "reject", "self", "merge", "done")
"""Kinds of sentence that end on the role they conclude."""

MARKS = ("true", "false", "open")
MARK = re.compile(rf"\(({'|'.join(MARKS)})\)")
"""What is said of a clause; it is wrong in any other way. Only a judgement taken back at once may be wrong."""

QUOTES = ("claim", "judge", "clash", "self", "restate", "check", "undecided")


def draw_puzzle(rng: random.Random) -> Puzzle:
    people = rng.randint(2, 6)
    drawn = None
    while drawn is None:
        depth, width = rng.choice(((3, 2), (2, 3))) if rng.random() < 0.05 else (2, 2)
        drawn = sampler(people, depth, width, False).puzzle(rng)
    roles = rng.choice(ROLE_WORDS) if rng.random() < 0.2 else ("knight", "knave")
    return Puzzle(tuple(rng.sample(COMMON_NAMES, people)), tuple(drawn[0]), *roles)


def draw_program(rng: random.Random) -> Program:
    values = {name: rng.choice(options) for name, options in DIMENSIONS.items()}
    if rng.random() < 0.7:
        values["branching"] = "nested"
    return Program.from_dict(values)


def traces(count: int, seed: int) -> Iterator[tuple[Puzzle, Program, str, str, random.Random]]:
    rng = random.Random(seed)
    for _ in range(count):
        puzzle, program = draw_puzzle(rng), draw_program(rng)
        yield puzzle, program, *narrate(puzzle, program, rng), rng


def test_every_step_of_every_program_is_sound_and_right_answers_have_whole_proofs() -> None:
    outcomes: Counter[bool] = Counter()
    moves: Counter[str] = Counter()
    for puzzle, program, think, answer, _ in traces(TRACES, seed=1):
        report = check_steps(puzzle, think)
        assert not report.reason.startswith("step"), (report.reason, program, puzzle, think)
        right = check_answer(answer, puzzle.names, puzzle.solution, puzzle.knight, puzzle.knave).correct
        assert report.sound == right, (report.reason, program, puzzle, think, answer)
        outcomes[report.sound] += 1
        moves.update(report.moves)
    assert outcomes[True] > TRACES / 2
    assert set(MOVES) <= set(moves), set(MOVES) - set(moves)
    assert "other" not in moves


def other_role(sentence: str, puzzle: Puzzle) -> str:
    """The sentence with the last role word in it turned round."""
    words = {puzzle.knight: puzzle.knave, puzzle.knave: puzzle.knight}
    last = list(re.finditer("|".join(words), sentence))[-1]
    swapped = sentence[: last.start()] + words[last.group()] + sentence[last.end() :]
    return re.sub(r"\ban?(?= \w)", lambda m: "an" if swapped[m.end() + 1] in "aeiou" else "a", swapped)


def wrong_versions(
    puzzle: Puzzle, program: Program, lines: list[str], rng: random.Random
) -> Iterator[tuple[str, str]]:
    """(what was done, text) with one error each that no sound trace can have."""
    needed = ["retract", "clash", "contradiction", "switch", "reject"]
    if program.branching != "afresh":  # which supposes more than it needs for a contradiction
        needed.append("assume")
    read = [readings(line)[0] for line in lines]
    kinds = [reading.kind for reading in read]
    claims = [phrase(s, puzzle.names, puzzle.knight, puzzle.knave) for s in puzzle.statements]
    open_claims = [phrase(s, puzzle.names, puzzle.knight, puzzle.knave, {}) for s in puzzle.statements]

    def text(at: int, *new: str) -> str:
        return " ".join([*lines[:at], *new, *lines[at + 1 :]])

    for at, (kind, line) in enumerate(zip(kinds, lines, strict=True)):
        slip = kinds[at + 1 : at + 2] == ["retract"]
        if kind in CONCLUSIONS and not slip:
            yield "role turned round", text(at, other_role(line, puzzle))
        if kind in needed:
            yield "sentence left out", text(at)
        if kind in QUOTES and not slip:
            speaker, other = puzzle.names.index(read[at].gaps["N"]), rng.randrange(len(claims))
            if puzzle.claims[other] != puzzle.claims[speaker]:
                said, weighed = read[at].gaps["S"], rng.choice((claims[other], open_claims[other]))
                yield "claim of another", text(at, line.replace(said, weighed))
            name, said = read[at].gaps["N"], claims[speaker]
            if kind in ("judge", "clash", "check"):
                yield "settled called open", text(at, f"{name} said that {said}, which is open.")
            if kind == "undecided":
                called, role = rng.choice((("true", puzzle.knight), ("false", puzzle.knave)))
                is_so = f"{name} is {with_article(role)}"
                yield "open called settled", text(at, f"{name} said that {said}, which is {called}: {is_so}.")
            if marks := list(MARK.finditer(line)):
                mark = rng.choice(marks)
                for wrong in (other for other in MARKS if other != mark[1]):
                    weighed = f"{line[: mark.start()]}({wrong}){line[mark.end() :]}"
                    yield f"{mark[1]} called {wrong}", text(at, weighed)
                yield "mark of no kind", text(at, f"{line[: mark.start()]}(maybe){line[mark.end() :]}")
        if kind in ("derive", "judge", "self", "assume"):
            yield "said twice", text(at, line, line)
        yield "words of no form", text(at, line[:-1] + " maybe" + line[-1])


def test_an_error_put_into_a_sound_trace_is_found() -> None:
    found: Counter[str] = Counter()
    for puzzle, program, think, _, rng in traces(TRACES // 6, seed=2):
        if not check_steps(puzzle, think).sound:
            continue
        wrong = list(wrong_versions(puzzle, program, sentences(think), rng))
        for what, text in rng.sample(wrong, min(len(wrong), 12)):
            report: StepReport = check_steps(puzzle, text)
            assert not report.sound, (what, program, puzzle, think, text)
            assert report.errors_found > report.recovered or report.reason.startswith("the trace ends")
            found[what] += 1
    calls = {f"{one} called {two}" for one in MARKS for two in MARKS if one != two}
    assert calls | {"mark of no kind"} < set(found)
    assert len(found) == len(calls) + 8
    assert min(found[what] for what in set(found) - calls) > TRACES / 100
    assert sum(found[what] for what in calls) > TRACES / 100
