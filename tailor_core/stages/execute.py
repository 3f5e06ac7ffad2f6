"""Running one stage: lock its key, look again, run the function, commit the artifact.

Whatever ends the process, the store holds a whole artifact or none, the lock is free, and the next attempt
finds the workdir of this one.
"""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from tailor_core.artifacts.access import disk_failure
from tailor_core.artifacts.locks import held
from tailor_core.artifacts.manifest import Manifest, content_digest, describe_files, describe_tables
from tailor_core.artifacts.refs import ArtifactRef, artifact_uri
from tailor_core.artifacts.store import Store
from tailor_core.config.accelerate import AccelerateConfig
from tailor_core.config.keyed import all_values
from tailor_core.config.settings import Settings
from tailor_core.errors import ArtifactError, MachineError, StageError, TailorError
from tailor_core.secrets import scrub
from tailor_core.stages.context import FanOut, StageContext, Track, untracked
from tailor_core.stages.registry import load_target
from tailor_core.stages.spec import StageSpec

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageJob:
    """All that another process needs to run a stage; plain JSON values.

    config:  dotted name of the model of its section
    unkeyed: values of that section that are not in the spec, for they change nothing in the result
    force:   run it although the store has its artifact
    """

    spec: StageSpec
    config: str
    inputs: Mapping[str, ArtifactRef] = field(default_factory=dict)
    recipe: str
    home: str
    store: str
    unkeyed: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The job that `to_json` wrote. ArtifactError where its stage or an input has a name that leads elsewhere."""
        inputs = {name: ArtifactRef.from_json(ref) for name, ref in value["inputs"].items()}
        spec = StageSpec(**value["spec"])
        artifact_uri(spec.stage, spec.key)
        return cls(**{**value, "spec": spec, "inputs": inputs})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A stage's artifact, and whether it was there already."""

    manifest: Manifest
    hit: bool


def find_intact(store: Store, stage: str, key: str, *, deep: bool = True) -> Manifest | None:
    """The manifest of an artifact whose files are as they were written; None where there is none such."""
    manifest = store.find(stage, key)
    return manifest if manifest and not store.damage(manifest, deep=deep) else None


def untold() -> Track:
    """The `begin` of a stage that nobody follows."""
    return untracked


def execute(
    job: StageJob,
    begin: Callable[[], Track] = untold,
    say: Say | None = None,
    fan_out: FanOut | None = None,
) -> Outcome:
    """Make a stage's artifact unless the store has it intact and the job does not force it.

    One process at a time works on a key; `say` is told when this one waits, and where other content took the place
    of an artifact, which then lies in quarantine. `begin` is called when the stage is about to run, and gives its
    tracker. `fan_out` is for what the stage can share out. What the stage raises goes through.
    """
    store = Store(job.store)
    settings = Settings(home=Path(job.home), store=job.store)
    stage, key = job.spec.stage, job.spec.key
    with ExitStack() as locks:
        for lock in store.maker_locks(stage, key, settings.locks):
            locks.enter_context(held(lock, f"{stage} {key[:12]}", on_wait=say))
        standing = find_intact(store, stage, key)
        if standing and not job.force:
            return Outcome(manifest=standing, hit=True)
        replaces = standing.digest if standing else ""
        made = _make(job, store, settings, begin(), fan_out, replaces)
        if standing and standing.digest != made.digest and say:
            was, now = standing.digest[:12], made.digest[:12]
            say(f"{stage}: other content than before, {was} -> {now}; what was there is in quarantine")
        return Outcome(manifest=made, hit=False)


def _make(
    job: StageJob, store: Store, settings: Settings, track: Track, fan_out: FanOut | None, replaces: str
) -> Manifest:
    stage, key = job.spec.stage, job.spec.key
    workdir = settings.work / f"{stage}-{key}"
    output = store.staging(stage, key, settings.work / "staging")
    started = time.monotonic()
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        context = StageContext(
            inputs=local_inputs(job, store, settings),
            output=output,
            workdir=workdir,
            seed=job.spec.seed or 0,
            settings=settings,
            track=track,
            fan_out=fan_out,
        )
        summary = _run(job, context)
        made = _manifest(job, output, summary, time.monotonic() - started)
        manifest = store.commit(output, made, replaces=replaces)
    except BaseException as error:
        scrub(error)
        failure = "" if isinstance(error, TailorError) else disk_failure(error, output)
        shutil.rmtree(output, ignore_errors=True)
        if failure:
            raise MachineError(
                f"{stage}: the disk under {str(settings.home)!r} or the store failed ({failure}); free space or mend "
                "its permissions and run the same command, which goes on from here"
            ) from error
        raise
    _read_back(store, manifest)
    shutil.rmtree(workdir, ignore_errors=True)
    return manifest


def _read_back(store: Store, manifest: Manifest) -> None:
    """See the artifact in the store before its workdir goes and before anyone is told of it."""
    found = store.find(manifest.stage, manifest.key)
    damage = store.damage(found, deep=False) if found else "its manifest is missing"
    if damage:
        raise ArtifactError(
            f"the {manifest.stage!r} artifact {manifest.key[:12]} was written, but the store {store.url!r} does not "
            f"have it ({damage}); check the store and run again"
        )


def _run(job: StageJob, context: StageContext) -> Any:
    """What the stage's function returns, in this process or in those that its section asks for."""
    config = config_of(job)
    together = getattr(config, "accelerate", None)
    if isinstance(together, AccelerateConfig) and together.processes > 1:
        from tailor_core.stages.together import run_together  # it needs what is here

        return run_together(job, together, context)
    return load_target(job.spec.function)(config, context)


def local_inputs(job: StageJob, store: Store, settings: Settings) -> dict[str, Path]:
    """Input name -> a local directory with that artifact. ArtifactError where the store does not have one."""
    return {name: store.local(ref, settings.cache) for name, ref in job.inputs.items()}


def config_of(job: StageJob) -> Any:
    """The section of the job's recipe. StageError where it does not fit its model."""
    try:
        return load_target(job.config).model_validate(all_values(job.spec.config, job.unkeyed))
    except ValidationError as error:
        raise StageError(
            f"{job.spec.stage}: its configuration does not fit {job.config!r}: {error}"
        ) from error


def _manifest(job: StageJob, output: Path, summary: Any, seconds: float) -> Manifest:
    files = describe_files(output)
    if not files:
        raise StageError(
            f"{job.spec.stage}: {job.spec.function} wrote no file; a stage writes into context.output"
        )
    return Manifest(
        stage=job.spec.stage,
        key=job.spec.key,
        digest=content_digest({name: entry["sha256"] for name, entry in files.items()}),
        files=files,
        spec=job.spec.to_json(),
        inputs={
            name: {"stage": ref.stage, "key": ref.key, "digest": ref.digest}
            for name, ref in job.inputs.items()
        },
        summary=dict(summary),
        table_types=describe_tables(output),
        producer={"tailor": _tailor_version(), "recipe": job.recipe, "function": job.spec.function},
        environment={
            "python": platform.python_version(),
            "platform": platform.platform(),
            "host": platform.node(),
            "process": os.getpid(),
        },
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 3),
    )


def _tailor_version() -> str:
    try:
        return version("tailor")
    except PackageNotFoundError:
        return "source checkout"
