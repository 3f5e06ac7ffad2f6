"""Hand-written traces: what a step checker must accept, refuse and survive."""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import replace

import pytest

from tailor_core.environments.base import get_environment
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.statements import leaves, phrase, truth_table
from tailor_core.environments.knights_knaves.step_claims import Claim, ClaimReader
from tailor_core.environments.knights_knaves.step_language import readings
from tailor_core.environments.knights_knaves.steps import _Reader, check_steps
from tailor_core.environments.knights_knaves.wording import Wording
from tailor_core.environments.knights_knaves.words import MOST_WORDS

# Bob lies whatever Ann is: were he a knight, his own claim would make him a knave. So Ann is right.
TWO = Puzzle(("Ann", "Bob"), (("lying", 1), ("and", ("lying", 0), ("lying", 1))))
# Cy is open until the last claim; Ann and Bob accuse each other.
THREE = Puzzle(
    ("Ann", "Bob", "Cy"),
    (("lying", 1), ("lying", 0), ("<=>", ("telling-truth", 0), ("telling-truth", 2))),
)

PLAIN = (
    "I need to place Ann and Bob. Let me look at Bob. Suppose Bob were a knight. "
    "Bob is a knight; Bob said that Ann is a knave and Bob is a knave, which holds. "
    "That is a contradiction. So Bob cannot be a knight and must be a knave. "
    "Ann said that Bob is a knave, which is true: Ann must be a knight. "
    "Bob said that Ann is a knave (false) and Bob is a knave (true), which is false: Bob is a knave. "
    "All claims fit. So Ann is a knight and Bob is a knave."
)
CONVERSATIONAL = (
    "So who is what? Ann and Bob are open. What about Bob? What if Bob is a knight? "
    "Bob tells the truth, so Ann is a knave and Bob is a knave. But that does not work. "
    "So Bob must be a knave after all. Who talks about Bob? Ann does. "
    "Ann claims that Bob is a knave, and that is right, so Ann is a knight. "
    "Bob is a knave and the claim that Ann is a knave and Bob is a knave is indeed false. "
    "Everything fits now. That settles it: Ann is a knight and Bob is a knave."
)
FORMAL = (
    "The roles of Ann and Bob are to be determined. Consider Bob. "
    "The claim of Bob, that Ann is a knave and Bob is a knave, rules out that Bob is a knight; "
    "hence Bob is a knave. The role of Ann is to be determined. The claim of Ann concerns Bob. "
    "The claim of Ann is that Bob is a knave. "
    "The claim of Ann, that Bob is a knave, is true; hence Ann is a knight. "
    "Verification: Ann is a knight, and that Bob is a knave is true. All statements are consistent. "
    "In conclusion, Ann is a knight and Bob is a knave."
)
SHORTHAND = (
    "Open: Ann and Bob. On Bob. Ann on Bob. Ann != Bob. Bob says Ann is a knave and Bob is a knave, so Bob: "
    "knave. Ann: knave. Undo. Ann: knight. Check Ann: knight, Bob is a knave true. All fit. "
    "Result: Ann knight, Bob knave."
)


@pytest.mark.parametrize("think", [PLAIN, CONVERSATIONAL, FORMAL, SHORTHAND, PLAIN.replace(". ", ".\n")])
def test_a_sound_trace_is_accepted_in_each_voice(think: str) -> None:
    report = check_steps(TWO, think)
    assert report.sound, report.reason
    assert report.errors_found == report.recovered == think.count("Undo")


def test_the_report_counts_steps_moves_and_recovered_errors() -> None:
    report = check_steps(TWO, SHORTHAND)
    assert (report.steps, report.errors_found, report.recovered) == (11, 1, 1)
    assert report.moves["derive"] == 2
    assert report.moves["retract"] == report.moves["self"] == report.moves["different"] == 1
    assert report.moves["voice:shorthand"] == 11


