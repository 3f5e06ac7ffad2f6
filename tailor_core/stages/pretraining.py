"""Make the `tiny` backbone: exercises, tokenizer, pretraining. What `tailor backbone tiny` runs.

Only puzzles of the train split are used, so by the split rule (a function of the canonical hash) no puzzle of
any evaluation split can be among them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerFast

from tailor_core.config.backbone import PretrainingConfig
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.environments.knights_knaves.environment import KnightsKnaves, puzzle_of
from tailor_core.environments.knights_knaves.exercises import exercise_conversation
from tailor_core.environments.knights_knaves.moves import DIMENSIONS, Program
from tailor_core.environments.knights_knaves.options import KnightsKnavesOptions
from tailor_core.records import Primitive, Problem
from tailor_core.stages.context import Track
from tailor_core.training.pretraining import pack, pretrain, render
from tailor_core.training.tokenizer import train_tokenizer

TURNS = 2
"""Exercises a conversation."""

CONVERSATIONS_PER_PUZZLE = 4
TOKENIZER_CONVERSATIONS = 10_000
TOKENIZER_DEMONSTRATIONS = 6_000

PHRASES = (
    "A very special island is inhabited only by knights and knaves.",
    " Knights always tell the truth, and knaves always lie.",
    " So who is a knight and who is a knave?",
)
"""Sentences that open and close every puzzle: one token each."""


def make_backbone(config: PretrainingConfig, output: Path, workdir: Path, track: Track) -> dict[str, float]:
    """Pretrain the tiny backbone and save it in `output`; resumable from `workdir`. Returns the last metrics."""
    problems = _puzzles(config)
    tokenizer = _tokenizer(config, problems)
    conversations = _conversations(config, problems, tokenizer)
    rows = pack(tokenizer, conversations, config.block_tokens)
    log = pretrain(config, tokenizer, rows, output=output, workdir=workdir, track=track)
    return log[-1] if log else {}


def _puzzles(config: PretrainingConfig) -> list[Problem]:
    count = max(1, config.conversations // CONVERSATIONS_PER_PUZZLE)
    options = KnightsKnavesOptions(people=config.people, reports="plain")
    return KnightsKnaves().generate(options, count=count, split="train", seed=config.seed)


def _conversations(
    config: PretrainingConfig, problems: list[Problem], tokenizer: PreTrainedTokenizerFast
) -> Iterator[str]:
    rng = random.Random(f"exercises {config.seed}")
    for _ in tqdm(range(config.conversations), desc="exercises", unit="chat"):
        problem = rng.choice(problems)
        yield render(tokenizer, exercise_conversation(puzzle_of(problem), problem.question, rng, TURNS))


def _tokenizer(config: PretrainingConfig, problems: list[Problem]) -> PreTrainedTokenizerFast:
    """Trained on exercises and on traces of random programs, so that both are short in tokens."""
    return train_tokenizer(_tokenizer_texts(config, problems), config.vocabulary, PHRASES)


def _tokenizer_texts(config: PretrainingConfig, problems: list[Problem]) -> Iterator[str]:
    rng = random.Random(f"tokenizer {config.seed}")
    for _ in range(TOKENIZER_CONVERSATIONS):
        problem = rng.choice(problems)
        for message in exercise_conversation(puzzle_of(problem), problem.question, rng, TURNS):
            text = message["content"]
            for phrase in PHRASES:
                text = text.replace(phrase, "")
            yield text
    teacher = ProceduralTeacher("kk")
    for seed in range(TOKENIZER_DEMONSTRATIONS):
        program = Program(**{name: rng.choice(values) for name, values in DIMENSIONS.items()})  # type: ignore[arg-type]
        primitive = Primitive(
            id=program.id, name="", instruction="", kind="procedural", program=program.to_dict()
        )
        yield teacher.demonstrate(rng.choice(problems), primitive, seed).completion
