"""Statements and solutions against a plain evaluator and reasoning-gym's brute-force solver."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reasoning_gym.logic.knights_knaves import KnightsKnavesDataset

from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.sampler import Sampler
from tailor_core.environments.knights_knaves.statements import (
    depth,
    leaves,
    people_mentioned,
    phrase,
    truth_table,
    width,
)

PEOPLE = 4
LEAF = st.tuples(st.sampled_from(["telling-truth", "lying"]), st.integers(0, PEOPLE - 1))
STATEMENT = st.recursive(
    LEAF,
    lambda parts: st.one_of(
        st.tuples(st.just("not"), parts),
        st.tuples(st.sampled_from(["->", "<=>"]), parts, parts),
        st.builds(
            lambda kind, some: (kind, *some),
            st.sampled_from(["and", "or"]),
            st.lists(parts, min_size=2, max_size=4),
        ),
    ),
    max_leaves=8,
)


def holds(statement, roles):
    """Truth by the definition of each connective, in one world."""
    kind, *parts = statement
    if kind in ("telling-truth", "lying"):
        return roles[parts[0]] == (kind == "telling-truth")
    truths = [holds(part, roles) for part in parts]
    return {
        "not": not truths[0],
        "and": all(truths),
        "or": any(truths),
        "->": not truths[0] or truths[-1],
        "<=>": truths[0] == truths[-1],
    }[kind]


@settings(deadline=None, max_examples=200)
@given(STATEMENT)
def test_each_bit_of_a_truth_table_is_the_truth_in_that_world(statement):
    table = truth_table(statement, PEOPLE)
    for world in range(2**PEOPLE):
        roles = [bool(world >> person & 1) for person in range(PEOPLE)]
        assert bool(table >> world & 1) == holds(statement, roles)


@settings(deadline=None, max_examples=60)
@given(st.lists(STATEMENT, min_size=PEOPLE, max_size=PEOPLE))
def test_solutions_are_those_of_reasoning_gyms_brute_force(statements):
    puzzle = Puzzle(tuple("ABCD"), tuple(statements))
    theirs = KnightsKnavesDataset.find_solution(tuple(statements))
    assert puzzle.n_solutions == len(theirs)
    assert puzzle.solution == (tuple(theirs[0]) if len(theirs) == 1 else None)


def test_twenty_people_are_solved_at_once():
    chain = tuple(("lying", person + 1) for person in range(19))
    puzzle = Puzzle(
        tuple(f"P{number}" for number in range(20)), (*chain, ("or", ("lying", 0), ("lying", 19)))
    )
    assert puzzle.n_solutions == 1
    assert puzzle.solution is not None
    assert all(first != second for first, second in zip(puzzle.solution, puzzle.solution[1:], strict=False))


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (("telling-truth", 0), "Ella is a knight"),
        (("not", ("lying", 1)), "Liam is not a knave"),
        (("or", ("lying", 0), ("telling-truth", 1)), "Ella is a knave or Liam is a knight"),
        (
            ("and", ("lying", 0), ("lying", 1), ("lying", 2)),
            "Ella is a knave and Liam is a knave and Zoe is a knave",
        ),
        (("->", ("lying", 0), ("lying", 1)), "if Ella is a knave then Liam is a knave"),
        (("<=>", ("lying", 0), ("lying", 1)), "Ella is a knave if and only if Liam is a knave"),
        (
            ("not", ("and", ("lying", 0), ("lying", 1))),
            "it is not the case that (Ella is a knave and Liam is a knave)",
        ),
        (
            ("->", ("or", ("lying", 0), ("lying", 2)), ("not", ("lying", 1))),
            "if (Ella is a knave or Zoe is a knave) then Liam is not a knave",
        ),
    ],
)
def test_statements_read_as_english(statement, text):
    assert phrase(statement, ("Ella", "Liam", "Zoe")) == text


def test_role_words_get_the_article_of_their_first_letter():
    assert phrase(("lying", 0), ("Ella",), "altruist", "egoist") == "Ella is an egoist"


def test_depth_width_and_mentions_of_a_nested_statement():
    statement = ("and", ("lying", 2), ("not", ("<=>", ("lying", 0), ("lying", 2))), ("lying", 1))
    assert depth(statement) == 4
    assert width(statement) == 3
    assert people_mentioned(statement) == [2, 0, 1]
    assert [leaf[1] for leaf in leaves(statement)] == [2, 0, 2, 1]


@pytest.mark.parametrize(("people", "deep", "wide"), [(2, 2, 5), (3, 3, 2), (4, 2, 4), (3, 4, 3), (2, 3, 9)])
def test_any_depth_and_width_gives_unique_puzzles_without_constants(people, deep, wide):
    source, random = Sampler(people, deep, wide, allow_constant=False), Random(0)
    seen_depths = set()
    for _ in range(30):
        statements, world = source.puzzle(random)
        puzzle = Puzzle(tuple("ABCD"[:people]), tuple(statements))
        assert puzzle.solutions == 1 << world
        assert all(claim not in (0, puzzle.every_world) for claim in puzzle.claims)
        assert max(map(depth, statements)) <= deep
        assert max(map(width, statements)) <= max(2, wide)
        seen_depths |= set(map(depth, statements))
    assert deep in seen_depths


def test_laid_out_statements_have_the_distribution_of_drawn_ones():
    random = Random(1)
    laid_out = Sampler(3, 2, 2, allow_constant=False)
    looked_up = [laid_out._look_up(0, random) for _ in range(20_000)]
    drawn = [laid_out.statement(0, random) for _ in range(20_000)]
    assert set(looked_up) == set(drawn)
    kinds = dict.fromkeys(("not", "and", "or", "->", "<=>", "telling-truth", "lying"), 0)
    for statement, _ in looked_up:
        kinds[statement[0]] += 1
    for statement, _ in drawn:
        kinds[statement[0]] -= 1
    assert all(abs(difference) < 400 for difference in kinds.values())


def test_operands_differ_and_nobody_says_that_they_lie():
    source, random = Sampler(3, 3, 3, allow_constant=True), Random(2)
    for _ in range(500):
        statement, _ = source.statement(1, random)
        assert ("lying", 1) not in leaves(statement)
        stack = [statement]
        while stack:
            part = stack.pop()
            if part[0] not in ("telling-truth", "lying"):
                assert len(set(part[1:])) == len(part) - 1
                stack.extend(part[1:])


def test_constant_statements_appear_only_when_allowed():
    random = Random(3)
    constant = (0, 2 ** (2**3) - 1)
    tables = [
        truth_table(Sampler(3, 2, 2, allow_constant=True).statement(0, random)[0], 3) for _ in range(300)
    ]
    assert any(table in constant for table in tables)