def test_cases_may_be_merged_when_both_give_the_same() -> None:
    think = (
        "Ann and Bob accuse each other, so exactly one of them is a knight. Suppose Ann were a knight. "
        "Then Bob must be a knave. Suppose Cy were a knight. Now suppose instead that Cy were a knave. "
        "Cy is a knave; Cy said that Ann is a knight if and only if Cy is a knight, which fails. "
        "In both cases Bob must be a knave. "
    )
    assert check_steps(THREE, think).reason.startswith("step 7, 'In both cases Bob")
    merged = (
        "Suppose Bob were a knight. Now suppose instead that Bob were a knave. Suppose Cy were a knight. "
        "Cy tells the truth, so Ann is a knight if and only if Cy is a knight. Then Ann must be a knight. "
        "And if Cy is a knave instead? Cy lies, so it is wrong that Ann is a knight if and only if Cy is a "
        "knight. So Ann has to be a knight. Either way Ann is a knight. So Cy must be a knight."
    )
    report = check_steps(THREE, merged)
    assert report.reason.startswith("step 10, 'So Cy"), report.reason
    done = merged.replace("So Cy must be a knight.", "Suppose Cy were a knight.")
    assert check_steps(THREE, done).sound


@pytest.mark.parametrize(
    ("old", "new", "step"),
    [
        ("I need to place Ann and Bob.", "I need to place Ann.", 1),
        ("Let me look at Bob.", "Let me look at Zed.", 2),
        ("said that Ann is a knave and", "said that Ann is a knight and", 4),
        ("which holds", "which fails", 4),
        ("Bob is a knight; Bob", "Bob is a knave; Bob", 4),
        ("That is a contradiction. ", "", 5),
        ("Bob is a knight; Bob said that Ann is a knave and Bob is a knave, which holds. ", "", 4),
        ("cannot be a knight and must be a knave", "cannot be a knave and must be a knight", 6),
        ("cannot be a knight and must be a knave", "cannot be a knave and must be a knave", 6),
        ("So Bob cannot be a knight and must be a knave. ", "", 6),
        ("which is true: Ann must be a knight", "which is false: Ann must be a knave", 7),
        ("which is true: Ann must be a knight", "which is true: Ann must be a knave", 7),
        ("Ann said that Bob is a knave, which is true", "Ann said that Bob is a knight, which is true", 7),
        ("true: Ann must be a knight.", "true: Bob must be a knight.", 7),
        ("which is false: Bob", "which is true: Bob", 8),
        ("false: Bob is a knave. All", "false: Bob is a knight. All", 8),
        ("Ann is a knave (false)", "Ann is a knave (true)", 8),
        ("Ann is a knave (false)", "Ann is a knave (open)", 8),
        ("Bob is a knave (true)", "Bob is a knave (maybe)", 8),
        ("All claims fit.", "All claims fit, I think.", 9),
        ("All claims fit.", "Wait, that does not follow.", 9),
        ("So Ann is a knight and Bob is a knave.", "So Ann is a knight and Bob is a knight.", 10),
        ("So Ann is a knight and Bob is a knave.", "So Ann is an knight and Bob is a knave.", 10),
        ("Suppose Bob were a knight", "Suppose Bob were a saint", 3),
    ],
)
def test_one_wrong_word_is_found_at_its_step(old: str, new: str, step: int) -> None:
    assert old in PLAIN
    report = check_steps(TWO, PLAIN.replace(old, new, 1))
    assert not report.sound
    assert report.reason.startswith(f"step {step},"), report.reason


def test_a_slip_must_be_taken_back_at_once() -> None:
    slip = "So Ann must be a knave. "
    end = (
        "Bob says Ann is a knave and Bob is a knave, so Bob: knave. "
        "Ann says Bob is a knave, true, Ann: knight."
    )
    assert check_steps(TWO, f"{slip}No, that is wrong. {end}").recovered == 1
    assert check_steps(TWO, slip + end).reason.startswith("step 1,")
    assert check_steps(TWO, f"{slip}Consider Bob. No, that is wrong. {end}").reason.startswith("step 1,")
    assert check_steps(TWO, f"{end} {slip}").reason.startswith("step 3,")
    assert check_steps(TWO, f"Suppose Ann were a knave. Undo. {end}").reason.startswith("step 2,")


def test_an_assumption_that_works_may_stay_open_but_not_a_contradictory_one() -> None:
    assert check_steps(TWO, "Suppose Ann were a knight. Suppose Bob were a knave.").sound
    refuted = "Suppose Bob were a knight. Ann: knave. Undo. Suppose Ann were a knight."
    assert check_steps(TWO, refuted).reason == "the trace ends with roles that do not fit all statements"
    clash = (
        "Suppose Bob were a knight. Suppose Ann were a knave. "
        "Bob says Ann is a knave and Bob is a knave, false"
    )
    report = check_steps(TWO, f"{clash}, Bob: knight, conflict.")
    assert report.reason == "the trace ends inside a contradictory case"


