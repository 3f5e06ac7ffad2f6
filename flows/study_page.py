"""The page of a study, made from what its trials left in the store."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

from tailor_core.artifacts.store import Store
from tailor_core.config.settings import Settings
from tailor_core.config.study import Study, Sweep
from tailor_core.records import content_id
from tailor_core.stages.fingerprint import code_fingerprint, path_digest
from tailor_core.study.trials import Trial
from tasks.run import progress

_MADE_FROM = "made-from"
"""The file that says what a page was made from."""


def write_page(study: Study, trials: Sequence[Trial], settings: Settings) -> Path | None:
    """The study's page in `<home>/reports/study-NAME`, in place of the one before; None without the reference arm.

    One that was made from the same is left as it is: what it takes to read and resample all evidence is minutes.
    """
    if study.reference not in {trial.arm for trial in trials if trial.refs}:
        progress.warning("no page: no trial of the reference %s came to its end", study.reference)
        return None
    target = settings.reports / f"study-{study.name}"
    page, made_from = target / "index.html", _made_from(study, trials)
    if page.is_file() and _read(target / _MADE_FROM) == made_from:
        return page
    progress.info("the page ...")
    settings.reports.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.reports, prefix=f".{target.name}-") as directory:
        made = Path(directory) / target.name
        _write(study, trials, Store(settings.store), made)
        (made / _MADE_FROM).write_text(made_from, encoding="utf-8")
        if target.exists():
            target.replace(Path(directory) / "before")
        made.replace(target)
    return page


def _made_from(study: Study, trials: Sequence[Trial]) -> str:
    """The same for the same study, trials, artifacts, code and templates."""
    report = Path(str(files("tailor_core"))) / "report"
    return content_id(
        [
            study.model_dump(mode="json"),
            [asdict(trial) for trial in trials],
            code_fingerprint("tailor_core.report.study.writing"),
            [path_digest(directory / "templates") for directory in (report, report / "study")],
        ],
        length=64,
    )


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _write(study: Study, trials: Sequence[Trial], store: Store, directory: Path) -> None:
    """From artifacts to figures to the page; what makes them is imported when it is needed."""
    from tailor_core.report.study import Sweep as Shown
    from tailor_core.report.study import write_study
    from tailor_core.study.evidence import read_evidence
    from tailor_core.study.results import summarise_study

    evidence = read_evidence(trials, store)
    write_study(
        study.name,
        study.description,
        trials,
        evidence,
        summarise_study(evidence, study.reference, study.target),
        directory,
        sweeps=[
            Shown(name=name, title=sweep.title or name, values=axis(name, sweep), default=sweep.default)
            for name, sweep in study.sweeps.items()
        ],
        titles={name: arm.title for name, arm in study.arms.items() if arm.title},
    )


def axis(name: str, sweep: Sweep) -> dict[float | str, str]:
    """Value -> arm, numbers in their order; that of the default is the arm of the method itself."""
    arms: dict[float | str, str] = {value: sweep.arm_name(name, value) for value in sweep.values}
    if sweep.default is not None:
        arms[sweep.default] = sweep.method
    return dict(sorted(arms.items(), key=lambda item: (isinstance(item[0], str), item[0])))
