"""Kills the `demonstrations` stage of a chat teacher, or the server that it asks, at random moments.

`python tests/faults/teacher_kill_study.py --kills 40 --seed 1`, some minutes on two cores. The server is a process of
its own that answers as a test's script says: the same request always the same, and some of them badly at first
(429, 500, a connection cut off, half an answer, a wrong form, ten megabytes). A kill is a SIGKILL
after a random number of answers; the server is back a moment later, on the same port. Checked:

- a completion that was kept when a process was killed is never asked for again
- the demonstrations have the bytes of those of a run that nobody disturbed, asked of a server that answers well
- every attempt ends by its kill, whole, or with one sentence
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "tailor_core" / "stages")]

from scripted_server import Body, Reply, ScriptedServer  # noqa: E402
from scripted_teacher import ScriptedTeacher  # noqa: E402
from test_chat_stages import context, prepare, recipe  # noqa: E402

from tailor_core.artifacts.tables import read_records  # noqa: E402
from tailor_core.errors import TailorError  # noqa: E402
from tailor_core.records import Problem, content_id  # noqa: E402
from tailor_core.stages import demonstrations, primitives  # noqa: E402

TOTAL = 400
LIMIT_SECONDS = 300.0
_CASE = re.compile(r"of case ([0-9a-f]+)")
TABLE = "demonstrations/demonstrations.parquet"
BAD = (
    Reply(status=429, raw=b"{}", headers={"retry-after-ms": "20"}),
    Reply(status=500, raw=b"{}"),
    Reply(raw=b'{"choices": [{"mess'),
    Reply(hang_up=True),
    Reply(raw=b'{"choices": "none"}'),
    Reply(raw=b'{"choices": [], "filler": "' + b"x" * 10_000_000 + b'"}'),
)


def serve(port: int, problems: Path, log: Path, seed: int) -> None:
    """Answer on `port` until killed; a line of `log` for each request, before it is answered."""
    teacher = ScriptedTeacher(read_records(problems, Problem))
    rng, seen, lock = random.Random(seed), Counter[str](), Lock()

    def answer(body: Body) -> Reply:
        name = _name(body)
        with lock:
            seen[name] += 1
            bad = BAD[rng.randrange(len(BAD))] if seen[name] == 1 and rng.random() < 0.2 else None
            with log.open("a") as stream:
                stream.write(name + "\n")
        time.sleep(rng.random() * 0.1)
        return bad or Reply(text=marked(teacher(body).text, name))

    with ScriptedServer(answer, port):
        signal.pause()


def _name(body: Body) -> str:
    return content_id([body["messages"], body["seed"]])


def marked(text: str, name: str) -> str:
    """A reply by which its request is known again."""
    return text.replace("Let me think", f"Let me think of case {name}", 1)


@dataclass
class Study:
    """One stage, killed and resumed; what should not be is told to `faults`."""

    root: Path
    seed: int
    faults: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    promises: list[tuple[int, set[str]]] = field(default_factory=list)
    asked_again: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.log = self.root / "requests.log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def start_server(self) -> subprocess.Popen[bytes]:
        problems = self.root / "killed" / "problems" / "problems.parquet"
        command = [sys.executable, __file__, "--serve", str(self.port), str(problems), str(self.log)]
        process = subprocess.Popen([*command, "--seed", str(self.rng.randrange(10**6))])
        _wait_for(self.port, process)
        return process

    def start_stage(self) -> subprocess.Popen[bytes]:
        url = f"http://127.0.0.1:{self.port}/v1"
        command = [sys.executable, __file__, "--demonstrate", url, str(self.root / "killed")]
        return subprocess.Popen(command, stderr=(self.root / "stage.log").open("ab"))

    def requests(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def kept(self) -> set[str]:
        """The requests whose completions are on the disk."""
        path = self.root / "killed" / "demonstrations-work" / "completions.db"
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                rows = database.execute("select completion from completions").fetchall()
        except sqlite3.OperationalError:  # not there yet
            return set()
        return {name for (text,) in rows for name in _CASE.findall(text)}

    def run(self, kills: int) -> None:
        """Kill and resume until the stage ends whole."""
        server = self.start_server()
        stage = self.start_stage()
        started = time.monotonic()
        try:
            while self.kills.total() < kills and stage.poll() is None:
                goal = len(self.kept()) + self.rng.randrange(1, max(2, 2 * TOTAL // kills))
                while len(self.kept()) < goal and stage.poll() is None:
                    time.sleep(0.02)
                    if time.monotonic() - started > LIMIT_SECONDS:
                        raise TimeoutError(f"an attempt took longer than {LIMIT_SECONDS:g} s")
                if stage.poll() is None and self.rng.random() < 0.5:
                    self.kills["stage"] += 1
                    _kill(stage)
                    self.remember()
                elif stage.poll() is None:
                    self.kills["server"] += 1
                    _kill(server)
                    self.remember()
                    time.sleep(self.rng.random())
                    server = self.start_server()
                if stage.poll() not in (None, 0):
                    stage, started = self.start_stage(), time.monotonic()
            while stage.wait(LIMIT_SECONDS) == 2:  # one sentence: the server was away for too long
                stage = self.start_stage()
            if stage.returncode != 0:
                self.faults.append(f"an attempt ended with status {stage.returncode}")
        finally:
            for process in (server, stage):
                if process.poll() is None:
                    _kill(process)

    def remember(self) -> None:
        """What is kept now must not be in the log after what is there now."""
        self.promises.append((len(self.requests()), self.kept()))

    def check(self) -> None:
        """The bytes, and how often each request was answered."""
        whole, killed = ((self.root / name / TABLE).read_bytes() for name in ("whole", "killed"))
        if whole != killed:
            self.faults.append("the demonstrations differ from those of the undisturbed run")
        requests = self.requests()
        for at, kept in self.promises:
            if again := kept & set(requests[at:]):
                self.faults.append(f"{len(again)} completions that were kept were asked for again")
        asked = Counter(requests)
        if len(asked) != TOTAL:
            self.faults.append(f"{len(asked)} different requests came, {TOTAL} were expected")
        self.asked_again = sum(asked.values()) - len(asked)


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    while not _answers(port):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        time.sleep(0.05)


def _section(url: str) -> Any:
    made = recipe(url, demonstrations__total=TOTAL, teacher__concurrency=8, teacher__retries=4)
    return made.section("demonstrations")


def demonstrate(url: str, root: Path) -> int:
    """One attempt at the stage: 2 where it ends with one sentence."""
    try:
        demonstrations.run(_section(url), context(root, "demonstrations"))
    except TailorError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def run_study(root: Path, kills: int, seed: int) -> Study:
    """The study of so many kills in an empty directory."""
    study = Study(root, seed)
    problems = prepare(root / "whole")
    teacher = ScriptedTeacher(problems)

    def answer(body: Body) -> Reply:
        reply = teacher(body)
        return reply if "response_format" in body else Reply(text=marked(reply.text, _name(body)))

    with ScriptedServer(answer) as server:
        section: Any = recipe(server.url).section("primitives")
        primitives.run(section, context(root / "whole", "primitives"))
        shutil.copytree(root / "whole", root / "killed")
        demonstrate(server.url, root / "whole")
    study.run(kills)
    study.check()
    return study


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--demonstrate", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        port, problems, log = given.serve
        serve(int(port), Path(problems), Path(log), given.seed)
    if given.demonstrate:
        return demonstrate(given.demonstrate[0], Path(given.demonstrate[1]))
    with tempfile.TemporaryDirectory() as root:
        study = run_study(Path(root), given.kills, given.seed)
    kills = ", ".join(f"{count} of the {what}" for what, count in sorted(study.kills.items()))
    print(f"{study.kills.total()} kills ({kills}); {TOTAL} completions, {study.asked_again} requests besides")
    print("\n".join(study.faults) or "no fault")
    return bool(study.faults)


if __name__ == "__main__":
    sys.exit(main())
