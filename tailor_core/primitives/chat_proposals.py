"""Proposals of a language model: primitives as structured output, read strictly.

What cannot be read goes back once to be repaired, and what says the same as something known goes back once to be
replaced. Whatever is refused is still a candidate, with the reason. Nothing that a model wrote is taken for anything
but text.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tailor_core.inference.engine import Answers, Request, Sampling
from tailor_core.inference.prompts import Prompts, prompts_of
from tailor_core.primitives.proposing import Proposal
from tailor_core.primitives.screening import Refusal
from tailor_core.records import EvaluationRow, Primitive, Problem, TeacherKind, content_id

PACKAGE = "tailor_core.primitives"

_GUIDED_NAME, _GUIDED_INSTRUCTION = 80, 500
"""Characters: where a model is held to a schema it comes to an end, which small ones do not by themselves."""


def schema_of(count: int) -> dict[str, Any]:
    """The JSON schema of a reply with at most `count` proposals."""
    texts = {
        "name": {"type": "string", "minLength": 1, "maxLength": _GUIDED_NAME},
        "instruction": {"type": "string", "minLength": _SHORTEST, "maxLength": _GUIDED_INSTRUCTION},
    }
    one = {
        "type": "object",
        "properties": texts,
        "required": list(texts),
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"primitives": {"type": "array", "items": one, "minItems": 1, "maxItems": count}},
        "required": ["primitives"],
        "additionalProperties": False,
    }


_SHORTEST = 20
_SHOWN_TRACE = 1500
_SHOWN_REPLY = 8000
_SHOWN_REFUSED = 20
_SHOWN_PLACE = 80
_TAGS = ("<think", "</think", "<answer", "</answer", "<|")


def _plain(text: str) -> str:
    """The text on one line; ValueError where it holds what is no plain text."""
    line = " ".join(text.split())
    if not line.isprintable():
        raise ValueError("it holds characters that do not show")
    if tag := next((tag for tag in _TAGS if tag in line.lower()), ""):
        raise ValueError(f"it holds the tag {tag!r}; say how to reason, not in which form to reply")
    return line


class _Proposed(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_plain)]
    instruction: Annotated[str, Field(min_length=_SHORTEST, max_length=2000), AfterValidator(_plain)]


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")

    primitives: list[_Proposed] = Field(min_length=1, max_length=200)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a teacher sees of the student and its problems: one problem, and completions that are right and wrong."""

    example: Problem
    right: Sequence[Mapping[str, str]]
    wrong: Sequence[Mapping[str, str]]


def show_probe(
    rows: Sequence[EvaluationRow], problems: Mapping[str, Problem], example: Problem, traces: int
) -> Shown:
    """At most so many right and wrong completions of a probe; wrong ones for as many different reasons as there are."""
    right = [row for row in rows if row.reward == 1]
    wrong: list[EvaluationRow] = []
    reasons: dict[str, list[EvaluationRow]] = {}
    for row in rows:
        if row.reward != 1:
            reasons.setdefault(row.reason, []).append(row)
    while len(wrong) < traces and any(reasons.values()):
        wrong += [piles.pop(0) for piles in reasons.values() if piles]

    def told(row: EvaluationRow) -> dict[str, str]:
        question = problems[row.problem_id].question if row.problem_id in problems else ""
        return {"question": question, "reply": row.completion[:_SHOWN_TRACE], "reason": row.reason}

    return Shown(example, [told(row) for row in right[:traces]], [told(row) for row in wrong[:traces]])


class ChatProposer:
    """Asks an engine for `count` primitives a round.

    Instructions that agree in a share `same_wording` of their words say the same. `teacher` is the kind that it is.
    """

    def __init__(
        self,
        engine: Answers,
        sampling: Sampling,
        shown: Shown,
        *,
        teacher: TeacherKind = "chat",
        count: int,
        same_wording: float,
        seed: int,
        prompts: Prompts | None = None,
    ) -> None:
        self._engine, self._shown, self._teacher, self._count = engine, shown, teacher, count
        self._sampling = dataclasses.replace(sampling, schema=schema_of(count))
        self._same_wording, self._seed = same_wording, seed
        self._prompts = prompts or Prompts(prompts_of(PACKAGE))

    def propose(
        self, number: int, library: Sequence[Primitive], screened: Sequence[Primitive]
    ) -> list[Proposal]:
        """See `Proposer.propose`. What goes back, and does not come again better, is refused."""
        refused = [p for p in screened if p.screening["verdict"] == "rejected"][-_SHOWN_REFUSED:]
        message = self._prompts.message(
            "propose",
            example=self._shown.example,
            right=self._shown.right,
            wrong=self._shown.wrong,
            library=[{"name": p.name, "instruction": p.instruction} for p in library],
            refused=[{"name": p.name, "reason": p.screening["reason"]} for p in refused],
            count=self._count,
        )
        talk = _Talk(self._engine, self._sampling, content_id(["proposals", self._seed, number], length=64))
        made = _Round(self._teacher, number, self._same_wording, list(library), {p.id for p in screened})
        returned = made.sort(*self._read(talk, message), self._count)
        if others := min(len(returned), self._count - made.tried):
            message = self._prompts.message("again", duplicates=returned[:others], count=others)
            made.sort(*self._read(talk, message), others)
        return made.proposals

    def _read(self, talk: _Talk, message: dict[str, str]) -> tuple[_Reply | None, str, str]:
        """The reply to a message, repaired once where need be; None where it is no better, with its text and fault."""
        text = talk.say(message)
        reply, fault = _parse(text)
        if reply is None:
            text = talk.say(self._prompts.message("repair", reason=fault))
            reply, fault = _parse(text)
        return reply, text, fault


