"""The move language of Countdown: a way of searching for an expression as a small program; see `programs`.

Among its dimensions are the four habits that the 4-STaR paper finds decisive: verification (`verification`, and
`misses` along the way), backtracking (`wandering`, `backing`), subgoals (`aiming`), and backward chaining
(`direction`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tailor_core.environments.programs import MoveProgram

Direction = Literal["forward", "backward", "both"]
Pairing = Literal["given", "largest", "smallest"]
Operations = Literal["sums", "products", "shrinking", "near"]
Wandering = Literal["straight", "short", "long"]
Backing = Literal["step", "start"]
Pruning = Literal["none", "ends", "bounds"]
Aiming = Literal["none", "pair"]
Opening = Literal["none", "target"]
Stating = Literal["none", "left"]
Slip = Literal["none", "arithmetic", "reuse"]
Verification = Literal["none", "expression", "steps"]
Usage = Literal["none", "each"]
Summary = Literal["none", "done"]
Voice = Literal["plain", "conversational", "formal", "shorthand"]
Answer = Literal["short", "grouped"]

_TELLING = (
    "direction", "wandering", "aiming", "pruning", "slip", "verification", "backing", "operations", "stating",
    "pairing", "usage", "opening", "summary",
)  # fmt: skip

_SHORT: dict[str, dict[str, str]] = {
    "direction": {"forward": "forward", "backward": "backward", "both": "from both ends"},
    "pairing": {"largest": "largest numbers first", "smallest": "smallest numbers first"},
    "operations": {"products": "products first", "shrinking": "shrink first", "near": "towards the target"},
    "wandering": {"short": "try and go back", "long": "try much and go back"},
    "backing": {"start": "begin afresh"},
    "pruning": {"ends": "see dead ends in two numbers", "bounds": "bound what is possible"},
    "aiming": {"pair": "set subgoals"},
    "opening": {"target": "say the task"},
    "stating": {"left": "say what is left"},
    "slip": {"arithmetic": "miscalculate and correct", "reuse": "use a number twice and notice"},
    "verification": {"expression": "evaluate the result", "steps": "repeat all steps"},
    "usage": {"each": "check the numbers"},
    "summary": {"done": "sum up"},
    "voice": {"conversational": "conversational", "formal": "formal", "shorthand": "shorthand"},
}

_SENTENCES: dict[str, dict[str, str]] = {
    "direction": {
        "forward": "Work forward: join two numbers at a time until one is left.",
        "backward": "Work backward from the target: set a number aside and see what the others have to make.",
        "both": "Set one number aside to get an easier target, and then join the others two at a time.",
    },
    "pairing": {
        "given": "Try the numbers in the order in which they are given.",
        "largest": "Try the largest numbers first.",
        "smallest": "Try the smallest numbers first.",
    },
    "operations": {
        "sums": "Try sums before differences, products and quotients.",
        "products": "Try products and quotients before sums and differences.",
        "shrinking": "Try what makes numbers smaller before what makes them larger.",
        "near": "Try first what comes nearest to the target.",
    },
    "wandering": {
        "straight": "Do only what leads to the target.",
        "short": "Try something, and go back where it fails.",
        "long": "Try many things, and go back each time one fails.",
    },
    "backing": {
        "step": "Where something fails, go back to the last choice.",
        "start": "Where something fails, begin again with all the numbers.",
    },
    "pruning": {
        "ends": "With two numbers left, list what they can make and see whether the target is among it.",
        "bounds": "Give up where even the most that the numbers can make is too little.",
    },
    "aiming": {"pair": "Before you join two numbers, say what you want to make of them."},
    "opening": {"target": "Begin by saying the target and the numbers."},
    "stating": {"left": "After each step say which numbers are left."},
    "slip": {
        "arithmetic": "If you miscalculate, say so, take it back and do it again.",
        "reuse": "If you use a number that is gone, say so and take it back.",
    },
    "verification": {
        "expression": "In the end evaluate the whole expression.",
        "steps": "In the end go through all steps again.",
    },
    "usage": {"each": "In the end make sure that each number is used once."},
    "summary": {"done": "Say the expression before you answer."},
    "voice": {
        "plain": "Write in plain sentences.",
        "conversational": "Write as if you were talking to yourself.",
        "formal": "Write in a formal style.",
        "shorthand": "Write in short notes.",
    },
    "answer": {
        "short": "Answer with as few parentheses as possible.",
        "grouped": "Put parentheses around every operation in the answer.",
    },
}

_WORDED = {"voice": "plain", "answer": "short"}

_CALLED_FOR = {
    "wrong": {
        "verification": ("expression", "steps"),
        "usage": ("each",),
        "slip": ("arithmetic", "reuse"),
        "stating": ("left",),
    },
    "out_of_form": {
        "wandering": ("straight", "short"),
        "opening": ("none",),
        "summary": ("none",),
        "voice": ("plain", "shorthand"),
        "answer": ("short",),
    },
    "falls": {
        "direction": ("backward", "both"),
        "wandering": ("short", "long"),
        "pruning": ("ends", "bounds"),
        "aiming": ("pair",),
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program(MoveProgram):
    """One way of searching; every field is one dimension, and its type lists the values.

    direction:    join numbers; or set one aside after the other, with an easier target each time; or set one
                  aside and then join
    pairing:      which numbers come first where there is a choice
    operations:   which operations come first
    wandering:    no dead end, one or two, or up to five
    backing:      where to go back to: the last choice that was right, or the beginning
    pruning:      see that two numbers do not make the target, or that it is out of reach
    aiming:       before numbers are joined, say what is wanted from them
    opening:      say the task first
    stating:      say what is left after each step
    slip:         make one mistake and take it back: a wrong result, or a number that is gone
    verification: in the end evaluate the expression, or go through the steps again
    usage:        in the end say that all numbers are used
    summary:      say the result at the end
    voice:        the wording
    answer:       parentheses where needed, or around every operation
    """

    direction: Direction = "forward"
    pairing: Pairing = "given"
    operations: Operations = "sums"
    wandering: Wandering = "straight"
    backing: Backing = "step"
    pruning: Pruning = "none"
    aiming: Aiming = "none"
    opening: Opening = "none"
    stating: Stating = "none"
    slip: Slip = "none"
    verification: Verification = "none"
    usage: Usage = "none"
    summary: Summary = "none"
    voice: Voice = "plain"
    answer: Answer = "short"

    family = "countdown-program"
    telling = _TELLING
    short = _SHORT
    sentences = _SENTENCES
    worded = _WORDED
    called_for = _CALLED_FOR


DIMENSIONS = Program.dimensions()
"""Dimension -> its values, the plainest first for most."""