def test_nothing_is_derived_from_a_contradiction() -> None:
    think = (
        "Suppose Bob were a knight. "
        "Bob is a knight; Bob said that Ann is a knave and Bob is a knave, which holds. "
        "Then Ann must be a knave."
    )
    assert "contradicts itself already" in check_steps(TWO, think).reason


def test_other_role_words_take_their_own_article() -> None:
    puzzle = Puzzle(TWO.names, TWO.statements, "altruist", "egoist")
    think = FORMAL.replace("a knight", "an altruist").replace("a knave", "an egoist")
    assert check_steps(puzzle, think).sound
    assert not check_steps(puzzle, think.replace("an altruist", "a altruist")).sound
    assert not check_steps(puzzle, FORMAL).sound


def test_a_name_of_as_many_words_as_a_spec_may_have_is_read() -> None:
    name = " ".join(["Ann", *["van"] * (MOST_WORDS - 1)])
    assert any(reading.gaps == {"N": name} for reading in readings(f"Let me look at {name}."))
    assert not readings(f"Let me look at {name} van.")


def test_names_of_several_words_are_read() -> None:
    puzzle = Puzzle(("Mary Ann", "Bob-2"), TWO.statements)
    for think in (PLAIN, CONVERSATIONAL, FORMAL, SHORTHAND):
        report = check_steps(puzzle, think.replace("Ann", "Mary Ann").replace("Bob", "Bob-2"))
        assert report.sound, report.reason


HOSTILE = [
    "",
    " \n\t ",
    ".",
    "?" * 5000,
    "x" * 100_000,
    "(" * 100_000,
    "Ann says " + "(" * 100_000 + "Ann is a knight" + ")" * 100_000 + ".",
    "Open: " + ", ".join(["Ann"] * 20_000) + ".",
    "\u202e\u2003\u0000Suppose \uff21nn were a knight. " * 3000,
    "\ud800 is a knight.",
    "Ann said that " + "Ann is a knight (true) and " * 5000 + "Ann is a knight (open).",
    "Ann said that " + "(" * 50_000 + "Ann is a knight (open)" + ")" * 50_000 + ".",
    "Ann said that Ann is a knight " + "(true" * 30_000 + ")" * 30_000 + ".",
    "Ann said that Ann is a knight" + " (true)" * 30_000 + ".",
]


