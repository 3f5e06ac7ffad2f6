"""The pages of stages, read as a Markdown parser that is not ours reads them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import polars
import pytest
from hostile_run import HOSTILE, poison
from hypothesis import given
from hypothesis import strategies as st
from made_up_run import ACCURACY, INPUTS, make_run, read_manifest
from markdown_it import MarkdownIt

from tailor_core.artifacts.manifest import Manifest
from tailor_core.artifacts.tables import read_records, write_records, write_table
from tailor_core.records import Primitive
from tailor_core.report.markdown import code, link, prose, table
from tailor_core.report.materials import Materials
from tailor_core.report.stage_page import describe_stage, say_headline, say_why

PARSER = MarkdownIt("commonmark").enable("table").enable("strikethrough")
PLAIN = {"root", "heading", "paragraph", "list", "list_item", "inline", "text", "code_inline", "strong"} | {
    "bullet_list", "table", "thead", "tbody", "tr", "th", "td"
}  # fmt: skip
ADDRESS = re.compile(r"https?://|www\.|[\w.+-]+@[\w-]+\.[a-z]", re.IGNORECASE)
"""What dialects of Markdown turn into a link by themselves."""


def tokens(text: str) -> list[Any]:
    found: list[Any] = []
    for token in PARSER.parse(text):
        found += [token, *(token.children or [])]
    return found


def kinds(text: str) -> set[str]:
    return {re.sub(r"_(open|close)$", "", token.type) for token in tokens(text)}


def rows(text: str) -> list[list[str]]:
    """The cells of all tables in a page, each as the text that is shown."""
    found: list[list[str]] = []
    inside = False
    for token in PARSER.parse(text):
        if token.type == "tr_open":
            found.append([])
        inside = token.type in ("td_open", "th_open") or (inside and token.type == "inline")
        if inside and token.type == "inline":
            found[-1].append("".join(child.content for child in token.children or []))
    return found


def page(directories: dict[str, Path], product: str, **changes: Any) -> str:
    manifest = dataclasses.replace(read_manifest(directories[product]), **changes)
    materials = Materials(directories)
    materials.manifests[product] = manifest
    return describe_stage(manifest, materials, say_why(["never run in this store"]))


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directories = make_run(tmp_path_factory.mktemp("run"))
    poison(directories)
    return directories


@given(st.text() | st.text("`|\\<>[]()!*_~ \n\x00\u202e:/w.@a"), st.text("`|\\a"))
def test_no_text_leaves_its_cell_or_becomes_markup(text: str, other: str) -> None:
    made = table(["name", "why"], [[code(text), code(other)], [code(other), code(text)]])
    assert kinds(made) <= PLAIN
    assert [len(cells) for cells in rows(made)] == [2, 2, 2]
    assert rows(made)[1] == rows(made)[2][::-1]


@given(
    st.text("<>[]()!*_~|`\\ab:/. @1") | st.sampled_from(["http://a.b", "www.a.b", "a@b.c", "<b>", "[a](b)"])
)
def test_a_name_in_a_sentence_is_no_markup_and_no_address(name: str) -> None:
    said = prose(f"Model {name} gains 4.2 points, p < 0.001")
    assert kinds(said) <= PLAIN
    assert not ADDRESS.search(said)


def test_what_is_plain_is_shown_as_it_is() -> None:
    said = "On 400 held-out problems, pass@1 is 3.1% (base); 95% interval -1.0 to +6.0, p < 0.001; it's ood_people_4."
    assert prose(said) == said
    assert code("policy.beta 0.04 -> 0.1") == "`policy.beta 0.04 -> 0.1`"


@pytest.mark.parametrize("product", INPUTS)
def test_hostile_text_is_shown_and_never_obeyed(hostile: dict[str, Path], product: str) -> None:
    told = page(hostile, product)
    assert kinds(told) <= PLAIN
    assert not ADDRESS.search("".join(token.content for token in tokens(told) if token.type == "text"))
    assert "\u202e" not in told
    assert len(told) < 20_000


def test_hostile_names_of_primitives_are_there_to_be_read(hostile: dict[str, Path]) -> None:
    names = [cells[0] for cells in rows(page(hostile, "primitives"))]
    assert sum(name.startswith(tuple(f"{i} {HOSTILE[:20]}" for i in range(9))) for name in names) == 9


def test_the_page_of_an_evaluation_has_every_models_figure_with_its_interval(
    made_up: dict[str, Path],
) -> None:
    shown = rows(page(made_up, "evaluation"))
    assert ["test", "Policy (RL)", "66.4%", "62.1 to 70.9%"] in [cells[:4] for cells in shown]
    assert len(shown) == 1 + sum(map(len, ACCURACY.values()))
    headline = say_headline(Materials({"evaluation": made_up["evaluation"]}))
    assert "pass@1 is 3.1% (base), then 48.2% (warm start), then 66.4% (policy)" in headline


def test_the_page_of_primitives_says_how_each_was_screened_and_why_it_was_rejected(
    made_up: dict[str, Path],
) -> None:
    shown = rows(page(made_up, "primitives"))
    assert ["pairs before cases", "98.4%", "0.53", "102.2"] in shown
    late = "candidate 2 that came too late"
    assert [late, "87.5%", "0.0375", "141.5", "quality is below its threshold of 0.1"] in shown
    assert ["novelty", "2"] in shown


def test_the_page_of_primitives_says_what_the_student_learned_where_there_was_a_pilot(tmp_path: Path) -> None:
    directories = make_run(tmp_path)
    path = directories["primitives"] / "primitives.parquet"
    candidates = read_records(path, Primitive)
    accepted = next(one for one in candidates if one.screening["verdict"] == "accepted")
    learned = dataclasses.replace(accepted, screening={**accepted.screening, "learned": 0.895})
    write_records(path, [learned if one == accepted else one for one in candidates])
    shown = rows(page(directories, "primitives"))
    assert ["name", "pass rate", "novelty", "mean tokens", "learned"] in shown
    assert next(row for row in shown if row[0] == accepted.name)[-1] == "89.5%"
    joined = dataclasses.replace(learned, screening={**learned.screening, "together": 0.78})
    write_records(path, [joined if one == accepted else one for one in candidates])
    shown = rows(page(directories, "primitives"))
    assert ["name", "pass rate", "novelty", "mean tokens", "learned", "together"] in shown
    assert next(row for row in shown if row[0] == accepted.name)[-2:] == ["89.5%", "78.0%"]


def test_the_page_of_a_selection_says_what_was_dropped_and_why_and_what_it_did_to_diversity(
    made_up: dict[str, Path],
) -> None:
    funnel = {"in": 48, "kept": 33, "dropped": {"over_budget": 5, "near_duplicate": 10}}
    told = page(made_up, "selection", summary={"rows": {"selection": 48}, "funnel": funnel})
    assert "33 of 48 kept (68.8%)." in told
    assert rows(told)[1:3] == [["near duplicate", "10"], ["over budget", "5"]]
    assert ["Vendi score", "17.31", "16.02", "19.77"] in rows(told)


def test_the_page_of_a_training_says_where_its_figures_began_and_ended(made_up: dict[str, Path]) -> None:
    log = Materials(made_up).table("policy", "training_log")
    metrics = {"reward": 0.0, "kl": 0.0}
    shown = rows(page(made_up, "policy", summary={"rows": {}, "metrics": metrics}))
    first, last = log["reward"].drop_nulls()[0], log["reward"].drop_nulls()[-1]
    [reward] = [cells for cells in shown if cells[0] == "reward"]
    assert [float(value) for value in reward[1:]] == pytest.approx([first, last], rel=1e-3)


def test_what_is_missing_costs_its_part_alone(made_up: dict[str, Path], tmp_path: Path) -> None:
    manifest = read_manifest(made_up["selection"])
    materials = Materials({"selection": tmp_path})
    materials.manifests["selection"] = manifest
    told = describe_stage(manifest, materials, "why", [("MLflow", link("run", "http://127.0.0.1/#/1"))])
    assert "kept" in told
    assert "The rest cannot be shown: `The artifact of the stage selection has no metrics.json.`" in told
    assert f"- content: `{manifest.digest[:12]}`" in told
    [target] = [token.attrs["href"] for token in tokens(told) if token.type == "link_open"]
    assert target == "http://127.0.0.1/#/1"


@pytest.mark.parametrize("log", [polars.DataFrame({"step": []}), polars.DataFrame({"loss": [1.0]})])
def test_a_log_of_another_form_costs_its_part_alone(
    made_up: dict[str, Path], tmp_path: Path, log: polars.DataFrame
) -> None:
    manifest = read_manifest(made_up["policy"])
    materials = Materials({"policy": tmp_path})
    materials.manifests["policy"] = manifest
    write_table(tmp_path / "training_log.parquet", log)
    told = describe_stage(manifest, materials, "why", [])
    assert "The rest cannot be shown: " in told
    assert f"- content: `{manifest.digest[:12]}`" in told


def test_a_stage_of_which_nothing_is_known_has_a_page(made_up: dict[str, Path]) -> None:
    manifest: Manifest = dataclasses.replace(read_manifest(made_up["verdicts"]), stage="other", summary={})
    told = describe_stage(manifest, Materials({}), say_why(["a", "b", "c", "d", "e"]))
    assert "**Made** in this run: `a`, `b`, `c`, and 2 more." in told
