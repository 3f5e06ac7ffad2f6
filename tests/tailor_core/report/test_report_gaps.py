"""A page with gaps: whatever is missing, empty or damaged costs its section, which says so, and no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars
import pytest
from made_up_run import make_run
from reading import Element, read_page

from tailor_core.artifacts.tables import write_records, write_table
from tailor_core.config.report import ReportConfig
from tailor_core.records import Demonstration, EvaluationRow, Primitive
from tailor_core.report.page import Page, build_page


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    return make_run(tmp_path, problems=8, each=2, steps=4)


def build(inputs: dict[str, Path]) -> tuple[Page, Element]:
    page = build_page(inputs, ReportConfig())
    return page, read_page(page.html)


def test_no_inputs_at_all_still_make_a_page() -> None:
    page, read = build({})
    assert read.all("h1")[0].text == "Tailor report"
    told = {section.attributes["id"]: section.text for section in read.all("section")}
    assert "The stage evaluation is not among the inputs" in told["headline"]
    assert "The stage policy is not among the inputs" in told["training"]
    assert "The stage primitives is not among the inputs" in told["primitives"]
    assert "No input artifact has a readable manifest" in told["lineage"]
    assert len(told) == 10
    assert set(page.missing) == set(told) - {"training"}
    assert not page.charts


Spoil = Callable[[dict[str, Path]], object]


def _empty(product: str, kind: type) -> tuple[str, Spoil]:
    return product, lambda inputs: write_records(inputs[product] / f"{product}.parquet", [], kind)


def _text(product: str, file: str, text: str) -> tuple[str, Spoil]:
    return product, lambda inputs: (inputs[product] / file).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("spoilt", "section", "told"),
    [
        (_empty("primitives", Primitive), "primitives", "The primitives table is empty"),
        (_empty("evaluation", EvaluationRow), "traces", "The evaluation table is empty"),
        (_empty("demonstrations", Demonstration), "map", "A map needs at least 3"),
        (_text("evaluation", "summary.json", "{"), "headline", "summary.json of the stage evaluation cannot"),
        (_text("evaluation", "summary.json", "[]"), "accuracy", "holds no JSON object"),
        (
            _text("evaluation", "summary.json", '{"models": {"base": 3}}'),
            "moves",
            "does not have the expected form",
        ),
        (
            _text("evaluation", "summary.json", '{"models": {}, "splits": []}'),
            "headline",
            "no model or no problem",
        ),
        (_text("selection", "metrics.json", "{}"), "diversity", "holds no metrics"),
        (_text("policy", "training_log.parquet", "PAR1 nothing"), "training", "cannot be read"),
        (_text("selection", "embeddings.parquet", ""), "map", "cannot be read"),
    ],
)
def test_what_is_empty_or_damaged_is_said_in_its_place(
    inputs: dict[str, Path], spoilt: tuple[str, Spoil], section: str, told: str
) -> None:
    product, spoil = spoilt
    spoil(inputs)
    needed = {product, "selection"} if section == "map" else {product}
    _, read = build({name: inputs[name] for name in sorted(needed)})
    assert any(told in gap.text for gap in read.named(section).classed("missing"))


def _column(product: str, **values: object) -> tuple[str, Spoil]:
    """Other values in a table's columns; None takes the column away."""

    def spoil(inputs: dict[str, Path]) -> None:
        path = inputs[product] / f"{product}.parquet"
        table = polars.read_parquet(path)
        gone = [name for name, value in values.items() if value is None]
        given = {name: polars.lit(value) for name, value in values.items() if value is not None}
        write_table(path, table.with_columns(**given).drop(gone))

    return product, spoil


def _without_rows(product: str) -> tuple[str, Spoil]:
    def spoil(inputs: dict[str, Path]) -> None:
        path = inputs[product] / f"{product}.parquet"
        write_table(path, polars.read_parquet(path).head(1))

    return product, spoil


@pytest.mark.parametrize(
    ("spoilt", "sections"),
    [
        (_without_rows("problems"), {"moves"}),
        (_column("problems", environment=None), {"moves", "primitives", "traces"}),
        (_column("problems", environment="of-a-package-that-is-not-here"), {"moves"}),
        (_column("problems", metadata="{"), {"primitives", "traces"}),
        (_column("primitives", screening="[]"), {"primitives"}),
    ],
)
def test_rows_of_another_form_cost_the_sections_that_show_them(
    inputs: dict[str, Path], spoilt: tuple[str, Spoil], sections: set[str]
) -> None:
    whole, _ = build(inputs)
    spoilt[1](inputs)
    page, read = build(inputs)
    assert set(page.missing) - set(whole.missing) == sections
    for section in sections:
        [gap] = read.named(section).classed("missing")
        assert len(gap.text) > 40


def test_a_manifest_that_is_torn_or_lacking_is_named(inputs: dict[str, Path]) -> None:
    (inputs["probe"] / "manifest.json").write_text("{", encoding="utf-8")
    (inputs["backbone"] / "manifest.json").unlink()
    _, read = build({name: inputs[name] for name in ("problems", "backbone", "probe")})
    assert "No readable manifest of: backbone, probe." in read.named("lineage").text


def test_a_log_without_some_metrics_draws_the_others(inputs: dict[str, Path]) -> None:
    log: dict[str, list[object]] = {
        "step": [1, 2, 3],
        "objective/kl": [0.1, None, 0.3],
        "reward": [float("nan"), 0.5, 0.75],
    }
    log["note"] = ["a", "b", "c"]
    write_table(inputs["policy"] / "training_log.parquet", polars.DataFrame(log))
    page, read = build({"policy": inputs["policy"]})
    text = read.named("training").text
    assert [name for name in page.charts if name.startswith("policy")] == ["policy-reward", "policy-kl"]
    assert "0.5 at step 2 to 0.75 at step 3" in text
    assert "0.1 at step 1 to 0.3 at step 3" in text
    assert "The log has no numbers for Entropy (column entropy)." in text
    assert "Logged but not drawn: note." in text


def test_an_empty_log_is_said_to_hold_no_steps(inputs: dict[str, Path]) -> None:
    write_table(inputs["policy"] / "training_log.parquet", polars.DataFrame())
    _, read = build({"policy": inputs["policy"]})
    assert "of the stage policy holds no steps" in read.named("training").text
