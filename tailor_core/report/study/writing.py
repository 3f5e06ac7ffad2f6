"""Writes a study's report: the page, and its figures, tables and results as files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tailor_core.report.study.arms import Sweep
from tailor_core.report.study.page import describe_sections, render_study
from tailor_core.report.study.study import Study
from tailor_core.secrets import masked
from tailor_core.study.evidence import Evidence
from tailor_core.study.results import StudyResults
from tailor_core.study.trials import Trial


def write_study(
    title: str,
    description: str,
    trials: Sequence[Trial],
    evidence: Evidence,
    results: StudyResults,
    directory: Path,
    *,
    sweeps: Sequence[Sweep] = (),
    titles: Mapping[str, str] | None = None,
) -> None:
    """Write `index.html`, `figures/*.svg` and `.png`, `tables/*.csv` and `.tex`, and `results.json` to a directory.

    titles: arm -> what it is called, where that is not its name. The directory is made where it is not there; the page
    is written last. Trials without an end are listed with their reason.
    """
    study = Study.of(
        title=title,
        description=description,
        trials=trials,
        evidence=evidence,
        results=results,
        sweeps=sweeps,
        titles=titles or {},
    )
    sections = describe_sections(study)
    figures, tables = directory / "figures", directory / "tables"
    for folder in (figures, tables):
        folder.mkdir(parents=True, exist_ok=True)
    for section in sections:
        for drawing in section.drawings():
            (figures / f"{drawing.name}.svg").write_text(drawing.alone, encoding="utf-8")
            (figures / f"{drawing.name}.png").write_bytes(drawing.png)
        for table in section.tables():
            (tables / f"{table.name}.csv").write_text(table.csv(), encoding="utf-8")
            (tables / f"{table.name}.tex").write_text(table.latex(), encoding="utf-8")
    (directory / "results.json").write_text(_document(study), encoding="utf-8")
    (directory / "index.html").write_text(render_study(study, sections), encoding="utf-8")


def _document(study: Study) -> str:
    """All results and the trials that they come from."""
    document = {
        "title": study.title,
        "description": study.description,
        "arms": [{"name": arm.name, "title": arm.title, "method": arm.method} for arm in study.arms],
        "sweeps": [
            {"name": s.name, "title": s.title, "default": s.default, "values": [*map(list, s.values.items())]}
            for s in study.sweeps
        ],
        "trials": [_trial(trial) for trial in study.trials],
        "results": study.results.to_json(),
    }
    return json.dumps(_finite(document), indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        **{name: value for name, value in asdict(trial).items() if name != "refs"},
        "command": [masked(word) for word in trial.command],
        "overrides": [masked(word) for word in trial.overrides],
        "reason": masked(trial.reason),
        "mlflow": masked(trial.mlflow),
        "refs": {product: ref.to_json() for product, ref in trial.refs.items()},
    }


def _finite(value: Any) -> Any:
    """The value with null where JSON has no number."""
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
