"""Which traces are looked at, and what is kept of them."""

from __future__ import annotations

import numpy as np
import polars
from polars.testing import assert_frame_equal

from tailor_core.diversity.embedding import HashedEmbedder
from tailor_core.study.traces import LOOKED_AT, TraceReader, draw
from tailor_core.study.trials import Trial

ROWS = polars.DataFrame(
    {"problem_id": [f"x{i // 2}" for i in range(600)], "sample": [i % 2 for i in range(600)], "n": range(600)}
)
BY = ["problem_id", "sample"]


def test_a_limit_is_kept_and_a_larger_one_only_adds() -> None:
    assert draw(ROWS, BY).height == LOOKED_AT
    assert_frame_equal(draw(ROWS, BY, 50), draw(ROWS, BY, 300).head(50))
    assert draw(ROWS.head(3), BY).height == 3
    assert draw(ROWS.clear(), BY).is_empty()


def test_of_all_arms_the_same_problems_are_looked_at_in_whatever_order_they_come() -> None:
    other = ROWS.reverse().with_columns(n=polars.lit(0))
    assert_frame_equal(draw(ROWS, BY).select(BY), draw(other, BY).select(BY))


def test_it_is_a_lot_and_not_the_first_that_come() -> None:
    drawn = draw(ROWS, BY)["n"]
    assert drawn.to_list() != sorted(drawn)
    assert abs(drawn.mean() - 299.5) < 4 * 173 / LOOKED_AT**0.5


def test_a_set_has_a_row_for_each_text_in_the_space_of_the_selection() -> None:
    texts = ["Suppose Zoey were a knight. Ella is a knave.", "", "<script>\x00\ud800"]
    trial = Trial(arm="a", method="none", backbone="tiny", seed=7, overrides=(), command=())
    found = TraceReader().read(trial, "policy", texts, [True, False, False])
    assert len(found) == len(found.states) == len(found.sentences) == 3
    assert np.array_equal(found.vectors, HashedEmbedder(256).embed(texts))
    assert [len(states) for states in found.states] == [2, 0, 1]
    assert found.verified.tolist() == [True, False, False]
