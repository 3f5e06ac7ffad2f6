"""A chat teacher's script for Knights & Knaves: it proposes ways of reasoning, and solves puzzles, sometimes wrongly.

Each answer depends on the request alone, so that a run that was killed may be compared with one that was not.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable
from functools import cache

from scripted_server import Body, Reply

from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.primitives.aim import Aim
from tailor_core.primitives.composition import Composer
from tailor_core.primitives.language import language_of
from tailor_core.records import Primitive, Problem, completion_text, content_id

WAYS = {
    "backward": "Begin with what is asked. Ask what would settle it, and look for a statement that does.",
    "most talkative": "Count how often each person is spoken of. Start with the one who occurs most, then go on.",
    "assume and refute": "Suppose that somebody lies, follow what this leads to, and take it back when it clashes.",
    "tables": "List all combinations of roles as rows of a table. Strike out rows until only one is left.",
    "pairs": "Compare people two by two. Note whether both have equal or opposite roles, and chain these notes.",
    "check twice": "Solve it quickly first. Afterwards read every claim once more against the solution found.",
    "simplest claim": "Take short statements before longer ones, since they leave the fewest cases to tell apart.",
    "to a child": "Say in easy words why each step holds, as if to somebody who hears of this for the first time.",
}
"""Name -> instruction of all that it can think of."""


class ScriptedTeacher:
    """Answers the prompts of the package; `wrong` of its solutions in ten are wrong."""

    def __init__(self, problems: Iterable[Problem], wrong: int = 2) -> None:
        self._problems = {problem.question: problem for problem in problems}
        self._wrong = wrong

    def __call__(self, body: Body) -> Reply:
        prompt = str(body["messages"][-1]["content"])
        if "response_format" in body:
            return Reply(text=self.propose(body))
        question, primed, instruction = prompt.partition("\n\nReason in this way: ")
        if not primed:
            instruction = prompt.split("as asked for here:\n")[1].split("\n")[0]
            question = prompt.split("The problem to solve:\n")[1]
        return Reply(text=self.solve(json.loads(instruction), question, body["seed"]))

    def propose(self, body: Body) -> str:
        """As many new ways as are asked for, and in the first reply of a talk one that is known, where one is."""
        talk = " ".join(str(message["content"]) for message in body["messages"])
        count = int(re.findall(r"[Pp]ropose (\d+)", talk)[-1])
        new = [name for name in WAYS if json.dumps(name) not in talk]
        known = [name for name in WAYS if name not in new]
        names = (known[:1] if len(body["messages"]) == 1 else []) + new
        ways = [{"name": name, "instruction": WAYS[name]} for name in names[:count]]
        return json.dumps({"primitives": ways})

    def solve(self, instruction: str, question: str, seed: int) -> str:
        """A solver's trace, begun as people begin, in the way of one program or other that the instruction picks."""
        problem = self._problems[question]
        rng = random.Random(content_id([instruction, question, seed], length=64))
        way = _programs()[int(content_id(instruction, length=8), 16) % len(_programs())]
        written = ProceduralTeacher("kk").demonstrate(problem, way, seed)
        answer = written.answer_text
        if rng.randrange(10) < self._wrong:
            answer = answer.replace("knight", "?").replace("knave", "knight").replace("?", "knave")
        return completion_text(f"Let me think about who said what here. {written.think}", answer)


@cache
def _programs() -> list[Primitive]:
    language = language_of("kk")
    solving = {"slip": ("none",), "voice": ("plain",), "branching": ("nested", "afresh")}
    composer = Composer(language.within(solving), Aim(), random.Random(5))
    return [language.primitive(candidate.values, {}) for candidate in composer.compose(40)]
