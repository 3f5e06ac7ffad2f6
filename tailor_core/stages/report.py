"""The `report` stage: one self-contained HTML page on all artifacts of a run, and its charts as SVG files."""

from __future__ import annotations

from typing import Any

from tailor_core.config.report import ReportConfig
from tailor_core.report.page import build_page
from tailor_core.stages.context import StageContext

PAGE = "report.html"
FIGURES = "figures"


def run(config: ReportConfig, context: StageContext) -> dict[str, Any]:
    """Write report.html and figures/*.svg.

    An input that is missing, empty or damaged costs its section, which then says so; never the page.
    """
    page = build_page(context.inputs, config)
    (context.output / PAGE).write_text(page.html, encoding="utf-8", newline="\n")
    figures = context.output / FIGURES
    figures.mkdir()
    for name, svg in page.charts.items():
        (figures / f"{name}.svg").write_text(svg + "\n", encoding="utf-8", newline="\n")
    return {
        "rows": {},
        "metrics": {"charts": len(page.charts), "bytes": len(page.html.encode())},
        "missing": list(page.missing),
    }
