"""Problems: drawn, kept if they belong to the split and are new, named and rendered.

Every problem has a random source of its own, made from the options, its number of operations, the split, the
seed and its place, so nothing depends on what was drawn before, except that a problem drawn twice is replaced.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from itertools import count as counting
from random import Random
from typing import Any

from tailor_core.environments.igsm.arithmetic import draw_numbers
from tailor_core.environments.igsm.bins import bin_of, bins_of
from tailor_core.environments.igsm.canonical import canonical_hash, template_hash
from tailor_core.environments.igsm.dependencies import draw_draft, most_operations
from tailor_core.environments.igsm.options import IGSMOptions
from tailor_core.environments.igsm.rendering import render
from tailor_core.environments.igsm.scenario import Scenario
from tailor_core.environments.igsm.spec import spec_of
from tailor_core.environments.igsm.structure import shuffled
from tailor_core.environments.igsm.vocabulary import draw_names
from tailor_core.environments.rows import question_id
from tailor_core.environments.seen import Seen
from tailor_core.errors import RecipeError
from tailor_core.records import Problem, content_id

ENVIRONMENT = "igsm"

_log = logging.getLogger(__name__)

_FRUITLESS = 400
"""So many drafts without a new problem of the split mean that there is none: few operations have few skeletons."""

_SAME_DRAFT = 4
"""A draft gets numbers so many times, because operators, too, decide on the split."""


def stream(
    options: IGSMOptions,
    *,
    count: int,
    split: str,
    seed: int,
    exclude: Set[str] = frozenset(),
    difficulty: int | None = None,
) -> Iterator[Problem]:
    """As `Environment.generate`, one at a time.

    `difficulty` is a number of operations, else those of the options are drawn.
    Where a number of operations runs out of problems (one operation has a single skeleton, which belongs to
    one split), the others go on without it; RecipeError when all have run out.
    """
    taken = Seen(exclude)
    most = most_operations(options.most_links)
    if difficulty is not None:
        if not 1 <= difficulty <= most:
            raise RecipeError(
                f"difficulty = {difficulty}, but a problem of the setting {options.setting} takes 1 to {most} "
                "operations; choose from these"
            )
        options = options.model_copy(update={"op": (difficulty,), "op_share": "even"})
    operations = options.operations
    streams = {op: _stream(options, op, split, seed, taken) for op in operations}
    turns = _turns(options, split, seed)
    made = 0
    while made < count and streams:
        op = next(turns)
        if op not in streams:
            continue
        if (problem := next(streams[op], None)) is not None:
            made += 1
            yield problem
            continue
        del streams[op]
        _log.warning("split %s: no more problems of %d operations after %d", split, op, made)
    if made < count:
        raise RecipeError(
            f"the split {split!r} holds only {made} different problems that are not excluded "
            f"(setting = {options.setting}, op = {list(operations)}), but {count} were asked for; ask for fewer, "
            "or raise environment.options.op"
        )


def _turns(options: IGSMOptions, split: str, seed: int) -> Iterator[int]:
    """The numbers of operations, one after the other, or drawn as in the published data."""
    operations = sorted(options.operations)
    random = Random(content_id([ENVIRONMENT, "turns", operations, split, seed]))
    for turn in counting():
        place = turn % len(operations)
        if options.op_share == "light":
            place = int(min(random.random(), random.random()) * len(operations))
        yield operations[place]


def _stream(options: IGSMOptions, op: int, split: str, seed: int, taken: Seen) -> Iterator[Problem]:
    """New problems of so many operations until none is found; each one's hash goes into `taken`."""
    bins = bins_of(split)
    source = content_id([ENVIRONMENT, options.modulus, options.most_links, op, split, seed])
    for place in counting():
        problem = draw_problem(options, op, split, bins, Random(f"{source}/{place}"), taken)
        if problem is None:
            return
        taken.add(problem.canonical_hash)
        yield problem


def draw_problem(
    options: IGSMOptions, op: int, split: str, bins: Sequence[int], random: Random, taken: Container[str]
) -> Problem | None:
    """A problem whose skeleton falls into one of `bins` and whose hash is not taken; None where none is found."""
    for _ in range(_FRUITLESS):
        draft = draw_draft(op, options.most_links, random, options.depths)
        for _ in range(_SAME_DRAFT):
            drawn = draw_numbers(draft, options.modulus, random)
            if drawn is None:
                break
            scenario, answer = drawn
            template = template_hash(scenario, draft.needed)
            if bin_of(template) not in bins:
                continue
            digest = canonical_hash(scenario)
            if digest not in taken:
                return _dressed(options, scenario, answer, op, split, template, digest, random)
    return None


def _dressed(
    options: IGSMOptions,
    scenario: Scenario,
    answer: int,
    op: int,
    split: str,
    template: str,
    digest: str,
    random: Random,
) -> Problem:
    """The scenario with names, and its statements in random order."""
    structure = scenario.structure
    categories, items = draw_names(options.names, structure.layers, random)
    order = shuffled(list(scenario.statements), random)
    statements = {parameter: scenario.statements[parameter] for parameter in order}
    shuffled_scenario = Scenario(structure, statements, scenario.question, scenario.modulus)
    return problem_of(
        shuffled_scenario, categories, items, split, answer=answer, op=op, template=template, digest=digest
    )


def problem_of(
    scenario: Scenario,
    categories: Sequence[str],
    items: Sequence[str],
    split: str,
    *,
    answer: int,
    op: int,
    template: str,
    digest: str,
    question: str | None = None,
    identity: str | None = None,
) -> Problem:
    """The record of a scenario with names; question and id are made from it where they are not given."""
    if question is None:
        question = render(categories, items, scenario.statements, scenario.question, scenario.modulus)
    difficulty: Mapping[str, Any] = {
        "op": op,
        "links": len(scenario.statements),
        "depth": scenario.structure.depth,
    }
    return Problem(
        id=question_id(ENVIRONMENT, question) if identity is None else identity,
        environment=ENVIRONMENT,
        question=question,
        answer=str(answer),
        metadata={
            "difficulty": dict(difficulty),
            "split": split,
            "canonical_hash": digest,
            "template_hash": template,
            "spec": {**spec_of(scenario, categories, items), "answer": answer},
        },
    )
