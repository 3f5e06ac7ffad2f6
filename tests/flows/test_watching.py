"""How long the rest of a study will take, and what is said of it."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import watching
from flows.watching import Watch, time_left
from tasks.board import Board

seconds = st.floats(1, 1e4)


def test_nothing_is_known_before_the_first_trial_has_ended() -> None:
    assert time_left([], [3.0], 5, 1) is None


@pytest.mark.parametrize(
    ("took", "going", "waiting", "parallel", "left"),
    [
        ([10, 20], [], 4, 1, 60.0),  # four of 15 s, one after the other
        ([10, 20], [], 4, 2, 30.0),
        ([10, 20], [5.0], 4, 1, 70.0),  # ten more of the one that goes on
        ([10, 20], [99.0], 0, 1, 0.0),  # longer than the others took: any moment now
        ([10, 20], [5.0], 0, 8, 10.0),  # the others have nothing to do
    ],
)
def test_the_rest_takes_what_trials_took_so_far(
    took: list[float], going: list[float], waiting: int, parallel: int, left: float
) -> None:
    assert time_left(took, going, waiting, parallel) == pytest.approx(left)


@given(st.lists(seconds, min_size=1, max_size=9), st.integers(1, 30), st.integers(1, 8))
def test_more_places_or_fewer_trials_never_take_longer(
    took: list[float], waiting: int, parallel: int
) -> None:
    left = time_left(took, [], waiting, parallel)
    assert left is not None
    assert (time_left(took, [], waiting, parallel + 1) or 0) <= left
    assert (time_left(took, [], waiting - 1, parallel) or 0) <= left * (1 + 1e-9)


def test_each_trial_has_a_line_as_it_begins_and_as_it_ends(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The real one may have handlers by now, of commands that were tested before.
    monkeypatch.setattr(watching, "progress", logging.getLogger("of-this-test"))
    watch = Watch("mine", 3, 1, Board(), earlier=[60.0])
    with caplog.at_level(logging.INFO, "of-this-test"):
        watch.end("none seed 7", "1.0 -> 2.0 %")
        assert watch.state() == "1 of 3 trials, 2 min 00 s left"
        watch.begin("none seed 8")
        watch.end("none seed 8", "ended: no", well=False)
    first, second, third = caplog.messages
    assert first == "none seed 7 hit  1.0 -> 2.0 %"
    assert second == "none seed 8 ..."
    assert third.startswith("none seed 8  ended: no, ")
    assert "(2 of 3 trials" in third
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO", "WARNING"]
