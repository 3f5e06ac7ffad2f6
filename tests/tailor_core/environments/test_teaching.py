"""How families are taught is found by name; what lies about its parts is told so in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.environments.base import get_environment
from tailor_core.environments.teaching import get_teaching
from tailor_core.errors import RecipeError
from tailor_core.primitives.language import language_of

PLUGIN = """
from dataclasses import dataclass
from typing import Literal
from tailor_core.environments.programs import MoveProgram
from tailor_core.environments.teaching import Teaching

@dataclass(frozen=True, kw_only=True)
class Program(MoveProgram):
    order: Literal["up", "down"] = "up"
    voice: Literal["plain"] = "plain"
    family = "coins"; telling = ("order",); worded = {}; called_for = {}
    short = {"order": {}, "voice": {}}; sentences = {"order": {}, "voice": {}}

def write(problem, program, rng): return "", ""
GOOD = Teaching(Program, write)

class Bare(MoveProgram): pass
@dataclass(frozen=True)
class Silent(MoveProgram):
    voice: Literal["plain"] = "plain"
@dataclass(frozen=True)
class Numbered(Program):
    depth: Literal[1, 2] = 1
@dataclass(frozen=True)
class Loose(Program):
    depth: str = ""
class Astray(Program): telling = ("order", "depth")
class Helpless(Program): called_for = {"wrong": {"depth": ("deep",)}}
class Nameless(Program): short = {"order": {}}
class Wordless(Program): sentences = {"voice": {}}
class Loud(Program): worded = {"voice": "loud"}
@dataclass(frozen=True, kw_only=True)
class Undecided(Program):
    depth: Literal["low", "high"]
cases = {c.__name__: Teaching(c, write) for c in
         (Bare, Silent, Numbered, Loose, Astray, Helpless, Nameless, Wordless, Loud, Undecided)}
globals().update({name.upper(): case for name, case in cases.items()})
UNWRITTEN = Teaching(Program, "some text")
NUMBER = Teaching(3, write)
"""

FAULTS = {
    "Program": "is type, but must be a tailor_core.environments.teaching.Teaching",
    "NO_SUCH": r"does not load \(AttributeError: ",
    "UNWRITTEN": "has a `write` that cannot be called",
    "NUMBER": "has a `program` that is no frozen dataclass deriving from MoveProgram",
    "BARE": "has a `program` that is no frozen dataclass deriving from MoveProgram",
    "SILENT": "has a program without family, telling, short, sentences, worded, called_for",
    "NUMBERED": "has a program whose dimension 'depth' is no Literal of texts",
    "LOOSE": "has a program whose dimension 'depth' is no Literal of texts",
    "ASTRAY": "has a program whose `telling` speaks of 'depth', which is no dimension",
    "HELPLESS": "has a program whose `called_for` speaks of 'depth', which is no dimension",
    "NAMELESS": "has a program whose `short` says nothing of 'voice'",
    "WORDLESS": "has a program whose `sentences` says nothing of 'order'",
    "LOUD": "has a program whose `worded` gives 'voice' the value 'loud', which it does not have",
    "UNDECIDED": "has a program with a dimension without a default",
}


@pytest.fixture(autouse=True)
def fresh_registry() -> Iterator[None]:
    get_teaching.cache_clear()
    yield
    get_teaching.cache_clear()


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The entry points of an installed package."""
    (tmp_path / "coins_teaching.py").write_text(PLUGIN)
    info = tmp_path / "coins_teaching-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: coins-teaching\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return info / "entry_points.txt"


def test_a_move_language_from_outside_is_found(packages: Path) -> None:
    packages.write_text("[tailor.teachers]\ncoins = coins_teaching:GOOD\n")
    assert language_of("coins").dimensions == {"order": ("up", "down"), "voice": ("plain",)}
    assert ProceduralTeacher("coins").environment == "coins"


@pytest.mark.parametrize("target", FAULTS)
def test_a_teaching_that_lies_about_its_parts_is_one_sentence(packages: Path, target: str) -> None:
    packages.write_text(f"[tailor.teachers]\ncoins = coins_teaching:{target}\n")
    with pytest.raises(RecipeError, match=FAULTS[target]) as raised:
        get_teaching("coins")
    assert f"'coins_teaching:{target}' in the group 'tailor.teachers'" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("ask", [language_of, ProceduralTeacher])
def test_a_family_without_a_teacher_is_one_sentence(ask: object) -> None:
    with pytest.raises(
        RecipeError, match=r"'chess' has no move language .*; use one of .*kk.*'tailor\.teachers'"
    ):
        ask("chess")  # type: ignore[operator]


@pytest.mark.parametrize("family", ["countdown", "igsm", "kk"])
def test_what_checks_knows_nothing_of_what_teaches(family: str) -> None:
    from tailor_core.stages.fingerprint import code_fingerprint

    reached = code_fingerprint(type(get_environment(family)).__module__)
    assert not [name for name in reached if "demonstrations" in name or name.endswith(".teaching")]