@dataclass(slots=True)
class _Round:
    """The proposals of one round; `rivals` are what new ones may not say again, `seen` the ids of all candidates."""

    teacher: TeacherKind
    number: int
    same_wording: float
    rivals: list[Primitive]
    seen: set[str]
    proposals: list[Proposal] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """How many proposals are to be tried."""
        return sum(one.refusal is None for one in self.proposals)

    def sort(self, reply: _Reply | None, text: str, fault: str, wanted: int) -> list[dict[str, str]]:
        """Take in a reply: at most `wanted` proposals to try, the rest refused. What is to go back, with the reason."""
        if reply is None:
            unread = self._primitive("a reply that cannot be read", text[:_SHOWN_REPLY])
            if unread.id not in self.seen:
                self._add(unread, Refusal("unreadable", f"the reply is {fault}"))
            return []
        returned = []
        for one in reply.primitives:
            primitive = self._primitive(one.name, one.instruction)
            if primitive.id in self.seen:
                returned.append({"name": one.name, "reason": "it was proposed before, word for word"})
            elif reason := self._said_by(primitive):
                self._add(primitive, Refusal("wording", reason))
                returned.append({"name": one.name, "reason": reason})
            elif wanted:
                wanted -= 1
                self._add(primitive, None)
                self.rivals.append(primitive)
            else:
                self._add(primitive, Refusal("surplus", "more were proposed than were asked for"))
        return returned

    def _primitive(self, name: str, instruction: str) -> Primitive:
        return Primitive(
            id=content_id(["instruction", instruction]),
            name=name,
            instruction=instruction,
            kind=self.teacher,
            provenance={"teacher": self.teacher, "round": self.number, "parents": []},
        )

    def _add(self, primitive: Primitive, refusal: Refusal | None) -> None:
        self.seen.add(primitive.id)
        self.proposals.append(Proposal(primitive, primitive, refusal))

    def _said_by(self, primitive: Primitive) -> str:
        """Why a primitive says the same as one of the rivals; empty where it does not."""
        for other in self.rivals:
            share = _agreement(primitive.instruction, other.instruction)
            if share >= self.same_wording:
                return f"{share:.0%} of its words are those of {other.id} ({other.name}), so it says the same"
        return ""


class _Talk:
    """One conversation: each message is answered in the light of all before."""

    def __init__(self, engine: Answers, sampling: Sampling, name: str) -> None:
        self._engine, self._sampling, self._name = engine, sampling, name
        self._messages: list[dict[str, str]] = []

    def say(self, message: dict[str, str]) -> str:
        """The reply to a message."""
        self._messages.append(message)
        seed = int(content_id([self._name, len(self._messages)], length=7), 16)
        request = Request(list(self._messages), dataclasses.replace(self._sampling, seed=seed))
        text = self._engine.answer([request])[0].text
        self._messages.append({"role": "assistant", "content": text[:_SHOWN_REPLY]})
        return text


def _parse(text: str) -> tuple[_Reply | None, str]:
    """The proposals of a reply, or None and what is wrong; words or fences around the JSON object do not matter."""
    start, end = text.find("{"), text.rfind("}")
    try:
        value = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return None, "no JSON object"
    try:
        return _Reply.model_validate(value), ""
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "reply"
        message = first["msg"].removeprefix("Value error, ")
        return None, f"not of the form asked for: {place[:_SHOWN_PLACE]}: {message}"


def _agreement(one: str, other: str) -> float:
    """The share of words that two texts have in common, in order; case and marks do not matter."""
    return difflib.SequenceMatcher(None, _words(one), _words(other), autojunk=False).ratio()


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text.lower()).split()
