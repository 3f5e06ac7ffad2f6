"""Memory and rate of a million problems streamed to Parquet, beside those of a list of them.

    python tests/benchmarks/bench_stream.py [--problems 1000000]

Each measurement is a process of its own. The memory is that of the process (resident set), less what it had before the
first problem.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tailor_core.environments import Wanted, get_environment, read_options
from tailor_core.environments.seen import Seen
from tailor_core.exchange.export import export
from tailor_core.records import Problem

PAGE = os.sysconf("SC_PAGE_SIZE")
MARKS = (1_000, 10_000, 100_000, 250_000, 500_000, 750_000, 1_000_000)


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


class Measured(Wanted):
    """Problems that tell memory and time as they pass by."""

    def problems(self, split: str) -> Iterator[Problem]:
        before, began = resident(), time.perf_counter()
        for number, problem in enumerate(super().problems(split), start=1):
            if number in MARKS:
                seconds = time.perf_counter() - began
                grown = (resident() - before) / 2**20
                print(
                    f"  {number:>9,} problems: {grown:7.1f} MiB, {number / seconds:7,.0f} a second",
                    flush=True,
                )
            yield problem


def wanted(family: str, count: int) -> Measured:
    """Puzzles of 5 people, or iGSM problems of the setting med with 6 operations."""
    options = {"kk": {"people": [5]}, "igsm": {"setting": "med", "op": [6]}}[family]
    return Measured(
        environment=get_environment(family),
        options=read_options(family, options),
        splits={"train": count},
        seed=0,
    )


def measure(way: str, family: str, count: int) -> None:
    """One measurement, in this process."""
    if way == "seen":
        before, seen = resident(), Seen()
        for number in range(count):
            seen.add(f"{number * 0x9E3779B97F4A7C15 % 2**64:032x}")
        print(f"  {count:>9,} hashes: {(resident() - before) / count:.1f} bytes each", flush=True)
    elif way == "list":
        kept = list(wanted(family, count).problems("train"))
        assert len(kept) == count
    else:
        with tempfile.TemporaryDirectory() as folder:
            export(wanted(family, count), "huggingface", Path(folder) / "out")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=MARKS[-1])
    parser.add_argument("--one", nargs=2, metavar=("WAY", "FAMILY"))
    arguments = parser.parse_args()
    if arguments.one:
        measure(*arguments.one, arguments.problems)
        return
    for way, family, count in (
        ("seen", "kk", arguments.problems),
        ("list", "kk", arguments.problems // 10),
        ("stream", "kk", arguments.problems),
        ("list", "igsm", arguments.problems // 100),
        ("stream", "igsm", arguments.problems // 10),
    ):
        print(f"{way} {family}", flush=True)
        command = [sys.executable, __file__, "--problems", str(count), "--one", way, family]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
