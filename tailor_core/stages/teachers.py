"""The recipe's teacher, put together for a stage: the procedural one, or a language model with the engine it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from tailor_core.artifacts.shards import Shards
from tailor_core.config.teacher import TeacherConfig
from tailor_core.config.vllm import VLLMConfig
from tailor_core.demonstrations.chat import ChatTeacher
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.demonstrations.teacher import Teacher
from tailor_core.errors import StageError
from tailor_core.inference.engine import Engine, Sampling
from tailor_core.inference.in_process import InProcessAnswers
from tailor_core.inference.loading import load_engine, serve_on_demand
from tailor_core.inference.models import local_model
from tailor_core.inference.openai_engine import OpenAIEngine
from tailor_core.primitives.language import language_of
from tailor_core.records import Problem
from tailor_core.stages.context import StageContext, Track, untracked
from tailor_core.tracking.progress import Bar

Asked = OpenAIEngine | InProcessAnswers
"""What a language model as the teacher is asked through."""

_SPOKEN = "conversational"
"""The voice that small chat models imitate best: SmolLM2-135M keeps the form after it twice as often."""


@contextmanager
def open_engine(config: TeacherConfig, vllm: VLLMConfig, context: StageContext) -> Iterator[Asked | None]:
    """What the teacher is asked through, for as long as the context lasts; None for the procedural one.

    A server of its own comes up, and the student is loaded, when something is to be asked that was not answered before.
    """
    places = context.places
    if config.kind == "procedural":
        yield None
    elif config.kind == "self":
        with ExitStack() as stack:

            def load() -> Engine:
                backbone = context.inputs["backbone"]
                loaded = load_engine(
                    backbone, "transformers", vllm, workdir=context.workdir, logs=places.servers
                )
                return stack.enter_context(loaded)

            yield InProcessAnswers(load, Shards(context.workdir / "completions"), config.rows)
    elif not config.serve:
        yield OpenAIEngine(config, places.completions)
    else:
        model = local_model(config.model, places.models, "teacher.model")
        with serve_on_demand(model, vllm, places.servers, name=config.model) as served:
            yield OpenAIEngine(config, places.completions, served)


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
    shots = _solved(_shown(train, config.shots)) if config.shots else []
    return ChatTeacher(config.kind, engine, sampling_of(config), examples_of(train), shots)


def _solved(problems: Sequence[Problem]) -> list[tuple[Problem, str]]:
    """Problems with the replies that the plainest program of their move language leads to, as one would say it."""
    family = problems[0].environment
    language = language_of(family)
    spoken = {"voice": _SPOKEN} if _SPOKEN in language.dimensions["voice"] else {}
    plainest = language.primitive(spoken, {"teacher": "procedural"})
    written = ProceduralTeacher(family).demonstrate_all([(problem, plainest, 0) for problem in problems])
    return [(problem, one.completion) for problem, one in zip(problems, written, strict=True)]


def examples_of(train: Sequence[Problem]) -> list[Problem]:
    """The two problems that prompts show with their answers."""
    return _shown(train, 2)


def _shown(train: Sequence[Problem], count: int) -> list[Problem]:
    """The problems that prompts show: the same ones however the others change."""
    return sorted(train, key=lambda problem: problem.id)[:count]


def sampling_of(config: TeacherConfig) -> Sampling:
    """How the completions of a language model are sampled, but for the seed."""
    return Sampling(temperature=config.temperature, top_p=config.top_p, max_tokens=config.max_tokens)


@contextmanager
def progress(
    total: int, stage: str, engine: Asked | None, track: Track = untracked
) -> Iterator[Callable[[int], None]]:
    """A bar to advance, which tells the time left, and of a model how fast its tokens come and what they cost."""
    with Bar(track, total=total, desc=stage, unit="trace") as bar:

        def advance(count: int) -> None:
            if engine:
                bar.set_postfix_str(engine.account.line(), refresh=False)
            bar.update(count)

        yield advance


def teacher_metrics(engine: Asked | None) -> dict[str, Any]:
    """What asking took, for a manifest: `{"teacher": {...}}`, or nothing."""
    return {"teacher": engine.account.metrics()} if engine else {}
