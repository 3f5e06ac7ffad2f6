"""The page of a study: every figure comes from the results, leads to its trials, and text is shown, never obeyed."""

from __future__ import annotations

import base64
import csv
import dataclasses
import hashlib
import io
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib.image
import polars
import pytest
from reading import Element, read_page, table_rows
from shown_study import (
    BACKBONES,
    FAILED,
    HOSTILE,
    METHODS,
    METRICS_MADE,
    PROBLEMS,
    REASON,
    SEEDS,
    SPLITS,
    STEPS,
    TARGET,
    MadeUp,
    make_study,
)

from tailor_core.report.results import describe_split
from tailor_core.report.study import write_study
from tailor_core.report.study.figures import short_p
from tailor_core.report.study.headline import _area, say_results
from tailor_core.report.study.lookup import Lookup
from tailor_core.report.study.page import _facts
from tailor_core.report.study.study import Study
from tailor_core.report.study.training import _sampled, steps_cell
from tailor_core.report.text import visible
from tailor_core.study.correlation import Correlation
from tailor_core.study.curves import ToTarget
from tailor_core.study.evidence import Evidence
from tailor_core.study.results import summarise_study

pytestmark = pytest.mark.integration

SECTIONS = ("result", "coverage", "primitives", "training", "accuracy", "data", "ablations", "provenance")
FIGURES = {
    "accuracy-on-test": len(BACKBONES),
    "accuracy-on-ood-people-4": len(BACKBONES),
    "difference-final-accuracy-on-test": len(BACKBONES),
    "coverage-ngram-states": len(BACKBONES),
    "coverage-ngram-states-of-data": len(BACKBONES),
    "map-policy": len(BACKBONES),
    "moves-warm-start": len(BACKBONES),
    "primitives-seed-7": len(BACKBONES),
    "move-over-steps-1": len(BACKBONES),
    "accuracy-by-steps": len(BACKBONES),
    "accuracy-by-samples": len(BACKBONES),
    "accuracy-by-tokens": len(BACKBONES),
    "training-kl": len(BACKBONES),
    "accuracy-by-difficulty": len(BACKBONES),
    "pass-at-k-0-tailor": len(BACKBONES),
    "gain-by-vendi-score": len(BACKBONES),
    "sweep-kl-1": len(BACKBONES),
    "ablations-on-test": len(BACKBONES),
}


@pytest.fixture(scope="module")
def study() -> MadeUp:
    return make_study()


