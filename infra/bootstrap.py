"""Make on a Prefect server all that Tailor needs there: work pools, queues, the automation for lost runs, deployments.

Do it as often as you like: what is there is brought up to date, nothing is made twice, and schedules that somebody
switched on stay on. The server is that of PREFECT_API_URL, with PREFECT_API_AUTH_STRING where it asks for a password.

There is no concurrency limit for GPUs on the server. How many are free is known to the worker beside them, which takes
at most `--limit` runs: whatever dies there, its place is free again with the worker, and several hosts add up. A limit
on the server would count the same GPUs a second time, and its places outlive who held them: for the rest of a lease, or
until a lost run is found. Where all hosts together shall do no more than N stages, which Tailor never needs,
`prefect work-pool set-concurrency-limit tailor-gpu N` counts runs on the server.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import PREFECT_API_URL
from prefect.workers.process import ProcessWorker

from tailor_core.errors import MachineError, RecipeError, TailorError

ROOT = Path(__file__).parents[1]
POOLS = {
    "tailor-cpu": "Runs of recipes, their stages that need no GPU, and upkeep",
    "tailor-gpu": "Stages that sample from a model or train one, as many at once as the workers' --limit says",
}
QUEUES = {"stages": 1, "runs": 2}
"""Of tailor-cpu. A stage goes before a run: where workers take only so many, what was begun is finished first."""

LOST_RUNS = AutomationCore(
    name="tailor: lost runs",
    description="A run of which nothing was heard for three minutes ended with its machine: it is set to Crashed.",
    trigger=EventTrigger(
        after={"prefect.flow-run.heartbeat"},
        expect={"prefect.flow-run.*"},
        match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        # Six of the heartbeats that prefect.yaml asks of runs: on a busy machine one may be late. A last heartbeat
        # just after the end of a run does no harm: the server lets no run leave its end for Crashed.
        within=timedelta(seconds=180),
    ),
    actions=[
        ChangeFlowRunState(
            name="Crashed",
            force=False,
            state=StateType.CRASHED,
            message="Nothing was heard of this run: its machine is gone.",
        )
    ],
)


async def bootstrap(prefect_file: Path, wait: float) -> None:
    """Bring the server up to date, saying what was done. MachineError where it does not answer for `wait` seconds."""
    async with get_client() as client:
        await _wait_for(client, wait)
        for name, description in POOLS.items():
            await _pool(client, name, description)
        for name, priority in QUEUES.items():
            await _queue(client, name, priority)
        await _automation(client, LOST_RUNS)
        content: dict[str, Any] = yaml.safe_load(prefect_file.read_text())
        there = await _deployments(client)
    deployments = renewed(content["deployments"], there, _version(prefect_file))
    if not deployments:
        print("what is deployed is what this checkout says")
        return
    await asyncio.to_thread(_deploy, {**content, "deployments": deployments})


def renewed(
    wanted: Sequence[Mapping[str, Any]], there: Iterable[DeploymentResponse], version: str
) -> list[dict[str, Any]]:
    """What is to be deployed: all with this version, or nothing where all of that version is on the server.

    Of one that is there the schedules are left out: deploying would replace them, and with them who runs when. Others
    may have deployments of the same names on that server, of flows of their own.
    """
    known = {(one.entrypoint, one.name): one.version for one in there}
    keys = [(one["entrypoint"], one["name"]) for one in wanted]
    if all(known.get(key) == version for key in keys):
        return []
    made = []
    for key, one in zip(keys, wanted, strict=True):
        left_out = {"schedules"} if key in known else set()
        made.append({**{name: one[name] for name in one.keys() - left_out}, "version": version})
    return made


async def _wait_for(client: PrefectClient, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while error := await client.api_healthcheck():
        if time.monotonic() > deadline:
            raise MachineError(
                f"PREFECT_API_URL = {str(client.api_url)!r} does not answer ({error}); start the server"
            )
        await asyncio.sleep(1)
    try:
        await client.read_work_pools(limit=1)
    except httpx.HTTPStatusError as refused:
        raise RecipeError(
            f"PREFECT_API_URL = {str(client.api_url)!r} answers {refused.response.status_code}; "
            "set PREFECT_API_AUTH_STRING to user:password"
        ) from refused


async def _pool(client: PrefectClient, name: str, description: str) -> None:
    try:
        await client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        pool = WorkPoolCreate(name=name, description=description, type="process", base_job_template=template)
        try:
            await client.create_work_pool(pool)
        except ObjectAlreadyExists:  # somebody else bootstraps as well
            return
        print(f"made the work pool {name}")


async def _queue(client: PrefectClient, name: str, priority: int) -> None:
    pool = "tailor-cpu"
    try:
        queue = await client.read_work_queue_by_name(name, work_pool_name=pool)
    except ObjectNotFound:
        try:
            queue = await client.create_work_queue(name, work_pool_name=pool)
        except ObjectAlreadyExists:
            queue = await client.read_work_queue_by_name(name, work_pool_name=pool)
        await client.update_work_queue(queue.id, priority=priority)
        print(f"made the work queue {pool}/{name}")


async def _automation(client: PrefectClient, wanted: AutomationCore) -> None:
    """Have it once, as it is wanted; switched off where somebody switched it off."""
    found = await client.read_automations_by_name(wanted.name)
    if not found:
        await client.create_automation(wanted)
        print(f"made the automation {wanted.name!r}")
        return
    [first, *others] = found
    for other in others:  # of two who bootstrapped at the same time
        await client.delete_automation(other.id)
    if any(getattr(first, name) != getattr(wanted, name) for name in ("description", "trigger", "actions")):
        await client.update_automation(first.id, wanted.model_copy(update={"enabled": first.enabled}))
        print(f"changed the automation {wanted.name!r}")


async def _deployments(client: PrefectClient) -> list[DeploymentResponse]:
    found: list[DeploymentResponse] = []
    while page := await client.read_deployments(limit=200, offset=len(found)):
        found += page
    return found


def _version(prefect_file: Path) -> str:
    """Of what is deployed: the file, where the code is, and the code, from which the forms of parameters are made."""
    digest = hashlib.sha256(f"{ROOT}\n".encode() + prefect_file.read_bytes())
    for package in ("flows", "tasks", "tailor_core"):
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _deploy(content: Mapping[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "prefect.yaml")
        file.write_text(yaml.safe_dump(dict(content)))
        result = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)],
            cwd=ROOT,
            env={**os.environ, "PREFECT_LOGGING_LEVEL": "WARNING"},
            capture_output=True,
            text=True,
            check=False,
        )
    if result.returncode:
        raise MachineError(f"prefect deploy failed: {(result.stdout + result.stderr)[-3000:].strip()}")
    names = [deployment["name"] for deployment in content["deployments"]]
    print(f"deployed {', '.join(names)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--prefect-file", type=Path, default=ROOT / "infra" / "prefect.yaml", help="what to deploy"
    )
    parser.add_argument(
        "--wait", type=float, default=180, metavar="SECONDS", help="how long the server may start"
    )
    arguments = parser.parse_args()
    try:
        if not PREFECT_API_URL.value():
            raise RecipeError(
                "PREFECT_API_URL is not set; set it to the server's address: http://127.0.0.1:4200/api"
            )
        asyncio.run(bootstrap(arguments.prefect_file, arguments.wait))
    except TailorError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
