"""Kills what a run stands on at random moments, restarts it as a supervisor would, and recovers as an operator would.

`python tests/faults/services_kill_study.py --kills 10 --seed 1`: so often each of

- server   the Prefect server (SQLite, or PostgreSQL with --database URL)
- mlflow   the MLflow server
- s3       the S3 API that holds the artifacts
- frozen   the S3 API answers nobody for some seconds, and is not killed
- gpu      the GPU pool's worker, by turns alone, or with all that runs below it, as when its machine loses its power
- cpu      the CPU pool's worker, likewise
- run      the process of the deployed flow run itself

A round is one run of the small recipe from an empty store, as a flow run of `tailor/kk-tiny`, with its GPU stages in
the GPU pool and some of the kills on its way. What was killed is back after one to four seconds. A flow run that ended
badly is retried, after `tailor recover`, which also finds one that Prefect goes on to believe alive. Checked:

- every flow run ends Completed, and every artifact has the bytes of those of a run that nobody disturbed; of the
  trainings these are the weights, not the log
- no stage is executed twice to its end
- after `tailor recover` nothing runs according to Prefect, no process is left, and no concurrency slot is taken
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import mean
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from house import BUCKET, FINAL, House  # noqa: E402
from small_run import RECIPE, write_backbone  # noqa: E402

from tailor_core.artifacts.manifest import content_digest  # noqa: E402
from tailor_core.artifacts.store import Store  # noqa: E402
from tailor_core.config.load import flat  # noqa: E402
from tailor_core.stages.events import read_event  # noqa: E402
from tailor_core.stages.registry import STAGES  # noqa: E402
from tailor_core.tracking.attempts import read_attempts  # noqa: E402

LOST_SECONDS = 300.0
"""A stage that was done when its machine lost its power is followed by nobody: the automation finds its run."""

TARGETS = ("server", "mlflow", "s3", "frozen", "gpu", "cpu", "run")
DATED = ("report",)
TRAINING_LOG = "training_log.parquet"
ROUND_SECONDS = 1500.0
STUCK_SECONDS = 120.0
REPORT_SECONDS = 20.0
"""For a worker to tell Prefect that the process of a run has ended."""

_EVENT_LEVEL = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill: what, in which stage, how long it was away, and how long until the run went on."""

    target: str
    how: str
    stage: str
    away: float
    lost: float
    recovered: str


