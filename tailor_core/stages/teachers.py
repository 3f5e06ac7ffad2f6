"""The recipe's teacher, put together for a stage: the procedural one, or a language model with the engine it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from tqdm.auto import tqdm

from tailor_core.artifacts.shards import Shards
from tailor_core.config.teacher import TeacherConfig
from tailor_core.demonstrations.chat import ChatTeacher
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.demonstrations.teacher import Teacher
from tailor_core.errors import StageError
from tailor_core.inference.engine import Sampling, load_engine
from tailor_core.inference.in_process import InProcessAnswers
from tailor_core.inference.openai_engine import OpenAIEngine
from tailor_core.records import Problem
from tailor_core.stages.context import StageContext

Asked = OpenAIEngine | InProcessAnswers
"""What a language model as the teacher is asked through."""


def open_engine(config: TeacherConfig, context: StageContext) -> Asked | None:
    """What the teacher is asked through; None for the procedural one, which runs programs."""
    if config.kind == "procedural":
        return None
    if config.kind == "self":
        load = partial(load_engine, context.inputs["backbone"], context.workdir)
        return InProcessAnswers(load, Shards(context.workdir / "completions"), config.rows)
    return OpenAIEngine(config, context.completions or context.workdir / "completions.db")


def make_teacher(config: TeacherConfig, engine: Asked | None, train: Sequence[Problem]) -> Teacher:
    """The teacher of a family, of which `train` are problems to train on, at least one.

    StageError where a language model could not be shown how answers are written, but by the problem to be solved.
    """
    if engine is None:
        return ProceduralTeacher(train[0].environment)
    if len(train) < 2:
        raise StageError(
            f"teacher.kind = {config.kind!r} needs two train problems or more; raise problems.train"
        )
    return ChatTeacher(config.kind, engine, sampling_of(config), examples_of(train))


def examples_of(train: Sequence[Problem]) -> list[Problem]:
    """The problems that prompts show: the same ones however the others change."""
    return sorted(train, key=lambda problem: problem.id)[:2]


def sampling_of(config: TeacherConfig) -> Sampling:
    """How the completions of a language model are sampled, but for the seed."""
    return Sampling(temperature=config.temperature, top_p=config.top_p, max_tokens=config.max_tokens)


@contextmanager
def progress(total: int, stage: str, engine: Asked | None) -> Iterator[Callable[[int], None]]:
    """A bar to advance, which tells the time left, and of a model how fast its tokens come and what they cost."""
    with tqdm(total=total, desc=stage, unit="trace") as bar:

        def advance(count: int) -> None:
            if engine:
                bar.set_postfix_str(engine.account.line(), refresh=False)
            bar.update(count)

        yield advance


def teacher_metrics(engine: Asked | None) -> dict[str, Any]:
    """What asking took, for a manifest: `{"teacher": {...}}`, or nothing."""
    return {"teacher": engine.account.metrics()} if engine else {}
