"""Shards: used again when they are whole and of the same things, made anew when they are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars
import pytest

from tailor_core.artifacts.shards import Shards, parts
from tailor_core.records import EvaluationRow

MADE_FROM = {"model": "policy", "seed": 3}


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    return Shards(tmp_path / "work" / "shards")


class Maker:
    """Makes the numbers that it is told to, and counts how often."""

    def __init__(self, numbers: list[int]) -> None:
        self.numbers = numbers
        self.calls = 0

    def __call__(self) -> polars.DataFrame:
        self.calls += 1
        return polars.DataFrame({"number": self.numbers})


def only_file(shards: Shards) -> Path:
    (path,) = shards.directory.iterdir()
    return path


def test_a_shard_is_made_once(shards: Shards) -> None:
    make = Maker([1, 2])
    first = shards.table(MADE_FROM, make)
    again = Shards(shards.directory).table({"seed": 3, "model": "policy"}, make)
    assert first.equals(again)
    assert first["number"].to_list() == [1, 2]
    assert make.calls == 1


def test_of_other_things_another_shard_is_made(shards: Shards) -> None:
    shards.table(MADE_FROM, Maker([1]))
    assert shards.table({**MADE_FROM, "seed": 4}, Maker([2]))["number"].to_list() == [2]
    assert shards.table(MADE_FROM, Maker([3]))["number"].to_list() == [1]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, flip, empty, Path.unlink])
def test_a_damaged_shard_is_made_anew(shards: Shards, damage: Callable[[Path], None]) -> None:
    shards.table(MADE_FROM, Maker([1, 2]))
    content = only_file(shards).read_bytes()
    damage(only_file(shards))
    make = Maker([1, 2])
    assert shards.table(MADE_FROM, make)["number"].to_list() == [1, 2]
    assert make.calls == 1
    assert only_file(shards).read_bytes() == content


def test_a_shard_of_other_things_under_this_name_would_not_count(shards: Shards) -> None:
    """Whoever renames files by hand."""
    shards.table(MADE_FROM, Maker([1]))
    digest = only_file(shards).name.partition("-")[0]
    other = Shards(shards.directory.with_name("other"))
    other.table("something else", Maker([9]))
    only_file(shards).unlink()
    only_file(other).rename(shards.directory / f"{digest}-{'0' * 32}.parquet")
    assert shards.table(MADE_FROM, Maker([1]))["number"].to_list() == [1]


def test_what_fails_to_be_made_leaves_no_shard(shards: Shards) -> None:
    def fail() -> polars.DataFrame:
        raise OSError("no answer")

    with pytest.raises(OSError, match="no answer"):
        shards.table(MADE_FROM, fail)
    assert shards.table(MADE_FROM, Maker([5]))["number"].to_list() == [5]


def test_rows_are_the_same_whether_made_now_or_read_again(shards: Shards) -> None:
    row = EvaluationRow(
        model="policy", problem_id="p", split="test", difficulty=3, sample=0, completion="<think>", reward=0.0,
        well_formed=False, finished=True, tokens=4, entropy=0.1, reason="no answer", moves={"z": 1, "a": 2},
    )  # fmt: skip
    made = shards.records(MADE_FROM, EvaluationRow, lambda: [row])
    again = shards.records(MADE_FROM, EvaluationRow, list)
    assert made == again == [row]
    assert list(made[0].moves) == list(again[0].moves)


def test_no_rows_are_a_shard_too(shards: Shards) -> None:
    assert shards.records(MADE_FROM, EvaluationRow, list) == []
    assert shards.records(MADE_FROM, EvaluationRow, lambda: pytest.fail("made again")) == []


def test_parts_are_in_order_and_lose_nothing() -> None:
    assert [list(part) for part in parts(range(7), 3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(parts([], 3)) == []
