"""The pilot of the `primitives` stage: the student is fine-tuned on primitives, alone and together, and answers.

All primitives are told on the same train problems, and all answers are to the same others. What the student answered
after a fine-tuning is kept: a stage that was killed goes on with the fine-tuning that was under way.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tailor_core.artifacts.shards import Shards
from tailor_core.config.primitives import PilotConfig
from tailor_core.config.vllm import VLLMConfig
from tailor_core.data.sft import render
from tailor_core.demonstrations.teacher import Wanted
from tailor_core.errors import StageError
from tailor_core.evaluation.answering import answer_problems
from tailor_core.evaluation.intervals import rounded
from tailor_core.evaluation.suites import spread_sample
from tailor_core.inference.engine import Sampling
from tailor_core.inference.loading import load_engine
from tailor_core.primitives.discovery import Discovery
from tailor_core.primitives.learning import keep_learned
from tailor_core.primitives.screening import Fault
from tailor_core.records import Demonstration, EvaluationRow, Primitive, Problem, SFTExample, content_id
from tailor_core.stages.context import StageContext, untracked
from tailor_core.tracking.progress import Bar

Demonstrate = Callable[[Sequence[Wanted]], list[Demonstration]]
"""The teacher, who is asked for many demonstrations at once."""


def try_learning(
    config: PilotConfig,
    context: StageContext,
    found: Discovery,
    train: Sequence[Problem],
    difficulty: Mapping[str, int],
    demonstrate: Demonstrate,
    fault: Fault,
) -> tuple[Discovery, list[EvaluationRow]]:
    """The discovery with a last verdict (see `keep_learned`), and all answers, by fine-tuning (see `learner`).

    StageError where there are too few train problems to learn from some and answer others.
    """
    asked = spread_sample(train, difficulty, config.problems, context.seed)
    held_out = {problem.id for problem in asked}
    taught = sorted(
        (problem for problem in train if problem.id not in held_out),
        key=lambda problem: content_id(["pilot", context.seed, problem.id]),
    )
    if not taught:
        raise StageError(
            f"primitives.pilot.problems = {config.problems}, but there are only {len(train)} train problems, and the "
            "student is to learn from others; lower it, or raise problems.train"
        )
    shards = Shards(context.workdir / "pilot")
    answers: list[EvaluationRow] = []
    lessons = {
        one.id: _lesson(config, one, taught, context.seed, demonstrate, fault) for one in found.accepted
    }
    at_most = 2 * len(lessons) - 1
    with Bar(context.track, total=at_most, desc="pilot", unit="fine-tuning") as bar:

        def right(primitives: Sequence[Primitive]) -> float:
            # Of several each has a part of its own lesson, on other problems: a teacher is asked for nothing more.
            lesson = [
                row for i, one in enumerate(primitives) for row in lessons[one.id][i :: len(primitives)]
            ]
            made_from = [
                config.model_dump(mode="json"),
                context.seed,
                [one.id for one in lesson],
                sorted(held_out),
            ]

            def learn() -> list[EvaluationRow]:
                return _learn(config, context, learner(primitives), lesson, asked, difficulty)

            rows = shards.records(made_from, EvaluationRow, learn)
            answers.extend(rows)
            bar.update(1)
            return rounded(sum(row.reward for row in rows) / max(1, len(rows)))

        return keep_learned(found, right, config.keep), answers


def learner(primitives: Sequence[Primitive]) -> str:
    """What the student is called that was fine-tuned on these: their ids."""
    return "+".join(one.id for one in primitives)


def _lesson(
    config: PilotConfig,
    primitive: Primitive,
    problems: Sequence[Problem],
    seed: int,
    demonstrate: Demonstrate,
    fault: Fault,
) -> list[SFTExample]:
    """Right demonstrations of a primitive, as many as fill the budget at the length and pass rate of its screening."""
    right = primitive.screening["mean_tokens"] * primitive.screening["pass_rate"]
    if not right:  # `tau_quality = 0` takes it all the same
        return []
    count = max(1, round(config.token_budget / right))
    wanted = [
        (
            problems[i % len(problems)],
            primitive,
            int(content_id(["pilot", seed, i // len(problems)], length=8), 16),
        )
        for i in range(count)
    ]
    written = demonstrate(wanted)
    return [
        render(one[0], made) for one, made in zip(wanted, written, strict=True) if not fault(one[0], made)
    ]


def _learn(
    config: PilotConfig,
    context: StageContext,
    name: str,
    lesson: Sequence[SFTExample],
    asked: Sequence[Problem],
    difficulty: Mapping[str, int],
) -> list[EvaluationRow]:
    """Fine-tune the student, which is then the model `name`, and let it answer."""
    from tailor_core.training.sft import fine_tune

    if not lesson:  # nothing that could be learned
        return []
    workdir = context.workdir / "pilot" / content_id(name)
    model = _emptied(workdir / "model")
    fine_tune(
        context.inputs["backbone"],
        lesson,
        config.training,
        output=model,
        workdir=workdir / "checkpoints",
        seed=context.seed,
        title=f"pilot {name}",
        section="primitives.pilot.training",
        track=untracked,  # of many trainings, in which a step would have many losses
    )
    sampling = Sampling(
        temperature=1.0,
        max_tokens=config.max_tokens,
        n=1,
        logprobs=True,
        seed=int(content_id(["pilot", context.seed], length=7), 16),
    )
    loaded = load_engine(model, "transformers", VLLMConfig(), workdir=workdir, logs=context.places.servers)
    with loaded as engine:
        rows = answer_problems(engine, asked, sampling, model=name, difficulty=difficulty)
    shutil.rmtree(workdir)
    return rows


def _emptied(directory: Path) -> Path:
    """A directory without what an attempt before may have left half-written."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory
