"""The page as a reader meets it: every figure comes from the artifacts, and nothing from anywhere else."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from made_up_run import (
    ACCURACY,
    INPUTS,
    LEVELS,
    MOVES,
    WAYS,
    make_run,
    make_summary,
    read_manifest,
    write_manifest,
)
from reading import Element, read_page, table_rows

from tailor_core.config.report import ReportConfig
from tailor_core.report.page import Page, build_page
from tailor_core.stages.context import StageContext
from tailor_core.stages.report import run

MODELS = {"base": "Base", "warm_start": "Warm start", "policy": "Policy (RL)"}
SECTIONS = (
    "headline",
    "accuracy",
    "training",
    "funnel",
    "primitives",
    "diversity",
    "map",
    "moves",
    "traces",
    "lineage",
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def page(inputs: dict[str, Path]) -> Page:
    return build_page(inputs, ReportConfig())


@pytest.fixture(scope="module")
def read(page: Page) -> Element:
    return read_page(page.html)


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def test_sections_come_in_reading_order_and_the_navigation_reaches_each(read: Element) -> None:
    sections = [s.attributes["id"] for s in read.all("section")]
    assert tuple(sections) == SECTIONS
    assert [a.attributes["href"] for a in read.all("nav")[0].all("a")] == [f"#{s}" for s in sections]
    for section in read.all("section"):
        assert read.named(section.attributes["aria-labelledby"]).tag == "h2"


def test_the_head_tells_what_ran(read: Element) -> None:
    facts = {d.all("dt")[0].text: d.all("dd")[0].text for d in read.all("header")[0].all("div")}
    assert read.all("h1")[0].text == "kk-tiny"
    seconds = round(sum(3.5 + 11.0 * place for place in range(len(INPUTS))))
    assert facts == {
        "Environment": "kk",
        "Backbone": "tiny",
        "Seed": "7",
        "Tailor": "0.1.0",
        "Python": "3.11.7",
        "torch": "2.13.0",
        "transformers": "5.10.2",
        "trl": "1.16.0",
        "Stage time in all": f"{seconds // 60} min {seconds % 60:02d} s",
        "Finished": "2026-11-21 10:10:30 UTC",
    }


def test_a_title_replaces_the_name_of_the_recipe(inputs: dict[str, Path]) -> None:
    only = {"problems": inputs["problems"]}
    assert read_page(build_page(only, ReportConfig(title="Ours")).html).all("h1")[0].text == "Ours"


def test_every_number_of_the_headline_is_in_the_summary(read: Element) -> None:
    known = {95.0, 200.0, 1.0, 0.001}  # confidence, problems, pass@1, least p-value told
    for figures in ACCURACY.values():
        known |= {round(100 * limit, 1) for limit in figures["test"]}
    for one in make_summary()["comparisons"]:
        known |= {abs(round(100 * one["difference"][part], 1)) for part in ("value", "low", "high")}
    numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?", read.named("headline").text)
    assert len(numbers) > 20
    assert {float(number) for number in numbers} <= known
    text = read.named("headline").text
    assert "pass@1 is 3.1% (base), then 48.2% (warm start), then 66.4% (policy)" in text
    assert "+14.1 to +22.3, p < 0.001); their intervals do not overlap" in text


def test_accuracy_tables_hold_every_model_split_and_difficulty(read: Element) -> None:
    rows = Counter(tuple(row) for row in table_rows(read.named("accuracy")))
    summary = make_summary()
    expected = Counter()
    for model, label in MODELS.items():
        for split, levels in LEVELS.items():
            block = summary["models"][model]["splits"][split]
            groups = list(block["by_difficulty"].values()) + ([block] if len(levels) > 1 else [])
            for group in groups:
                cells = [
                    f"{percent(i['value'])} {100 * i['low']:.1f} to {percent(i['high'])}"
                    for i in (group["pass@1"], group["pass@k"]["4"])
                ]
                problems, samples = str(group["problems"]), str(group["samples"])
                sound = percent(group["sound_rate"]["value"])
                expected[(label, *cells, sound, "91.3%", "97.1%", "117.3", "0.272", problems, samples)] += 1
    assert expected <= rows
    assert sum(len(row) == 10 and row[0] in MODELS.values() for row in rows.elements()) == expected.total()


def test_comparisons_and_reasons_are_those_of_the_summary(read: Element) -> None:
    rows = table_rows(read.named("accuracy"))
    assert ["test", "Policy (RL)", "Warm start", "+18.2", "+14.1 to +22.3", "p < 0.001", "no overlap"] in rows
    assert ["correct", "531", percent(531 / 800)] in rows
    assert ["no answer block", "13", percent(13 / 800)] in rows


def test_charts_mark_every_model_on_every_split_in_the_place_of_its_value(page: Page) -> None:
    svg = page.charts["accuracy-by-split"]
    labels = re.findall(r' x="([\d.]+)"[^>]*>(0|100)%</text>', svg)
    left, right = (float(x) for x, share in sorted(labels, key=lambda one: int(one[1])))
    marks = re.findall(r'<use [^>]*x="([\d.]+)"[^>]*style="fill: var\(--(base|warm|policy),', svg)
    for model, colour in zip(ACCURACY, ("base", "warm", "policy"), strict=True):
        places = [float(x) for x, drawn in marks if drawn == colour]
        assert len(places) == len(LEVELS) + 1  # one more in the legend
        for value, _, _ in ACCURACY[model].values():
            assert min(abs(x - (left + value * (right - left))) for x in places) < 0.01
    assert "Warm start on test: 48.2% (43.7% to 52.7%)" in svg


def test_training_curves_tell_where_they_start_and_end(read: Element, page: Page) -> None:
    text = read.named("training").text
    assert "Reward mean over the step's completions" in text
    assert re.search(r"Entropy nats a token 0\.\d+ at step 1 to 0\.\d+ at step 60; lowest", text)
    assert "Logged but not drawn: rewards/binary/std." in text
    for name in ("reward", "kl", "entropy", "length", "clip-fraction", "zero-variance"):
        assert f"policy-{name}" in page.charts
    assert "warm-start-loss" in page.charts


def test_the_funnel_has_each_stage_with_its_reasons(read: Element) -> None:
    steps = {li.all("h3")[0].text: li.text for li in read.named("funnel").all("li") if li.all("h3")}
    assert list(steps) == [
        "problems",
        "probe",
        "primitives",
        "demonstrations",
        "verdicts",
        "selection",
        "SFT dataset",
    ]
    assert steps["probe"] == "probe 3 kept of 96 3.1% Dropped 93: 61 wrong answer 32 no answer block"
    assert "add up" not in read.named("funnel").text


def test_primitives_show_instruction_screening_and_an_example(read: Element) -> None:
    cards = read.named("primitives").all("article")
    assert [card.all("h3")[0].text for card in cards] == [name for name, _ in WAYS]
    assert [card.classed("instruction")[0].text for card in cards] == [told for _, told in WAYS]
    assert "pass rate 99.2% novelty 0.62 mean tokens 95.25 round 0 demonstrations 8 kept" in cards[1].text
    for card in cards:
        assert "All claims fit." in card.all("pre")[0].text
    rejected = read.named("primitives").all("table")[0]
    assert any(rejected in folded.all("table") for folded in read.named("primitives").all("details"))
    assert [row[1] for row in table_rows(read.named("primitives"))[1:]] == ["novelty", "novelty", "quality"]
    assert "novelty is below its threshold of 0.1" in rejected.text
    assert rejected.all("details")[0].all("p")[0].text == "Do as the others do."


def test_temperatures_that_were_tried_are_shown_with_their_scores_and_the_one_taken(tmp_path: Path) -> None:
    directories = make_run(tmp_path / "run")
    plain = read_page(build_page(directories, ReportConfig()).html).named("primitives")
    assert "Temperatures tried" not in plain.text
    tried = [
        {"temperature": temperature, "threshold": 0.9, "score": score}
        for temperature, score in ((0.5, 0.25), (0.8, 0.471111), (1.1, 0.0))
    ]
    summary = {"rows": {}, "metrics": {"balance": {**tried[1], "tried": tried}}}
    write_manifest("demonstrations", directories["demonstrations"], summary, directories)
    section = read_page(build_page(directories, ReportConfig()).html).named("primitives")
    (block,) = [one for one in section.all("details") if "Temperatures tried" in one.text]
    assert table_rows(block)[1:] == [
        ["0.5", "0.9", "0.25", ""],
        ["0.8", "0.9", "0.4711", "yes"],
        ["1.1", "0.9", "0", ""],
    ]


def test_no_more_rejected_primitives_are_listed_than_asked(inputs: dict[str, Path]) -> None:
    only = {"primitives": inputs["primitives"]}
    section = read_page(build_page(only, ReportConfig(rejected_primitives=1)).html).named("primitives")
    assert len(table_rows(section)) == 2
    assert "2 more are not listed" in section.text


def test_diversity_sets_before_random_and_after_side_by_side(read: Element) -> None:
    rows = table_rows(read.named("diversity"))
    assert rows[0] == ["Metric", "All", "Random draw", "Kept"]
    assert ["Rows", "48", "33", "33"] in rows
    assert ["Vendi score effective number of different traces", "17.31", "16.02", "19.77"] in rows


def test_the_map_has_a_key_for_each_primitive_and_points_for_each_row(read: Element, page: Page) -> None:
    keys = [key.text for key in read.named("map").all("button")]
    assert {key.split(" ", 1)[0] for key in keys} == {name.split(" ", 1)[0] for name, _ in WAYS}
    kept = 0
    for key in keys:
        after, before = map(int, re.findall(r"(\d+) kept of (\d+)$", key)[0])
        kept += after
        assert before == 8
    for chart, points in (("embedding-map-before", 48), ("embedding-map-after", kept)):
        groups = page.charts[chart].split('class="group-')[1:]
        assert len(groups) == len(WAYS)
        assert sum(group.split("</g>")[0].count("<use ") for group in groups) == points


def test_the_map_draws_no_more_points_than_asked(inputs: dict[str, Path]) -> None:
    some = {name: inputs[name] for name in ("selection", "demonstrations")}
    page = build_page(some, ReportConfig(map_points=10))
    groups = page.charts["embedding-map-before"].split('class="group-')[1:]
    assert sum(group.split("</g>")[0].count("<use ") for group in groups) == 10
    assert "10 of 48 demonstrations are drawn" in read_page(page.html).named("map").text


def test_moves_are_told_for_each_model_and_for_what_was_taught(read: Element) -> None:
    rows = table_rows(read.named("moves"))
    assert rows[0] == ["Move", "Taught", "Base", "Warm start", "Policy (RL)"]
    told = {row[0]: row[1:] for row in rows[1:]}
    assert told["assume"] == ["100.0% 1.00", "90.0% 3.00", "92.0% 3.00", "94.0% 3.00"]
    assert told["plain wording"][1:] == ["43.8% 5.25"] * 3
    assert set(MOVES) <= set(told)


def test_traces_are_right_and_wrong_ones_of_each_model(read: Element, inputs: dict[str, Path]) -> None:
    section = read.named("traces")
    assert [h.text for h in section.all("h3")] == list(MODELS.values())
    right, wrong = (
        [d for d in section.all("details") if name in d.attributes["class"]] for name in ("right", "wrong")
    )
    assert 4 <= len(right) <= 12
    assert 4 <= len(wrong) <= 12
    for sample in right:
        completion, answer = (pre.raw for pre in sample.all("pre"))
        assert completion.endswith(f"<answer>{answer}</answer>")
    for sample in wrong:
        assert "wrong answer" in sample.all("summary")[0].text


def test_lineage_leads_from_each_stage_to_its_inputs(read: Element, inputs: dict[str, Path]) -> None:
    rows = {row.attributes["id"]: row for row in read.named("lineage").all("tr") if "id" in row.attributes}
    assert list(rows) == [f"made-{product}" for product in INPUTS]
    for product, given in INPUTS.items():
        row, manifest = rows[f"made-{product}"], read_manifest(inputs[product])
        links = row.all("a")
        assert [a.attributes["href"] for a in links] == [f"#made-{name}" for name in sorted(given)]
        digests = [read_manifest(inputs[name]).digest for name in sorted(given)]
        assert [a.attributes["title"] for a in links] == digests
        assert [c.attributes["title"] for c in row.all("code")] == [manifest.digest, manifest.key]
    assert "another digest" not in read.named("lineage").text


def test_the_graph_has_a_box_a_stage_and_a_line_an_input(read: Element, inputs: dict[str, Path]) -> None:
    [web] = read.named("lineage").classed("web")
    boxes = web.classed("box")
    assert [box.attributes["data-stage"] for box in boxes] == list(INPUTS)
    lines = {(line.attributes["data-source"], line.attributes["data-made"]) for line in web.classed("line")}
    assert lines == {(given, product) for product, names in INPUTS.items() for given in names}
    corners = [(rect.attributes["x"], float(rect.attributes["y"])) for rect in web.all("rect")]
    assert len(set(corners)) == len(INPUTS), "no box hides another"
    height = dict(zip(INPUTS, (y for _, y in corners), strict=True))
    assert all(height[given] < height[product] for given, product in lines)
    for box, product in zip(boxes, INPUTS, strict=True):
        manifest = read_manifest(inputs[product])
        about = web.named(box.attributes["href"][1:])
        assert manifest.digest in box.raw
        assert {manifest.digest, manifest.key} <= {code.text for code in about.all("code")}
        for given in INPUTS[product]:
            assert f"{given} {read_manifest(inputs[given]).digest}" in about.text
        assert "seed 7" in about.text
    assert 'environment.name "kk"' in web.named("about-problems").text


def test_an_input_of_another_digest_is_pointed_out(inputs: dict[str, Path], tmp_path: Path) -> None:
    other = make_run(tmp_path, problems=12)
    mixed = {"problems": other["problems"], "probe": inputs["probe"]}
    assert "another digest" in read_page(build_page(mixed, ReportConfig()).html).named("lineage").text


def test_nothing_is_requested_from_anywhere(page: Page, read: Element) -> None:
    loading = {"src", "href", "xlink:href", "srcset", "action", "data", "poster", "background", "formaction"}
    for element in read.all():
        for name, value in element.attributes.items():
            if name in loading:
                assert value == "data:," or value.startswith("#"), (element.tag, name, value)
            assert "url(" not in value or "url(#" in value
    styles = "".join(style.raw for style in read.all("style"))
    assert "url(" not in styles
    assert "@import" not in styles
    addresses = set(re.findall(r"https?://[^\"'\s]+", page.html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # names, not addresses


def test_only_the_pages_own_script_may_run(read: Element) -> None:
    (script,) = read.all("script")
    digest = base64.b64encode(hashlib.sha256(script.raw.encode()).digest()).decode()
    (policy,) = (m.attributes["content"] for m in read.all("meta") if "http-equiv" in m.attributes)
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}';" in policy
    assert "'unsafe-inline'" not in policy.replace("style-src 'unsafe-inline'", "")


def test_ids_are_unique_and_references_resolve(page: Page, read: Element) -> None:
    ids = Counter(e.attributes["id"] for e in read.all() if "id" in e.attributes)
    assert max(ids.values()) == 1
    referred = re.findall(r"url\(#([^)]+)\)", page.html) + re.findall(r"href=\"#([^\"]+)\"", page.html)
    assert set(referred) <= set(ids)
    for svg in read.all("svg"):
        if "aria-labelledby" in svg.attributes:
            assert set(svg.attributes["aria-labelledby"].split()) <= set(ids)


def test_tables_scroll_by_keyboard_inside_the_page(read: Element) -> None:
    tables = read.all("table")
    assert len(tables) > 8
    for table in tables:
        assert table.parent is not None
        assert table.parent.attributes["class"] == "scroll"
        assert table.parent.attributes["tabindex"] == "0"
        assert table.parent.attributes["aria-label"]
        assert all("scope" in th.attributes for th in table.all("th"))


def test_the_page_is_light_and_plain_text(page: Page) -> None:
    assert len(page.html.encode()) < 600_000
    assert page.html.isascii()


@pytest.mark.integration
def test_equal_inputs_give_equal_bytes_in_any_process(inputs: dict[str, Path], page: Page) -> None:
    code = (
        "import json, sys; from pathlib import Path\n"
        "from tailor_core.config.report import ReportConfig\n"
        "from tailor_core.report.page import build_page\n"
        "inputs = {name: Path(path) for name, path in json.loads(sys.argv[1]).items()}\n"
        "sys.stdout.buffer.write(build_page(inputs, ReportConfig()).html.encode())"
    )
    told = json.dumps({name: str(path) for name, path in inputs.items()})
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    command = [sys.executable, "-c", code, told]
    made = subprocess.run(command, capture_output=True, check=True, env=environment)
    assert made.stdout == page.html.encode()


def test_the_stage_writes_page_and_figures(inputs: dict[str, Path], page: Page, tmp_path: Path) -> None:
    some = {name: inputs[name] for name in ("evaluation", "problems")}
    context = StageContext(inputs=some, output=tmp_path, workdir=tmp_path / "work", seed=7)
    summary = run(ReportConfig(), context)
    assert read_page((tmp_path / "report.html").read_text(encoding="utf-8")).all("h1")
    figures = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert figures == ["accuracy-by-difficulty.svg", "accuracy-by-split.svg", "moves.svg"]
    assert summary["metrics"]["charts"] == 3
    assert summary["missing"] == ["primitives", "diversity", "map"]
