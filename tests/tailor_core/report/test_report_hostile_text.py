"""What models and users write is shown, never obeyed."""

from __future__ import annotations

import pytest
from hostile_run import poison
from made_up_run import make_run
from reading import Element, read_page

from tailor_core.config.report import ReportConfig
from tailor_core.report.page import Page, build_page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """A page on a run in which every text is hostile, and some are huge."""
    inputs = make_run(tmp_path_factory.mktemp("run"))
    poison(inputs)
    return build_page(inputs, ReportConfig(trace_characters=3000))


@pytest.fixture(scope="module")
def read(page: Page) -> Element:
    return read_page(page.html)


def test_every_section_is_there_and_nothing_escapes_its_place(read: Element) -> None:
    assert len(read.all("section")) == 10
    assert not read.classed("missing") or all("add up" in m.text for m in read.classed("missing"))


def test_no_element_or_handler_comes_from_text(read: Element) -> None:
    assert len(read.all("script")) == 1
    assert "alert(" not in read.all("script")[0].raw
    assert not read.all("img")
    for element in read.all():
        assert not [name for name in element.attributes if name.startswith("on")]
        assert element.attributes.get("href", "#")[0] in "#d"


def test_the_text_is_shown_as_it_is(read: Element) -> None:
    trace = read.named("primitives").all("article")[0].all("pre")[0].raw
    assert trace.startswith("<script>alert(1)</script></pre></details>")
    assert "{{ 7 * 7 }} {% raw %}" in trace
    assert "&lt;b&gt;" in trace


def test_characters_that_hide_or_reorder_are_spelt_out(page: Page) -> None:
    for character in "\u202e\u202c\x00\x07\x1b\u200b\ufeff\ud800":
        assert character not in page.html
        assert f"\\u{ord(character):04x}" in page.html


def test_huge_texts_are_cut_and_say_so(page: Page) -> None:
    assert "97,000 more characters]" in page.html
    assert "A" * 3001 not in page.html
    assert "x" * 200 not in page.html
    assert len(page.html) < 1_500_000


def test_rows_that_do_not_add_up_are_pointed_out(read: Element) -> None:
    assert "Does not add up: 1 rows unaccounted for." in read.named("funnel").text


def test_an_unknown_model_gets_a_colour_of_its_own(page: Page) -> None:
    assert "--extra-1" in page.charts["accuracy-by-split"]
