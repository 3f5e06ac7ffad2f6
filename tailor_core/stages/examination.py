"""What a tiny backbone can do: single steps about problems that it never saw, answered word for word."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import islice
from pathlib import Path

from tailor_core.config.backbone import VOICES, PretrainingConfig
from tailor_core.config.vllm import VLLMConfig
from tailor_core.environments.curriculum import Exercise
from tailor_core.inference.engine import Sampling
from tailor_core.inference.loading import load_engine
from tailor_core.inference.pretrained import load_tokenizer
from tailor_core.records import Problem
from tailor_core.stages.pretraining import curriculum_of, problems_of

PROBLEMS = 200
"""One exercise of each kind about each of them."""

_DRAWS = 100
"""Exercises about one problem in which a kind must come: some have none of a kind."""


def examine(model: Path, config: PretrainingConfig, workdir: Path) -> dict[str, float]:
    """The share of exercises that the model in this directory answers word for word, by kind; greedily.

    Each is the first in a chat about a problem of the test split. A reply that says the same otherwise does not count.
    """
    problems = problems_of(config, "test", PROBLEMS)
    asked = [(problem, one) for problem in problems for one in _exercises(config, problem)]
    prompts = [[{"role": "user", "content": f"{problem.question}\n{one.question}"}] for problem, one in asked]
    tokenizer = load_tokenizer(model)
    longest = max(len(tokenizer.encode(one.reply)) for _, one in asked)
    sampling = Sampling(temperature=0.0, max_tokens=longest + 1, n=1, logprobs=False)
    with load_engine(model, "transformers", VLLMConfig(), workdir=workdir, logs=workdir) as engine:
        replies = [completion.text for [completion] in engine.generate(prompts, sampling)]
    right = defaultdict(list)
    for (_, exercise), reply in zip(asked, replies, strict=True):
        right[exercise.kind].append(reply.strip() == exercise.reply.strip())
    return {kind: sum(found) / len(found) for kind, found in sorted(right.items())}


def _exercises(config: PretrainingConfig, problem: Problem) -> list[Exercise]:
    """The first exercise of each kind."""
    voices = [VOICES.index(voice) for voice in config.voices]
    rng = random.Random(f"examination {config.seed} {problem.id}")
    drawn = islice(curriculum_of(config).exercises(problem, voices, rng), _DRAWS)
    first: dict[str, Exercise] = {}
    for exercise in drawn:
        first.setdefault(exercise.kind, exercise)
    return list(first.values())
