"""Runs the small recipe on two hosts that share only the Prefect API and an S3 store, and cuts the link between them.

`python tests/faults/two_hosts.py`, as root on Linux, with iproute2. The hosts are two network namespaces, joined by one
link; each has its own name and its own home, and the GPU host does not see the directory of the other. On one run the
Prefect server, MLflow, the S3 API and the CPU worker, on the other the GPU worker. The link is cut for some seconds
while the GPU host fine-tunes, and with --kill the GPU host then loses its power in the middle of RL. Checked, as for
other faults (`services_kill_study.py`): the flow run ends Completed, no stage is executed twice to its end, nothing is
left; each stage was made on the host that it belongs to; and upkeep, which leaves the living run alone, was done
meanwhile, for a schedule said so.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)]

from house import House  # noqa: E402
from services_kill_study import Study, variables  # noqa: E402
from small_run import write_backbone  # noqa: E402

from tailor_core.artifacts.store import Store  # noqa: E402

CPU, GPU = "10.77.0.1", "10.77.0.2"
ON_GPU = {"probe", "warm_start", "policy", "evaluation"}
SCHEDULER_SECONDS = 120.0
"""Prefect's scheduler looks once a minute for what is to be begun."""

_INSIDE = "TAILOR_TEST_TWO_HOSTS"

NETWORK = f"""
set -e
mount -t tmpfs tmpfs /run
mkdir /run/netns
hostname cpu-host
ip link set lo up
ip netns add gpu
ip link add cpu0 type veth peer name gpu0 netns gpu
ip addr add {CPU}/24 dev cpu0
ip link set cpu0 up
ip -n gpu addr add {GPU}/24 dev gpu0
ip -n gpu link set gpu0 up
ip -n gpu link set lo up
exec "$@"
"""
"""What all that runs here is in: namespaces of its own, which are gone when it ends."""

HOST = 'hostname gpu-host; mount -t tmpfs tmpfs "$0"; exec "$@"'


def gpu_host(root: Path) -> Sequence[str]:
    """What a command line begins with that is to run on the GPU host."""
    hidden = ["unshare", "--mount", "--uts", "sh", "-c", HOST, str(root / "cpu")]
    return ["ip", "netns", "exec", "gpu", *hidden]


def cut(seconds: float) -> None:
    """The link between the hosts is gone for a while."""
    subprocess.run(["ip", "link", "set", "cpu0", "down"], check=True)
    time.sleep(seconds)
    subprocess.run(["ip", "link", "set", "cpu0", "up"], check=True)


def run(root: Path, until: str, seconds: float, kill: bool) -> list[str]:
    """One run on both hosts; what should not be."""
    house = House(root, host=CPU, within={"gpu": gpu_host(root)})
    backbone = root / "cpu" / "backbone"
    backbone.mkdir(parents=True)
    write_backbone(backbone)
    study = Study(house, random.Random(0), backbone)
    house.open()
    try:
        schedule = house.schedule("tailor-upkeep/nightly", 30)
        begun, flow_run = time.time(), study.start(until)
        study.wait_for_stage(flow_run, "warm_start")
        cut(seconds)
        print(f"the link was cut for {seconds:g} s, and is there again", flush=True)
        if kill:
            study.wait_for_stage(flow_run, "policy")
            study.kill("gpu", flow_run)
        study.see_to_the_end(flow_run)
        print(f"Completed after {time.time() - begun:.0f} s", flush=True)
        until_fired = time.monotonic() + SCHEDULER_SECONDS
        while "Completed" not in schedule.runs() and time.monotonic() < until_fired:
            time.sleep(1)
        schedule.end()
        print(f"runs that a schedule began by itself: {schedule.runs()}", flush=True)
        if "Completed" not in schedule.runs():
            study.faults.append("the schedule of upkeep did not fire, or its runs failed")
        study.check_executions(begun)
        study.check_end()
        with variables(house.environment):
            made = {one.stage: one.environment["host"] for one in Store(study.store).manifests()}
        for stage, host in made.items():
            print(f"{stage:<15} on {host}")
            if host != ("gpu-host" if stage in ON_GPU else "cpu-host"):
                study.faults.append(f"{stage} was made on {host}")
        if until not in made:
            study.faults.append(f"{until} was not made")
    finally:
        house.close()
    return study.faults


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cut", type=float, default=8, help="seconds for which the link is cut")
    parser.add_argument("--until", default="report", help="the last stage to run")
    parser.add_argument(
        "--kill", action="store_true", help="the GPU host loses its power in the middle of RL"
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # with all that it started
    if _INSIDE not in os.environ:
        inside = [sys.executable, *sys.argv]
        apart = ["unshare", "--net", "--mount", "--uts", "sh", "-c", NETWORK, "sh"]
        return subprocess.run([*apart, *inside], env={**os.environ, _INSIDE: "1"}, check=False).returncode
    with tempfile.TemporaryDirectory() as root:
        faults = run(Path(root), given.until, given.cut, given.kill)
    print("\n".join(faults) or "no fault")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
