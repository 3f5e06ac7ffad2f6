"""Masking and skeletons: names, roles and statements go, moves stay."""

from __future__ import annotations

import random
import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.diversity.structure import ROLE_PAIRS, WEIGHED, masked_sentences, skeleton
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.wording import Wording
from tailor_core.environments.knights_knaves.words import ROLE_WORDS


def skeletons(text: str) -> list[str]:
    return [skeleton(sentence) for sentence in masked_sentences(text)]


def test_people_are_numbered_by_first_appearance_and_roles_by_meaning() -> None:
    text = "Next I look at Zoey. Ella said that Zoey is a sinner. Then Ella must be a saint."
    assert [" ".join(sentence) for sentence in masked_sentences(text)] == [
        "next i look at N1",
        "N2 said that N1 is a R-",
        "then N2 must be a R+",
    ]


def test_renaming_people_and_role_words_changes_nothing() -> None:
    text = "Open: Zoey, Ella and Liam. Try Zoey: knight. Zoey true: Ella is a knave. Ella: knave."
    other = text.replace("Zoey", "Bob").replace("Ella", "Ann").replace("Liam", "Cy")
    other = other.replace("knight", "hero").replace("knave", "villain")
    assert masked_sentences(text) == masked_sentences(other)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("I need to place Zoey, Ella and Liam.", "i need to place N"),
        ("So I need to place Zoey.", "so i need to place N"),
        ("Then Zoey must be a knight.", "then P+"),
        ("So Zoey has to be a knave.", "so P-"),
        ("Hence Zoey is not a knight.", "hence P-"),
        ("Now suppose instead that Zoey were a knave.", "now suppose instead that P-"),
        ("So Zoey cannot be a knight and must be a knave.", "so N cannot be a R+ and must be a R-"),
        ("And if Zoey is a knave instead?", "and if P- instead"),
        ("Assume for the moment that Zoey is a knight.", "assume for the moment that P+"),
        ("So Zoey is a knight, Ella is a knave and Liam is a knave.", "so S"),
    ],
)
def test_what_is_left_of_a_sentence_is_its_move(sentence: str, expected: str) -> None:
    assert skeletons("We meet Zoey, Ella and Liam. " + sentence)[1] == expected


@pytest.mark.parametrize(
    "statement",
    [
        "Ella is a knave",
        "Ella is not a knave",
        "Ella is a knave or Liam is a knight",
        "Ella is a knave if and only if Liam is a knight",
        "if Ella is a knave then Liam is a knight",
        "it is not the case that (Ella is a knave and Liam is a knight)",
        "(Ella is a knave or Zoey is a knight) and it is not the case that (Liam is a knave)",
    ],
)
def test_a_statement_folds_into_one_symbol_whatever_its_form(statement: str) -> None:
    people = "We meet Zoey, Ella and Liam."
    for told, folded in (
        ("which is false", "which is false"),
        ("which is true: Zoey must be a knight", "which is true : P+"),
        ("which is false: Zoey is a knave", "which is false : P-"),
        ("which is false: Zoey is a knight, a contradiction", "which is false : P+ , a contradiction"),
        ("which fails", "which fails"),
        ("which is open", "which is open"),
        ("which a knave could not say, so Zoey must be a knight", "which a R- could not say , so P+"),
    ):
        assert skeletons(f"{people} Zoey said that {statement}, {told}.")[1] == f"N said that S , {folded}"
    assert skeletons(f"{people} Zoey said that {statement}.")[1] == "N said that S"


def test_the_role_that_is_assumed_first_stays_visible() -> None:
    assert skeletons("Suppose Zoey were a knight.") != skeletons("Suppose Zoey were a knave.")


def test_the_role_words_of_the_shipped_environment_are_known() -> None:
    assert set(ROLE_WORDS) < set(ROLE_PAIRS)


def test_weighing_the_clauses_of_a_claim_shows_whatever_the_claim() -> None:
    one = "Ann said that Bob is a knave (true) or Cy is not a knight (open), which is true: Ann must be a knight."
    other = (
        "Ann said that it is not the case that (Bob is a knave (false)), which is true: Ann must be a knight."
    )
    assert skeletons(one) == skeletons(other) == ["N said that S , which is true : P+ weighed"]
    whole = re.sub(r" \((?:true|false|open)\)", "", one)
    assert skeletons(whole) == ["N said that S , which is true : P+"]


