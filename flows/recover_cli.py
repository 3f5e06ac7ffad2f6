"""`tailor recover`: put in order what killed runs left behind, and run them again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import Home, StoreUrl
from tailor_core.config.settings import (
    HOME_VARIABLE,
    STORE_VARIABLE,
    Settings,
    prepare_process,
    read_settings,
)

if TYPE_CHECKING:
    from tailor_core.stages.runs import RunRecord


def recover(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would be done, and do nothing")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="then run the killed commands again")] = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Put in order what killed runs left: Prefect, MLflow and lineage are told, and temporary files are removed.

    A run that lives is left alone, and so is what stages need to go on where they were.

    Example: tailor recover --resume
    """
    settings = read_settings(home, store, make=False)
    prepare_process(settings)
    done = 0
    for line in _put_in_order(settings, dry_run):
        done += 1
        print(f"(dry run) {line}" if dry_run else line)
    if not done:
        print("nothing to recover")
    again = {one.work: one for one in _dead(settings, dry_run)}
    if resume and not dry_run:
        _run_again(settings, list(again.values()))
        return
    for one in again.values():
        print(f"{'(dry run) ' if dry_run else ''}--resume would run again: {one}")


def _put_in_order(settings: Settings, dry_run: bool) -> Iterator[str]:
    """Tell everyone of each death, and remove what dead writers left; what was done, in words."""
    from tailor_core.stages.runs import held_dead, mark_recovered, read_records
    from tailor_core.tracking.attempts import read_flow_run

    with ExitStack() as stack:
        told = [one for one in read_records(settings) if not one.recovered]
        dead = [one for record in told if (one := stack.enter_context(held_dead(settings, record)))]
        for record in told:
            if record not in dead:
                print(f"left alone, for it lives: {record}")
        prefect = _open_prefect(settings, stack) if dead else False
        for record in dead:
            yield f"killed: {record}"
            yield from _tell(settings, record, prefect, dry_run)
            if not dry_run:
                mark_recovered(settings, record)
        known = [one for one in dead if read_flow_run(settings.lineage, one.id)]
    for url in sorted({settings.store, *(one.store for one in read_records(settings))}):
        yield from _remove_leftovers(settings, url, dry_run)
    if known:
        yield from _update_catalog(settings, known[-1].store, dry_run)


def _tell(settings: Settings, record: RunRecord, prefect: bool, dry_run: bool) -> Iterator[str]:
    """Tell Prefect, if that is open, MLflow and lineage that a run died."""
    from tailor_core.tracking.killed_runs import abort_killed_attempts, end_killed_runs

    if prefect:
        from tasks.recovery import crash_flow_runs

        yield from (f"set to Crashed: {what}" for what in crash_flow_runs(record.id, dry_run=dry_run))
    killed = end_killed_runs(settings.tracking_uri, record.id, dry_run=dry_run)
    yield from (f"set to KILLED: {what}" for what in killed)
    aborted = abort_killed_attempts(settings.lineage, record.id, dry_run=dry_run)
    yield from (f"set to ABORT: {what}" for what in aborted)


def _open_prefect(settings: Settings, stack: ExitStack) -> bool:
    """Have a Prefect server until `stack` ends; False where there is no database that a run could be in."""
    from tasks.server import prefect_server

    if "PREFECT_API_URL" not in os.environ and not any((settings.home / "prefect").glob("*.db")):
        return False
    stack.enter_context(prefect_server(settings.server_log))()
    return True


def _remove_leftovers(settings: Settings, url: str, dry_run: bool) -> Iterator[str]:
    from tailor_core.artifacts.leftovers import remove_leftovers
    from tailor_core.artifacts.store import Store

    found = list(remove_leftovers(Store(url), settings.work, settings.locks, dry_run=dry_run))
    locks = sum(path.suffix == ".lock" for path in found)
    yield from (f"removed: {path}" for path in found if path.suffix != ".lock")
    if locks:
        yield f"removed: {locks} lock files that nobody holds"


def _update_catalog(settings: Settings, url: str, dry_run: bool) -> Iterator[str]:
    from tailor_core.artifacts.store import Store
    from tailor_core.lineage.merge import merge

    left_out = [] if dry_run else merge(settings, Store(url), fresh=False).left_out
    yield f"brought up to date: {settings.catalog}"
    yield from (f"left out of the catalog: {reason}" for reason in left_out)


def _dead(settings: Settings, dry_run: bool = False) -> list[RunRecord]:
    """Killed runs whose work nobody has done since; in a dry run those that would now be put in order, too."""
    from tailor_core.stages.runs import held_dead, read_records

    found = []
    for record in read_records(settings):
        if record.recovered:
            found.append(record)
        elif dry_run and not record.done:
            with held_dead(settings, record) as dead:
                found += [dead] if dead else []
    return found


def _run_again(settings: Settings, records: Sequence[RunRecord]) -> None:
    """Run killed commands again, one after the other; the exit status is that of the first that fails, after all."""
    failed = 0
    for record in records:
        if record.work not in {one.work for one in _dead(settings)}:
            continue  # a study that was resumed has done it meanwhile
        print(f"resuming: {record}", flush=True)
        there = Path(record.directory) if record.directory else Path.cwd()
        status = subprocess.run(
            [sys.executable, "-m", "flows.cli", *record.command],
            env={**os.environ, HOME_VARIABLE: str(settings.home), STORE_VARIABLE: record.store},
            cwd=there if there.is_dir() else None,
            check=False,
        ).returncode
        failed = failed or status
    if failed:
        raise typer.Exit(failed)
