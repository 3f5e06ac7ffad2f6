"""Tables made in pieces: the same whoever makes them, in whatever order and size, and nothing is made twice."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.artifacts.tables import table_bytes
from tailor_core.config.verdicts import VerdictsConfig
from tailor_core.stages.context import FanOut, Keep, StageContext
from tailor_core.stages.piecework import make_table, target_of
from tailor_core.stages.registry import load_target

CONFIG = VerdictsConfig()


class Cubes:
    """The cubes of the first numbers, as many as the seed says."""

    def __init__(self, config: Any, inputs: Mapping[str, Path], seed: int) -> None:
        self.count = seed
        self.made: list[range] = []

    def __len__(self) -> int:
        return self.count

    def make(self, rows: range) -> polars.DataFrame:
        self.made.append(rows)
        return polars.DataFrame({"cube": [row**3 for row in rows]}, schema={"cube": polars.Int64})


class Elsewhere:
    """Makes pieces as other processes would: by class and range alone, and in an order of its own."""

    def __init__(self, count: int, fail_after: int | None = None) -> None:
        self.count, self.fail_after = count, fail_after
        self.asked: list[range] = []

    def __call__(self, work: str, pieces: Sequence[range], keep: Keep) -> None:
        self.asked += pieces
        makes = load_target(work)(CONFIG, {}, self.count)
        for done, piece in enumerate(random.Random(0).sample(list(pieces), len(pieces))):
            if done == self.fail_after:
                raise OSError("the cluster is gone")
            keep(piece, table_bytes(makes.make(piece)))


def make_context(workdir: Path, count: int, fan_out: FanOut | None = None) -> StageContext:
    return StageContext(inputs={}, output=workdir, workdir=workdir, seed=count, fan_out=fan_out)


def make(work: Cubes, context: StageContext, size: int) -> bytes:
    return table_bytes(make_table(work, CONFIG, context, "cubes", size))


@given(count=st.integers(0, 40), size=st.integers(1, 50))
def test_the_table_does_not_depend_on_the_pieces_nor_on_who_makes_them(
    tmp_path_factory: pytest.TempPathFactory, count: int, size: int
) -> None:
    whole = table_bytes(Cubes(CONFIG, {}, count).make(range(count)))
    here, elsewhere = (tmp_path_factory.mktemp(name) for name in ("here", "elsewhere"))
    work = Cubes(CONFIG, {}, count)
    assert make(work, make_context(here, count), size) == whole
    away = Cubes(CONFIG, {}, count)
    assert make(away, make_context(elsewhere, count, Elsewhere(count)), size) == whole
    assert not any(away.made), "all were made elsewhere"


def test_pieces_that_were_kept_are_not_asked_for_again_by_whomever(tmp_path: Path) -> None:
    broken = Elsewhere(30, fail_after=3)
    with pytest.raises(OSError, match="the cluster is gone"):
        make(Cubes(CONFIG, {}, 30), make_context(tmp_path, 30, broken), 4)
    here = Cubes(CONFIG, {}, 30)
    table = make(here, make_context(tmp_path, 30), 4)
    assert len(broken.asked) == 8
    assert len(here.made) == 5
    assert table == table_bytes(Cubes(CONFIG, {}, 30).make(range(30)))
    idle = Elsewhere(30)
    assert make(Cubes(CONFIG, {}, 30), make_context(tmp_path, 30, idle), 4) == table
    assert not idle.asked


def test_pieces_of_another_seed_section_or_input_are_not_taken(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "file").write_text("one")

    def pieces_made(config: VerdictsConfig, seed: int) -> int:
        work = Cubes(config, {}, 8)
        context = StageContext(inputs={"data": data}, output=tmp_path, workdir=tmp_path / "work", seed=seed)
        make_table(work, config, context, "cubes", 4)
        return len(work.made)

    assert [pieces_made(CONFIG, 1), pieces_made(CONFIG, 1)] == [2, 0]
    assert pieces_made(CONFIG, 2) == 2
    assert pieces_made(VerdictsConfig(sound_steps_from=()), 1) == 2
    (data / "file").write_text("two")
    assert pieces_made(CONFIG, 1) == 2


def test_a_class_is_found_by_the_name_that_it_is_sent_under() -> None:
    assert load_target(target_of(Cubes)).__name__ == "Cubes"