@pytest.mark.parametrize("voice", range(4))
def test_what_is_said_of_a_clause_is_masked_and_that_something_is_said_is_not(voice: int) -> None:
    statements = (("and", ("lying", 1), ("not", ("telling-truth", 2))), ("lying", 0), ("telling-truth", 0))
    say = Wording(Puzzle(("Zoey", "Ella", "Liam"), statements), voice, random.Random(0))
    tellings = [partial(tell, 0, True) for tell in (say.claim, say.judge, say.clash, say.check)]
    for told in (*tellings, partial(say.undecided, 0)):
        weighed = [
            f"Zoey and Ella are open. {told(facts)}"
            for facts in ({}, {1: True}, {1: False, 2: True}, {2: False})
        ]
        assert len(set(weighed)) == 4
        (masked,) = {tuple(masked_sentences(text)) for text in weighed}
        whole = masked_sentences(f"Zoey and Ella are open. {told()}")
        assert [word for sentence in masked for word in sentence if word != WEIGHED] == [
            word for sentence in whole for word in sentence
        ]
        shown, plain = [skeleton(s) for s in masked], [skeleton(s) for s in whole]
        assert shown != plain
        assert [text.removesuffix(" weighed") for text in shown] == plain


def test_brackets_that_weigh_no_clause_are_left_as_they_are() -> None:
    for text in ("the road (open) is long (true)", "it is a road (closed)", "(true) is a (open", "a (false)"):
        (sentence,) = masked_sentences(text)
        assert WEIGHED not in sentence
        assert "".join(sentence) == text.replace(" ", "")
        assert "weighed" not in skeleton(sentence)


def test_prose_that_says_weighed_is_no_weighing() -> None:
    assert masked_sentences("I weighed it (?)") == [("i", "weighed", "it", "(", "?", ")")]


def test_a_name_that_comes_inside_a_sentence_only_after_a_colon_is_masked() -> None:
    assert "zoey" not in masked_sentences("Zoey said that all fits, which is true: Zoey must be a knight.")[0]


@pytest.mark.parametrize("voice", range(4))
def test_every_sentence_form_reads_the_same_about_other_people(voice: int) -> None:
    def sentences(names: tuple[str, ...], roles: tuple[str, str]) -> list[str]:
        statements = (("or", ("lying", 1), ("telling-truth", 2)), ("lying", 0), ("telling-truth", 0))
        puzzle = Puzzle(names=names, statements=statements, knight=roles[0], knave=roles[1])
        say = Wording(puzzle, voice, random.Random(0))
        forms = [say.open([0, 1, 2]), say.assume(0, True), say.claim(0, True), say.derive(1, False)]
        forms += [say.judge(2, False), say.clash(1, True), say.reject(0, False), say.same(2, 0)]
        forms += [
            say.check(1, False),
            say.restate(2),
            say.undecided(0),
            say.different(1, 0),
            say.self_rule(0, True),
            say.switch(0, True),
            say.merge(1, True),
        ]
        return skeletons(" ".join(forms))

    one = sentences(("Zoey", "Ella", "Liam"), ("knight", "knave"))
    assert one == sentences(("Grace", "Bo", "Zenobia"), ("altruist", "egoist"))
    assert len(one) >= 12
    assert not any(name in text for text in one for name in ("zoey", "ella", "liam", "knight"))


@given(st.text(max_size=400))
def test_any_text_is_masked_without_error_into_non_empty_tokens(text: str) -> None:
    for sentence in masked_sentences(text):
        assert sentence
        assert all(sentence)
        skeleton(sentence)


@pytest.mark.usefixtures("cpu_minute")
@pytest.mark.parametrize(
    "unit",
    [
        "A ",
        "(S ",
        "not ",
        "if ",
        "Zoey, ",
        "x",
        "A is a knight and ",
        "a knight (true) ",
        "a ( ",
        "\u00e9\u0301 ",
    ],
)
def test_a_huge_text_takes_linear_time(unit: str) -> None:
    assert len(skeletons(unit * (500_000 // len(unit)))) == 1


def test_letters_that_stand_for_something_are_all_alike() -> None:
    one = masked_sentences("Define Red Farm's Old Barn as v; so v = a + N = 3 + 4 = 7.")
    other = masked_sentences("Define Red Farm's Old Barn as Q; so Q = a + k = 1 + 9 = 10.")
    assert one == other
    assert masked_sentences("I say that Zoey is a knight.")[0][0] == "i"
