from __future__ import annotations

import random

import pytest

from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.step_language import MOVES, VOICES
from tailor_core.environments.knights_knaves.wording import Wording
from tailor_core.evaluation.moves import classify, trace_of, usage


def test_moves_are_counted_by_kind_and_voice() -> None:
    think = (
        "I need to place Zoey and Ella. Suppose Zoey were a knight. "
        "Zoey tells the truth, so Ella is a knave. Conflict. Thus Zoey: knave. "
        "Who talks about Ella? Zoey does. So Ella must be a knight. Hmm, I was too quick there."
    )
    assert classify("kk", think) == {
        "open": 1,
        "assume": 1,
        "claim": 1,
        "contradiction": 1,
        "reject": 1,
        "ask": 1,
        "derive": 1,
        "retract": 1,
        "voice:plain": 3,
        "voice:conversational": 3,
        "voice:shorthand": 2,
    }


@pytest.mark.parametrize("voice", VOICES)
def test_steps_that_weigh_clauses_are_counted_once_more_whatever_their_kind_and_voice(voice: str) -> None:
    puzzle = Puzzle(("Zoey", "Ella"), (("or", ("lying", 0), ("lying", 1)), ("not", ("telling-truth", 0))))
    say = Wording(puzzle, VOICES.index(voice), random.Random(0))
    for told in (say.claim, say.judge, say.clash, say.check):
        whole = classify("kk", f"{told(0, True)} {told(1, False)}")
        assert "weigh" not in whole
        assert classify("kk", f"{told(0, True, {})} {told(1, False)}") == {**whole, "weigh": 1}
        assert classify("kk", f"{told(0, True, {1: True})} {told(1, False, {0: True})}") == {
            **whole,
            "weigh": 2,
        }
    assert classify("kk", say.undecided(0)) == {"undecided": 1, f"voice:{voice}": 1}
    assert classify("kk", say.undecided(0, {})) == {"undecided": 1, f"voice:{voice}": 1, "weigh": 1}


@pytest.mark.parametrize("statement", [("lying", 1), ("<=>", ("lying", 1), ("not", ("telling-truth", 0)))])
@pytest.mark.parametrize("voice", VOICES)
def test_every_step_counts_as_what_it_is_in_its_voice(voice: str, statement: tuple) -> None:
    puzzle = Puzzle(("Zoey", "Ella"), (statement, ("lying", 0)))
    say = Wording(puzzle, VOICES.index(voice), random.Random(0))
    told = {kind: getattr(say, kind)(0, True) for kind in ("assume", "derive", "reject", "switch", "merge")}
    told |= {kind: getattr(say, kind)(0, 1) for kind in ("same", "different", "accuse", "ask")}
    told |= {kind: getattr(say, kind)(0) for kind in ("focus", "restate", "undecided")}
    told |= {kind: getattr(say, kind)(0, True) for kind in ("claim", "judge", "clash", "check")}
    told |= {kind: getattr(say, kind)() for kind in ("contradiction", "fits", "retract")}
    told |= {"open": say.open([0, 1]), "done": say.done([True, False]), "self": say.self_rule(0, True)}
    assert set(told) == set(MOVES)
    for kind, sentence in told.items():
        counted = classify("kk", sentence)
        assert counted == {kind: 1, f"voice:{voice}": 1}, sentence


def test_a_bracket_that_is_no_verdict_on_a_clause_weighs_nothing() -> None:
    judged = "Zoey said that Ella is a knave{}, which is true{}: Zoey must be a knight{}."
    assert classify("kk", judged.format("", "", "")) == {"judge": 1, "voice:plain": 1}
    assert classify("kk", judged.format(" (true)", "", "")) == {"judge": 1, "voice:plain": 1, "weigh": 1}
    assert "weigh" not in classify("kk", judged.format(" (maybe)", "", ""))
    assert "weigh" not in classify("kk", judged.format("", " (true)", ""))
    assert "weigh" not in classify("kk", judged.format("", "", " (true)"))
    assert classify("kk", "Suppose Zoey were a knight (open). The door is a gate (open).") == {"other": 2}


def test_wrong_reasoning_still_shows_its_moves() -> None:
    assert classify("kk", "Suppose Nobody were a unicorn. So Nobody must be a unicorn.") == {
        "assume": 1,
        "derive": 1,
        "voice:plain": 2,
    }


def test_prose_outside_the_language_is_other() -> None:
    think = "The cat sat on the mat. He says hello. Let me think step by step! Suppose Ella were a"
    assert classify("kk", think) == {"other": 3}
    assert classify("kk", "") == {}


@pytest.mark.usefixtures("cpu_minute")
@pytest.mark.parametrize(
    ("unit", "size"),
    [
        ("x", 100_000),
        ("So A must be a knight, ", 500_000),
        ("A said that ", 500_000),
        ("A says B is a c (true) and ", 500_000),
        ("\u00e9. ", 500_000),
    ],
)
def test_garbage_is_classified_in_linear_time(unit: str, size: int) -> None:
    assert set(classify("kk", unit * (size // len(unit)))) == {"other"}


def test_the_trace_is_found_even_where_tags_are_missing() -> None:
    assert (
        trace_of("<think>So A must be a knight.</think>\n<answer>x</answer>").strip()
        == "So A must be a knight."
    )
    assert trace_of("So A must be a knight.<answer>x").strip() == "So A must be a knight."
    assert trace_of("<think>cut off") == " cut off"


def test_usage_gives_shares_of_traces_and_mean_counts() -> None:
    assert usage([{"assume": 2, "other": 1}, {"assume": 1}, {}, {"assume": 1}]) == {
        "assume": {"share": 0.75, "mean": 1.0},
        "other": {"share": 0.25, "mean": 0.25},
    }
    assert usage([]) == {}
