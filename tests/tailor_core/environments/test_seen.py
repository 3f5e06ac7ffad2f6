"""The compact set of hashes against Python's own."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.environments import get_environment, read_options, stream
from tailor_core.environments.seen import Seen
from tailor_core.errors import RecipeError

digests = st.integers(0, 2**64 - 1).map(lambda number: f"{number:032x}")
crowded = st.integers(0, 40).map(lambda number: f"{number * 2**32:032x}")


@given(st.lists(st.one_of(digests, crowded), max_size=300), st.lists(digests, max_size=20))
def test_it_holds_what_was_put_in_and_nothing_else(put, others):
    ours, theirs = Seen(put), {max(int(digest, 16), 1) for digest in put}
    assert len(ours) == len(theirs)
    assert all(digest in ours for digest in put)
    assert [digest in ours for digest in others] == [max(int(d, 16), 1) in theirs for d in others]


def test_a_hundred_thousand_hashes_take_no_more_than_24_bytes_each():
    ours = Seen()
    for number in range(100_000):
        ours.add(hashlib.sha256(str(number).encode()).hexdigest()[:32])
    assert len(ours) == 100_000
    assert 12 * 100_000 <= ours.__sizeof__() <= 24 * 100_000
    assert hashlib.sha256(b"-1").hexdigest()[:32] not in ours


@pytest.mark.parametrize("name", ["igsm", "kk", "rg:gcd"])
def test_a_stream_gives_the_problems_of_generate_and_makes_none_before_it_is_asked(name):
    pytest.importorskip("reasoning_gym")
    environment, options = get_environment(name), read_options(name, {})
    whole = environment.generate(options, count=7, split="test", seed=3)
    endless = stream(environment, options, count=10**9, split="test", seed=3)
    assert [next(endless) for _ in range(7)] == whole


def test_a_stream_that_runs_dry_says_so_after_its_last_problem():
    options = read_options("kk", {"people": [2]})
    found = stream(get_environment("kk"), options, count=10**6, split="test", seed=0)
    assert len({next(found).canonical_hash for _ in range(3)}) == 3
    with pytest.raises(RecipeError, match="holds only"):
        list(found)


def test_an_environment_without_a_stream_makes_its_problems_at_once():
    class Plain:
        def generate(self, options, *, count, split, seed, exclude=frozenset(), difficulty=None):
            return [(options, split, seed, number) for number in range(count)]

    assert list(stream(Plain(), "o", count=2, split="s", seed=1)) == [("o", "s", 1, 0), ("o", "s", 1, 1)]