@pytest.mark.usefixtures("cpu_minute")
@pytest.mark.parametrize("think", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_unsound_and_never_an_exception(think: str) -> None:
    report = check_steps(TWO, think)
    assert not report.sound
    assert 0 < len(report.reason) < 400


LONG = [
    ("", "Ann Ann Ann Ann ", ""),
    ("", ". ", ""),
    ("", "Ann and Bob, ", "Bob are open."),
    ("", "So Ann must be a knight, ", ""),
    ("", "Who talks about Ann? ", ""),
    ("", "Let me look at Ann. ", ""),
    ("", "Suppose Ann were a knight. Now suppose instead that Ann were a knave. ", ""),
    ("", "The claim of Ann, that ", ""),
    ("", "Ann said that ", ""),
    ("", "Ann said that Ann is a knight, which is true: ", ""),
    ("", "Ann said that Ann is a knight, which is true: Ann must be a ", ""),
    ("", "Ann is a knight; Ann said that Ann is a knight, which holds: ", ""),
    ("", "Ann claims that Bob is a knave, and that may be or not, ", ""),
    ("", "Ann said that Bob is a knave (open), which is open, ", ""),
    ("Ann said that ", "Bob is a knave (open) and ", "Bob is a knave (open)."),
    ("Ann said that Bob is a knave ", "(open ", "."),
]


@pytest.mark.usefixtures("cpu_minute")
@pytest.mark.parametrize(("before", "again", "after"), LONG)
def test_a_long_text_takes_linear_time(before: str, again: str, after: str) -> None:
    assert not check_steps(TWO, before + again * (1_000_000 // len(again)) + after).sound


@pytest.mark.usefixtures("cpu_minute")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("B is a y and ", ""),
        ("B is a y (open) or (", ")"),
        ("it is not the case that (", ")"),
        ("((((", "))))"),
    ],
)
def test_a_claim_of_two_hundred_thousand_clauses_takes_linear_time(before: str, after: str) -> None:
    reader = ClaimReader(Puzzle(("A", "B"), TWO.statements, "x", "y"))
    assert reader.read(before * 200_000 + "B is a y" + after * 200_000) is not None


def test_the_environment_offers_the_check() -> None:
    kk = get_environment("kk")
    problem = kk.generate(kk.options_model(), count=1, split="train", seed=1)[0]
    assert not kk.check_steps(problem, "All claims fit.").sound


STATEMENTS = [
    ("telling-truth", 0),
    ("not", ("lying", 1)),
    ("not", ("not", ("lying", 1))),
    ("not", ("and", ("lying", 1), ("not", ("telling-truth", 0)))),
    ("->", ("or", ("lying", 0), ("lying", 2)), ("not", ("<=>", ("lying", 1), ("telling-truth", 2)))),
    ("or", ("lying", 0), ("lying", 1), ("and", ("telling-truth", 0), ("telling-truth", 1))),
    ("<=>", ("->", ("lying", 0), ("lying", 1)), ("not", ("not", ("or", ("lying", 2), ("lying", 1))))),
    ("and", ("telling-truth", 2)),
]


@pytest.mark.parametrize("statement", STATEMENTS, ids=str)
def test_claims_are_read_back_to_the_truth_table_of_the_statement(statement: tuple) -> None:
    reader = ClaimReader(THREE)
    assert reader.read(phrase(statement, THREE.names)) == Claim(truth_table(statement, 3))


@pytest.mark.parametrize("statement", STATEMENTS, ids=str)
def test_what_is_said_of_each_clause_is_read_back(statement: tuple) -> None:
    claim = ClaimReader(THREE).read(phrase(statement, THREE.names, facts={1: False}))
    assert claim is not None
    assert claim.table == truth_table(statement, 3)
    assert len(claim.weighed) == len(list(leaves(statement)))
    settled = truth_table(("lying", 1), 3)
    for clause, truth in claim.weighed:
        assert truth is (None if 0 < clause & settled < settled else clause & settled == settled)


def test_weighing_many_clauses_of_a_big_puzzle_takes_no_memory_for_each() -> None:
    names = tuple(f"P{i}" for i in range(20))
    reader = ClaimReader(Puzzle(names, (("lying", 0),) * 20))
    claim = reader.read(" and ".join(["P1 is not a knight (open)", "P2 is a knave (open)"] * 2000))
    assert claim is not None
    assert len(claim.weighed) == 4000
    assert len({id(clause) for clause, _ in claim.weighed}) == 2


@pytest.mark.parametrize("voice", range(4))
@pytest.mark.parametrize("statement", STATEMENTS, ids=str)
def test_a_claim_weighed_and_a_claim_taken_whole_read_back_to_the_same_step(
    voice: int, statement: tuple
) -> None:
    puzzle = Puzzle(THREE.names, (statement, ("lying", 0), ("lying", 0)))
    say, reader = Wording(puzzle, voice, random.Random(0)), _Reader(puzzle)
    people = {leaf[1] for leaf in leaves(statement)}
    for kind in ("claim", "judge", "clash", "check", "undecided"):
        for told in ((0,),) if kind == "undecided" else ((0, True), (0, False)):
            whole = reader.steps(getattr(say, kind)(*told))
            assert whole[0].kind == kind
            assert all(step.claim.weighed == () for step in whole)
            for facts in itertools.product((None, True, False), repeat=3):
                known = {person: role for person, role in enumerate(facts) if role is not None}
                weighed = reader.steps(getattr(say, kind)(*told, known))
                assert [replace(step, claim=Claim(step.claim.table)) for step in weighed] == whole
                marks = [truth for _, truth in weighed[0].claim.weighed]
                assert len(marks) == len(list(leaves(statement)))
                assert (None in marks) == bool(people - known.keys())


@pytest.mark.parametrize(
    "sentence",
    [
        "Suppose Bob were a knave (open).",
        "So Bob must be a knave (open).",
        "So Ann is a knight (true) and Bob is a knave (true).",
        "Ann said that Bob is a knave, which is true (true): Ann must be a knight.",
        "Ann said that Bob is a knave, which is true: Ann must be a knight (open).",
        "Ann (open) said that Bob is a knave.",
        "Ann calls Bob a knave (true), so Ann and Bob are of different kinds.",
        "If Ann were a knave (open), saying that Bob is a knave makes no sense, so Ann is a knight.",
    ],
)
def test_nothing_but_a_clause_of_a_claim_is_weighed(sentence: str) -> None:
    assert _Reader(TWO).steps(re.sub(r" \((?:open|true)\)", "", sentence))
    assert _Reader(TWO).steps(sentence) == []


SPEAKER_OPEN = Puzzle(
    THREE.names, (("or", ("lying", 1), ("telling-truth", 0), ("not", ("lying", 2))), *THREE.statements[1:])
)


@pytest.mark.parametrize("facts", list(itertools.product((None, True, False), repeat=3)))
def test_each_clause_must_be_weighed_by_the_roles_found_so_far_the_speakers_own_among_them(
    facts: tuple[bool | None, ...],
) -> None:
    roles = [
        f"Suppose {n} were {'a knight' if k else 'a knave'}."
        for n, k in zip(THREE.names, facts, strict=True)
        if k is not None
    ]
    clauses = ("Bob is a knave", "Ann is a knight", "Cy is not a knave")
    so = (None if facts[1] is None else not facts[1], facts[0], facts[2])
    accepted = []
    for marks in itertools.product(("open", "true", "false"), repeat=3):
        said = " or ".join(f"{clause} ({mark})" for clause, mark in zip(clauses, marks, strict=True))
        report = check_steps(SPEAKER_OPEN, " ".join([*roles, f"Ann said that {said}."]))
        if report.reason.startswith("the trace ends") or report.sound:
            accepted.append(marks)
        else:
            assert report.reason.endswith("a clause of the claim is weighed wrongly")
    words = {None: "open", True: "true", False: "false"}
    assert accepted == [tuple(words[truth] for truth in so)]


# Bob and Cy settle what Ann says of them; Bob's claim stays open until Ann or Cy is placed.
OPEN_CLAIMS = Puzzle(
    THREE.names,
    (
        ("or", ("lying", 1), ("not", ("lying", 2))),
        ("<=>", ("telling-truth", 0), ("telling-truth", 2)),
        ("telling-truth", 1),
    ),
)
PLACES = {
    "nobody": "",
    "Ann": "Suppose Ann were a knight. ",
    "Bob": "Suppose Bob were a knight. ",
    "Ann and Cy": "Suppose Ann were a knight. Suppose Cy were a knave. ",
    "Bob and Cy": "Suppose Bob were a knight. Suppose Cy were a knave. ",
}


@pytest.mark.parametrize("voice", range(4))
@pytest.mark.parametrize(
    ("placed", "still_open"),
    [
        ("nobody", {0, 1, 2}),
        ("Ann", {0, 1, 2}),
        ("Bob", {0, 1}),
        ("Ann and Cy", {0, 2}),
        ("Bob and Cy", {1}),
    ],
)
def test_a_claim_is_undecided_as_long_as_the_facts_leave_it_open(
    voice: int, placed: str, still_open: set[int]
) -> None:
    say = Wording(OPEN_CLAIMS, voice, random.Random(0))
    facts = {
        OPEN_CLAIMS.names.index(name): role == "knight"
        for name, role in re.findall(r"(\w+) were a (\w+)", PLACES[placed])
    }
    for person in range(3):
        for weighed in (None, facts):
            report = check_steps(OPEN_CLAIMS, PLACES[placed] + say.undecided(person, weighed))
            if person in still_open:
                assert report.reason.startswith("the trace ends before"), report.reason
            else:
                assert report.reason.endswith("the facts settle whether the claim is true")
            assert report.moves["undecided"] == 1


@pytest.mark.parametrize("voice", range(4))
def test_an_undecided_claim_must_be_quoted_and_weighed_rightly(voice: int) -> None:
    others = Puzzle(THREE.names, tuple(OPEN_CLAIMS.statements[p] for p in (1, 0, 2)))
    right, wrong = (Wording(puzzle, voice, random.Random(0)) for puzzle in (OPEN_CLAIMS, others))
    suppose = "Suppose Cy were a knight. "
    for person, weighed in itertools.product((0, 1), (None, {2: True})):
        report = check_steps(OPEN_CLAIMS, suppose + wrong.undecided(person, weighed))
        assert report.reason.endswith(f"{THREE.names[person]} does not say that")
    for facts in ({}, {2: False}, {1: True}, {0: False, 2: True}):
        report = check_steps(OPEN_CLAIMS, suppose + right.undecided(1, facts))
        assert report.reason.endswith("a clause of the claim is weighed wrongly")
    for facts in ({2: True}, {1: True, 2: True}):
        report = check_steps(OPEN_CLAIMS, suppose + right.undecided(1, facts))
        assert report.reason == "the trace ends before Ann is placed"


def test_an_undecided_claim_has_no_place_in_a_contradictory_case_and_is_never_taken_back() -> None:
    contradiction = "Suppose Ann were a knight. Suppose Bob were a knight. Ann != Bob. Conflict. "
    said = "Cy said that Ann is a knight if and only if Cy is a knight, which is open. "
    assert check_steps(THREE, contradiction + said).reason.endswith("it must be rejected first")
    taken_back = check_steps(THREE, f"Ann said that Bob is a knight, which is open. Undo. {said}")
    assert taken_back.reason.startswith("step 1,"), "only a derivation or a judgement may be taken back"


def test_after_a_contradiction_all_may_be_supposed_afresh_but_nothing_that_failed() -> None:
    failed = "Suppose Ann were a knight. Suppose Bob were a knight. Ann != Bob. Conflict. "
    for again in ("Suppose Bob were a knave. ", "Suppose Bob were a knight. Suppose Ann were a knave. "):
        report = check_steps(THREE, failed + again)
        assert report.reason.startswith("the trace ends before"), "the old assumptions are gone"
    for again in (
        "Suppose Ann were a knight. Suppose Bob were a knight. ",
        "Suppose Bob were a knight. " * 2,
    ):
        assert not check_steps(THREE, failed + again).reason.startswith("the trace ends before")
    twice = check_steps(THREE, failed + "Suppose Bob were a knight. Suppose Ann were a knight. ")
    assert twice.reason.endswith("these assumptions were led to a contradiction before")
    certain = "Ann != Bob. Suppose Ann were a knight. Suppose Bob were a knight. Conflict. "
    kept = check_steps(THREE, certain + "Suppose Ann were a knight. Then Bob must be a knave. ")
    assert kept.reason == "the trace ends before Cy is placed", "what was certain stays"


def test_deep_claims_are_read_without_recursion() -> None:
    assert ClaimReader(TWO).read("(" * 30_000 + "Ann is a knight" + ")" * 30_000) == Claim(
        truth_table(("telling-truth", 0), 2)
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ann",
        "Ann is",
        "Ann is a",
        "Ann is not",
        "is a knight",
        "not Ann is a knight",
        "Ann is a knight and",
        "and Ann is a knight",
        "Ann is a knight and Bob is a knave or Bob is a knight",
        "Ann is a knight if and only if Bob is a knave if and only if Ann is a knave",
        "if Ann is a knight",
        "(if Ann is a knight)",
        "if Ann is a knight then",
        "(Ann is a knight",
        "Ann is a knight)",
        "()",
        "(Ann is a knight) Bob is a knave",
        "it is not the case that",
        "it is not the case that Ann is a knight and Bob is a knave",
        "Ann is a knight then Bob is a knave",
        "Ann is not not a knight",
        "Ann is a knight (maybe)",
        "Ann is a knight (true) (true)",
        "Ann is a knight (True)",
        "Ann is a knight true",
        "Ann is a knight (true",
        "Ann is a knight true)",
        "Ann is a knight ()",
        "Ann is a knight ((true))",
        "Ann is a knight (true open)",
        "Ann is a (true) knight",
        "Ann (true) is a knight",
        "(true) Ann is a knight",
        "Ann is a knight (true) Bob is a knave",
        "Ann is a knight and (true) Bob is a knave",
        "if Ann is a knight then (true)",
        "it is not the case that (Ann is a knight) (false)",
        "(true)",
        "(Ann is a knight) (true)",
    ],
)
def test_what_is_no_claim_has_no_truth_table(text: str) -> None:
    assert ClaimReader(TWO).read(text) is None
