"""Make a tiny backbone: exercises, tokenizer, pretraining. What `tailor backbone` runs.

Only problems of the train split are used, and a problem's split is a function of what it asks (not of a seed), so
no problem of any evaluation split can be among them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerFast

from tailor_core.config.backbone import VOICES, PretrainingConfig
from tailor_core.demonstrations.igsm import curriculum as igsm
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.environments import get_environment, read_options
from tailor_core.environments.curriculum import Curriculum
from tailor_core.environments.knights_knaves import curriculum as knights_knaves
from tailor_core.errors import RecipeError
from tailor_core.primitives.language import MoveLanguage, language_of
from tailor_core.records import Problem, Split
from tailor_core.stages.context import Track
from tailor_core.training.pretraining import Row, Turn, encode_row, pretrain
from tailor_core.training.tokenizer import train_tokenizer

CONVERSATIONS_PER_PROBLEM = 4
SHORT_TURN = 25
"""Tokens of a short turn: more turns than this allows need not be made up for a row."""

TOKENIZER_CONVERSATIONS = 10_000
TOKENIZER_TURNS = 3
TOKENIZER_DEMONSTRATIONS = 6_000

_CURRICULA = {"igsm": igsm.CURRICULUM, "kk": knights_knaves.CURRICULUM}


def make_backbone(config: PretrainingConfig, output: Path, workdir: Path, track: Track) -> None:
    """Pretrain a tiny backbone and save it in `output`; resumable from `workdir`."""
    curriculum = curriculum_of(config)
    problems = problems_of(config, "train", max(1, config.conversations // CONVERSATIONS_PER_PROBLEM))
    tokenizer = _tokenizer(config, problems)
    rows = list(_rows(config, problems, tokenizer))
    pretrain(config, tokenizer, curriculum, rows, output=output, workdir=workdir, track=track)


def curriculum_of(config: PretrainingConfig) -> Curriculum:
    """The curriculum of the environment; RecipeError where it has none."""
    name = config.environment.name
    if name not in _CURRICULA:
        raise RecipeError(
            f"environment.name = {name!r} has no exercises to pretrain a tiny backbone on; "
            f"use one of {', '.join(sorted(_CURRICULA))}"
        )
    return _CURRICULA[name]


def problems_of(config: PretrainingConfig, split: Split, count: int) -> list[Problem]:
    """So many problems of a split of the environment."""
    options = read_options(config.environment.name, config.environment.options)
    environment = get_environment(config.environment.name)
    return environment.generate(options, count=count, split=split, seed=config.seed)


def _rows(
    config: PretrainingConfig, problems: list[Problem], tokenizer: PreTrainedTokenizerFast
) -> Iterator[Row]:
    rng = random.Random(f"exercises {config.seed}")
    for _ in tqdm(range(config.conversations), desc="exercises", unit="row"):
        turns = islice(_conversation(config, rng.choice(problems), rng), config.row_tokens // SHORT_TURN)
        yield encode_row(tokenizer, list(turns), config.row_tokens)


def _conversation(config: PretrainingConfig, problem: Problem, rng: random.Random) -> Iterator[Turn]:
    """A chat about one problem without end: its text and an exercise, then more exercises."""
    context = f"{problem.question}\n"
    voices = [VOICES.index(voice) for voice in config.voices]
    for exercise in curriculum_of(config).exercises(problem, voices, rng):
        yield f"{context}{exercise.question}", exercise.reply
        context = ""


def _tokenizer(config: PretrainingConfig, problems: list[Problem]) -> PreTrainedTokenizerFast:
    """Trained on exercises and on traces of random programs, so that both are short in tokens."""
    curriculum = curriculum_of(config)
    texts = _tokenizer_texts(config, problems)
    return train_tokenizer(texts, config.vocabulary, curriculum.segments, curriculum.phrases)


def _tokenizer_texts(config: PretrainingConfig, problems: list[Problem]) -> Iterator[str]:
    rng = random.Random(f"tokenizer {config.seed}")
    for _ in range(TOKENIZER_CONVERSATIONS):
        conversation = _conversation(config, rng.choice(problems), rng)
        for text in chain.from_iterable(islice(conversation, TOKENIZER_TURNS)):
            for phrase in curriculum_of(config).phrases:
                text = text.replace(phrase, "")
            yield text
    name = config.environment.name
    teacher, language = ProceduralTeacher(name), language_of(name)
    for seed in range(TOKENIZER_DEMONSTRATIONS):
        primitive = language.primitive(_random_values(config, language, rng), {})
        yield teacher.demonstrate(rng.choice(problems), primitive, seed).completion


def _random_values(config: PretrainingConfig, language: MoveLanguage, rng: random.Random) -> dict[str, str]:
    values = {name: rng.choice(values) for name, values in language.dimensions.items()}
    return values | {"voice": rng.choice(config.voices)}
