"""The procedural teacher against brute force, and against the step checker, which shares no code with it."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.demonstrations.knights_knaves.narration import narrate
from tailor_core.demonstrations.knights_knaves.reasoner import MAX_STEPS, reason
from tailor_core.environments.knights_knaves.moves import DIMENSIONS, Case, Program
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.rendering import answer_lines, answer_sentence
from tailor_core.environments.knights_knaves.step_language import readings, sentences
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
    for branching in ("nested", "afresh"):
        values = {**program.to_dict(), "branching": branching, "depth": "fixpoint"}
        assert reason(puzzle, Program.from_dict(values), random.Random(seed)).solved


@pytest.mark.parametrize(("case", "first"), [("knight", True), ("knave", False)])
def test_a_program_that_begins_afresh_counts_through_the_worlds(case: str, first: bool) -> None:
    """Without conclusions, what is supposed after each failure is the next world, everybody named again."""
    program = Program(branching="afresh", depth="none", test="lazy", case=cast(Case, case))
    for seed in range(30):
        puzzle = random_puzzle(seed, 3, 2)
        think, _ = narrate(puzzle, program, random.Random(seed))
        supposed = [
            roles == puzzle.knight for _, roles in re.findall(r"Suppose (\w+) were an? (\w+)\.", think)
        ]
        worlds = [tuple(supposed[i : i + 3]) for i in range(0, len(supposed), 3)]
        every = list(itertools.product((first, not first), repeat=3))
        (solution,) = solutions(puzzle.statements)
        assert worlds == every[: every.index(solution) + 1]


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
    sweep = moves_with(inspection="sweep")
    assert sweep["undecided"] >= 20
    assert sweep["check"] >= 60
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
        not {
            "weigh",
            "check",
            "undecided",
            "fits",
            "restate",
            "done",
            "open",
            "focus",
            "ask",
            "retract",
            "merge",
        }
        & plain.keys()
    )


CLAUSE = re.compile(r" is (?:not )?an? \w+")
MARKED = re.compile(CLAUSE.pattern + r" \((?:true|false|open)\)")


@pytest.mark.parametrize("voice", DIMENSIONS["voice"])
def test_each_clause_of_each_claim_that_something_is_made_of_is_weighed_and_no_other(voice: str) -> None:
    weighed: Counter[str] = Counter()
    for seed in range(20):
        puzzle = random_puzzle(seed, 3, 2)
        for program in (
            Program.from_dict(
                {"voice": voice, "weighing": "clauses", "inspection": "sweep", "rules": "self"}
            ),
            Program.from_dict({"voice": voice, "weighing": "clauses", "restating": "all", "summary": "done"}),
        ):
            for sentence in sentences(narrate(puzzle, program, random.Random(seed))[0]):
                reading = readings(sentence)[0]
                clauses = len(CLAUSE.findall(reading.gaps.get("S", "")))
                is_weighed = reading.kind in ("claim", "judge", "clash", "check", "undecided")
                assert len(MARKED.findall(sentence)) == clauses * is_weighed, sentence
                weighed[reading.kind] += is_weighed
    assert min(weighed[kind] for kind in ("claim", "judge", "clash", "check", "undecided")) >= 5


def test_each_value_of_each_dimension_changes_some_trace() -> None:
    puzzles = [random_puzzle(seed, 4, 2) for seed in range(80)]
    for name, values in DIMENSIONS.items():
        texts = {
            value: tuple(narrate(p, Program.from_dict({name: value}), random.Random(0)) for p in puzzles)
            for value in values
        }
        assert len(set(texts.values())) == len(values), name


WAYS = [
    {"test": test, "depth": depth, "branching": branching}
    for test in DIMENSIONS["test"]
    for depth in DIMENSIONS["depth"]
    for branching in DIMENSIONS["branching"]
]
"""What decides when a program looks for a contradiction, and how far it is then."""


@pytest.mark.parametrize("way", WAYS, ids=lambda way: " ".join(way.values()))
def test_every_program_that_sweeps_is_sound(way: dict[str, str]) -> None:
    rng = random.Random(str(way))
    for people in (3, 4, 5):
        for seed in range(8):
            puzzle = random_puzzle(seed, people, 2)
            values = {name: rng.choice(options) for name, options in DIMENSIONS.items()}
            program = Program.from_dict({**values, **way, "inspection": "sweep"})
            outcome = reason(puzzle, program, random.Random(seed))
            report = check_steps(puzzle, narrate(puzzle, program, random.Random(seed))[0])
            assert report.sound == outcome.solved, (report.reason, program)
            assert outcome.solved or report.reason.startswith("the trace ends"), (report.reason, program)


SUPPOSES = re.compile(r"(?:Suppose|Now suppose instead that) (\w+) were an? (\w+)\.")
GIVES_UP = re.compile(r"(?:So (\w+) cannot be an? \w+ and|Therefore (\w+)) must be an? (\w+)\.")
FOLLOWS = re.compile(r"(?:So|Then) (\w+) must be an? (\w+)\.")
JUDGES = re.compile(r"(\w+) said that .*, which is (?:true|false): \w+ must be an? (\w+)\.")
INSPECTS = re.compile(
    r"(\w+) said that .*, which is (true|false|open)(?:: \w+ is an? \w+(, a contradiction)?)?\."
)

Verdict = tuple[str, bool | None, bool]
"""Whose claim, whether it is called true, false or open, and whether that is called a contradiction."""


def inspections(puzzle: Puzzle, think: str) -> list[tuple[dict[str, bool], list[Verdict]]]:
    """After each sentence of a plain trace that places somebody: who has which role then, and the verdicts after it.

    Roles are told by a stack that knows three things: a supposition, its end, and what comes in between.
    """
    placed: list[tuple[str, bool, bool]] = []
    found: list[tuple[dict[str, bool], list[Verdict]]] = []
    for sentence in re.split(r"(?<=\.) ", think):
        if looked := INSPECTS.fullmatch(sentence):
            name, truth, clash = looked.groups()
            found[-1][1].append((name, {"true": True, "false": False, "open": None}[truth], bool(clash)))
            continue
        if supposes := SUPPOSES.fullmatch(sentence):
            name, role = supposes[1], supposes[2] == puzzle.knight
            if sentence.startswith("Now"):
                _close(placed, name, not role)
            elif found and any(clash for *_, clash in found[-1][1]):  # all is supposed afresh
                placed = list(itertools.takewhile(lambda fact: not fact[2], placed))
            placed.append((name, role, True))
        elif given_up := GIVES_UP.fullmatch(sentence):
            name, role = given_up[1] or given_up[2], given_up[3] == puzzle.knight
            _close(placed, name, not role)
            placed.append((name, role, False))
        elif follows := FOLLOWS.fullmatch(sentence) or JUDGES.fullmatch(sentence):
            placed.append((follows[1], follows[2] == puzzle.knight, False))
        else:
            continue
        found.append(({name: role for name, role, _ in placed}, []))
    return found


def _close(placed: list[tuple[str, bool, bool]], name: str, role: bool) -> None:
    """Take a supposition back, and what came after it."""
    while placed.pop() != (name, role, True):
        pass


def swept(puzzle: Puzzle, facts: dict[str, bool]) -> list[Verdict]:
    """The verdicts on all who have a role, in the puzzle's order, up to the first clash, by looping over worlds."""
    worlds = [
        world
        for world in itertools.product((False, True), repeat=puzzle.people)
        if all(world[puzzle.names.index(name)] == role for name, role in facts.items())
    ]
    verdicts: list[Verdict] = []
    for name, statement in zip(puzzle.names, puzzle.statements, strict=True):
        if name in facts:
            values = {holds(statement, world) for world in worlds}
            truth = values.pop() if len(values) == 1 else None
            verdicts.append((name, truth, truth == (not facts[name])))
            if verdicts[-1][2]:
                break
    return verdicts


