"""The environment `rg:NAME`: problems and scores are reasoning-gym's, splits and strictness are Tailor's."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from functools import lru_cache
from itertools import count as counting
from typing import Any

from tailor_core.environments.base import AnswerCheck, Solutions, StepReport, read_options
from tailor_core.environments.reasoning_gym.entries import entry_of, spec_of, to_json
from tailor_core.environments.reasoning_gym.options import DatasetOptions, options_model, registered
from tailor_core.environments.reasoning_gym.scoring import score_answer
from tailor_core.environments.rows import identity_of, question_id, split_of, text_of
from tailor_core.environments.seen import Seen
from tailor_core.environments.splits import belongs
from tailor_core.errors import InputError, RecipeError
from tailor_core.records import Problem, canonical_json, content_id

PREFIX = "rg:"

_log = logging.getLogger(__name__)

_BLOCK = 20
"""Entries of one seed: some data sets read their words or boards anew for each."""

_FRUITLESS = 600
"""So many entries in a row without a new problem mean that there is none; the rarest split takes one in 10."""

_IN_ORDER_OF_SETS = frozenset(
    {"isomorphic_strings", "knight_swap", "polynomial_multiplication", "ransom_note", "word_ladder"}
)
"""Data sets that draw from sets of texts, whose order Python shuffles anew in each process."""


class ReasoningGym:
    """A data set of reasoning-gym as an `Environment`; stateless.

    Its scorer is asked for every answer: an answer is right where the score is 1, and `matched` is the score. Entries
    of which it refuses the recorded answer are left out. There are neither steps to check nor moves to count, and the
    answer that reasoning-gym records, if any, counts as the only solution.
    """

    main_difficulty = "level"
    libraries = ("reasoning-gym",)

    def __init__(self, dataset: str) -> None:
        """RecipeError where there is no such data set, MissingExtraError without reasoning-gym."""
        self.dataset = dataset
        self.name = PREFIX + dataset
        self.options_model = options_model(dataset)

    def generate(
        self,
        options: DatasetOptions,
        *,
        count: int,
        split: str,
        seed: int,
        exclude: Set[str] = frozenset(),
        difficulty: int | None = None,
    ) -> list[Problem]:
        """Problems with different questions; `difficulty` is a level of reasoning-gym's curriculum, from 1.

        Level 0, as no level, is the options as they are.
        """
        return list(
            self.stream(options, count=count, split=split, seed=seed, exclude=exclude, difficulty=difficulty)
        )

    def stream(
        self,
        options: DatasetOptions,
        *,
        count: int,
        split: str,
        seed: int,
        exclude: Set[str] = frozenset(),
        difficulty: int | None = None,
    ) -> Iterator[Problem]:
        """The same problems, one at a time."""
        if self.dataset in _IN_ORDER_OF_SETS:
            _log.warning(
                "%s gives the same problems again only where the variable PYTHONHASHSEED is set", self.name
            )
        level = difficulty or 0
        options = self.at_level(options, level) if level else options
        taken = Seen(exclude)
        made = fruitless = 0
        entries = self._entries(options, [self.name, level, split, seed])
        while made < count and fruitless < _FRUITLESS:
            drawn, entry = next(entries)
            fruitless += 1
            digest = _digest(entry["question"])
            if digest in taken or not belongs(digest, split, ()):
                continue
            spec = {
                "question": entry["question"],
                "answer": entry["answer"],
                "metadata": to_json(entry["metadata"]),
                "options": options.to_json(),
                "drawn": {**drawn, "level": level},
            }
            problem = self._problem(entry["question"], spec, split)
            if not self._accepts_its_own(problem):
                continue
            taken.add(digest)
            made, fruitless = made + 1, 0
            yield problem
        if made < count:
            raise RecipeError(
                f"the split {split!r} of {self.name} holds only {made} different problems that are not excluded, "
                f"but {count} were asked for; ask for fewer, or set environment.options"
            )

    def ood_levels(self, options: DatasetOptions) -> dict[str, DatasetOptions]:
        """None: what is out of distribution is for other options to say."""
        return {}

    def render(self, spec: Mapping[str, Any]) -> str:
        """The question as reasoning-gym wrote it."""
        return str(spec["question"])

    def read_spec(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """`metadata.spec` of a row, or an entry of reasoning-gym."""
        return spec_of(row, self.dataset)

    def solve(self, spec: Mapping[str, Any]) -> Solutions:
        """The recorded answer. InputError where reasoning-gym records none and only judges those that are given."""
        if spec["answer"] is None:
            raise InputError(f"{self.name} records no answer to this problem; it can only score one")
        return Solutions(count=1, first=spec["answer"])

    def check_answer(self, problem: Problem, answer_text: str) -> AnswerCheck:
        """Right where reasoning-gym's score is 1; see `scoring`."""
        spec = problem.spec
        score, reason = score_answer(
            _scorer(self.name, canonical_json(spec["options"])),
            self.dataset,
            answer_text.strip(),
            entry_of(spec),
        )
        correct = score == 1.0
        return AnswerCheck(
            correct=correct,
            matched=score,
            credit=score,
            reason=reason or f"reasoning-gym's score is {score:g}",
            parsed=not reason,
        )

    def check_steps(self, problem: Problem, think: str) -> StepReport:
        """Nothing is known of the steps, so they do not count as sound."""
        return StepReport(
            sound=False,
            steps=0,
            errors_found=0,
            recovered=0,
            reason=f"{self.name} has no step checker, so the reasoning was not read",
        )

    def count_moves(self, think: str) -> dict[str, int]:
        """None: there are no moves to tell by their wording."""
        return {}

    def canonical_hash(self, spec: Mapping[str, Any]) -> str:
        """Equal exactly for questions of the same words."""
        return _digest(spec["question"])

    def from_record(self, row: Mapping[str, Any]) -> Problem:
        """A problem from a row in Tailor's own form, or from an entry of reasoning-gym.

        InputError, too, where the scorer refuses the recorded answer of an entry: it was damaged on its way.
        """
        spec = spec_of(row, self.dataset)
        problem = self._problem(
            text_of(row, "question") or spec["question"], spec, split_of(row), identity_of(row)
        )
        if "drawn" not in spec and not self._accepts_its_own(problem):
            raise InputError(
                f"reasoning-gym does not accept the row's own answer to this problem of {self.name}: its "
                "metadata lost something on the way, as JSON does with tuples; use rows that Tailor wrote"
            )
        return problem

    def to_record(self, problem: Problem) -> dict[str, Any]:
        """The entry of a problem, as reasoning-gym gives it."""
        return entry_of(problem.spec)

    def _accepts_its_own(self, problem: Problem) -> bool:
        """Is the recorded answer right for the scorer? True where none is recorded."""
        return not problem.answer or self.check_answer(problem, problem.answer).correct

    def _entries(
        self, options: DatasetOptions, source: list[Any]
    ) -> Iterator[tuple[dict[str, int], dict[str, Any]]]:
        """Entries without end, and where they come from: seeds are hashes, so none is another's neighbour."""
        for block in counting():
            seed = int(content_id([source, options.to_json(), block], length=8), 16) >> 1
            dataset = _make(self.dataset, options, seed=seed, size=_BLOCK)
            for index in range(_BLOCK):
                with _drawing(self.dataset):
                    entry = dataset[index]
                yield {"seed": seed, "size": _BLOCK, "index": index}, entry

    def _problem(
        self, question: str, spec: Mapping[str, Any], split: str, identity: str | None = None
    ) -> Problem:
        return Problem(
            id=question_id(self.name, question) if identity is None else identity,
            environment=self.name,
            question=question,
            answer=spec["answer"] or "",
            metadata={
                "difficulty": {"level": spec.get("drawn", {}).get("level", 0)},
                "split": split,
                "canonical_hash": _digest(spec["question"]),
                "spec": dict(spec),
            },
        )

    def at_level(self, options: DatasetOptions, level: int) -> DatasetOptions:
        """The options at a level of the curriculum, whose attributes go up together."""
        from reasoning_gym.factory import create_curriculum, has_curriculum

        curriculum = create_curriculum(self.dataset) if has_curriculum(self.dataset) else None
        top = max((len(a.levels) for a in curriculum.attributes.values()), default=0) if curriculum else 0
        if not 0 <= level <= top:
            raise RecipeError(
                f"difficulty = {level}, but the curriculum of {self.name} has the levels 1 to {top}, "
                "and 0 for the options as they are; choose from these"
            )
        assert curriculum is not None
        curriculum.set_global_level(level - 1)
        config = curriculum.generate_configuration(options.differing(options))
        chosen: DatasetOptions = read_options(self.name, options.differing(config))
        return chosen


@lru_cache(maxsize=32)
def _scorer(name: str, options: str) -> Any:
    """A data set to score with, of options as JSON text: scorers may ask its configuration."""
    dataset = name.removeprefix(PREFIX)
    return _make(dataset, read_options(name, json.loads(options)), seed=0, size=1)


def _make(dataset: str, options: DatasetOptions, *, seed: int, size: int) -> Any:
    with _drawing(dataset):
        return registered()[dataset][0](config=options.config(seed=seed, size=size))


@contextmanager
def _drawing(dataset: str) -> Iterator[None]:
    """RecipeError where reasoning-gym fails: its checks of a configuration do not find all that cannot be drawn."""
    try:
        yield
    except Exception as error:
        raise RecipeError(
            f"reasoning-gym fails to draw {PREFIX}{dataset} with these options ({type(error).__name__}: "
            f"{' '.join(str(error).split())}); set others in environment.options"
        ) from error


def _digest(question: str) -> str:
    """White space is layout, and does not make two questions of one."""
    text = " ".join(question.split())
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
