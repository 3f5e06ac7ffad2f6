"""The move language: independent dimensions, stable ids, readable instructions, clear refusals."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.environments.knights_knaves.moves import DIMENSIONS, Program
from tailor_core.errors import InputError

PROGRAMS = st.fixed_dictionaries({k: st.sampled_from(v) for k, v in DIMENSIONS.items()}).map(
    Program.from_dict
)


def test_there_are_eighteen_dimensions_with_a_choice_each() -> None:
    assert len(DIMENSIONS) == 18
    assert all(len(set(values)) == len(values) >= 2 for values in DIMENSIONS.values())
    assert set(DIMENSIONS) == {f.name for f in dataclasses.fields(Program)}


@given(PROGRAMS)
def test_a_program_survives_being_stored(program: Program) -> None:
    again = Program.from_dict(program.to_dict())
    assert again == program
    assert again.id == program.id


@given(PROGRAMS, st.sampled_from(sorted(DIMENSIONS)), st.data())
def test_every_dimension_counts_in_the_id(program: Program, name: str, data: st.DataObject) -> None:
    others = [value for value in DIMENSIONS[name] if value != program.to_dict()[name]]
    changed = Program.from_dict({**program.to_dict(), name: data.draw(st.sampled_from(others))})
    assert changed.id != program.id


def test_the_id_is_the_same_in_another_process() -> None:
    code = (
        "from tailor_core.environments.knights_knaves.moves import Program; print(Program(case='knave').id)"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert outputs == {Program(case="knave").id}


@given(PROGRAMS)
def test_instructions_are_sentences_and_names_are_short(program: Program) -> None:
    assert program.instruction.endswith(".")
    assert program.instruction[0].isupper()
    assert "  " not in program.instruction
    assert 0 < len(program.name) < 150


def test_no_two_values_of_a_dimension_share_an_instruction() -> None:
    for name, values in DIMENSIONS.items():
        texts = {Program.from_dict({name: value}).instruction for value in values}
        assert len(texts) >= len(values) - (name == "preference"), name


def test_a_program_that_sweeps_says_so() -> None:
    assert DIMENSIONS["inspection"] == ("spot", "sweep")
    spot, sweep = Program(), Program(inspection="sweep")
    assert spot == Program(inspection="spot") == Program.from_dict({})
    assert "sweep through claims" in sweep.name
    assert "go through the claims" in sweep.instruction
    assert "sweep" not in spot.name
    assert "go through the claims" not in spot.instruction


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"mood": "sunny"}, "mood"),
        ({"case": "joker"}, "joker"),
        ({"voice": 3}, "voice"),
        ({"case": []}, "case"),
    ],
)
def test_a_wrong_dimension_or_value_is_named(values: dict[str, object], word: str) -> None:
    with pytest.raises(InputError, match=word):
        Program.from_dict(values)
