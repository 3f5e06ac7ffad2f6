"""Parts of the study's page by themselves: tables in three forms, how arms look, and equal sizes for coverage."""

from __future__ import annotations

import csv
import io
import re

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.evaluation.intervals import Interval
from tailor_core.report.study.accuracy import _verdict
from tailor_core.report.study.arms import Sweep, arm_of, describe_arms
from tailor_core.report.study.coverage import at_common_sizes
from tailor_core.report.study.primitives import _means
from tailor_core.report.study.tables import BACKBONE, Cell, Column, Table, heading, latex_text, nothing, words
from tailor_core.report.svg import PALETTE
from tailor_core.report.text import visible
from tailor_core.study.widening import Widening

HOSTILE = 'a "quoted", <b>&\n_50%_ {x} $y$ #1 ~^\\end{table}'


def table(*rows: tuple[Cell, ...]) -> Table:
    return Table("of-tests", "100% & more", (heading("arm", "Arm"), BACKBONE, Column("final", "Final")), rows)


def test_csv_has_all_digits_and_what_a_cell_has_more_of() -> None:
    one = Cell("33.3%", "1 to 2", 1 / 3, {"low": 0.01, "high": None})
    made = table((words(HOSTILE), words("tiny"), one), (words("x"), words("tiny"), nothing()))
    frame = polars.read_csv(io.StringIO(made.csv()))
    assert frame.columns == ["arm", "backbone", "final", "final_low", "final_high"]
    assert frame["final"].to_list() == [1 / 3, None]
    assert list(csv.reader(io.StringIO(made.csv())))[1][0] == HOSTILE


def test_figures_that_are_no_numbers_are_empty_in_csv() -> None:
    made = table(
        (words("a"), words("b"), Cell("?", value=float("nan"))), (words("a"), words("b"), Cell("1", value=1))
    )
    assert polars.read_csv(io.StringIO(made.csv()))["final"].to_list() == [None, 1]


def test_people_see_the_backbone_only_where_there_are_several() -> None:
    row = (words("a"), words("tiny"), Cell("1", value=1))
    alone, both = table(row), table(row, (words("a"), words("large"), Cell("2", value=2)))
    assert "Backbone" not in alone.latex()
    assert "tiny" not in alone.latex()
    assert "backbone" in alone.csv()
    assert "Arm & Backbone & Final" in both.latex()


def test_a_hostile_cell_stays_in_its_cell_of_latex() -> None:
    text = table((words(HOSTILE), words("tiny"), Cell("1%", "0 & 2", 0.01))).latex()
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert rows[1] == (
        r'\addlinespace[3pt] a "quoted", '
        r"\textless{}b\textgreater{}\& \_50\%\_ \{x\} \$y\$ \#1 \textasciitilde{}\textasciicircum{}"
        r"\textbackslash{}end\{table\} & \makecell[tr]{1\% \\ 0 \& 2} \\"
    )
    assert r"\caption{100\% \& more}" in text


def test_a_long_heading_takes_two_lines_and_what_is_not_printed_is_not_in_latex() -> None:
    columns = (
        heading("arm", "Arm"),
        Column("area", "Area under the curve"),
        Column("run", "Run", printed=False),
    )
    made = Table("of-tests", "Areas", columns, ((words("a"), Cell("1"), words("tailor run x")),))
    assert r"Arm & \makecell[tr]{Area under \\ the curve} \\" in made.latex()
    assert "tailor run x" not in made.latex()
    assert "tailor run x" in made.csv()


@given(st.text())
def test_latex_has_no_special_character_of_any_text(text: str) -> None:
    escapes = r"\\(text(backslash|ascii(tilde|circum)|less|greater|bar)\{\}|[&%$#_{}])"
    symbols = r"\$\\[a-z]+\$|\$-\$"
    rest = re.sub(f"{escapes}|{symbols}", "", latex_text(text))
    assert not re.search(r"[\\&%$#_{}~^<>|\n]", rest)


@given(st.text(min_size=1))
def test_words_read_back_from_csv(text: str) -> None:
    made = table((words(text), words("tiny"), Cell("1", value=1)))
    back = list(csv.reader(io.StringIO(made.csv(), newline="")))
    assert back[1][0] == visible(text)


def test_no_two_arms_look_the_same_and_the_reference_is_first() -> None:
    names = [f"arm {n}" for n in range(40)]
    arms = describe_arms(dict.fromkeys(names, "m"), "arm 7", {"arm 1": "<b>"}, [])
    assert arms[0].name == "arm 7"
    assert arms[0].reference
    assert [arm.name for arm in arms[1:]] == [name for name in names if name != "arm 7"]
    assert len({(arm.colour, arm.marker) for arm in arms}) == 40
    assert len({arm.colour for arm in arms[:12]}) == 12
    assert {arm.colour for arm in arms} <= set(PALETTE)
    assert next(arm for arm in arms if arm.name == "arm 1").title == "<b>"


