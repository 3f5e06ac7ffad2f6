"""The primitives: what each tells a reasoner to do, how it was screened, and a trace written with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tailor_core.artifacts.manifest import Manifest
from tailor_core.errors import ArtifactError
from tailor_core.records import Demonstration, Primitive, Problem, Record, SelectionDecision
from tailor_core.report.materials import Materials
from tailor_core.report.text import clip, count, humanise, label, percent, quantity

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Example:
    """A trace written with a primitive."""

    question: str
    think: str
    answer: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One primitive; `facts` are its screening numbers, pairs of name and value."""

    id: str
    name: str
    instruction: str
    facts: tuple[tuple[str, str], ...]
    rule: str
    reason: str
    example: Example | None


@dataclass(frozen=True, slots=True)
class Tried:
    """A temperature and a threshold that were tried, the mean balance score, and whether they were taken."""

    temperature: str
    threshold: str
    score: str
    taken: bool


@dataclass(frozen=True, slots=True)
class Library:
    """The section; `unlisted` rejected candidates are counted only, and `tried` is empty where nothing was."""

    candidates: str
    accepted: tuple[Candidate, ...]
    rejected: tuple[Candidate, ...]
    rejections: tuple[tuple[str, str], ...]
    unlisted: str
    tried: tuple[Tried, ...]


def describe_library(materials: Materials, *, characters: int, rejected_shown: int) -> Library:
    """All candidates; ArtifactError where there are none."""
    primitives = materials.records("primitives", "primitives", Primitive)
    if not primitives:
        raise ArtifactError("The primitives table is empty.")
    accepted = [p for p in primitives if p.screening.get("verdict") == "accepted"]
    rejected = [p for p in primitives if p.screening.get("verdict") != "accepted"]
    made = _Made(materials)
    rules = Counter(humanise(str(p.screening.get("rule") or "no rule told")) for p in rejected)
    return Library(
        candidates=count(len(primitives)),
        accepted=tuple(_candidate(p, characters, made) for p in accepted),
        rejected=tuple(_candidate(p, characters, None) for p in rejected[:rejected_shown]),
        rejections=tuple((rule, count(number)) for rule, number in rules.most_common()),
        unlisted=count(max(0, len(rejected) - rejected_shown)),
        tried=_tried(materials.manifests.get("demonstrations")),
    )


def _tried(manifest: Manifest | None) -> tuple[Tried, ...]:
    """What the stage `demonstrations` noted where it tried temperatures before it wrote."""
    balance = (manifest.summary.get("metrics") or {}).get("balance") if manifest else None
    if not balance:
        return ()
    chosen = (balance["temperature"], balance["threshold"])
    return tuple(
        Tried(
            quantity(one["temperature"]),
            quantity(one["threshold"]),
            quantity(one["score"]),
            (one["temperature"], one["threshold"]) == chosen,
        )
        for one in balance["tried"]
    )


class _Made:
    """The demonstrations made with each primitive, as far as the inputs hold them."""

    def __init__(self, materials: Materials) -> None:
        self.demonstrations = _optional(materials, "demonstrations", Demonstration)
        decisions = _optional(materials, "selection", SelectionDecision)
        problems = _optional(materials, "problems", Problem)
        self.questions = {problem.id: problem.question for problem in problems}
        self.kept = {d.demonstration_id for d in decisions if d.kept} if decisions else None
        self.by_primitive: dict[str, list[Demonstration]] = {}
        for demonstration in self.demonstrations:
            self.by_primitive.setdefault(demonstration.primitive_id, []).append(demonstration)

    def facts(self, primitive: str) -> list[tuple[str, str]]:
        mine = self.by_primitive.get(primitive, [])
        facts = [("demonstrations", count(len(mine)))] if self.demonstrations else []
        if self.kept is not None:
            facts.append(("kept", count(sum(d.id in self.kept for d in mine))))
        return facts

    def example(self, primitive: str, characters: int) -> Example | None:
        """The kept demonstration of median length: the primitive neither at its best nor at its worst."""
        mine = self.by_primitive.get(primitive, [])
        pool = [d for d in mine if self.kept is None or d.id in self.kept] or mine
        if not pool:
            return None
        one = sorted(pool, key=lambda d: (d.tokens, d.id))[len(pool) // 2]
        texts = (self.questions.get(one.problem_id, ""), one.think, one.answer_text)
        return Example(*(clip(text, characters) for text in texts))


def _optional(materials: Materials, product: str, record: type[R]) -> Sequence[R]:
    return materials.records(product, product, record) if materials.has(product, f"{product}.parquet") else []


def _candidate(primitive: Primitive, characters: int, made: _Made | None) -> Candidate:
    screening = primitive.screening
    return Candidate(
        id=label(primitive.id, 20),
        name=label(primitive.name, 120),
        instruction=clip(primitive.instruction, characters),
        facts=(*_screening_facts(primitive), *(made.facts(primitive.id) if made else ())),
        rule=humanise(str(screening.get("rule") or "")),
        reason=label(str(screening.get("reason") or ""), 200),
        example=made.example(primitive.id, characters) if made else None,
    )


def _screening_facts(primitive: Primitive) -> list[tuple[str, str]]:
    shown: Mapping[str, Any] = {**primitive.provenance, **primitive.screening}
    forms: dict[str, Callable[[float], str]] = {
        "pass_rate": percent,
        "novelty": quantity,
        "mean_tokens": quantity,
        "learned": percent,
        "together": percent,
        "round": count,
    }
    return [
        (humanise(name), form(shown[name]))
        for name, form in forms.items()
        if isinstance(shown.get(name), int | float)
    ]
