"""The rows that stages exchange: frozen, typed, with ids that are hashes of their content.

Behaviour lives elsewhere. Each record turns into a flat row of Parquet columns with `to_row` and back with
`from_row`; nested values become canonical JSON text, so that a table reads the same in polars, DuckDB and
any other tool.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, Self

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

Split = str
"""`train`, `validation`, `test`, or an out-of-distribution level such as `ood_people_5`."""


def canonical_json(value: Any) -> str:
    """The one JSON text of `value`: sorted keys, no spaces, no NaN, non-ASCII kept. Raises ValueError on NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_id(value: Any, *, length: int = 16) -> str:
    """The first `length` hex digits of the sha256 of `value`'s canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


@cache
def _nested_fields(record: Any) -> dict[str, bool]:
    """Per field of a record: must it be JSON text in a table (anything but a scalar)?"""
    hints = typing.get_type_hints(record)
    nested = {}
    for f in dataclasses.fields(record):
        options = typing.get_args(hints[f.name]) if _is_union(hints[f.name]) else (hints[f.name],)
        plain = {str, int, float, bool, types.NoneType}
        nested[f.name] = not all(o in plain or typing.get_origin(o) is Literal for o in options)
    return nested


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


class Record:
    """What all records can do; subclasses are frozen dataclasses."""

    __slots__ = ()

    def to_row(self) -> dict[str, Any]:
        """One flat row of scalars; nested values as canonical JSON text."""
        nested = _nested_fields(type(self))  # type: ignore[arg-type]  # classes are hashable
        return {
            name: canonical_json(_plain(getattr(self, name))) if nested[name] else getattr(self, name)
            for name in nested
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """The record of a row that `to_row` made; columns that the record does not have are ignored."""
        values = {}
        for name, nested in _nested_fields(cls).items():  # type: ignore[arg-type]
            if name in row:
                values[name] = json.loads(row[name]) if nested and isinstance(row[name], str) else row[name]
        return cls(**values)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem(Record):
    """A question with a checkable answer.

    `metadata` holds `difficulty` (dict of numbers), `split`, `canonical_hash` (equal for problems that differ
    only by renaming and re-ordering) and `spec` (all the environment needs to solve and check it).
    """

    id: str
    environment: str
    question: str
    answer: str
    metadata: dict[str, Any]

    @property
    def split(self) -> Split:
        return str(self.metadata["split"])

    @property
    def canonical_hash(self) -> str:
        return str(self.metadata["canonical_hash"])

    @property
    def spec(self) -> dict[str, Any]:
        return typing.cast(dict[str, Any], self.metadata["spec"])

    @property
    def difficulty(self) -> dict[str, Any]:
        return typing.cast(dict[str, Any], self.metadata["difficulty"])


TeacherKind = Literal["procedural", "chat", "self"]
"""Who finds and writes: programs of moves, a language model behind a server, or the student itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Primitive(Record):
    """A way of reasoning: an instruction that can be added to a query, and for procedural ones a program.

    `id` is the content hash of what the primitive does (its program, or its instruction where it has none).
    `provenance` holds `teacher`, `round`, `parents`; `screening` holds `pass_rate`, `novelty`, `mean_tokens`,
    `verdict` (`accepted` or `rejected`), `rule`, `reason` and, where there was a pilot, `learned` and `together`.
    """

    id: str
    name: str
    instruction: str
    kind: TeacherKind
    program: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    screening: dict[str, Any] = field(default_factory=dict)


def completion_text(think: str, answer: str) -> str:
    """What a model is to write. After the space, a first word is the token that it is inside a text."""
    return f"<think> {think}</think>\n<answer>{answer}</answer>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration(Record):
    """One problem solved by a teacher with one primitive.

    `tokens` counts the words and marks of think block and answer; where a control stands for a trace, those of
    the trace.
    """

    id: str
    problem_id: str
    primitive_id: str
    teacher: str
    think: str
    answer_text: str
    tokens: int
    seed: int

    @property
    def completion(self) -> str:
        return completion_text(self.think, self.answer_text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(Record):
    """What the verifier says of one demonstration or completion."""

    demonstration_id: str
    reward: float
    checks: dict[str, Any]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionDecision(Record):
    """Why a demonstration was kept or dropped; `rank` orders the kept ones."""

    demonstration_id: str
    kept: bool
    rule: str
    duplicate_of: str | None = None
    similarity: float | None = None
    rank: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SFTExample(Record):
    """One training row: chat messages of the prompt and of the completion (TRL's prompt-completion format)."""

    id: str
    demonstration_id: str
    problem_id: str
    primitive_id: str
    prompt: list[dict[str, str]]
    completion: list[dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRow(Record):
    """One sampled completion of one model on one problem, scored.

    `moves` counts the reasoning moves that the trace shows; `entropy` is the mean sampled token entropy proxy
    (minus log-probability, nats a token). `sound` says that the reward is earned by reasoning of which every step was
    read and follows; never so where the family reads no steps.
    """

    model: str
    problem_id: str
    split: str
    difficulty: int
    sample: int
    completion: str
    reward: float
    well_formed: bool
    finished: bool
    tokens: int
    entropy: float
    reason: str
    moves: dict[str, int] = field(default_factory=dict)
    sound: bool = False