def test_values_of_a_sweep_are_set_apart_but_for_the_default() -> None:
    methods = {"tailor": "tailor", "kl=0": "tailor", "none": "none"}
    sweep = Sweep(name="kl", title="KL", values={0.0: "kl=0", 0.005: "tailor"}, default=0.005)
    arms = describe_arms(methods, "tailor", {}, [sweep])
    assert [(arm.name, arm.value) for arm in arms] == [("tailor", ""), ("none", ""), ("kl=0", "kl = 0")]


def test_arms_are_compared_over_equally_many_traces() -> None:
    sizes = {"tailor": (10, 20, 50), "rule-based": (10, 20)}
    rows = [
        {
            "arm": arm,
            "backbone": "tiny",
            "seed": 7,
            "what": "policy",
            "measure": "ngram_states",
            "size": size,
            "value": 1.0 * size,
        }
        for arm, known in sizes.items()
        for size in known
    ]
    fair = at_common_sizes(polars.DataFrame(rows))
    assert fair.select("arm", "size").rows() == [("tailor", 20), ("rule-based", 20)]


def test_a_seed_whose_traces_show_no_move_at_all_counts_in_the_mean() -> None:
    who = {"backbone": "tiny", "arm": "empty-cot"}
    moves = polars.DataFrame(
        [{**who, "model": "policy", "move": "check", "seed": 1, "share": 0.6, "mean": 1.5}]
    )
    asked = polars.DataFrame([{**who, "model": "policy", "seed": seed} for seed in (1, 2, 3)])
    [row] = _means(moves, asked).iter_rows(named=True)
    assert (row["share"], row["mean"]) == pytest.approx((0.2, 0.5))


def test_an_arm_whose_traces_show_no_move_at_all_is_there_with_none() -> None:
    keys = {"backbone": "tiny", "model": "policy", "seed": 1}
    moves = polars.DataFrame([{**keys, "arm": "tailor", "move": "check", "share": 0.6, "mean": 1.5}])
    other = {**keys, "backbone": "large"}
    asked = polars.DataFrame(
        [{**keys, "arm": arm} for arm in ("tailor", "dots")] + [{**other, "arm": "tailor"}]
    )
    assert _means(moves, asked).select("arm", "move", "share").rows() == [
        ("tailor", "check", 0.6),
        ("dots", "check", 0.0),
    ]
    steps = polars.DataFrame([{**keys, "arm": "dots", "step": step, "model": None} for step in (0, 10)])
    first = moves.with_columns(arm=polars.lit("dots"), step=polars.lit(0))
    assert _means(first, steps.select("backbone", "arm", "step", "seed"))["share"].to_list() == [0.6, 0.0]


def test_what_a_column_means_is_to_be_read_without_hovering() -> None:
    columns = (heading("arm", "Arm"), Column("tokens", "Tokens", "words and marks"), Column("rows", "Rows"))
    made = Table("of-tests", "Data", columns, ((words("a"), Cell("1"), Cell("2")),))
    assert made.meanings == (("Tokens", "words and marks"),)


@pytest.mark.parametrize(
    ("by_k", "said"),
    [
        (
            {1: (0.1, 0.0, 0.2), 2: (0.1, 0.05, 0.2)},
            "widened or level: not overtaken up to k = 2 (beyond chance)",
        ),
        (
            {1: (0.0, 0.0, 0.0), 2: (0.0, -0.1, 0.1)},
            "widened or level: not overtaken up to k = 2 (within chance)",
        ),
        (
            {1: (-0.5, -0.7, -0.3), 2: (-0.1, -0.3, 0.1), 4: (0.0, 0.0, 0.0)},
            "behind at k = 1, 2, and not at 4 (beyond chance)",
        ),
        ({1: (0.2, 0.1, 0.3), 2: (-0.1, -0.2, 0.1)}, "sharpened: overtaken from k = 2 on (within chance)"),
        ({1: (-0.2, -0.3, -0.1), 2: (-0.1, -0.2, -0.05)}, "behind from k = 1 on (beyond chance)"),
    ],
)
def test_whether_rl_widened_or_sharpened_is_said_of_all_k(
    by_k: dict[int, tuple[float, float, float]], said: str
) -> None:
    behind = [k for k, (value, _, _) in by_k.items() if value < 0]
    at_end = max(by_k) in behind
    widening = Widening(
        backbone="tiny",
        arm="tailor",
        start="warm_start",
        seeds=(7,),
        by_k={
            k: Interval(value=value, low=low, high=high, method="bootstrap")
            for k, (value, low, high) in by_k.items()
        },
        overtaken_at=min(behind) if at_end else None,
    )
    assert _verdict(widening) == said


def test_a_sweep_of_another_method_is_drawn_as_that_method() -> None:
    sweeps = [
        Sweep(name="epochs-rule-based", title="", values={1: "rule-based", 4: "rule-based-4"}, default=1),
        Sweep(name="kl", title="", values={0.1: "kl-0.1"}, default=0.01),
    ]
    methods = {
        "tailor": "tailor",
        "rule-based": "rule-based",
        "rule-based-4": "rule-based",
        "kl-0.1": "tailor",
    }
    arms = describe_arms(methods, "tailor", {}, sweeps)
    assert [arm_of(sweep, arms).name for sweep in sweeps] == ["rule-based", "tailor"]
