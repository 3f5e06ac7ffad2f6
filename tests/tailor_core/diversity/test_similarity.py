"""Exact cosines: rational arithmetic as oracle."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from tailor_core.diversity.similarity import GRID_STEP, cosine, on_grid
from tailor_core.errors import InputError


def unit(seed: int, n: int, d: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("dimension", [2, 256, 1024])
def test_products_of_grid_rows_have_no_rounding_error_at_all(dimension: int) -> None:
    grid = on_grid(unit(0, 20, dimension))
    plain = grid @ grid.T
    for i, j in [(0, 0), (3, 17), (5, 6)]:
        exact = sum(
            (Fraction(a) * Fraction(b) for a, b in zip(grid[i].tolist(), grid[j].tolist(), strict=True))
        )
        assert Fraction(float(plain[i, j])) == exact


def test_cosines_are_the_same_whatever_the_order_of_summation() -> None:
    grid = on_grid(unit(1, 50, 300))
    order = np.random.default_rng(2).permutation(300)
    assert (cosine(grid, grid) == cosine(grid[:, order], grid[:, order])).all()
    assert (
        cosine(grid, grid) == np.array([[cosine(a[None], b[None])[0, 0] for b in grid] for a in grid])
    ).all()


def test_cosines_agree_with_sklearn_to_six_digits() -> None:
    vectors = unit(4, 100, 256)
    expected = cosine_similarity(vectors.astype(np.float64))
    assert np.abs(cosine(on_grid(vectors), on_grid(vectors)) - expected).max() < 1.5e-6
    assert (np.diag(cosine(on_grid(vectors), on_grid(vectors))) == 1).all()


def test_grid_points_are_whole_multiples_of_the_step() -> None:
    grid = on_grid(unit(5, 3, 8)) / GRID_STEP
    assert (grid == np.rint(grid)).all()


@pytest.mark.parametrize("bad", [[[0.0, 0.0]], [[1.0, 1.0]], [[np.nan, 1.0]], [[np.inf, 0.0]]])
def test_rows_that_are_not_unit_vectors_are_refused(bad: list[list[float]]) -> None:
    with pytest.raises(InputError, match=r"row 1 has length .* must be a unit vector"):
        on_grid(np.array([[1.0, 0.0], *bad]))
    with pytest.raises(InputError, match="must be a matrix"):
        on_grid(np.array([1.0, 0.0]))
