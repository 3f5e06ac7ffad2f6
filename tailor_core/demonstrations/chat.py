"""The teachers `chat` and `self`: demonstrations from a language model, primed with a primitive's instruction.

`self` is the student itself, as in STaR (Zelikman et al. 2022, arXiv 2203.14465), for when there is no stronger one.
The instruction is in the teacher's prompt alone; what is trained on is the question and what the teacher wrote.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from tailor_core.demonstrations.teacher import Wanted, make_demonstration
from tailor_core.inference.engine import Answers, Messages, Request, Sampling
from tailor_core.inference.prompts import Prompts, prompts_of
from tailor_core.records import Demonstration, Problem, TeacherKind
from tailor_core.verification.parsing import split_response

PACKAGE = "tailor_core.demonstrations"


class ChatTeacher:
    """Asks an engine for demonstrations.

    name:     of the kind of teacher, as demonstrations tell it
    examples: two problems of the family; one, with its answer, shows how answers are written (the other stands in
              where that one is to be solved)
    shots:    problems of the family with a whole reply to each. Where there are any, they are the earlier turns of
              the chat, and say alone what a reply looks like: small models imitate a form that no description of it
              gets them to keep
    """

    def __init__(
        self,
        name: TeacherKind,
        engine: Answers,
        sampling: Sampling,
        examples: Sequence[Problem],
        shots: Sequence[tuple[Problem, str]] = (),
        prompts: Prompts | None = None,
    ) -> None:
        self.name = name
        self._engine, self._sampling, self._examples, self._shots = engine, sampling, examples, shots
        self._prompts = prompts or Prompts(prompts_of(PACKAGE))

    def demonstrate_all(
        self, wanted: Sequence[Wanted], on_done: Callable[[int], None] | None = None
    ) -> list[Demonstration]:
        """See `Teacher.demonstrate_all`. A reply out of form is a demonstration too, which no verifier accepts."""
        requests = [
            Request(
                self._messages(problem, primitive.instruction), dataclasses.replace(self._sampling, seed=seed)
            )
            for problem, primitive, seed in wanted
        ]
        return [
            make_demonstration(self.name, problem, primitive, seed, *_blocks(completion.text))
            for (problem, primitive, seed), completion in zip(
                wanted, self._engine.answer(requests, on_done), strict=True
            )
        ]

    def _messages(self, problem: Problem, instruction: str) -> Messages:
        if self._shots:
            return self._solved_before(problem, instruction)
        example = next((one for one in self._examples if one.id != problem.id), problem)
        return [
            self._prompts.message(
                "demonstrate", instruction=instruction, question=problem.question, example=example
            )
        ]

    def _solved_before(self, problem: Problem, instruction: str) -> Messages:
        """The shots as turns, but for one of the problem itself, and then the problem."""
        messages = []
        for shot, reply in self._shots:
            if shot.id != problem.id:
                messages.append(self._primed(shot, instruction))
                messages.append({"role": "assistant", "content": reply})
        return [*messages, self._primed(problem, instruction)]

    def _primed(self, problem: Problem, instruction: str) -> dict[str, str]:
        return self._prompts.message("primed", instruction=instruction, question=problem.question)


def _blocks(text: str) -> tuple[str, str]:
    """Think block and answer of a reply; one out of form is all think block, with no answer, and so never right."""
    parsed = split_response(text)
    if parsed.think is None or parsed.answer is None:
        return text, ""
    return parsed.think, parsed.answer
