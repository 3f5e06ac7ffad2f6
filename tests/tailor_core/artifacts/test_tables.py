"""Tables: what goes in comes out, equal rows are equal bytes, damage is one clear sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.artifacts.tables import read_records, read_table, table_schema, write_records, write_table
from tailor_core.errors import ArtifactError
from tailor_core.records import Problem, SelectionDecision, Verdict

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
_DECISIONS = st.builds(
    SelectionDecision,
    demonstration_id=_TEXT,
    kept=st.booleans(),
    rule=_TEXT,
    duplicate_of=st.none() | _TEXT,
    similarity=st.none() | st.floats(allow_nan=False),
    rank=st.none() | st.integers(0, 2**40),
)
_PROBLEMS = st.builds(
    Problem,
    id=_TEXT,
    environment=_TEXT,
    question=_TEXT,
    answer=_TEXT,
    metadata=st.dictionaries(_TEXT, _JSON, max_size=3),
)


@given(st.lists(_DECISIONS, max_size=5), st.lists(_PROBLEMS, min_size=1, max_size=3))
def test_records_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, decisions: list[SelectionDecision], problems: list[Problem]
) -> None:
    directory = tmp_path_factory.mktemp("tables")
    assert write_records(directory / "a.parquet", decisions, SelectionDecision) == len(decisions)
    write_records(directory / "b.parquet", problems)
    assert read_records(directory / "a.parquet", SelectionDecision) == decisions
    assert read_records(directory / "b.parquet", Problem) == problems


def test_columns_follow_the_record_and_not_the_values(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_records(path, [SelectionDecision(demonstration_id="d", kept=True, rule="new")])
    expected = {
        "demonstration_id": "String",
        "kept": "Boolean",
        "rule": "String",
        "duplicate_of": "String",
        "similarity": "Float64",
        "rank": "Int64",
    }
    assert table_schema(path) == expected
    write_records(path, [], SelectionDecision)
    assert table_schema(path) == expected


def test_another_reader_sees_the_same_table(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_records(
        path, [Verdict(demonstration_id="d", reward=1.0, checks={"b": 1, "a": "\u00e9"}, reason="")]
    )
    row = pyarrow.parquet.read_table(path).to_pylist()[0]
    assert row == {"demonstration_id": "d", "reward": 1.0, "checks": '{"a":"\u00e9","b":1}', "reason": ""}


def test_equal_rows_are_equal_bytes_in_any_process(
    tmp_path: Path, python_environment: dict[str, str]
) -> None:
    program = (
        "import sys, polars, pathlib; from tailor_core.artifacts.tables import write_table;"
        "words = sorted({str(i) for i in range(5000)});"
        "write_table(pathlib.Path(sys.argv[1]), polars.DataFrame({'word': words, 'n': range(5000)}))"
    )
    contents = set()
    for seed, threads in (("0", "1"), ("123", "2")):
        path = tmp_path / f"{seed}.parquet"
        environment = {**python_environment, "PYTHONHASHSEED": seed, "POLARS_MAX_THREADS": threads}
        subprocess.run([sys.executable, "-c", program, str(path)], check=True, env=environment)
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_damage_is_one_sentence_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with pytest.raises(ArtifactError, match=r"t\.parquet"):
        read_table(path)
    write_table(path, polars.DataFrame({"a": list(range(100))}))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArtifactError, match="cannot be read") as caught:
        read_table(path)
    assert "\n" not in str(caught.value)


def test_rows_of_another_kind_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_records(path, [Verdict(demonstration_id="d", reward=1.0, checks={}, reason="")])
    with pytest.raises(ArtifactError, match="does not hold Problem rows"):
        read_records(path, Problem)
