"""Several processes train as one does, also divided, killed and resumed: to the same losses and weights."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from accelerate.utils import DistributedType
from safetensors.torch import load_file
from trainings import Trainings, comparable, run

from tailor_core.artifacts.tables import write_records
from tailor_core.config.keyed import keyed_values, unkeyed_values
from tailor_core.config.policy import PolicyConfig
from tailor_core.config.warm_start import WarmStartConfig
from tailor_core.errors import MachineError, ResumeError
from tailor_core.records import Problem, SFTExample
from tailor_core.stages.context import StageContext
from tailor_core.stages.execute import StageJob
from tailor_core.stages.spec import StageSpec
from tailor_core.stages.together import run_together
from tailor_core.training.checkpoints import Checkpoint, newest_checkpoint, refuse_other_processes

SFT = WarmStartConfig(
    epochs=2, learning_rate=1e-2, batch_rows=4, micro_batch_rows=2, max_length=512, logging_steps=1, save_steps=3,
    packing=False,
)  # fmt: skip
GRPO = PolicyConfig(  # six completions a step: two processes share the second group of two
    steps=3, prompts_per_step=3, num_generations=2, micro_batch_size=2, max_completion_length=12, beta=0.1,
    learning_rate=1e-2, save_steps=2, warmup_ratio=0.0, lr_scheduler_type="linear",
    snapshots=1,
)  # fmt: skip
ALL: dict[str, Any] = {
    "warm_starts": {"grouped": SFT, "packed": SFT.model_copy(update={"packing": True, "max_length": 384})},
    "policies": {"split": GRPO, "twice": GRPO.model_copy(update={"num_iterations": 2, "steps": 2})},
}


class Runs:
    """Runs `Trainings`, each in the directory of a name."""

    def __init__(self, root: Path, model: Path, problems: list[Problem]) -> None:
        self.root = root
        self.inputs = {"model": model, "problems": root}
        examples = [
            SFTExample(
                id=p.id,
                demonstration_id=p.id,
                problem_id=p.id,
                primitive_id="z",
                prompt=[{"role": "user", "content": p.question}],
                completion=[{"role": "assistant", "content": f"{p.answer} " * (i % 5 + 1)}],
            )
            for i, p in enumerate(problems[:5])  # the last step of an epoch has one row, and one process none
        ]
        write_records(root / "problems.parquet", problems)
        write_records(root / "examples.parquet", examples)

    def __call__(self, name: str, processes: int, sharding: str = "none", **rest: Any) -> Any:
        """The logs, by training."""
        config = Trainings(accelerate={"processes": processes, "sharding": sharding}, **rest)
        output, workdir = self.root / name / "output", self.root / name / "work"
        output.mkdir(parents=True, exist_ok=True)
        workdir.mkdir(exist_ok=True)
        context = StageContext(inputs=self.inputs, output=output, workdir=workdir, seed=5)
        if processes == 1:
            return run(config, context)
        spec = StageSpec(
            stage="training", function="trainings:run", schema_version=1, config=keyed_values(config), seed=5
        )
        job = StageJob(
            spec=spec, config="trainings:Trainings", recipe="r", home=str(self.root / "home"),
            store=str(self.root / "store"), unkeyed=unkeyed_values(config),
        )  # fmt: skip
        return run_together(job, config.accelerate, context)

    def weights(self, name: str, training: str) -> dict[str, torch.Tensor]:
        """Of the model, and of those that were kept on the way."""
        output = self.root / name / "output" / training
        return {
            f"{path.parent.name} {key}": value
            for path in sorted(output.rglob("model.safetensors"))
            for key, value in load_file(path).items()
        }

    def newest(self, name: str, training: str) -> Checkpoint:
        checkpoint = newest_checkpoint(self.root / name / "work" / training)
        assert checkpoint
        return checkpoint

    def assert_as_one(self, name: str, logs: dict[str, Any], one: dict[str, Any]) -> None:
        """Whatever was trained under this name is what one process has made of it."""
        for training, log in logs.items():
            assert len(log) == len(one[training])
            for mine, theirs in zip(log, one[training], strict=True):
                found, expected = comparable(mine), comparable(theirs)
                assert found == pytest.approx(expected, rel=1e-3, abs=1e-6), training
            left, right = self.weights(name, training), self.weights("one", training)
            assert left.keys() == right.keys()
            for key in left:
                torch.testing.assert_close(left[key], right[key], rtol=1e-3, atol=1e-4)


@pytest.fixture(scope="module")
def runs(
    model_dir: Path, problems: list[Problem], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runs]:
    source = Path(__file__).parents[3]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(source), str(source / "tests")]))
        yield Runs(tmp_path_factory.mktemp("runs"), model_dir, problems)


@pytest.fixture(scope="module")
def one(runs: Runs) -> dict[str, Any]:
    """What one process logs of all trainings."""
    logs: dict[str, Any] = runs("one", 1, **ALL)
    assert len({row["reward"] for row in logs["split"]}) > 1
    assert any(key.startswith("step-000002 ") for key in runs.weights("one", "split"))
    return logs


@pytest.mark.integration
@pytest.mark.timeout(900)
def test_two_processes_train_as_one_and_go_on_after_a_kill_in_as_many_or_in_another_number(
    runs: Runs, one: dict[str, Any]
) -> None:
    with pytest.raises(
        MachineError, match=r"process of rank 1 was ended by signal 9 .*rank-1\.log', and run the same"
    ):
        runs("two", 2, **ALL, kill=(1, 3))
    assert not [p for p in psutil.Process().children(recursive=True) if str(runs.root) in str(p.cmdline())]
    found = runs.newest("two", "grouped")
    assert (found.step, found.processes) == (3, 2)
    shutil.copytree(runs.root / "two", runs.root / "then one")
    with pytest.raises(ValueError, match="the loss is no number"):
        runs("two", 1, policies={"split": GRPO}, fail=(0, 2))
    assert runs.newest("two", "split").processes == 1

    runs.assert_as_one("two", runs("two", 2, **ALL), one)
    runs.assert_as_one("then one", runs("then one", 1, warm_starts={"grouped": SFT}), one)


@pytest.mark.integration
@pytest.mark.timeout(900)
def test_a_model_that_is_divided_among_processes_is_trained_and_saved_whole_and_goes_on_after_a_kill(
    runs: Runs, one: dict[str, Any]
) -> None:
    asked = {"warm_starts": {"grouped": SFT}, "policies": {"split": GRPO}}
    with pytest.raises(MachineError, match="process of rank 0 was ended by signal 9"):
        runs("divided", 2, "fsdp", **asked, kill=(0, 3))
    files = runs.newest("divided", "grouped").files
    assert {"pytorch_model_fsdp_0/__0_0.distcp", "pytorch_model_fsdp_0/__1_0.distcp"} <= files.keys()
    runs.assert_as_one("divided", runs("divided", 2, "fsdp", **asked), one)


def trainer(kind: DistributedType, processes: int, *, own_draws: bool = False) -> Any:
    accelerator = SimpleNamespace(
        distributed_type=kind,
        num_processes=processes,
        state=SimpleNamespace(deepspeed_plugin=SimpleNamespace(zero_stage=3)),
    )
    return SimpleNamespace(accelerator=accelerator, draws_by_process=own_draws)


@pytest.mark.parametrize(
    ("wrote", "goes_on", "sentence"),
    [
        (("", 2), (DistributedType.FSDP, 2, False), "no sharding, but this training has 'fsdp'; set accelerate"),
        (("fsdp", 2), (DistributedType.NO, 1, False), "'fsdp' sharding, but this training has no; set accelerate"),
        (("zero3", 2), (DistributedType.DEEPSPEED, 4, False), "cannot go on in 4; set accelerate.processes = 2"),
        (("", 2), (DistributedType.NO, 1, True), "cannot go on in 1; set accelerate.processes = 2"),
        (("fsdp", 2), (DistributedType.FSDP, 4, False), ""),
        (("", 2), (DistributedType.NO, 1, False), ""),
        (("zero3", 4), (DistributedType.DEEPSPEED, 4, False), ""),
    ],
)  # fmt: skip
def test_a_checkpoint_that_other_processes_cannot_go_on_from_is_refused(
    tmp_path: Path, wrote: tuple[str, int], goes_on: tuple[Any, int, bool], sentence: str
) -> None:
    sharding, processes = wrote
    checkpoint = Checkpoint(
        path=tmp_path / "checkpoint-1", step=1, data="", files={}, counters={}, processes=processes, sharding=sharding
    )  # fmt: skip
    kind, here, own_draws = goes_on
    going_on = trainer(kind, here, own_draws=own_draws)
    if not sentence:
        refuse_other_processes(checkpoint, going_on)
        return
    with pytest.raises(ResumeError, match=sentence):
        refuse_other_processes(checkpoint, going_on)
