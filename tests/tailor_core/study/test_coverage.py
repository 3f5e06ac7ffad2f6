"""Coverage of hand-made spaces, where it can be counted; the map against numpy's singular vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars
import pytest

from tailor_core.study.coverage import MEASURES, Cells, cover, draw_map, find_reference
from tailor_core.study.traces import TraceSet
from tailor_core.study.trials import Trial

CORNERS = np.eye(8)[:4]
"""Four traces that have nothing in common."""


def trial(arm: str, seed: int = 7, method: str = "") -> Trial:
    return Trial(arm=arm, method=method or arm, backbone="tiny", seed=seed, overrides=(), command=())


def traces(
    of: Trial,
    vectors: Any,
    states: Sequence[Sequence[int]] | None = None,
    *,
    what: str = "data",
    verified: Any = True,
) -> TraceSet:
    rows = len(vectors)
    ids = [np.array(one, dtype=np.int64) for one in (states or [[0]] * rows)]
    return TraceSet(of, what, np.array(vectors, dtype=np.float32), ids, ids, np.full(rows, verified))


def values(coverage: polars.DataFrame, arm: str, measure: str, what: str = "data") -> dict[int, float]:
    wanted = coverage.filter(arm=arm, measure=measure, what=what)
    return dict(wanted.select("size", "value").iter_rows())


def covered(*sets: TraceSet) -> polars.DataFrame:
    return cover(sets, find_reference(sets))


def test_who_stands_in_one_corner_reaches_a_quarter_and_who_stands_in_all_reaches_all() -> None:
    coverage = covered(
        traces(trial("narrow"), np.repeat(CORNERS[:1], 5, axis=0), [[1]] * 5),
        traces(trial("wide"), np.repeat(CORNERS, 5, axis=0), [[1], [2], [3], [4]] * 5),
    )
    assert set(coverage["measure"]) == set(MEASURES)
    assert values(coverage, "narrow", "embedding_cells") == {1: 0.25, 2: 0.25, 5: 0.25}
    assert values(coverage, "narrow", "cell_distance") == {1: 0.75, 2: 0.75, 5: 0.75}
    assert values(coverage, "narrow", "ngram_states") == {1: 1, 2: 1, 5: 1}
    wide = values(coverage, "wide", "embedding_cells")
    assert list(wide) == [1, 2, 5, 10, 20]
    assert (wide[1], wide[20]) == (0.25, 1)
    assert wide[2] == pytest.approx((1 + 15 / 19) / 4, abs=1e-6)  # the second is in another corner
    assert values(coverage, "wide", "ngram_states") == {
        size: pytest.approx(4 * share, abs=5e-6) for size, share in wide.items()
    }
    assert values(coverage, "wide", "cell_distance") == {
        size: pytest.approx(1 - share, abs=2e-6) for size, share in wide.items()
    }


def test_a_trace_far_from_all_that_is_verified_reaches_no_cell_and_no_known_state() -> None:
    rambling = traces(trial("none"), np.eye(8)[4:], [[9], [10], [11], [12]], what="policy", verified=False)
    coverage = covered(traces(trial("tailor"), CORNERS, [[1], [2], [3], [4]]), rambling)
    assert values(coverage, "none", "ngram_states", "policy") == {1: 1, 2: 2}
    assert values(coverage, "none", "known_states", "policy") == {1: 0, 2: 0}
    assert values(coverage, "none", "embedding_cells", "policy") == {1: 0, 2: 0}
    assert values(coverage, "none", "cell_distance", "policy") == {1: 1, 2: 1}


def test_of_a_set_the_traces_that_are_wrong_count_but_make_no_ground() -> None:
    half = traces(trial("mixed"), CORNERS, [[1], [2], [3], [4]], verified=[True, True, False, False])
    reference = find_reference([half])
    assert reference
    assert reference.vectors.tolist() == CORNERS[:2].tolist()
    assert reference.states.tolist() == [1, 2]
    assert len(reference.cells.centres) == 2


@pytest.mark.parametrize("copies", [1, 4])
def test_where_methods_that_reason_alike_crowd_there_is_no_more_ground(copies: int) -> None:
    narrow = [
        traces(trial(f"narrow {i}"), np.repeat(CORNERS[:1], 50, axis=0), [[1]] * 50) for i in range(copies)
    ]
    coverage = covered(*narrow, traces(trial("wide"), CORNERS[1:], [[2], [3], [4]]))
    assert values(coverage, "narrow 0", "embedding_cells")[50] == 0.25
    assert values(coverage, "narrow 0", "cell_distance")[50] == 0.75
    assert values(coverage, "wide", "embedding_cells")[1] == 0.25


def test_cells_reach_the_reference_within_twice_the_least_radius() -> None:
    """On a circle, where the least radius of 64 cells for evenly spread traces is known."""
    angles = np.linspace(0, 2 * np.pi, 64 * 9, endpoint=False)
    cells = Cells.on(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert len(cells.centres) == 64
    least = np.pi / 64
    assert np.arccos(1 - cells.radius) <= 2 * least + 1e-3
    every = cells.distances(np.stack([np.cos(angles), np.sin(angles)], axis=1)).min(axis=0)
    assert every.max() <= cells.radius


def test_neither_the_order_of_traces_nor_how_often_one_comes_moves_a_cell() -> None:
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(90, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    first, again = Cells.on(rows), Cells.on(np.concatenate([rows[::-1], rows[:5], rows[:5]]))
    assert np.array_equal(first.centres, again.centres)
    assert first.radius == again.radius


def test_a_method_with_many_seeds_decides_no_more_where_the_ground_is() -> None:
    rng = np.random.default_rng(1)

    def crowd(corner: int) -> Any:
        rows = CORNERS[corner] + 0.01 * rng.normal(size=(200, 8))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    sets = [traces(trial("tailor", seed), crowd(0)) for seed in range(5)]
    sets += [
        traces(trial("without-diversity", method="tailor"), crowd(0)),
        traces(trial("rule-based"), crowd(1)),
    ]
    reference = find_reference(sets)
    assert reference
    assert (reference.vectors[:, 0] > 0.5).sum() == (reference.vectors[:, 1] > 0.5).sum() == 200


def test_what_a_base_model_gets_right_is_no_ground_and_without_ground_only_states_are_counted() -> None:
    base = traces(trial("none"), CORNERS, [[1], [1], [2], [2]], what="base")
    assert find_reference([base]) is None
    coverage = covered(base)
    assert set(coverage["measure"]) == {"sentences", "ngram_states"}
    assert values(coverage, "none", "ngram_states", "base") == {1: 1, 2: pytest.approx(5 / 3, abs=1e-6)}


def test_the_map_is_the_same_plane_for_all_arms_as_numpy_finds_it() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(60, 8)) * [5, 3, 1, 1, 1, 1, 1, 1]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    sets = [traces(trial("one"), rows[:40]), traces(trial("other"), rows[40:], what="policy")]
    found = draw_map(sets, find_reference(sets))
    assert found.columns == ["arm", "backbone", "seed", "x", "y", "what"]
    assert found["arm"].to_list() == ["one"] * 40 + ["other"] * 20
    centred = rows.astype(np.float32) - rows.astype(np.float32).mean(axis=0)
    _, _, axes = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    for axis, column in zip(axes[:2], "xy", strict=True):
        turned = axis * np.sign(axis[np.abs(axis).argmax()])
        assert found[column].to_numpy() == pytest.approx(centred @ turned, abs=1e-4)


def test_a_map_has_at_most_fifty_traces_of_a_set_and_needs_three_that_differ() -> None:
    crowd = traces(trial("one"), np.repeat(CORNERS, 30, axis=0))
    assert draw_map([crowd], find_reference([crowd])).height == 50
    pair = traces(trial("one"), CORNERS[:2])
    assert draw_map([pair], find_reference([pair])).is_empty()


def test_no_sets_have_no_rows_but_the_columns() -> None:
    assert covered().columns == ["arm", "backbone", "seed", "what", "measure", "size", "value"]
    assert draw_map([], None).columns == ["arm", "backbone", "seed", "x", "y", "what"]
