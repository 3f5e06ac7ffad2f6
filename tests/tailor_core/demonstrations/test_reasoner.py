"""The procedural teacher against brute force, and against the step checker, which shares no code with it."""

from __future__ import annotations

import itertools
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.demonstrations.knights_knaves.narration import narrate
from tailor_core.demonstrations.knights_knaves.reasoner import reason
from tailor_core.environments.knights_knaves.moves import DIMENSIONS, Program
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.rendering import answer_lines, answer_sentence
from tailor_core.environments.knights_knaves.steps import check_steps

NAMES = ("Zoey", "Ella", "Liam", "Ava", "Noah")
PROGRAMS = st.fixed_dictionaries({k: st.sampled_from(v) for k, v in DIMENSIONS.items()}).map(
    Program.from_dict
)


def holds(statement: Any, world: tuple[bool, ...]) -> bool:
    """The meaning of a statement, by plain recursion and no truth table."""
    kind, *parts = statement
    if kind == "telling-truth":
        return world[parts[0]]
    if kind == "lying":
        return not world[parts[0]]
    values = [holds(part, world) for part in parts]
    return {
        "not": lambda: not values[0],
        "and": lambda: all(values),
        "or": lambda: any(values),
        "->": lambda: not values[0] or values[1],
        "<=>": lambda: values[0] == values[1],
    }[kind]()


def solutions(statements: tuple[Any, ...]) -> list[tuple[bool, ...]]:
    worlds = itertools.product((False, True), repeat=len(statements))
    return [w for w in worlds if all(holds(s, w) == w[i] for i, s in enumerate(statements))]


def random_statement(rng: random.Random, people: int, depth: int) -> tuple[Any, ...]:
    if depth == 0 or rng.random() < 0.4:
        return (rng.choice(("telling-truth", "lying")), rng.randrange(people))
    kind = rng.choice(("not", "and", "or", "->", "<=>"))
    parts = [random_statement(rng, people, depth - 1) for _ in range(1 if kind == "not" else 2)]
    return (kind, *parts)


def random_puzzle(seed: int, people: int, depth: int) -> Puzzle:
    """A puzzle with exactly one solution, found by trying; statements may be about their own speaker."""
    rng = random.Random(f"{seed} {people} {depth}")
    while True:
        statements = tuple(random_statement(rng, people, depth) for _ in range(people))
        if len(solutions(statements)) == 1:
            words = rng.choice((("knight", "knave"), ("altruist", "egoist"), ("saint", "sinner")))
            return Puzzle(NAMES[:people], statements, *words)


PUZZLES = st.builds(random_puzzle, st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 3))


@settings(max_examples=300, deadline=None)
@given(PUZZLES, PROGRAMS, st.integers(0, 9))
def test_every_argument_is_sound_and_finished_ones_are_right(
    puzzle: Puzzle, program: Program, seed: int
) -> None:
    think, answer = narrate(puzzle, program, random.Random(seed))
    outcome = reason(puzzle, program, random.Random(seed))
    report = check_steps(puzzle, think)
    if not outcome.solved:
        assert report.reason.startswith("the trace ends"), report.reason
        return
    assert report.sound, report.reason
    (world,) = solutions(puzzle.statements)
    assert tuple(outcome.roles[i] for i in range(puzzle.people)) == world
    form = answer_lines if program.answer == "lines" else answer_sentence
    assert answer == form(puzzle.names, world, puzzle.knight, puzzle.knave)


@settings(max_examples=60, deadline=None)
@given(PUZZLES, PROGRAMS, st.integers(0, 9))
def test_a_program_that_draws_conclusions_and_assumes_freely_always_gets_there(
    puzzle: Puzzle, program: Program, seed: int
) -> None:
    values = {**program.to_dict(), "branching": "nested", "depth": "fixpoint"}
    assert reason(puzzle, Program.from_dict(values), random.Random(seed)).solved


@settings(max_examples=60, deadline=None)
@given(PUZZLES, PROGRAMS, st.integers(0, 9))
def test_the_same_seed_gives_the_same_text(puzzle: Puzzle, program: Program, seed: int) -> None:
    texts = {narrate(puzzle, program, random.Random(seed)) for _ in range(2)}
    assert len(texts) == 1


def moves_with(people: int = 3, **values: str) -> dict[str, int]:
    """The moves that a program shows on twenty puzzles together."""
    total: dict[str, int] = {}
    for seed in range(20):
        think, _ = narrate(random_puzzle(seed, people, 2), Program.from_dict(values), random.Random(seed))
        for move, count in check_steps(random_puzzle(seed, people, 2), think).moves.items():
            total[move] = total.get(move, 0) + count
    return total


def test_each_option_shows_in_the_traces() -> None:
    assert moves_with(verification="check")["check"] == 60
    assert moves_with(verification="fits")["fits"] == 20
    assert moves_with(restating="all")["restate"] == 60
    assert moves_with(summary="done")["done"] == 20
    assert moves_with(verification="check", weighing="clauses")["weigh"] >= 60
    assert moves_with(subgoals="open")["open"] >= 20
    assert moves_with(subgoals="focus")["focus"] >= 10
    assert moves_with(direction="backward")["ask"] >= 10
    assert moves_with(slip="derive")["retract"] >= 5
    assert moves_with(slip="judge")["retract"] >= 5
    assert moves_with(rules="self")["self"] >= 3
    assert moves_with(branching="flat")["switch"] >= 1
    assert moves_with(4, cases="merge", depth="shallow")["merge"] >= 1
    pairs = moves_with(rules="pairs")
    assert pairs["same"] + pairs["different"] >= 5
    plain = moves_with()
    assert (
        not {"weigh", "check", "fits", "restate", "done", "open", "focus", "ask", "retract", "merge"}
        & plain.keys()
    )


def test_each_value_of_each_dimension_changes_some_trace() -> None:
    puzzles = [random_puzzle(seed, 4, 2) for seed in range(80)]
    for name, values in DIMENSIONS.items():
        texts = {
            value: tuple(narrate(p, Program.from_dict({name: value}), random.Random(0)) for p in puzzles)
            for value in values
        }
        assert len(set(texts.values())) == len(values), name


def test_without_assumptions_nothing_is_assumed_and_some_puzzles_stay_open() -> None:
    puzzle = random_puzzle(1, 4, 2)
    outcome = reason(puzzle, Program(branching="never"), random.Random(0))
    assert not outcome.solved
    think, answer = narrate(puzzle, Program(branching="never"), random.Random(0))
    assert think
    assert answer == "I cannot tell."


def test_hopeless_puzzles_end() -> None:
    liar = Puzzle(("Zoey", "Ella"), (("lying", 0), ("telling-truth", 0)))
    assert not reason(liar, Program(), random.Random(0)).solved
    either = Puzzle(("Zoey", "Ella"), (("telling-truth", 1), ("telling-truth", 0)))
    assert reason(either, Program(), random.Random(0)).solved


def test_traces_of_the_plain_program_are_short() -> None:
    lengths = []
    for people, most in ((3, 14), (4, 22)):
        for seed in range(40):
            think, _ = narrate(random_puzzle(seed, people, 1), Program(), random.Random(0))
            lengths.append((most, check_steps(random_puzzle(seed, people, 1), think).steps))
    assert sum(steps <= most for most, steps in lengths) >= 0.95 * len(lengths)
