"""Make the `tiny` backbone: exercises, tokenizer, pretraining. What `tailor backbone tiny` runs.

Only puzzles of the train split are used, so by the split rule (a function of the canonical hash) no puzzle of
any evaluation split can be among them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerFast

from tailor_core.config.backbone import PretrainingConfig
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.environments.knights_knaves.environment import KnightsKnaves, puzzle_of
from tailor_core.environments.knights_knaves.exercises import exercises
from tailor_core.environments.knights_knaves.moves import DIMENSIONS, Program
from tailor_core.environments.knights_knaves.options import KnightsKnavesOptions
from tailor_core.environments.knights_knaves.wording import VOICES
from tailor_core.records import Primitive, Problem
from tailor_core.stages.context import Track
from tailor_core.training.pretraining import Row, Turn, encode_row, pretrain
from tailor_core.training.tokenizer import train_tokenizer

CONVERSATIONS_PER_PUZZLE = 4
SHORT_TURN = 25
"""Tokens of a short turn: more turns than this allows need not be made up for a row."""

TOKENIZER_CONVERSATIONS = 10_000
TOKENIZER_TURNS = 3
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
    rows = list(_rows(config, problems, tokenizer))
    log = pretrain(config, tokenizer, rows, output=output, workdir=workdir, track=track)
    return log[-1] if log else {}


def _puzzles(config: PretrainingConfig) -> list[Problem]:
    count = max(1, config.conversations // CONVERSATIONS_PER_PUZZLE)
    options = KnightsKnavesOptions(people=config.people, reports="plain")
    return KnightsKnaves().generate(options, count=count, split="train", seed=config.seed)


def _rows(
    config: PretrainingConfig, problems: list[Problem], tokenizer: PreTrainedTokenizerFast
) -> Iterator[Row]:
    rng = random.Random(f"exercises {config.seed}")
    for _ in tqdm(range(config.conversations), desc="exercises", unit="row"):
        turns = islice(_conversation(config, rng.choice(problems), rng), config.row_tokens // SHORT_TURN)
        yield encode_row(tokenizer, list(turns), config.row_tokens)


def _conversation(config: PretrainingConfig, problem: Problem, rng: random.Random) -> Iterator[Turn]:
    """A chat about one puzzle without end: its text and an exercise, then more exercises."""
    context = f"{problem.question}\n"
    voices = [VOICES.index(voice) for voice in config.voices]
    for exercise in exercises(puzzle_of(problem), voices, rng):
        yield f"{context}{exercise.question}", exercise.reply
        context = ""


def _tokenizer(config: PretrainingConfig, problems: list[Problem]) -> PreTrainedTokenizerFast:
    """Trained on exercises and on traces of random programs, so that both are short in tokens."""
    return train_tokenizer(_tokenizer_texts(config, problems), config.vocabulary, PHRASES)


def _tokenizer_texts(config: PretrainingConfig, problems: list[Problem]) -> Iterator[str]:
    rng = random.Random(f"tokenizer {config.seed}")
    for _ in range(TOKENIZER_CONVERSATIONS):
        conversation = _conversation(config, rng.choice(problems), rng)
        for text in chain.from_iterable(islice(conversation, TOKENIZER_TURNS)):
            for phrase in PHRASES:
                text = text.replace(phrase, "")
            yield text
    teacher = ProceduralTeacher("kk")
    for seed in range(TOKENIZER_DEMONSTRATIONS):
        program = Program(**_random_values(config, rng))  # type: ignore[arg-type]
        primitive = Primitive(
            id=program.id, name="", instruction="", kind="procedural", program=program.to_dict()
        )
        yield teacher.demonstrate(rng.choice(problems), primitive, seed).completion


def _random_values(config: PretrainingConfig, rng: random.Random) -> dict[str, str]:
    values = {name: rng.choice(values) for name, values in DIMENSIONS.items()}
    return values | {"voice": rng.choice(config.voices)}