@dataclass
class Study:
    """Runs in one house, disturbed one after the other. What should not be is told to `faults`."""

    house: House
    rng: random.Random
    backbone: Path
    faults: list[str] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    rounds: list[float] = field(default_factory=list)
    restarts: Counter[str] = field(default_factory=Counter)
    expected: dict[str, str] = field(default_factory=dict)
    undisturbed: float = 0.0
    _alone: Counter[str] = field(default_factory=Counter)
    _round: int = 0
    _means: str = ""

    def measure(self) -> None:
        """Run undisturbed, to know the digests and the time."""
        self.undisturbed = self._run([])
        self.expected = self._digests()

    def round(self, targets: list[str]) -> None:
        """One run from an empty store; targets that are killed on its way are taken off the list."""
        self.rounds.append(self._run(targets))
        if (found := self._digests()) != self.expected:
            stages = [name for name in STAGES if found.get(name) != self.expected.get(name)]
            self._fault("digests differ from the undisturbed run's", ", ".join(stages))
        self.check_end()

    def _run(self, targets: list[str]) -> float:
        self._round += 1
        run, started = self.start(), time.monotonic()
        begun = time.time()
        share = self.undisturbed / (len(targets) + 1)
        while targets:
            if not self._goes_on_for(run, self.rng.uniform(0.5, 1.5) * share):
                break
            self.kill(targets.pop(0), run)
        self.see_to_the_end(run)
        seconds = time.monotonic() - started
        self.check_executions(begun)
        return seconds

    def start(self, until: str = "") -> str:
        """Have a worker run the small recipe; the id of the flow run."""
        parameters = {
            "until": until,
            "overrides": ["execution.gpu=work_pool", *overrides(self.backbone)],
            "home": str(self.house.home("cpu")),
            "store": self.store,
        }
        found = self.house.ask("GET", "/deployments/name/tailor/kk-tiny")
        created = self.house.ask(
            "POST", f"/deployments/{found['id']}/create_flow_run", {"parameters": parameters}
        )
        return str(created["id"])

    @property
    def store(self) -> str:
        """That of the round."""
        return f"s3://{BUCKET}/round-{self._round}"

    def _state(self, run: str) -> str:
        return str(self.house.ask("GET", f"/flow_runs/{run}")["state_name"])

    def _goes_on_for(self, run: str, seconds: float) -> bool:
        """Wait; False where the run has ended before. Time counts while the run runs."""
        until = time.monotonic() + seconds
        waited = time.monotonic() + ROUND_SECONDS
        while time.monotonic() < until:
            if (state := self._state(run)) == "Completed":
                return False
            if state != "Running":
                until = max(until, time.monotonic() + seconds / 2)
                self._recover(run, state)
            self._keep_up()
            if time.monotonic() > waited:
                return False
            time.sleep(0.3)
        return True

    def kill(self, target: str, run: str) -> None:
        """Kill a target, have it started again, and wait until the run goes on."""
        stage, state, killed = self._current_stage(run), self._state(run), time.monotonic()
        pause = self.rng.uniform(1, 4)
        how = "killed"
        self._means = ""
        if target == "frozen":
            how, pause = "frozen", self.rng.uniform(3, 12)
            self.house.services["s3"].freeze(pause)
        elif target == "run":
            self._kill_run(run)
            pause = 0.0
        else:
            service = self.house.services[target]
            worker = target in ("cpu", "gpu")
            power = worker and self._alone[target] % 2 == 0
            self._alone[target] += 1
            how = "power lost" if power else "killed alone" if worker else "killed"
            service.kill(all_below=power or not worker)
            for process in self.house.below(target) if power else []:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            time.sleep(pause)
            service.start()
        away = time.monotonic() - killed
        if state in ("Running", "Pending") and (target == "run" or (target, how) == ("cpu", "power lost")):
            self._bury(run)
        self._until_it_goes_on(run)
        kill = Kill(
            target=target,
            how=how,
            stage=stage,
            away=away,
            lost=time.monotonic() - killed,
            recovered=self._means or "by itself",
        )
        self.kills.append(kill)
        print(
            f"  {target:<7}{how:<13}in {stage:<15}back after {away:5.1f} s, the run went on after {kill.lost:6.1f} s: "
            f"{kill.recovered}",
            flush=True,
        )

    def _kill_run(self, run: str) -> None:
        """The process of the flow run, which has the run's id among its variables, once there is one."""
        dead, until = False, time.monotonic() + ROUND_SECONDS
        while not dead and self._state(run) not in FINAL and time.monotonic() < until:
            for process in self.house.below("cpu"):
                with suppress(psutil.Error):
                    if process.environ().get("PREFECT__FLOW_RUN_ID") == run:
                        process.kill()
                        dead = True

    def _bury(self, run: str) -> None:
        """The process of a run is dead: its worker says so, else `tailor recover` does, else a person."""
        until = time.monotonic() + REPORT_SECONDS
        while (state := self._state(run)) not in FINAL and time.monotonic() < until:
            time.sleep(0.3)
        if state not in FINAL:
            self._tailor_recover(f"Prefect believed it {state}")
        if (state := self._state(run)) not in FINAL:  # it died before it was known to `tailor recover`
            self.house.ask("POST", f"/flow_runs/{run}/set_state", _state("CRASHED", force=True))
            self._means += f"{state}, set to Crashed by hand; "

    def _until_it_goes_on(self, run: str) -> None:
        """Until the run says something new, or has ended: that is what a kill cost."""
        said, until = self._lines(run), time.monotonic() + ROUND_SECONDS
        while time.monotonic() < until:
            state = self._state(run)
            if state == "Completed" or (state == "Running" and self._lines(run) > said):
                return
            if state != "Running":
                self._recover(run, state)
            self._keep_up()
            time.sleep(0.3)
        self._fault("a run did not go on", f"{run} is {self._state(run)}")

    def wait_for_stage(self, run: str, stage: str) -> None:
        """Until a worker of a pool runs this stage of a run."""
        until = time.monotonic() + ROUND_SECONDS
        while not any(one["state_name"] == "Running" for one in self._stage_runs(stage)):
            if self._state(run) in FINAL or time.monotonic() > until:
                raise RuntimeError(f"{run} did not come to {stage}: {self._log(run)[-5:]}")
            time.sleep(0.2)
        time.sleep(2)

    def see_to_the_end(self, run: str) -> None:
        """Until a run is Completed, with what an operator has to do for it."""
        until = time.monotonic() + ROUND_SECONDS
        while (state := self._state(run)) != "Completed":
            if time.monotonic() > until:
                self._fault("a run did not end", f"{run} is {state}")
                self.house.ask("POST", f"/flow_runs/{run}/set_state", _state("CANCELLED"))
                return
            if state != "Running":
                self._recover(run, state)
            self._keep_up()
            time.sleep(0.3)

    def _recover(self, run: str, state: str) -> None:
        """What an operator does about a state that is no good."""
        if state in FINAL:
            self._tailor_recover(state)
            answer: Any = None
            for _ in range(3):
                with suppress(httpx.HTTPStatusError):
                    answer = self.house.ask(
                        "POST", f"/flow_runs/{run}/set_state", _state("SCHEDULED", "AwaitingRetry")
                    )
                    if answer["status"] == "ACCEPT":
                        break
                time.sleep(1)
            else:
                self._fault("a retry was refused", str(answer))
            self._means += f"{state}, retried; "
            while self._state(run) in FINAL:
                time.sleep(0.2)

    def _free_what_is_stuck(self) -> None:
        """A run that a worker took and that never began, for the worker died: an operator sets it to Crashed."""
        pending = {"flow_runs": {"state": {"type": {"any_": ["PENDING"]}}}}
        for run in self.house.ask("POST", "/flow_runs/filter", pending):
            if time.time() - _seconds(run["state"]["timestamp"]) > STUCK_SECONDS:
                self.house.ask("POST", f"/flow_runs/{run['id']}/set_state", _state("CRASHED", force=True))
                self._means += "Pending for ever, set to Crashed by hand; "

    def _tailor_recover(self, why: str) -> str:
        told = self.house.tool("flows.cli", "recover", "--store", self.store, check=False)
        for line in told.splitlines():
            if line.startswith(("killed", "set to Crashed")):
                self._means += "" if "tailor recover" in self._means else f"tailor recover ({why}); "
        return told

    def _keep_up(self) -> None:
        """What a supervisor does about a service that ended by itself, and an operator about what is stuck."""
        self._free_what_is_stuck()
        for name, service in self.house.services.items():
            if service.keep_up():
                self.restarts[name] += 1

    def _log(self, run: str, *levels: dict[str, int]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        limits = {"flow_run_id": {"any_": [run]}, **({"level": levels[0]} if levels else {})}
        while page := self.house.ask(
            "POST",
            "/logs/filter",
            {"logs": limits, "limit": 200, "offset": len(found), "sort": "TIMESTAMP_ASC"},
        ):
            found += page
        return found

    def _lines(self, run: str) -> int:
        """How often a run said that a stage begins or is done."""
        return sum(bool(_STAGE.match(record["message"])) for record in self._log(run))

    def _current_stage(self, run: str) -> str:
        for record in reversed(self._log(run)):
            if match := _STAGE.match(record["message"]):
                return match.group(1) if match.group(2) == "..." else f"after {match.group(1)}"
        return "the start"

    def _digests(self) -> dict[str, str]:
        """Of each artifact; of a training without its log, whose last bits differ between undisturbed runs as well."""
        with variables(self.house.environment):
            return {
                one.stage: content_digest(
                    {name: entry["sha256"] for name, entry in one.files.items() if name != TRAINING_LOG}
                )
                for one in Store(self.store).manifests()
                if one.stage not in DATED
            }

    def check_executions(self, begun: float) -> None:
        """How often each stage came to its end otherwise than by finding its artifact."""
        told: Counter[str] = Counter()
        for stage_run in self._stage_runs():
            for record in self._log(stage_run["id"], {"ge_": _EVENT_LEVEL, "le_": _EVENT_LEVEL}):
                event = read_event(record["message"])
                if event and event.kind == "done" and not event.hit:
                    told[stage_run["parameters"]["job"]["spec"]["stage"]] += 1
        here: Counter[str] = Counter()
        for one in read_attempts(self.house.home("cpu") / "lineage"):
            ended = _seconds(one.ended) if one.ended else 0.0
            if one.state == "COMPLETE" and not one.cached and ended >= begun:
                here[one.stage] += 1
        for counted in (told, here):
            twice = [stage for stage, times in counted.items() if times > 1]
            if twice:
                self._fault("executed twice to the end", ", ".join(twice))

    def _stage_runs(self, stage: str = "") -> list[dict[str, Any]]:
        """The flow runs of stages that were sent to a pool in this round."""
        wanted = {
            "flows": {"name": {"any_": ["tailor-stage"]}},
            "limit": 200,
            "sort": "EXPECTED_START_TIME_DESC",
        }
        jobs = [
            (one, one["parameters"]["job"]) for one in self.house.ask("POST", "/flow_runs/filter", wanted)
        ]
        return [
            one for one, job in jobs if job["store"] == self.store and stage in ("", job["spec"]["stage"])
        ]

    def _alive(self) -> list[dict[str, Any]]:
        """The flow runs that Prefect believes under way."""
        wanted = {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}
        found: list[dict[str, Any]] = self.house.ask("POST", "/flow_runs/filter", {"flow_runs": wanted})
        return found

    def check_end(self) -> None:
        """What must hold when a run is over."""
        self._tailor_recover("after the round")
        if "nothing to recover" not in (told := self._tailor_recover("again")):
            self._fault("a second tailor recover found", told)
        until = time.monotonic() + LOST_SECONDS
        while (alive := self._alive()) and time.monotonic() < until:
            time.sleep(2)
        if alive:
            self._fault("still alive in Prefect", str([(one["name"], one["state_name"]) for one in alive]))
        taken = [
            f"{one['name']}: {one['active_slots']}"
            for one in self.house.ask("POST", "/v2/concurrency_limits/filter", {})
            if one["active_slots"]
        ]
        if taken:
            self._fault("concurrency slots are taken", ", ".join(taken))
        until = time.monotonic() + 30
        while left := self.house.leftovers():
            if time.monotonic() > until:
                names = [(one.pid, " ".join(one.cmdline())[-120:]) for one in left if one.is_running()]
                self._fault("processes are left", str(names))
                for one in left:
                    with suppress(psutil.NoSuchProcess):
                        one.kill()
                return
            time.sleep(0.5)

    def _fault(self, what: str, more: str) -> None:
        self.faults.append(f"{what}: {more}")
        print(f"FAULT {what}: {more}", flush=True)


_STAGE = re.compile(rf"({'|'.join(STAGES)}) +(\.\.\.|made|hit)")


def overrides(backbone: Path) -> Sequence[str]:
    """The small recipe as overrides of `kk-tiny`."""
    values = tomllib.loads(RECIPE.format(backbone=backbone))
    values.pop("description")
    return [f"{name}={json.dumps(value)}" for name, value in flat(values).items()]


def _state(kind: str, name: str = "", *, force: bool = False) -> dict[str, Any]:
    state = {"type": kind, "message": "by hand", **({"name": name} if name else {})}
    return {"state": state, "force": force}


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


@contextmanager
def variables(environment: dict[str, str]) -> Iterator[None]:
    """With these variables in this process."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def run_study(house: House, kills: int, seed: int, targets: Sequence[str], per_run: int) -> Study:
    """Kill each target so often, some in each run."""
    backbone = house.root / "cpu" / "backbone"
    backbone.mkdir(parents=True)
    write_backbone(backbone)
    study = Study(house, random.Random(seed), backbone)
    house.open()
    try:
        study.measure()
        print(f"undisturbed: {study.undisturbed:.0f} s", flush=True)
        left = [target for target in targets for _ in range(kills)]
        study.rng.shuffle(left)
        while left:
            now = left[:per_run]
            del left[:per_run]
            study.round(now)
            left += now  # those for which the run was over too soon
            print(
                f"round of {study.rounds[-1]:.0f} s; {len(left)} kills to go, {len(study.faults)} faults",
                flush=True,
            )
    finally:
        house.close()
    return study


def tell(study: Study) -> None:
    """The table."""
    print(f"\n{'killed':<9}{'times':>5}{'away s':>8}{'lost s':>8}{'at most':>9}  recovered")
    for target in TARGETS:
        if mine := [one for one in study.kills if one.target == target]:
            ways = Counter(one.recovered.rstrip("; ") for one in mine)
            print(
                f"{target:<9}{len(mine):>5}{mean(one.away for one in mine):>8.1f}{mean(one.lost for one in mine):>8.1f}"
                f"{max(one.lost for one in mine):>9.1f}  "
                + "; ".join(f"{way} ({times})" for way, times in ways.most_common())
            )
    print(f"a run of {study.undisturbed:.0f} s took {mean(study.rounds):.0f} s ({len(study.rounds)} rounds)")
    print(f"services that ended by themselves and were restarted: {dict(study.restarts) or 'none'}")
    print(f"faults: {len(study.faults)}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=10, help="how often to kill each")
    parser.add_argument("--seed", type=int, default=1, help="the moments follow from it")
    parser.add_argument("--only", default=",".join(TARGETS), help="what to kill")
    parser.add_argument("--per-run", type=int, default=3, help="kills on the way of one run")
    parser.add_argument("--database", default="", help="of the Prefect server, postgresql+asyncpg://...")
    parser.add_argument("--keep", default="", help="a directory for all of it, which stays")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # with all that it started
    targets = given.only.split(",")
    if unknown := set(targets) - set(TARGETS):
        parser.error(f"--only: {', '.join(sorted(unknown))} is none of {', '.join(TARGETS)}")
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(given.keep or temporary)
        root.mkdir(parents=True, exist_ok=True)
        study = run_study(
            House(root, database=given.database), given.kills, given.seed, targets, given.per_run
        )
    tell(study)
    return bool(study.faults)


if __name__ == "__main__":
    sys.exit(main())
