"""Answers: two forms, free case and spacing, every person exactly once, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.environments.knights_knaves.answers import check_answer

NAMES = ["Zoey", "Ella", "Liam"]
SOLUTION = [True, False, True]


def check(text, knight="knight", knave="knave"):
    return check_answer(text, NAMES, SOLUTION, knight, knave)


@pytest.mark.parametrize(
    "text",
    [
        "(1) Zoey is a knight\n(2) Ella is a knave\n(3) Liam is a knight",
        "(1) Zoey is a knight (2) Ella is a knave (3) Liam is a knight",
        "  (1)zoey IS A knight,(2)   ELLA is\ta knave, (3) liam is a\r\nknight.  ",
        "(1) Liam is a knight.\n(2) Ella is a knave.\n(3) Zoey is a knight.",
        "(1) Zoey is a knight , (2) Ella is a knave. (3) Liam is a knight",
        "Zoey is a knight, Ella is a knave, and Liam is a knight.",
        "Zoey is a knight, Ella is a knave and Liam is a knight",
        "Zoey is a knight and Ella is a knave and Liam is a knight.",
        "zoey is a knight ,Ella is a knave,and LIAM is a  knight .",
        "Liam is a knight, Zoey is a knight, Ella is a knave",
    ],
)
def test_both_forms_are_right_in_any_case_spacing_and_order(text):
    result = check(text)
    assert result.correct
    assert result.parsed
    assert result.matched == 1.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "does not say of one person"),
        ("(", "does not say of one person"),
        ("()", "does not say"),
        (".", "does not say"),
        (",,,", "does not say"),
        ("Zoey is a knight, Ella is a knave", "leaves a person out"),
        ("(1) Zoey is a knight\n(2) Ella is a knave", "leaves a person out"),
        ("Zoey is a knight, Zoey is a knave, Ella is a knave, Liam is a knight", "names a person twice"),
        ("Zoey is a knight, Zoey is a knight, Liam is a knight", "names a person twice"),
        ("Zoey is a knight, Zoey is a knight, Zoey is a knight, Ella is a knave", "names a person twice"),
        ("Zoey is a knight and a knave, Ella is a knave, Liam is a knight", "does not say"),
        ("Zoey is a knight, Ella is not a knight, Liam is a knight", "does not say"),
        ("Zoey is not a knave, Ella is a knave, Liam is a knight", "does not say"),
        ("Zoey is a knight, Ella is a knave, Liam is a knight, I think", "does not say"),
        ("I think Zoey is a knight, Ella is a knave, Liam is a knight", "does not say"),
        ("So Zoey is a knight, Ella is a knave, Liam is a knight", "does not say"),
        ("Zoey is a knight or Ella is a knave, Liam is a knight", "does not say"),
        ("Zoey is a knight, Ella is a knave, Liam is a knight..", "does not say"),
        ("Zoey is a knight,, Ella is a knave, Liam is a knight", "does not say"),
        ("Zoey is a knight; Ella is a knave; Liam is a knight", "does not say"),
        ("Zoey is a knight Ella is a knave Liam is a knight", "does not say"),
        ("Zoey is a knight, Ella is a knave, Bob is a knight", "does not say"),
        ("Zoey is a saint, Ella is a sinner, Liam is a saint", "does not say"),
        ("Zoey is an knight, Ella is a knave, Liam is a knight", "does not say"),
        ("Zoeyis a knight, Ella is a knave, Liam is a knight", "does not say"),
        ("(1) Zoey is a knight (1) Ella is a knave (1) Liam is a knight", "does not say"),
        ("(2) Zoey is a knight (1) Ella is a knave (3) Liam is a knight", "does not say"),
        ("(1) Zoey is a knight (2) Ella is a knave (3) Liam is a knight (4) ", "does not say"),
        ("(1) (2) (3)", "does not say"),
        ("Zoey: knight, Ella: knave, Liam: knight", "does not say"),
    ],
)
def test_anything_else_is_not_read_at_all(text, reason):
    result = check(text)
    assert not result.correct
    assert not result.parsed
    assert result.matched == 0.0
    assert reason in result.reason


RIGHT = "Zoey is a knight, Ella is a knave, and Liam is a knight."


@pytest.mark.parametrize(
    "text",
    [
        RIGHT.replace("e", "\u0435"),  # Cyrillic ie
        RIGHT.replace("a", "\u0430"),  # Cyrillic a
        RIGHT.replace("k", "\u212a"),  # Kelvin sign, whose lower case is k
        RIGHT.replace("s", "\u017f"),  # long s, whose case folding is s
        RIGHT.replace(" ", "\u00a0"),  # no-break space
        RIGHT.replace(" ", "\u3000"),  # ideographic space
        RIGHT.replace(" ", "\x1c"),  # a control character that Python calls white space
        RIGHT.replace("knight", "kni\u200bght"),  # zero-width space
        RIGHT.replace("Zoey", "\u202eyeoZ"),  # right-to-left override
        RIGHT.replace(",", "\uff0c"),  # full-width comma
        "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in RIGHT),  # full width throughout
        RIGHT + "\ufeff",
        RIGHT + "\x00",
        RIGHT + "\ud800",
    ],
)
def test_look_alikes_are_not_the_letters_they_look_like(text):
    assert text != RIGHT
    assert not check(text).parsed


def test_wrong_roles_are_read_and_counted():
    result = check("Zoey is a knave, Ella is a knave, and Liam is a knight.")
    assert result.parsed
    assert not result.correct
    assert result.matched == pytest.approx(2 / 3)
    assert result.reason == "2 of 3 roles are right"


def test_role_words_are_the_puzzles_own():
    right = "Zoey is an angel, Ella is a devil, Liam is an angel"
    assert check(right, "angel", "devil").correct
    assert not check(RIGHT, "angel", "devil").parsed
    flipped = "Zoey is a knave, Ella is a knight, Liam is a knave"
    assert check(flipped, "knave", "knight").correct
    assert check(flipped).matched == 0


def test_names_beyond_ascii_and_of_several_words_can_be_given():
    names, solution = ["Zo\u00eb", "Mary Ann", "A"], [True, False, True]
    text = "zo\u00eb is a knight, mary  ann is a knave, and a is a knight"
    assert check_answer(text, names, solution, "knight", "knave").correct


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [
                *NAMES,
                "is",
                "a",
                "an",
                "not",
                "knight",
                "knave",
                "and",
                ",",
                ".",
                "(1)",
                "(2)",
                "(3)",
                "\n",
                "so",
            ]
        ),
        max_size=24,
    )
)
def test_a_shuffle_of_the_right_words_is_read_only_if_it_names_each_person_once(words):
    text = " ".join(words)
    result = check(text)
    if result.parsed:
        assert sorted(word for word in words if word in NAMES) == sorted(NAMES)
        assert "not" not in words
        assert "so" not in words
        assert words.count("knight") + words.count("knave") == 3


@pytest.mark.usefixtures("cpu_minute")
@pytest.mark.parametrize(
    "unit",
    ["(", "(1) ", ", ", " and ", " ", "a", RIGHT, "Zoey is a knight, ", "\u0435", "((1)", " ,and "],
)
def test_10_mb_of_garbage_are_refused_in_linear_time(unit):
    assert not check(unit * (10_000_000 // len(unit))).parsed
