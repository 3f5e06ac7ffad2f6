"""The parts of the page that compute: against oracles that are not ours."""

from __future__ import annotations

import re
import unicodedata
from importlib.resources import files

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.records import EvaluationRow
from tailor_core.report import text
from tailor_core.report.curves import smooth
from tailor_core.report.embedding_map import project
from tailor_core.report.results import describe_models, describe_split
from tailor_core.report.svg import PALETTE, canvas, finish
from tailor_core.report.traces import draw_lots


@given(st.text(alphabet=st.characters(codec=None)))
def test_visible_text_holds_no_character_that_hides(value: str) -> None:
    shown = text.visible(value)
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert all(c in "\n\t" or unicodedata.category(c) not in hidden for c in shown)
    shown.encode()


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_visible_leaves_what_can_be_read_as_it_is(value: str) -> None:
    assert text.visible(value) == value


@given(st.text(), st.integers(1, 50))
def test_a_cut_text_says_how_much_is_left_out(value: str, length: int) -> None:
    shown = text.clip(value, length)
    if len(value) <= length:
        assert shown == value
    else:
        assert shown == f"{value[:length]} [... {len(value) - length} more characters]"


@given(st.text(max_size=300), st.integers(10, 60))
def test_a_label_is_one_short_line(value: str, length: int) -> None:
    shown = text.label(value, length)
    assert len(shown) <= length
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (text.percent(0.6638), "66.4%"),
        (text.percent(0.95, 0), "95%"),
        (text.points(-0.0314), "-3.1"),
        (text.count(1234567), "1,234,567"),
        (text.quantity(0.000123456), "0.0001235"),
        (text.quantity(123456.7), "123,457"),
        (text.duration(3.25), "3.2 s"),
        (text.duration(59.7), "1 min 00 s"),
        (text.duration(254.2), "4 min 14 s"),
        (text.duration(7384), "2 h 03 min"),
        (text.size(999), "999 B"),
        (text.size(12_345_678), "12.3 MB"),
        (text.p_value(0.0005), "p < 0.001"),
        (text.p_value(0.0123), "p = 0.012"),
        (text.humanise("sft_dataset"), "SFT dataset"),
        (describe_split("ood_people_5"), "5 people (out of distribution)"),
        (describe_split("test"), "test"),
    ],
)
def test_figures_read_well(shown: str, expected: str) -> None:
    assert shown == expected


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60), st.integers(1, 20))
def test_a_smoothed_curve_is_the_mean_of_a_symmetric_window(values: list[float], window: int) -> None:
    found = smooth(numpy.array(values), window)
    for i, value in enumerate(found):
        half = min(window // 2, i, len(values) - 1 - i)
        part = values[i - half : i + half + 1]
        assert value == pytest.approx(sum(part) / len(part), abs=1e-9)


def test_the_projection_keeps_the_variance_of_the_two_largest_eigenvalues() -> None:
    rng = numpy.random.default_rng(3)
    vectors = rng.normal(size=(80, 6)) * numpy.array([5, 3, 1, 1, 0.5, 0.1])
    places, explained = project(vectors)
    eigenvalues = numpy.linalg.eigvalsh(numpy.cov(vectors.T))[::-1]
    assert explained == pytest.approx(eigenvalues[:2].sum() / eigenvalues.sum(), abs=1e-4)
    assert numpy.var(places, axis=0, ddof=1) == pytest.approx(eigenvalues[:2], rel=1e-3)
    turned, _ = project(-vectors)
    assert numpy.abs(turned + places).max() < 1e-3  # the axes point the same way, whatever the data does


def test_embeddings_that_are_all_alike_fall_on_one_point() -> None:
    places, explained = project(numpy.ones((5, 4)))
    assert not places.any()
    assert explained == 0


def _row(problem: int, sample: int, split: str) -> EvaluationRow:
    return EvaluationRow(
        model="base",
        problem_id=f"p{problem}",
        split=split,
        difficulty=2,
        sample=sample,
        completion="",
        reward=0.0,
        well_formed=True,
        finished=True,
        tokens=1,
        entropy=0.0,
        reason="",
    )


@given(st.integers(0, 12), st.randoms(use_true_random=False))
def test_traces_are_drawn_from_different_problems_and_from_all_splits(number: int, rng: object) -> None:
    rows = [_row(p, s, "test" if p % 2 else "ood_people_4") for p in range(8) for s in range(3)]
    drawn = draw_lots(rows, number)
    assert len(drawn) == min(number, 8)
    assert len({row.problem_id for row in drawn}) == len(drawn)
    splits = [row.split for row in drawn]
    assert abs(splits.count("test") - splits.count("ood_people_4")) <= 1
    rng.shuffle(rows)  # type: ignore[attr-defined]
    assert draw_lots(rows, number) == drawn


def test_models_of_the_method_keep_their_colours_among_others() -> None:
    found = {model.name: model for model in describe_models(["base", "rule_based", "policy"])}
    assert found["policy"].colour == "policy"
    assert found["rule_based"].label == "rule based"
    assert len({model.colour for model in found.values()}) == 3
    assert len({model.marker for model in found.values()}) == 3


def test_a_chart_is_drawn_alike_twice_and_shares_no_id_with_another() -> None:
    def draw(name: str) -> str:
        with canvas(3, 2) as (figure, axes):
            axes.plot([1, 2], [3, 4], color=PALETTE["policy"], marker="o")
            axes.set_title("costs $5 & <b> $")
            return str(finish(figure, name, "A title", "What it shows").svg)

    first, again, other = draw("one"), draw("one"), draw("two")
    assert first == again
    assert "costs $5 &amp; &lt;b&gt; $" in first
    ids = [set(re.findall(r' id="([^"]+)"', chart)) for chart in (first, other)]
    assert len(ids[0]) > 3
    assert not ids[0] & ids[1]
    assert f"var(--policy, {PALETTE['policy']})" in first


def _luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
def test_text_and_charts_stand_out_from_the_paper_in_both_modes(dark: bool) -> None:
    style = (files("tailor_core.report") / "templates" / "page.css").read_text(encoding="utf-8")
    start = style.index("prefers-color-scheme: dark")
    colours = dict(PALETTE)
    colours |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", style[:start]))
    if dark:
        found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", style[start : style.index("box-sizing")]))
        assert set(PALETTE) <= set(found)
        colours |= found

    def contrast(one: str, other: str) -> float:
        low, high = sorted((_luminance(colours[one]), _luminance(colours[other])))
        return (high + 0.05) / (low + 0.05)

    for ground in ("paper", "card", "band"):
        for ink in ("ink", "muted"):
            assert contrast(ink, ground) >= 4.5, (ink, ground)
    for ink in ("link", "good", "bad", "base", "warm", "policy", "extra-1", "extra-2"):
        assert contrast(ink, "paper") >= 4.5, ink
    assert contrast("warn-ink", "warn-paper") >= 4.5
    for mark in (f"c{i}" for i in range(10)):
        assert contrast(mark, "paper") >= 3, mark