@pytest.fixture(scope="module")
def directory(study: MadeUp, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("study") / "page"
    write(study, made)
    return made


def write(study: MadeUp, directory: Path) -> None:
    write_study(
        study.title,
        study.description,
        study.trials,
        study.evidence,
        study.results,
        directory,
        sweeps=study.sweeps,
        titles=study.titles,
    )


@pytest.fixture(scope="module")
def html(directory: Path) -> str:
    return (directory / "index.html").read_text()


@pytest.fixture(scope="module")
def read(html: str) -> Element:
    return read_page(html)


def rows_of(read: Element, table: str) -> list[dict[str, str]]:
    """The rows of a table by its headings."""
    headings, *rows = table_rows(read.named(f"table-{table}"))
    return [dict(zip(headings, row, strict=True)) for row in rows]


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def test_sections_come_in_the_papers_order_and_none_lacks_anything(read: Element) -> None:
    assert tuple(s.attributes["id"] for s in read.all("section")) == SECTIONS
    assert [a.attributes["href"] for a in read.all("nav")[0].all("a")] == [f"#{s}" for s in SECTIONS]
    assert [m.text.split()[0] for m in read.classed("missing")] == ["Unfinished.", REASON.split()[0]]


def test_primitives_are_followed_and_told_with_how_far_to_believe_it(
    study: MadeUp, read: Element, directory: Path
) -> None:
    used = study.evidence.primitives
    rows = rows_of(read, "primitives")
    assert len(rows) == used.filter(model="data").height
    first = used.filter(arm="tailor", backbone=BACKBONES[0], seed=SEEDS[0])
    data = first.filter(model="data").sort("share", descending=True)
    mine = rows[: data.height]
    assert [row["Letter"] for row in mine] == ["A", "B", "C"]
    for row, (primitive, share) in zip(mine, data.select("primitive", "share").iter_rows(), strict=True):
        assert row["Primitive"][:20] == " ".join(visible(primitive).split())[:20]
        assert row["Data"].startswith(percent(share))
        policy = first.filter(model="policy", primitive=primitive).row(0, named=True)
        assert row["Policy"].startswith(percent(policy["share"]))
        assert ("right" in row["Policy"]) == (policy["accuracy"] is not None)
    assert "names the primitive of 90% to 95%" in read.named("primitives").text
    table = polars.read_csv(directory / "tables" / "primitives.csv")
    assert table["policy"].to_list()[:3] == pytest.approx(
        [first.filter(model="policy", primitive=one)["share"][0] for one in data["primitive"]]
    )


def test_without_a_library_to_tell_apart_there_is_no_word_of_uptake(study: MadeUp, tmp_path: Path) -> None:
    nothing = dataclasses.replace(study.evidence, primitives=study.evidence.primitives.clear())
    write(dataclasses.replace(study, evidence=nothing), tmp_path / "page")
    assert "RL takes up" not in (tmp_path / "page" / "index.html").read_text()


def test_every_link_within_the_page_arrives_and_ids_are_unique(read: Element) -> None:
    ids = [e.attributes["id"] for e in read.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    links = [a.attributes["href"] for a in read.all("a") if a.attributes["href"].startswith("#")]
    assert len(links) > 200
    assert {link[1:] for link in links} <= set(ids)


def test_every_figure_of_the_main_table_leads_to_the_trials_of_its_arm(read: Element) -> None:
    for row in read.named("table-main").all("tbody")[0].all("tr"):
        cells = [cell for cell in row.content if isinstance(cell, Element)]
        name = cells[0].text
        for cell in cells:
            for link in cell.all("a"):
                assert read.named(link.attributes["href"][1:]).all("h3")[0].text.startswith(name)
            assert cell.all("a") or cell.text in ("–", "reference") or cell.text in map(visible, BACKBONES)


def test_the_main_table_has_the_figures_of_the_results(read: Element, study: MadeUp) -> None:
    rows = rows_of(read, "main")
    assert len(rows) == 6 * len(BACKBONES)
    for row in rows:
        arm = {HOSTILE[:20]: "without-diversity"}.get(row["Arm"][:20], row["Arm"])
        backbone = row["Backbone"]
        cells = {(c.model, c.split): c for c in study.results.cells if (c.backbone, c.arm) == (backbone, arm)}
        final = cells["policy", "test"]
        assert row["Final"].startswith(f"{percent(final.mean)} ± {100 * final.std:.1f}")
        limits = f"{100 * final.interval.low:.1f} to {100 * final.interval.high:.1f}"
        assert row["Final"].endswith(limits)
        assert row["Sound"].startswith(f"{percent(final.sound.mean)} ± {100 * final.sound.std:.1f}")
        assert final.sound.mean < final.mean
        start = cells.get(("warm_start", "test")) or cells["base", "test"]
        assert row["Before RL"].startswith(percent(start.mean))
        assert row["Before RL"].endswith("base model") == (arm == "none")
        comparison = [
            c
            for c in study.results.comparisons
            if (c.backbone, c.arm, c.split, c.quantity) == (backbone, arm, "test", "final accuracy")
        ]
        assert bool(comparison) == (arm != "tailor")
        if comparison:
            assert row["Reference − arm"].startswith(f"{100 * comparison[0].difference:+.1f} ")
            assert row["p (Holm)"] == short_p(comparison[0].p_adjusted)
            assert f"better: {100 * comparison[0].superiority:.0f}%" in row["Effect"]
    changed = [c for c in study.results.comparisons if short_p(c.p_value) != short_p(c.p_adjusted)]
    assert any((c.split, c.quantity) == ("test", "final accuracy") for c in changed), "or p (Holm) could be p"


def test_the_sentences_agree_with_the_tests(read: Element, study: MadeUp) -> None:
    said = [p.text for p in read.named("result").all("p") if p.text.startswith("In final accuracy")]
    assert len(said) == len(BACKBONES)
    assert read.named("result").text.count("In sound accuracy, “tailor” is") == len(BACKBONES)
    assert read.named("result").text.count("Sound accuracy counts an answer only where") == 1
    for backbone, sentence in zip(BACKBONES, said, strict=True):
        stands = r"(ahead of|level with|behind) (.*?)(?=; (?:ahead|level|behind)|\.$)"
        groups = dict(re.findall(stands, sentence))
        for comparison in study.results.comparisons:
            where = (comparison.backbone, comparison.split, comparison.quantity)
            if where != (backbone, "test", "final accuracy") or comparison.arm not in METHODS:
                continue
            low, high = comparison.t_interval
            group = "ahead of" if low > 0 else "behind" if high < 0 else "level with"
            if comparison.p_value < 0.05 <= comparison.p_adjusted:
                group = "level with"
            assert f"“{comparison.arm}”" in groups[group]


def test_of_one_seed_it_is_said_that_intervals_know_no_other(study: MadeUp) -> None:

    def told(made: MadeUp) -> str:
        given = {name: getattr(made, name) for name in made.__dataclass_fields__}
        shown = Study.of(**given)
        return " ".join(say_results(shown, Lookup(shown.results)))

    assert "over problems alone" not in told(study)
    assert "over problems alone" in told(make_study(backbones=BACKBONES[:1], seeds=(8,)))


def test_what_ahead_means_where_nothing_varies_is_said_where_it_happens(study: MadeUp) -> None:

    def told(difference: float, p_adjusted: float) -> str:
        first, *others = study.results.comparisons
        sure = dataclasses.replace(first.interval, value=difference, low=difference, high=difference)
        rigid = dataclasses.replace(first, difference=difference, interval=sure, p_adjusted=p_adjusted)
        results = dataclasses.replace(study.results, comparisons=(rigid, *others))
        made = dataclasses.replace(study, results=results)
        shown = Study.of(**{name: getattr(made, name) for name in made.__dataclass_fields__})
        return " ".join(say_results(shown, Lookup(shown.results)))

    assert "any difference counts" in told(-60.0, 0.25)
    assert "any difference counts" not in told(-60.0, 0.01)
    assert "any difference counts" not in told(0.0, 1.0)


def test_arms_that_changed_nothing_are_told_backbone_by_backbone(study: MadeUp) -> None:

    assert len(BACKBONES) == 2
    pairs = tuple(zip(BACKBONES, ("none", "rule-based"), strict=True))
    made = dataclasses.replace(study, results=dataclasses.replace(study.results, twins=pairs))
    shown = Study.of(**{name: getattr(made, name) for name in made.__dataclass_fields__})
    said = [
        sentence for sentence in say_results(shown, Lookup(shown.results)) if "changed nothing" in sentence
    ]
    assert [visible(backbone) in sentence for backbone, sentence in zip(BACKBONES, said, strict=True)] == [
        True,
        True,
    ]
    assert ["“none”" in sentence for sentence in said] == [True, False]


def test_problems_that_are_solved_alike_are_told_with_their_skeletons(study: MadeUp) -> None:
    from tailor_core.report.study.figures import problems_cell

    assert problems_cell(400, 82).note == "of 82 skeletons"
    assert problems_cell(400, 400).note == ""

    def told(made: MadeUp) -> str:
        shown = Study.of(**{name: getattr(made, name) for name in made.__dataclass_fields__})
        return " ".join(say_results(shown, Lookup(shown.results)))

    assert "with the same skeleton" in told(study)
    alone = study.evidence.answers.with_columns(cluster=polars.col("problem_id"))
    results = summarise_study(dataclasses.replace(study.evidence, answers=alone), "tailor", TARGET)
    assert "with the same skeleton" not in told(dataclasses.replace(study, results=results))


def test_for_steps_to_a_target_fewer_are_ahead() -> None:
    from tailor_core.evaluation.intervals import Interval
    from tailor_core.report.study.headline import standing
    from tailor_core.study.comparison import Comparison, Quantity

    def compare(quantity: Quantity, low: float, high: float, p_value: float = 0.01) -> str:
        return standing(
            Comparison(
                backbone="tiny",
                arm="none",
                split="test",
                quantity=quantity,
                difference=(low + high) / 2,
                interval=Interval(value=(low + high) / 2, low=low, high=high, method="bootstrap"),
                t_interval=(low, high),
                p_value=0.01,
                p_adjusted=p_value,
                dz=None,
                superiority=0.5,
                seeds=(7,),
                problems=3,
                clusters=3,
                over="problems",
            )
        )

    assert compare("steps to target", -9.0, -1.0) == "ahead of"
    assert compare("steps to target", 1.0, 9.0) == "behind"
    assert compare("final accuracy", 0.01, 0.2) == "ahead of"
    assert compare("final accuracy", -0.2, -0.01) == "behind"
    assert compare("steps to target", -60.0, -60.0, p_value=0.25) == "ahead of", (
        "at once, and the other never"
    )
    assert compare("steps to target", 0.0, 0.0, p_value=1.0) == "level with", "both at once"
    assert compare("final accuracy", -0.1, 0.0, p_value=0.06) == "level with"
    assert compare("final accuracy", 0.01, 0.2, p_value=0.06) == "level with", (
        "the interval knows of one arm alone"
    )


def test_figures_are_there_in_the_page_and_as_files(read: Element, directory: Path) -> None:
    in_page = {
        svg.all("title")[0].attributes["id"].removesuffix("-title")
        for svg in read.all("svg")
        if svg.all("title")
    }
    files = {path.stem for path in (directory / "figures").glob("*.svg")}
    assert in_page == files == {path.stem for path in (directory / "figures").glob("*.png")}
    for name, number in FIGURES.items():
        found = {file for file in files if re.fullmatch(rf"{re.escape(name)}-[12]", file)}
        assert len(found) == number, name


def test_every_picture_opens_and_shows_something(directory: Path) -> None:
    for path in (directory / "figures").glob("*.png"):
        picture = matplotlib.image.imread(path)
        assert picture.shape[0] > 200
        assert picture.shape[1] > 400
        assert picture.std() > 0.01, path.name
    for path in (directory / "figures").glob("*.svg"):
        root = ET.parse(path).getroot()
        assert root.find("{http://www.w3.org/2000/svg}title") is not None
        assert "var(" not in path.read_text()


def test_the_files_have_the_legend_that_the_page_has_itself(directory: Path, html: str) -> None:
    assert "group-legend" in (directory / "figures" / "accuracy-by-steps-1.svg").read_text()
    assert "group-legend" not in html


def test_each_arm_can_be_switched_in_every_figure_that_shows_it(read: Element) -> None:
    groups = {button.attributes["data-group"] for button in read.classed("arm")}
    assert groups == {f"group-{place}" for place in range(4)}
    training = read.named("training")
    for group in groups:
        assert training.classed(group)
    for button in read.classed("arm"):
        assert button.attributes["aria-pressed"] == "true"


def test_all_ways_to_draw_the_curves_are_there_without_scripts(read: Element, html: str) -> None:
    ways = read.classed("way")
    assert len(ways) == 3
    assert not any("hidden" in way.attributes["class"] for way in ways)
    script = read.all("script")[0].raw
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html


def test_tables_read_back_from_csv_as_they_are(directory: Path, study: MadeUp) -> None:
    main = polars.read_csv(directory / "tables" / "main.csv")
    assert main["arm"].n_unique() == 6
    for row in main.iter_rows(named=True):
        if row["arm"] not in METHODS:
            continue
        cell = next(
            c
            for c in study.results.cells
            if (c.backbone, c.arm, c.model, c.split) == (row["backbone"], row["arm"], "policy", "test")
        )
        assert (row["final"], row["final_std"]) == (cell.mean, cell.std)
        assert (row["final_low"], row["final_high"]) == (cell.interval.low, cell.interval.high)
    seeds = polars.read_csv(directory / "tables" / "seeds.csv")
    finished = len(study.trials) - 1
    assert seeds.height == finished * 2
    for path in (directory / "tables").glob("*.csv"):
        lines = list(csv.reader(io.StringIO(path.read_text())))
        assert len({len(line) for line in lines}) == 1, path.name


def test_latex_has_balanced_braces_and_no_raw_special_character(directory: Path) -> None:
    paths = list((directory / "tables").glob("*.tex"))
    assert len(paths) == len(list((directory / "tables").glob("*.csv"))) > 10
    for path in paths:
        text = path.read_text()
        body = text.split("\n", 1)[1]  # after the comment
        assert re.findall(r"\\(begin|end)\{(\w+)\}", body) == [
            ("begin", "table"),
            ("begin", "adjustbox"),
            ("begin", "tabular"),
            ("end", "tabular"),
            ("end", "adjustbox"),
            ("end", "table"),
        ]
        plain = re.sub(r"\\[&%$#_{}]", "", body)
        assert plain.count("{") == plain.count("}")
        assert not re.search(r"[%#~^<>|]", plain), path.name
        assert plain.count("$") % 2 == 0
        columns = len(re.search(r"\\begin\{tabular\}\{([lr]+)\}", body)[1])  # type: ignore[index]
        for line in plain.splitlines():
            if line.endswith(r"\\"):
                assert line.count("&") == columns - 1, (path.name, line)


def test_latex_compiles_and_no_table_is_wider_than_the_text(directory: Path, tmp_path: Path) -> None:
    find = shutil.which("kpsewhich")
    if (
        not find
        or subprocess.run(
            [find, "adjustbox.sty", "makecell.sty"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("no LaTeX with adjustbox and makecell is installed (Debian: texlive-latex-extra)")
    inputs = "".join(
        f"\\input{{{path}}}\\clearpage\n" for path in sorted((directory / "tables").glob("*.tex"))
    )
    packages = "\\usepackage{booktabs,adjustbox,makecell}"
    (tmp_path / "all.tex").write_text(
        f"\\documentclass{{article}}{packages}\\begin{{document}}{inputs}\\end{{document}}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout[-1000:]
    assert "Overfull \\hbox" not in told.stdout


def test_latex_text_is_escaped_as_latex_wants_it() -> None:
    from tailor_core.report.study.tables import latex_text

    assert latex_text("a_b & 50% {x} #1 $y$ ~ ^ \\z") == (
        r"a\_b \& 50\% \{x\} \#1 \$y\$ \textasciitilde{} \textasciicircum{} \textbackslash{}z"
    )
    assert latex_text("61.2% ± 2.1 − 3") == r"61.2\% $\pm$ 2.1 $-$ 3"
    assert latex_text("two\nlines\\par") == r"two lines\textbackslash{}par"


def test_no_element_or_handler_comes_from_text(read: Element, html: str) -> None:
    assert len(read.all("script")) == 1
    assert "alert(" not in read.all("script")[0].raw
    assert not read.all("img")
    assert not read.all("b")
    for element in read.all():
        assert not [name for name in element.attributes if name.startswith("on")]
        assert element.attributes.get("href", "#")[0] in "#dh"
    assert "\u202e" not in html
    assert visible(HOSTILE) in read.all("h1")[0].text


def test_the_trial_that_failed_says_why(read: Element) -> None:
    arm, backbone, seed = FAILED
    assert REASON in read.named("result").text
    assert f"“{arm}” on {backbone} with seed {seed} did not come to its end" in read.named("result").text
    group = next(g for g in read.classed("trials") if g.all("h3")[0].text == f"{arm} on {backbone}")
    notes = {note.all("summary")[0].text: note.text for note in group.all("details")}
    assert REASON in next(text for summary, text in notes.items() if summary.startswith(f"seed {seed}"))


def test_every_trial_has_its_command_artifacts_and_page(read: Element, study: MadeUp) -> None:
    assert len(read.classed("trial")) == len(study.trials)
    for trial in study.trials:
        note = next(
            note
            for group in read.classed("trials")
            for note in group.classed("trial")
            if trial.backbone in group.all("h3")[0].text
            and trial.command[3] in note.all("pre")[0].raw
            and all(
                f"{r.stage}/{r.key[:12]}" in note.text and r.digest[:12] in note.text
                for r in trial.refs.values()
            )
        )
        assert note.all("pre")[0].raw.startswith("tailor run kk-tiny --set")
        links = [a.attributes["href"] for a in note.all("a")]
        assert links == ([trial.mlflow] if trial.seed == 7 else [])
    assert len({trial.seed for trial in study.trials}) == len(SEEDS)


def test_moves_are_those_of_the_data_and_of_the_models_on_the_test_problems(
    read: Element, study: MadeUp
) -> None:
    assert "on test;" in read.named("primitives").text
    rows = rows_of(read, "moves")
    for arm, model, heading in (
        ("tailor", "data", "Data"),
        ("none", "base", "Base"),
        ("tailor", "policy", "Policy"),
    ):
        wanted = study.evidence.moves.filter(
            polars.col("arm") == arm,
            polars.col("backbone") == "tiny",
            polars.col("model") == model,
            polars.col("move") == "set_subgoal",
            polars.col("step").is_null(),
        )["share"].to_numpy()
        row = next(r for r in rows if (r["Arm"], r["Backbone"], r["Move"]) == (arm, "tiny", "set subgoal"))
        assert row[heading].startswith(percent(wanted.mean()))
    assert {row["Data"] for row in rows if row["Arm"] == "none"} == {"–"}
    assert not [row for row in rows if "voice" in row["Move"]]


def test_the_data_of_each_arm_are_in_a_table(read: Element) -> None:
    rows = rows_of(read, "data")
    assert {row["Arm"] for row in rows}.isdisjoint({"none"})
    assert len(rows[0]) == 2 + len(METRICS_MADE)


def test_results_are_json_with_the_trials(directory: Path, study: MadeUp) -> None:
    document = json.loads((directory / "results.json").read_text())
    assert document["results"] == json.loads(json.dumps(study.results.to_json()))
    assert len(document["trials"]) == len(study.trials)
    assert document["trials"][0]["refs"]["policy"]["digest"] == study.trials[0].refs["policy"].digest
    assert document["sweeps"][0]["values"] == [[0.0, "kl=0.0"], [0.005, "tailor"], [0.02, "kl=0.02"]]


def without(study: MadeUp, *names: str) -> MadeUp:
    """The study, had its trials not kept this."""
    frames = {name: getattr(study.evidence, name).clear() for name in names}
    left = dataclasses.replace(study.evidence, **frames)
    return dataclasses.replace(study, evidence=left, results=summarise_study(left, "tailor", TARGET))


def test_equal_studies_give_equal_files(study: MadeUp, tmp_path: Path) -> None:
    bare = without(study, "curve", "wide", "training", "moves", "data", "coverage", "map")
    files = []
    for name in ("one", "two"):
        write(bare, tmp_path / name)
        paths = sorted((tmp_path / name).rglob("*.*"))
        files.append({path.relative_to(tmp_path / name): path.read_bytes() for path in paths})
    assert files[0] == files[1]
    assert len(files[0]) > 20


def test_what_trials_did_not_keep_is_said_in_a_sentence(study: MadeUp, tmp_path: Path) -> None:
    bare = without(study, "curve", "wide", "training", "moves", "data", "coverage", "map")
    write(bare, tmp_path)
    read = read_page((tmp_path / "index.html").read_text())
    missing = {
        s.attributes["id"]: " ".join(m.text for m in s.classed("missing")) for s in read.all("section")
    }
    assert "coverage" in missing["coverage"]
    assert "moves" in missing["primitives"]
    assert "policy.snapshots" in missing["training"]
    assert "evaluation.wide" in missing["accuracy"]
    assert "warm-start data" in missing["data"]
    assert rows_of(read, "main")[0]["Final"]


def test_a_study_of_which_nothing_is_finished_lists_its_trials_and_reasons(
    study: MadeUp, tmp_path: Path
) -> None:
    empty = without(study, *(field.name for field in dataclasses.fields(Evidence)))
    trials = tuple(dataclasses.replace(trial, refs={}, reason="no space left") for trial in study.trials[:3])
    write(dataclasses.replace(empty, trials=trials, sweeps=()), tmp_path)
    read = read_page((tmp_path / "index.html").read_text())
    assert tuple(s.attributes["id"] for s in read.all("section")) == SECTIONS
    assert read.named("result").text.count("no space left") == 3
    assert len(read.classed("trial")) == 3
    assert not list((tmp_path / "figures").iterdir())


def test_stages_that_trials_share_are_counted_once_in_the_time_of_all(study: MadeUp) -> None:
    from tailor_core.report.study.page import _facts

    given = {name: getattr(study, name) for name in study.__dataclass_fields__}
    first = next(trial for trial in study.trials if trial.refs)
    other = next(trial for trial in study.trials if trial.refs and trial.arm != first.arm)
    evaluated = {"evaluation": other.refs["evaluation"]}
    shares = dataclasses.replace(
        first, arm=other.arm, refs={**first.refs, **evaluated}, times={"policy": 600.0, "evaluation": 60.0}
    )
    first = dataclasses.replace(first, times={"policy": 600.0, "evaluation": 120.0})
    facts = dict(_facts(Study.of(**{**given, "trials": (first, shares)})))
    assert facts["Stage time in all"] == "13 min 00 s"


def test_steps_to_a_target_tell_how_many_seeds_of_both_reach_it(read: Element, study: MadeUp) -> None:
    compared = [one for one in study.results.comparisons if one.quantity == "steps to target"]
    assert any(one.reached not in (None, (len(one.seeds),) * 2) for one in compared)
    told = read.named("accuracy").text
    for one in compared:
        assert one.reached is not None
        assert f"reached by {one.reached[0]} and {one.reached[1]} of {len(one.seeds)} seeds" in told


def test_all_comparisons_are_in_the_table_as_they_are(read: Element, directory: Path, study: MadeUp) -> None:
    rows = polars.read_csv(directory / "tables" / "comparisons.csv").rows(named=True)
    titled = dict(zip(rows_of_table(read, "comparisons"), rows, strict=True))
    made = {(c.backbone, c.arm, c.split, c.quantity): c for c in study.results.comparisons}
    assert len(rows) == len(made)
    for shown, row in titled.items():
        backbone, arm = shown_as(row["backbone"], row["arm"])
        split = next(split for split in (*SPLITS, "validation") if describe_split(split) == row["split"])
        one = made[backbone, arm, split, row["quantity"]]
        assert (row["difference"], row["p"], row["p_adjusted"]) == pytest.approx(
            (one.difference, one.p_value, one.p_adjusted)
        )
        assert row["superiority"] == pytest.approx(one.superiority)
        assert short_p(one.p_adjusted) in shown


def shown_as(backbone: str, arm: str) -> tuple[str, str]:
    """The backbone and the arm that a row names."""
    titles = {"kl = 0": "kl=0.0", "kl = 0.02": "kl=0.02"}
    hostile = arm[:10] == HOSTILE[:10]
    return next(
        b for b in BACKBONES if visible(b) == backbone
    ), "without-diversity" if hostile else titles.get(arm, arm)


def rows_of_table(read: Element, table: str) -> list[tuple[str, ...]]:
    """The cells of each row, as people read them."""
    return [tuple(row.values()) for row in rows_of(read, table)]


def test_correlations_are_corrected_for_all_metrics_of_an_outcome(
    read: Element, directory: Path, study: MadeUp
) -> None:
    groups: dict[tuple[str, str], list[Correlation]] = {}
    for one in study.results.correlations:
        groups.setdefault((one.backbone, one.outcome), []).append(one)
    assert all(len(group) == len(METRICS_MADE) for group in groups.values())
    for group in groups.values():
        least = min(group, key=lambda one: one.p_value)
        assert least.p_adjusted == pytest.approx(min(1.0, len(group) * least.p_value))
    rows = polars.read_csv(directory / "tables" / "correlations.csv").rows(named=True)
    for row, cells, one in zip(rows, rows_of(read, "correlations"), study.results.correlations, strict=True):
        assert (row["p"], row["p_adjusted"]) == pytest.approx((one.p_value, one.p_adjusted))
        assert (cells["p"], cells["p (Holm)"]) == (short_p(one.p_value), short_p(one.p_adjusted))
    captions = " ".join(caption.text for caption in read.named("data").all("figcaption"))
    [shown, *_] = [
        c for c in study.results.correlations if c.backbone == BACKBONES[0] and c.outcome == "RL gain"
    ]
    assert short_p(shown.p_adjusted) != short_p(shown.p_value)
    assert short_p(shown.p_adjusted) in captions


def test_curves_begin_at_their_start_and_say_how_much_was_sampled(read: Element, study: MadeUp) -> None:
    rows = rows_of(read, "curves")
    curves = {(curve.backbone, curve.arm): curve for curve in study.results.curves}
    assert len(rows) == len(curves)
    for row in rows:
        curve = curves[shown_as(row["Backbone"], row["Arm"])]
        assert row["Start"] == percent(curve.mean[0])
        assert row["End"].startswith(percent(curve.mean[-1]))
    assert any(row["Start"] != row["End"].split()[0] for row in rows)


def test_steps_that_not_all_seeds_needed_are_a_bound_and_a_curve_without_a_log_has_no_samples() -> None:
    curve = make_study(backbones=BACKBONES[:1]).results.curves[0]
    to = ToTarget(target=0.9, seeds=3, reached=2, per_seed=(1.0, 2.0, None), mean=11.0, interval=None)
    some = steps_cell(dataclasses.replace(curve, steps_to_target=to), "#a")
    assert (some.text, some.note) == ("≥ 11.0", "2 of 3 seeds")
    every = dataclasses.replace(to, reached=3, per_seed=(1.0, 2.0, 30.0))
    assert steps_cell(dataclasses.replace(curve, steps_to_target=every), "#a").text == "11.0"
    never = dataclasses.replace(to, reached=0, per_seed=(None,) * 3, mean=None)
    assert steps_cell(dataclasses.replace(curve, steps_to_target=never), "#a").text == "not reached"
    assert _sampled(float("nan"), "#a").text == "–"
    assert _sampled(1920.0, "#a").text == "1920"


def test_areas_of_curves_of_different_lengths_say_how_far_they_reach() -> None:
    curve = make_study(backbones=BACKBONES[:1]).results.curves[0]
    assert _area(curve, True, "#a").note.endswith(f"; {STEPS[-1]} steps")
    assert "steps" not in _area(curve, False, "#a").note


def test_with_two_seeds_it_is_said_how_small_a_p_value_can_be(study: MadeUp) -> None:
    def told(made: MadeUp) -> str:
        shown = Study.of(**{name: getattr(made, name) for name in made.__dataclass_fields__})
        return " ".join(say_results(shown, Lookup(shown.results)))

    assert "With two seeds no p-value" in told(make_study(backbones=BACKBONES[:1], seeds=(7, 8)))
    assert "With two seeds no p-value" not in told(make_study(backbones=BACKBONES[:1], seeds=(7, 8, 10)))


def test_differences_are_drawn_the_way_they_are_in_the_table(directory: Path, study: MadeUp) -> None:
    for place, backbone in enumerate(BACKBONES, 1):
        text = (directory / "figures" / f"difference-final-accuracy-on-test-{place}.svg").read_text()
        for one in study.results.comparisons:
            where = (one.backbone, one.split, one.quantity)
            if where == (backbone, "test", "final accuracy") and one.arm in METHODS:
                assert f"{one.arm}: {100 * one.difference:+.1f} (" in text


def test_the_move_that_rl_changes_most_comes_first(directory: Path, study: MadeUp) -> None:
    along = study.evidence.moves.filter(
        polars.col("step").is_not_null(), ~polars.col("move").str.starts_with("voice:"), backbone=BACKBONES[0]
    )
    course = along.group_by("arm", "move", "step").agg(polars.col("share").mean())
    by_arm = course.group_by("arm", "move").agg(change=polars.col("share").max() - polars.col("share").min())
    changes = by_arm.group_by("move").agg(polars.col("change").mean()).sort("change", descending=True)
    first = ET.parse(directory / "figures" / "move-over-steps-1-1.svg").getroot()
    title = first.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert changes["move"][0].replace("_", " ") in (title.text or "").lower()


def test_the_head_says_how_many_problems_were_asked(read: Element, study: MadeUp) -> None:
    facts = dict(_facts(Study.of(**{name: getattr(study, name) for name in study.__dataclass_fields__})))
    assert facts["Test problems"] == str(PROBLEMS)


def test_a_sweep_has_where_rl_began_and_where_it_ended(read: Element, study: MadeUp) -> None:
    [first, *_] = rows_of(read, "sweep-kl-1")
    cells = {
        c.model: c
        for c in study.results.cells
        if (c.backbone, c.arm, c.split) == (BACKBONES[0], "kl=0.0", "test")
    }
    assert [value for value in first.values() if value.startswith(percent(cells["warm_start"].mean))]
    assert [value for value in first.values() if value.startswith(percent(cells["policy"].mean))]
