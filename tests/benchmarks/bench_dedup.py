"""Semantic and near-duplicate removal against the ways a user would otherwise take, in one process.

Run `python tests/benchmarks/bench_dedup.py [rows]`. Contenders take turns, three rounds; the figure is the
median round. Unit vectors of 256 dimensions, a third of them near copies of others; texts of 120 words,
likewise.

* semantic: Tailor's exact blocked cosine, a self-join in DuckDB (`array_inner_product`), and SemHash where
            it is installed (approximate neighbours)
* near:     Tailor's exact Jaccard by prefix filtering, and MinHash with LSH of datasketch where installed
"""

from __future__ import annotations

import importlib.util
import random
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import polars

from tailor_core.catalog.connection import open_catalog
from tailor_core.diversity.dedup import Candidate, drop_near, drop_semantic
from tailor_core.diversity.embedding import HashedEmbedder
from tailor_core.diversity.shingles import shingles
from tailor_core.diversity.similarity import on_grid

ROUNDS = 3
DIMENSION = 256
COSINE = 0.9
JACCARD = 0.8


def make_vectors(rows: int) -> np.ndarray:
    """float32 [rows, 256], the last third near copies of the first."""
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(rows, DIMENSION))
    copies = rows // 3
    vectors[-copies:] = vectors[:copies] + 0.2 * generator.normal(size=(copies, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_texts(rows: int) -> list[str]:
    """Texts over a small vocabulary, the last third near copies of the first."""
    source = random.Random(0)
    words = [f"word{i}" for i in range(60)]
    texts = [[source.choice(words) for _ in range(120)] for _ in range(rows - rows // 3)]
    copies = [[*text[:-4], "other", *text[-3:]] for text in texts[: rows // 3]]
    return [" ".join(text) for text in texts + copies]


def candidates(texts: list[str]) -> list[Candidate]:
    return [
        Candidate(id=f"{i:07d}", problem="p", text=text, reward=1.0, tokens=i) for i, text in enumerate(texts)
    ]


def self_join(vectors: np.ndarray) -> int:
    """Pairs at or above the threshold, by SQL; a user would still have to choose what to keep."""
    table = polars.DataFrame(
        {
            "id": range(len(vectors)),
            "embedding": polars.Series(vectors, dtype=polars.Array(polars.Float32, DIMENSION)),
        }
    )
    with open_catalog() as connection:
        connection.register("incoming", table.to_arrow())
        connection.execute(
            f"create table e as select id, embedding::float[{DIMENSION}] as embedding from incoming"
        )
        ((pairs,),) = connection.execute(
            "select count(*) from e as a join e as b on a.id < b.id "
            f"and array_inner_product(a.embedding, b.embedding) >= {COSINE}"
        ).fetchall()
    return int(pairs)


def semhash(vectors: np.ndarray) -> int:
    """Rows dropped by SemHash on the same vectors."""
    from semhash import SemHash

    records = [str(i) for i in range(len(vectors))]
    model: Any = None
    index = SemHash.from_embeddings(vectors, records, model)
    return len(index.self_deduplicate(COSINE).filtered)


def minhash(texts: list[str]) -> int:
    """Rows dropped by MinHash (128 permutations) with LSH, keeping the first of each pair."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=JACCARD, num_perm=128)
    dropped = 0
    for i, text in enumerate(texts):
        signature = MinHash(num_perm=128)
        signature.update_batch([" ".join(shingle).encode() for shingle in shingles(text)])
        if index.query(signature):
            dropped += 1
        else:
            index.insert(str(i), signature)
    return dropped


def compare(title: str, contenders: dict[str, Callable[[], int]]) -> None:
    """Print each contender's median time, what it found, and its time over the first one's."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    found: dict[str, int] = {}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            start = time.perf_counter()
            found[name] = run()
            times[name].append(time.perf_counter() - start)
    ours = median(next(iter(times.values())))
    print(title)
    for name, seconds in times.items():
        print(
            f"  {name:34s} {median(seconds):8.3f} s   found {found[name]:6d}   {median(seconds) / ours:7.1f}x"
        )


def main() -> None:
    """Compare on the number of rows given on the command line, 3000 without."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    vectors, texts = make_vectors(rows), make_texts(rows)
    nameless = candidates([""] * rows)
    semantic: dict[str, Callable[[], int]] = {
        "Tailor, exact blocked cosine": lambda: len(
            drop_semantic(nameless, on_grid(vectors), COSINE).dropped
        ),
        "DuckDB, self-join": lambda: self_join(vectors),
    }
    near: dict[str, Callable[[], int]] = {
        "Tailor, exact Jaccard by prefix": lambda: len(drop_near(candidates(texts), JACCARD).dropped)
    }
    if importlib.util.find_spec("semhash"):
        semantic["SemHash, approximate neighbours"] = lambda: semhash(vectors)
    if importlib.util.find_spec("datasketch"):
        near["datasketch, MinHash with LSH"] = lambda: minhash(texts)
    compare(f"semantic duplicates, {rows} rows x {DIMENSION}, cosine >= {COSINE}", semantic)
    compare(f"near duplicates, {rows} texts of 120 words, Jaccard >= {JACCARD}", near)
    start = time.perf_counter()
    HashedEmbedder().embed(texts)
    print(f"embedding: {rows / (time.perf_counter() - start):.0f} texts/s")


if __name__ == "__main__":
    main()
