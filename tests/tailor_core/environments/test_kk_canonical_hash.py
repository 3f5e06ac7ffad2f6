"""The canonical hash against brute force over all re-orderings."""

from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.environments.knights_knaves.canonical import canonical_hash
from tailor_core.environments.knights_knaves.sampler import sampler

COMMUTATIVE = ("and", "or", "<=>")


def drawn(seed, people, deep=2, wide=2):
    statements, _ = sampler(people, deep, wide, False).puzzle(Random(seed))
    return statements


def renumbered(statement, place, random=None):
    """The statement with people renumbered and, with `random`, commutative operands shuffled."""
    kind, *parts = statement
    if kind in ("telling-truth", "lying"):
        return (kind, place[parts[0]])
    parts = [renumbered(part, place, random) for part in parts]
    if random is not None and kind in COMMUTATIVE:
        random.shuffle(parts)
    return (kind, *parts)


def moved(statements, order, random=None):
    place = {person: at for at, person in enumerate(order)}
    return [renumbered(statements[person], place, random) for person in order]


def sorted_operands(statement):
    kind, *parts = statement
    if kind in ("telling-truth", "lying"):
        return statement
    parts = [sorted_operands(part) for part in parts]
    return (kind, *(sorted(parts, key=repr) if kind in COMMUTATIVE else parts))


def brute_force_form(statements):
    """The smallest of all re-orderings."""
    return min(
        repr([sorted_operands(statement) for statement in moved(statements, order)])
        for order in permutations(range(len(statements)))
    )


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**6), st.integers(2, 7), st.integers(2, 4), st.integers(2, 3))
def test_reordering_people_and_operands_keeps_the_hash(seed, people, deep, wide):
    random = Random(seed)
    statements = drawn(seed, people, deep, wide)
    order = list(range(people))
    random.shuffle(order)
    assert canonical_hash(moved(statements, order, random)) == canonical_hash(statements)


@pytest.mark.parametrize("people", [2, 3])
def test_equal_hashes_mean_equal_puzzles(people):
    """On puzzles of so few shapes that many coincide, classes agree with brute force both ways."""
    by_hash: dict[str, set[str]] = {}
    forms = set()
    for seed in range(600):
        statements = drawn(seed, people)
        form = brute_force_form(statements)
        forms.add(form)
        by_hash.setdefault(canonical_hash(statements), set()).add(form)
    assert all(len(same) == 1 for same in by_hash.values())
    assert len(by_hash) == len(forms)


def test_puzzles_with_many_ties_agree_with_brute_force():
    """Simple leaves leave many people alike, so ties must be broken by singling people out."""
    random = Random(0)
    by_hash: dict[str, set[str]] = {}
    forms = set()
    for _ in range(250):
        statements = [(random.choice(["telling-truth", "lying"]), random.randrange(4)) for _ in range(4)]
        form = brute_force_form(statements)
        forms.add(form)
        by_hash.setdefault(canonical_hash(statements), set()).add(form)
    assert all(len(same) == 1 for same in by_hash.values())
    assert len(by_hash) == len(forms)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            [("->", ("lying", 1), ("lying", 0)), ("lying", 0)],
            [("->", ("lying", 0), ("lying", 1)), ("lying", 0)],
        ),
        ([("telling-truth", 1), ("lying", 0)], [("lying", 1), ("lying", 0)]),
        ([("telling-truth", 0), ("lying", 0)], [("telling-truth", 1), ("lying", 0)]),
        ([("not", ("lying", 1)), ("lying", 0)], [("telling-truth", 1), ("lying", 0)]),
    ],
)
def test_puzzles_that_say_other_things_have_other_hashes(one, other):
    assert canonical_hash(one) != canonical_hash(other)


SYMMETRIC = {
    "all say they are knights": lambda n: [("telling-truth", i) for i in range(n)],
    "a ring of accusers": lambda n: [("lying", (i + 1) % n) for i in range(n)],
    "pairs of accusers": lambda n: [("lying", i ^ 1) for i in range(n)],
    "all vouch for the first": lambda n: [("telling-truth", 0) for _ in range(n)],
    "all accuse all others": lambda n: [
        ("and", *[("lying", j) for j in range(n) if j != i]) for i in range(n)
    ],
    "rings of 3 and the rest": lambda n: [
        ("lying", (i + 1) % 3 if i < 3 else 3 + (i - 2) % (n - 3)) for i in range(n)
    ],
}


@pytest.mark.usefixtures("cpu_minute")
@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_puzzles_of_twelve_people_take_no_exponential_time(name):
    statements = SYMMETRIC[name](12)
    order = [5, 0, 11, 3, 8, 1, 10, 2, 9, 4, 7, 6]
    assert canonical_hash(statements) == canonical_hash(moved(statements, order))


def test_one_ring_of_six_is_not_two_rings_of_three():
    """No colouring by neighbours tells these apart; singling a person out does."""
    one = [("lying", (i + 1) % 6) for i in range(6)]
    two = [("lying", (i % 3 + 1) % 3 + 3 * (i // 3)) for i in range(6)]
    assert canonical_hash(one) != canonical_hash(two)
