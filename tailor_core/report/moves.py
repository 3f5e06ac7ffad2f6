"""Which reasoning moves the models' traces show, beside those of the demonstrations they learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailor_core.errors import ArtifactError
from tailor_core.evaluation.moves import classify, usage
from tailor_core.records import Demonstration, SelectionDecision
from tailor_core.report.charts import draw_moves
from tailor_core.report.materials import Materials
from tailor_core.report.results import Model, Results, describe_split, main_split
from tailor_core.report.svg import Chart
from tailor_core.report.text import humanise, label, percent

Usage = Mapping[str, Mapping[str, float]]
"""Move -> `share` of traces that show it and `mean` count in a trace."""

TAUGHT = Model("demonstrations", "Taught", "extra-1", "^")
_VOICE = "voice:"
_TITLE_LENGTH = 24


@dataclass(frozen=True, slots=True)
class Moves:
    """Chart and full table: rows of move and, for each column, share and mean count."""

    chart: Chart
    split: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


def describe_moves(materials: Materials, results: Results) -> Moves:
    """The section for the main split; ArtifactError where no trace shows a move."""
    split = main_split(results)
    used: dict[str, Usage] = {
        model.name: results.moves[model.name][split]
        for model in results.models
        if split in results.moves.get(model.name, {})
    }
    models = [model for model in results.models if model.name in used]
    taught = _taught(materials)
    if taught:
        used = {TAUGHT.name: taught, **used}
        models = [TAUGHT, *models]
    names = _order(used)
    if not names:
        raise ArtifactError("The evaluation tells of no reasoning moves.")
    drawn = {
        _title(name): {m.name: _figure(used[m.name], name, "share") for m in models}
        for name in names
        if not name.startswith(_VOICE)
    }
    title = f"Share of traces that show each move, {describe_split(split)}"
    return Moves(
        chart=draw_moves(drawn, models, title),
        split=describe_split(split),
        columns=tuple(model.label for model in models),
        rows=tuple((_title(name), tuple(_cell(used[m.name], name) for m in models)) for name in names),
    )


def _taught(materials: Materials) -> Usage:
    """The moves of the demonstrations that were kept; empty where these are not among the inputs."""
    try:
        demonstrations = materials.records("demonstrations", "demonstrations", Demonstration)
        environments = materials.table("problems", "problems").select("id", "environment")
        decisions = materials.records("selection", "selection", SelectionDecision)
    except ArtifactError:
        return {}
    kept = {decision.demonstration_id for decision in decisions if decision.kept}
    environment = dict(environments.iter_rows())
    return usage(classify(environment[d.problem_id], d.think) for d in demonstrations if d.id in kept)


def _order(used: Mapping[str, Usage]) -> Sequence[str]:
    """Moves before voices, each with the one that is shown most first."""
    names = sorted({str(name) for moves in used.values() for name in moves})
    most = {name: max(_figure(moves, name, "share") for moves in used.values()) for name in names}
    return sorted(names, key=lambda name: (name.startswith(_VOICE), -most[name], name))


def _title(name: str) -> str:
    if name.startswith(_VOICE):
        return f"{label(name.removeprefix(_VOICE), _TITLE_LENGTH)} wording"
    return label(humanise(name), _TITLE_LENGTH)


def _figure(moves: Usage, name: str, figure: str) -> float:
    return float(moves.get(name, {}).get(figure, 0.0))


def _cell(moves: Usage, name: str) -> tuple[str, str]:
    return percent(_figure(moves, name, "share")), f"{_figure(moves, name, 'mean'):.2f}"
