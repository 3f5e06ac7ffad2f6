"""Kills a scaled-down run of the whole method at random moments, resumes it each time, and checks what comes of it.

`python tests/faults/kill_study.py --kills 30 --seed 1`, twenty minutes on two idle cores. Each kill is a SIGKILL of the
whole process group at a random moment of one phase: the start of the process, or one of the stages, in turn. A round
is one run from an empty store, killed once in each phase, and then let go to its end; Prefect's and MLflow's
databases stay from round to round. Checked, against a run that nobody disturbed:

- every artifact has the same digest, those of the training stages too; only the report says when it was made
- a training goes on after its newest complete checkpoint, no earlier and no later
- no artifact is made twice in a round, and none is damaged at any time
- no attempt takes longer than its limit, and Prefect's server ends with the run
- after `tailor recover` nothing runs according to Prefect and MLflow, and nothing is left to recover
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from small_run import RECIPE, write_backbone  # noqa: E402

from tailor_core.artifacts.manifest import Manifest  # noqa: E402
from tailor_core.artifacts.store import Store  # noqa: E402
from tailor_core.stages.registry import STAGES  # noqa: E402

START = "start"
PHASES = (START, *STAGES)
TRAININGS = {"warm_start": "loss", "policy": "loss"}
DATED = ("report",)
LIMIT_SECONDS = 900.0
LONG_TRAININGS = (
    "demonstrations.shard_size=20",
    "warm_start.epochs=8",
    "warm_start.save_steps=2",
    "policy.steps=16",
    "policy.save_steps=2",
)


@dataclass
class Attempt:
    """One process that ran the recipe: how it ended, and when it came to each stage, in seconds after its start."""

    status: int
    seconds: float
    begun: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    output: str = ""


class Study:
    """A recipe in a home of its own, killed and resumed. What should not be is told to `faults`."""

    def __init__(self, root: Path, seed: int, options: Sequence[str]) -> None:
        self.root = root
        self.options = options
        self.rng = random.Random(seed)
        self.faults: list[str] = []
        self.kills: Counter[str] = Counter()
        self.ends = 0
        self.resumed: Counter[str] = Counter()
        self.longest = 0.0
        self.recipe = root / "small.toml"
        (root / "backbone").mkdir(parents=True)
        write_backbone(root / "backbone")
        self.recipe.write_text(RECIPE.format(backbone=root / "backbone"))
        self.timeline = Attempt(0, 0.0)
        self.expected: dict[str, str] = {}

    @property
    def home(self) -> Path:
        return self.root / "home"

    def measure(self) -> None:
        """Run undisturbed, to know the digests and the times."""
        self.timeline = self._attempt(None, 0)
        if self.timeline.status:
            raise SystemExit(self.timeline.output[-3000:])
        self.expected = self._digests()

    def round(self, phases: list[str]) -> None:
        """From an empty store, one kill in each of these phases, and then to the end."""
        self._empty()
        made: dict[str, tuple[int, float]] = {}
        for phase in [*phases, None]:
            before = {stage: self._newest_step(stage) for stage in TRAININGS}
            seen = self._trainings()
            attempt = self._attempt(phase, self.rng.random())
            self.longest = max(self.longest, attempt.seconds)
            if phase is None and attempt.status:
                self._fault("the last attempt of a round failed", attempt.output[-1500:])
            elif phase is not None and attempt.status not in (0, -signal.SIGKILL):
                self._fault(
                    f"the attempt to kill in {phase} ended with {attempt.status}", attempt.output[-1500:]
                )
            if attempt.status:
                self.kills[str(phase)] += 1
            else:
                self.ends += 1
            self._check_store(made)
            self._check_trainings(seen, before)
        found = self._digests()
        if found != self.expected:
            self._fault("digests differ from the undisturbed run's", _differences(self.expected, found))

    def recover(self) -> None:
        """`tailor recover`, and what must hold after it."""
        first, second = self._tailor("recover"), self._tailor("recover")
        if first.returncode or second.returncode:
            self._fault("tailor recover failed", first.stderr[-1500:] + second.stderr[-1500:])
        if "nothing to recover" not in second.stdout:
            self._fault("a second tailor recover found", second.stdout)
        for database, query in (
            ("prefect/prefect.db", "select name from flow_run where state_type in ('RUNNING', 'PENDING')"),
            ("prefect/prefect.db", "select name from task_run where state_type in ('RUNNING', 'PENDING')"),
            ("mlflow.db", "select name from runs where status = 'RUNNING'"),
        ):
            if left := _select(self.home / database, query):
                self._fault(f"still running in {database}", str(left))
        if left_behind := list((self.home / "store" / ".tmp").glob("*")):
            self._fault("temporary directories are left", str(left_behind))

    def _empty(self) -> None:
        for name in ("store", "work", "locks", "cache"):
            shutil.rmtree(self.home / name, ignore_errors=True)

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "flows.cli", *arguments, "--home", str(self.home)]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}

    def _tailor(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*arguments),
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_SECONDS,
        )

    def _attempt(self, phase: str | None, share: float) -> Attempt:
        """Run the recipe; in `phase` kill it when `share` of the phase's undisturbed time has passed."""
        process = subprocess.Popen(
            self._command("run", str(self.recipe), *self.options),
            env=self._environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        attempt = Attempt(0, 0.0)
        began = time.monotonic()
        limit = _later(LIMIT_SECONDS, process)
        killers = [limit]
        if phase == START:
            killers.append(_later(share * min(self.timeline.begun.values()), process))
        assert process.stderr
        for stage, word in self._lines(process.stderr, attempt):
            moments = attempt.begun if word == "..." else attempt.ended
            moments[stage] = time.monotonic() - began
            if stage == phase:
                undisturbed = self.timeline.ended[stage] - self.timeline.begun[stage]
                killers.append(_later(share * undisturbed if word == "..." else 0.0, process))
        attempt.status = process.wait()
        attempt.seconds = time.monotonic() - began
        for killer in killers:
            killer.cancel()
        if attempt.seconds >= LIMIT_SECONDS:
            self._fault(f"an attempt hung; it was to be killed in {phase}", attempt.output[-1500:])
        self._check_servers()
        return attempt

    def _lines(self, stream: IO[str], attempt: Attempt) -> Iterator[tuple[str, str]]:
        for line in stream:
            attempt.output += line
            if match := re.match(r".*?\d\d:\d\d:\d\d +(\w+) +(\.\.\.|made|hit)", line):
                yield match.group(1), match.group(2)

    def _check_servers(self) -> None:
        """The server of a killed run watches its parent once a second."""
        for _ in range(120):
            if not _servers(self.home):
                return
            time.sleep(0.5)
        self._fault("a Prefect server outlived its run", str(_servers(self.home)))

    def _artifacts(self) -> dict[str, Manifest]:
        return {one.stage: one for one in Store(str(self.home / "store")).manifests()}

    def _digests(self) -> dict[str, str]:
        return {stage: one.digest for stage, one in self._artifacts().items() if stage not in DATED}

    def _check_store(self, made: dict[str, tuple[int, float]]) -> None:
        """Every artifact that is visible is whole, and the same as after the attempt before."""
        store = Store(str(self.home / "store"))
        for stage, manifest in self._artifacts().items():
            if damage := store.damage(manifest):
                self._fault(f"{stage} is damaged", damage)
            state = (self.home / "store" / manifest.ref.uri / "manifest.json").stat()
            if made.setdefault(stage, (state.st_ino, state.st_mtime)) != (state.st_ino, state.st_mtime):
                self._fault(f"{stage} was made twice", manifest.key)

    def _newest_step(self, stage: str) -> int:
        from tailor_core.training.checkpoints import newest_checkpoint

        found = [one for work in (self.home / "work").glob(f"{stage}-*") if (one := newest_checkpoint(work))]
        return max((one.step for one in found), default=0)

    def _trainings(self) -> dict[str, tuple[str, list[int]]]:
        """MLflow run -> stage and the steps that it logged."""
        rows = _select(
            self.home / "mlflow.db",
            "select r.run_uuid, r.name, m.step from runs r join metrics m on m.run_uuid = r.run_uuid "
            "where m.key = 'loss' and r.name in ('warm_start', 'policy') and m.step > 0 order by m.step",
        )
        found: dict[str, tuple[str, list[int]]] = {}
        for run, stage, step in rows:
            found.setdefault(run, (stage, []))[1].append(step)
        return found

    def _check_trainings(self, seen: dict[str, tuple[str, list[int]]], before: dict[str, int]) -> None:
        for run, (stage, steps) in self._trainings().items():
            if run not in seen and before[stage]:
                self.resumed[stage] += 1
                if steps[0] != before[stage] + 1:
                    self._fault(
                        f"{stage} went on with step {steps[0]}", f"its checkpoint was {before[stage]}"
                    )

    def _fault(self, what: str, more: str) -> None:
        self.faults.append(f"{what}: {more}")
        print(f"FAULT {what}: {more}", flush=True)


def run_study(
    root: Path, kills: int, seed: int, phases: tuple[str, ...], options: Sequence[str] = ()
) -> Study:
    """Kill `tailor run` with these options `kills` times, in these phases by turns, and recover."""
    study = Study(root, seed, options)
    study.measure()
    print(
        "undisturbed:",
        {s: round(study.timeline.ended[s] - study.timeline.begun[s], 1) for s in study.timeline.ended},
    )
    for start in range(0, kills, len(phases)):
        study.round(list(phases[: min(len(phases), kills - start)]))
        print(f"{study.kills.total()} kills, {len(study.faults)} faults", flush=True)
    study.recover()
    return study


def _later(seconds: float, process: subprocess.Popen[str]) -> threading.Timer:
    def kill() -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(seconds, kill)
    timer.daemon = True
    timer.start()
    return timer


def _servers(home: Path) -> list[int]:
    """Processes that serve Prefect for this home."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (
                b"tasks.server" in (path / "cmdline").read_bytes()
                and str(home).encode() in (path / "environ").read_bytes()
            ):
                found.append(int(path.name))
        except OSError:
            continue
    return found


def _select(database: Path, query: str) -> list[tuple[str, ...]]:
    if not database.exists():
        return []
    # Not read-only: what a kill cut off in the middle of a transaction has to be rolled back first.
    connection = sqlite3.connect(database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _differences(expected: dict[str, str], found: dict[str, str]) -> str:
    return ", ".join(stage for stage in STAGES if expected.get(stage) != found.get(stage))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=30, help="how often to kill")
    parser.add_argument("--seed", type=int, default=1, help="the moments follow from it")
    parser.add_argument(
        "--phases", default=",".join(PHASES), help="in which to kill in a round; one may come several times"
    )
    arguments = parser.parse_args()
    phases = tuple(arguments.phases.split(","))
    with tempfile.TemporaryDirectory() as root:
        options = [part for value in LONG_TRAININGS for part in ("--set", value)]
        study = run_study(Path(root), arguments.kills, arguments.seed, phases, options)
    print(f"\n{'phase':<16}kills")
    for phase in PHASES:
        print(f"{phase:<16}{study.kills[phase]:>5}")
    print(f"{'all':<16}{study.kills.total():>5}; {study.ends} attempts came to the end")
    print(f"trainings resumed from a checkpoint: {dict(study.resumed)}")
    print(f"longest attempt: {study.longest:.0f} s (undisturbed: {study.timeline.seconds:.0f} s)")
    print(f"faults: {len(study.faults)}")
    sys.exit(1 if study.faults else 0)


if __name__ == "__main__":
    main()