@pytest.mark.parametrize("way", WAYS, ids=lambda way: " ".join(way.values()))
def test_a_sweep_says_of_every_placed_person_what_becomes_of_their_claim(way: dict[str, str]) -> None:
    places = sweeps = clashes = undecided = 0
    for people, seed in itertools.product((3, 4, 5), range(12)):
        puzzle = random_puzzle(seed, people, 2)
        program = Program.from_dict({**way, "inspection": "sweep"})
        think, _ = narrate(puzzle, program, random.Random(seed))
        if len(reason(puzzle, program, random.Random(seed)).steps) >= MAX_STEPS:
            continue
        for facts, verdicts in inspections(puzzle, think):
            places += 1
            if verdicts or (way["test"] == "eager" and way["branching"] != "afresh"):
                assert verdicts == swept(puzzle, facts), think
                sweeps += 1
                clashes += verdicts[-1][2]
                undecided += (verdicts[0][1] is None) + (verdicts[-1][1] is None)
    if way["branching"] in ("nested", "afresh"):
        assert sweeps > 50
        assert clashes > 10
        assert undecided > 20 or way["test"] == "lazy"
    assert places > 0 or (way["branching"], way["depth"]) == ("never", "none")


@pytest.mark.parametrize("way", WAYS, ids=lambda way: " ".join(way.values()))
def test_a_program_that_points_shows_only_the_claim_that_fails(way: dict[str, str]) -> None:
    for people, seed in itertools.product((3, 4, 5), range(12)):
        puzzle = random_puzzle(seed, people, 2)
        spot, sweep = (
            reason(puzzle, Program.from_dict({**way, "inspection": inspection}), random.Random(seed)).steps
            for inspection in ("spot", "sweep")
        )
        assert not {"check", "undecided"} & {step.form for step in spot}
        if len(sweep) < MAX_STEPS:
            assert spot == tuple(step for step in sweep if step.form not in ("check", "undecided"))
        think, _ = narrate(puzzle, Program.from_dict({**way, "inspection": "spot"}), random.Random(seed))
        for facts, verdicts in inspections(puzzle, think):
            wrong = [verdict for verdict in swept(puzzle, facts) if verdict[2]]
            assert verdicts == wrong or (verdicts == [] and way["test"] == "lazy"), think


def test_a_sweep_takes_people_in_the_order_of_the_program() -> None:
    """Cy is talked about most, then Ann; nobody's claim fails where all are knights but Bob's."""
    puzzle = Puzzle(
        ("Ann", "Bob", "Cy"),
        (("telling-truth", 2), ("lying", 2), ("and", ("telling-truth", 0), ("telling-truth", 2))),
    )
    roles = {}
    for order in ("given", "talked-about"):
        program = Program.from_dict(
            {"order": order, "inspection": "sweep", "test": "lazy", "depth": "none", "case": "knight"}
        )
        steps = reason(puzzle, program, random.Random(0)).steps
        first = [step for step in steps if step.form in ("check", "clash", "undecided")][:3]
        roles[order] = [(step.form, step.arguments[0]) for step in first]
    assert roles["given"][:2] == [("check", 0), ("clash", 1)]
    assert roles["talked-about"] == [("check", 2), ("check", 0), ("clash", 1)]


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
