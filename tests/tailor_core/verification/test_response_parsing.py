"""Responses: each tag once, in order, nothing outside, and a think block with something in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.verification import split_response
from tailor_core.verification.parsing import last_boxed


@pytest.mark.parametrize(
    "text",
    [
        "<think>why</think><answer>so</answer>",
        "<think>why</think>\n<answer>so</answer>",
        " \n<think>\nwhy\n</think>\r\n\t<answer> so </answer> \n\n",
    ],
)
def test_white_space_around_the_blocks_is_free(text):
    parsed = split_response(text)
    assert parsed.well_formed
    assert (parsed.think, parsed.answer, parsed.reason) == ("why", "so", "")


def test_less_than_signs_that_are_no_tags_may_stand_in_the_thoughts():
    assert split_response("<think>1 < 2 <b>x</b></think><answer>so</answer>").think == "1 < 2 <b>x</b>"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "do not all come"),
        ("so", "do not all come"),
        (None, "not a text"),
        (7, "not a text"),
        (b"<think>why</think><answer>so</answer>", "not a text"),
        ("<answer>so</answer>", "do not all come"),
        ("<think>why</think>so", "do not all come"),
        ("<think>why</think><answer>so", "do not all come"),
        ("why</think><answer>so</answer>", "do not all come"),
        ("<answer>so</answer><think>why</think>", "do not all come"),
        ("<think>why<answer>so</answer></think>", "do not all come"),
        ("<think>why</answer><answer></think>so", "do not all come"),
        ("<think>why</think><answer>so</answer>.", "text after"),
        ("<think>why</think><answer>so</answer><|im_end|>", "text after"),
        ("<think>why</think><answer>so</answer><answer>no</answer>", "text after"),
        ("<think>why</think><answer>so</answer></answer>", "text after"),
        ("<think>why</think><answer>so</answer>\u200b", "text after"),
        ("Well: <think>why</think><answer>so</answer>", "text before"),
        ("</think><think>why</think><answer>so</answer>", "text before"),
        ("<think>why</think> so <answer>so</answer>", "between the blocks"),
        ("<think>why</think></think><answer>so</answer>", "more than once"),
        ("<think><think>why</think><answer>so</answer>", "more than once"),
        ("<think>why <answer>no</answer></think><answer>so</answer>", "more than once"),
        ("<think>why</think><answer>no<answer>so</answer>", "more than once"),
        ("<think>why</think><answer>no</think>so</answer>", "do not all come"),
        ("<think></think><answer>so</answer>", "think block is empty"),
        ("<think> \n </think><answer>so</answer>", "think block is empty"),
        ("<think>\u200b\u00a0...!</think><answer>so</answer>", "think block is empty"),
        ("<THINK>why</THINK><ANSWER>so</ANSWER>", "do not all come"),
        ("<think >why</think><answer>so</answer>", "do not all come"),
        ("\uff1cthink\uff1ewhy</think><answer>so</answer>", "do not all come"),
    ],
)
def test_any_other_form_has_its_reason(text, reason):
    parsed = split_response(text)
    assert not parsed.well_formed
    assert parsed.think is None
    assert parsed.answer is None
    assert reason in parsed.reason


PIECES = st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "why", " ", "\n", "<", ">"])


@settings(deadline=None, max_examples=500)
@given(st.lists(PIECES, max_size=12))
def test_well_formed_means_each_tag_exactly_once_in_order(pieces):
    text = "".join(pieces)
    tags = [piece for piece in pieces if piece.startswith(("<t", "</", "<a"))]
    if split_response(text).well_formed:
        assert tags == ["<think>", "</think>", "<answer>", "</answer>"]
        assert text.strip().startswith("<think>")
        assert text.strip().endswith("</answer>")
        assert "why" in text[: text.index("</think>")]


@pytest.mark.usefixtures("cpu_minute")
@pytest.mark.parametrize(
    ("before", "again", "after"),
    [
        ("", "<", ""),
        ("", "<think>", ""),
        ("", "</", ""),
        ("<think>", " ", "</think><answer></answer>"),
        ("<think>why</think>", "<answer>", ""),
        ("", "\\boxed{", ""),
        ("\\boxed", "{", ""),
    ],
)
def test_10_mb_of_garbage_take_linear_time(before, again, after):
    garbage = before + again * (10_000_000 // len(again)) + after
    assert not split_response(garbage).well_formed
    assert last_boxed(garbage) is None


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        (r"so \boxed{A}.", "A"),
        (r"\boxed{A} no, \boxed{B}", "B"),
        (r"\boxed{\text{A} and {B}}", r"\text{A} and {B}"),
        (r"\boxed{A", None),
        (r"\boxed A", None),
        (r"\boxed{}", ""),
        ("", None),
        (None, None),
    ],
)
def test_the_last_box_counts(text, inside):
    assert last_boxed(text) == inside
