"""A row's whole way: problem, primitive, demonstration, verdict, kept or dropped and why, training row, models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailor_core.catalog.connection import Connection
from tailor_core.catalog.queries import query
from tailor_core.errors import InputError
from tailor_core.lineage.references import Place

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTrace:
    """All that lineage knows of one row, among the artifacts around one.

    found:     what the id stands for, and in which artifact
    decisions: one for each demonstration that it has a part in: see the query lineage/trace_row
    impact:    the models that it reached, and how: see the query lineage/list_impact
    """

    row: str
    found: tuple[Row, ...]
    decisions: tuple[Row, ...]
    impact: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "found": self.found,
            "decisions": self.decisions,
            "impact": self.impact,
        }

    def to_mermaid(self) -> str:
        """A flowchart from the row's problems and primitives to the models."""
        chart = _Flowchart()
        for one in self.decisions:
            demonstration = chart.node("demonstration", one["demonstration_id"])
            chart.edge(chart.node("problem", one["problem_id"]), demonstration)
            chart.edge(chart.node("primitive", one["primitive_id"]), demonstration)
            verdict = chart.node(f"verdict of {one['demonstration_id']}", one["verdict_reason"] or "passed")
            chart.edge(demonstration, verdict)
            fate = f"{'kept' if one['kept'] else 'dropped'}: {one['rule']}"
            decision = chart.node(f"decision on {one['demonstration_id']}", fate)
            chart.edge(verdict, decision)
            if one["sft_example_id"]:
                example = chart.node("training row", one["sft_example_id"])
                chart.edge(decision, example)
                for model in self.impact:
                    if model["relation"] == "fine_tuned":
                        named = f"{model['model_stage']}@{model['model_digest'][:12]}"
                        chart.edge(example, chart.node("model", named))
        return chart.text()


def trace_row(connection: Connection, row: str, place: Place) -> RowTrace:
    """The way of a row among the artifacts around one; InputError where none of them has it."""
    at = {"row": row, "stage": place.stage, "key": place.key}
    found, decisions, impact = (
        query(connection, f"lineage/{name}", **at).to_dicts()
        for name in ("find_row", "trace_row", "list_impact")
    )
    if not found:
        raise InputError(
            f"--row = {row!r} is no problem, primitive, demonstration or training row that "
            f"{place.stage}@{place.key[:12]} was made from, or that was made from it; give the id of one"
        )
    return RowTrace(
        row=row,
        found=tuple({**one, "about": json.loads(one["about"])} for one in found),
        decisions=tuple(decisions),
        impact=tuple(impact),
    )


class _Flowchart:
    """Mermaid text in which everything is said once."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._lines = dict.fromkeys(["flowchart LR"])

    def node(self, kind: str, text: str) -> str:
        name = self._names.setdefault((kind, text), f"n{len(self._names)}")
        self._lines[f'  {name}["{_quoted(kind)}<br/>{_quoted(text)}"]'] = None
        return name

    def edge(self, source: str, target: str) -> None:
        self._lines[f"  {source} --> {target}"] = None

    def text(self) -> str:
        return "\n".join(self._lines)


def _quoted(text: str) -> str:
    """Text as Mermaid shows it, whatever it holds."""
    return "".join(c if c.isalnum() or c in " .,:_-+/" else f"#{ord(c)};" for c in text)
