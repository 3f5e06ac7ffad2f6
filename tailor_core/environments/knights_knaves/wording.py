"""How each step of a Knights & Knaves argument is worded: the trace language, one method a sentence form.

Four voices: 0 plain, 1 conversational, 2 formal, 3 shorthand. Where a voice has two wordings the given random
source picks. A think block is such sentences joined by spaces. The step checker has its own reading of the same
language and shares nothing with this module.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.statements import phrase, with_article

Facts = Mapping[int, bool]
"""Person -> is a knight."""


def listing(items: Sequence[str]) -> str:
    """`A`, `A and B`, `A, B and C`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


class Wording:
    """Words the steps of one argument about `puzzle` in one voice. People are given by index."""

    def __init__(self, puzzle: Puzzle, voice: int, rng: random.Random) -> None:
        self.puzzle = puzzle
        self.voice = voice
        self.rng = rng
        self._names = puzzle.names
        self._claims = [self._claim(person) for person in range(puzzle.people)]

    def _claim(self, person: int, facts: Facts | None = None) -> str:
        puzzle = self.puzzle
        return phrase(puzzle.statements[person], puzzle.names, puzzle.knight, puzzle.knave, facts)

    def _pick(self, *by_voice: str | tuple[str, str]) -> str:
        wording = by_voice[self.voice]
        return wording if isinstance(wording, str) else self.rng.choice(wording)

    def role(self, is_knight: bool) -> str:
        """The role word without its article."""
        return self.puzzle.knight if is_knight else self.puzzle.knave

    def a(self, is_knight: bool) -> str:
        """The role word with its article."""
        return with_article(self.role(is_knight))

    def open(self, people: Sequence[int]) -> str:
        """Who is not placed yet."""
        names = listing([self._names[p] for p in people])
        one = len(people) == 1
        return self._pick(
            (f"I need to place {names}.", f"Left to place: {names}."),
            f"So who is what? {names} {'is' if one else 'are'} open.",
            f"The role of {names} is to be determined."
            if one
            else f"The roles of {names} are to be determined.",
            f"Open: {names}.",
        )

    def focus(self, person: int) -> str:
        """Turn to somebody; no truth content."""
        n = self._names[person]
        return self._pick(
            (f"Let me look at {n}.", f"Next I look at {n}."), f"What about {n}?", f"Consider {n}.", f"On {n}."
        )

    def assume(self, person: int, is_knight: bool) -> str:
        """Open a case."""
        n, r = self._names[person], self.a(is_knight)
        return self._pick(
            f"Suppose {n} were {r}.",
            (f"Let us say {n} is {r}.", f"What if {n} is {r}?"),
            f"Assume for the moment that {n} is {r}.",
            f"Try {n}: {self.role(is_knight)}.",
        )

    def claim(self, person: int, is_knight: bool, facts: Facts | None = None) -> str:
        """From a known role to the truth of the claim; `facts` as in `judge`."""
        n, r, s = self._names[person], self.a(is_knight), self._claim(person, facts)
        if is_knight:
            return self._pick(
                f"{n} is {r}; {n} said that {s}, which holds.",
                f"{n} tells the truth, so {s}.",
                f"Since {n} is {r}, it holds that {s}.",
                f"{n} true: {s}.",
            )
        return self._pick(
            f"{n} is {r}; {n} said that {s}, which fails.",
            f"{n} lies, so it is wrong that {s}.",
            f"Since {n} is {r}, it does not hold that {s}.",
            f"{n} false: {s}.",
        )

    def derive(self, person: int, is_knight: bool) -> str:
        """A new fact that follows."""
        n, r = self._names[person], self.a(is_knight)
        return self._pick(
            (f"So {n} must be {r}.", f"Then {n} must be {r}."),
            (f"That makes {n} {r}.", f"So {n} has to be {r}."),
            (f"Hence {n} is {r}.", f"It follows that {n} is {r}."),
            f"{n}: {self.role(is_knight)}.",
        )

    def judge(self, person: int, is_true: bool, facts: Facts | None = None) -> str:
        """A claim whose truth is settled settles its speaker; with `facts` its clauses are weighed."""
        n, r, s = self._names[person], self.a(is_true), self._claim(person, facts)
        return self._pick(
            f"{n} said that {s}, which is {'true' if is_true else 'false'}: {n} must be {r}.",
            f"{n} claims that {s}, {'and that is right' if is_true else 'but that is wrong'}, so {n} is {r}.",
            f"The claim of {n}, that {s}, is {'true' if is_true else 'false'}; hence {n} is {r}.",
            f"{n} says {s}, {'true' if is_true else 'false'}, {n}: {self.role(is_true)}.",
        )

    def clash(self, person: int, is_true: bool, facts: Facts | None = None) -> str:
        """A claim whose truth is settled against the role its speaker has; `facts` as in `judge`."""
        n, r, s = self._names[person], self.a(not is_true), self._claim(person, facts)
        truth = "true" if is_true else "false"
        return self._pick(
            f"{n} said that {s}, which is {truth}: {n} is {r}, a contradiction.",
            f"{n} claims that {s}, {'and that is right' if is_true else 'but that is wrong'}, "
            f"but {n} should be {r}, which cannot be.",
            f"The claim of {n}, that {s}, is {truth} although {n} is {r}; this is a contradiction.",
            f"{n} says {s}, {truth}, {n}: {self.role(not is_true)}, conflict.",
        )

    def contradiction(self) -> str:
        """The facts and claims of this case cannot hold together."""
        return self._pick(
            ("That is a contradiction.", "This cannot be."),
            "But that does not work.",
            "This is a contradiction.",
            "Conflict.",
        )

    def reject(self, person: int, is_knight: bool) -> str:
        """Close a contradictory case; the person has the other role, `is_knight`."""
        n, r, other = self._names[person], self.a(is_knight), self.a(not is_knight)
        return self._pick(
            (f"So {n} cannot be {other} and must be {r}.", f"Therefore {n} must be {r}."),
            f"So {n} must be {r} after all.",
            f"Hence the assumption fails and {n} is {r}.",
            f"Thus {n}: {self.role(is_knight)}.",
        )

    def same(self, speaker: int, other: int) -> str:
        """The speaker calls the other a knight: both are of one kind."""
        n, m = self._names[speaker], self._names[other]
        return self._pick(
            f"{n} calls {m} {self.a(True)}, so {n} and {m} are of the same kind.",
            f"{n} vouches for {m}, so they are alike.",
            f"{n} affirms {m}; both are of one kind.",
            f"{n} = {m}.",
        )

    def different(self, speaker: int, other: int) -> str:
        """The speaker calls the other a knave: they are of different kinds."""
        n, m = self._names[speaker], self._names[other]
        return self._pick(
            f"{n} calls {m} {self.a(False)}, so {n} and {m} are of different kinds.",
            f"{n} accuses {m}, so one of them lies.",
            f"{n} denies {m}; they are of different kinds.",
            f"{n} != {m}.",
        )

    def accuse(self, one: int, other: int) -> str:
        """Both call each other knaves."""
        n, m = self._names[one], self._names[other]
        return self._pick(
            f"{n} and {m} accuse each other, so exactly one of them is {self.a(True)}.",
            f"{n} and {m} call each other liars, so just one of them is {self.a(True)}.",
            f"{n} and {m} deny each other; exactly one is {self.a(True)}.",
            f"{n} != {m} (both).",
        )

    def self_rule(self, person: int, is_knight: bool) -> str:
        """A claim that its speaker, were they of the other kind, could not have made."""
        n, r, other = self._names[person], self.a(is_knight), self.a(not is_knight)
        s = self._claims[person]
        return self._pick(
            f"{n} said that {s}, which {other} could not say, so {n} must be {r}.",
            f"If {n} were {other}, saying that {s} makes no sense, so {n} is {r}.",
            f"The claim of {n}, that {s}, rules out that {n} is {other}; hence {n} is {r}.",
            f"{n} says {s}, so {n}: {self.role(is_knight)}.",
        )

    def switch(self, person: int, is_knight: bool) -> str:
        """Close a case that held, and open the other one."""
        n, r = self._names[person], self.a(is_knight)
        return self._pick(
            f"Now suppose instead that {n} were {r}.",
            f"And if {n} is {r} instead?",
            f"In the other case {n} is {r}.",
            f"Else {n}: {self.role(is_knight)}.",
        )

    def merge(self, person: int, is_knight: bool) -> str:
        """What holds in both cases holds."""
        n, r = self._names[person], self.a(is_knight)
        return self._pick(
            f"In both cases {n} must be {r}.",
            f"Either way {n} is {r}.",
            f"{n} is {r} in each case.",
            f"Both: {n}: {self.role(is_knight)}.",
        )

    def ask(self, speaker: int, about: int) -> str:
        """Backward search: whose claim mentions somebody."""
        m, n = self._names[speaker], self._names[about]
        return self._pick(
            f"{m} says something about {n}.",
            f"Who talks about {n}? {m} does.",
            f"The claim of {m} concerns {n}.",
            f"{m} on {n}.",
        )

    def restate(self, person: int) -> str:
        """Repeat a claim."""
        n, s = self._names[person], self._claims[person]
        return self._pick(
            f"{n} said that {s}.", f"{n} claims that {s}.", f"The claim of {n} is that {s}.", f"{n} says {s}."
        )

    def undecided(self, person: int, facts: Facts | None = None) -> str:
        """A claim that may be true or false as far as is known; `facts` as in `judge`."""
        n, s = self._names[person], self._claim(person, facts)
        return self._pick(
            f"{n} said that {s}, which is open.",
            f"{n} claims that {s}, and that may be or not.",
            f"The claim of {n}, that {s}, remains open.",
            f"{n} says {s}, open.",
        )

    def check(self, person: int, is_knight: bool, facts: Facts | None = None) -> str:
        """Verify a placed person against their claim; `facts` as in `judge`."""
        n, r, s = self._names[person], self.a(is_knight), self._claim(person, facts)
        truth = "true" if is_knight else "false"
        return self._pick(
            f"{n} said that {s}, which is {truth}: {n} is {r}.",
            f"{n} is {r} and the claim that {s} is indeed {truth}.",
            f"Verification: {n} is {r}, and that {s} is {truth}.",
            f"Check {n}: {self.role(is_knight)}, {s} {truth}.",
        )

    def fits(self) -> str:
        """Everybody is placed and every claim fits."""
        return self._pick(
            "All claims fit.", "Everything fits now.", "All statements are consistent.", "All fit."
        )

    def retract(self) -> str:
        """Take the last step back."""
        return self._pick(
            ("Wait, that does not follow.", "No, that is wrong."),
            "Hmm, I was too quick there.",
            "Correction: the last step is not valid.",
            "Undo.",
        )

    def done(self, roles: Sequence[bool]) -> str:
        """Sum up everybody's role."""
        full = listing([f"{n} is {self.a(k)}" for n, k in zip(self._names, roles, strict=True)])
        short = ", ".join(f"{n} {self.role(k)}" for n, k in zip(self._names, roles, strict=True))
        return self._pick(
            f"So {full}.", f"That settles it: {full}.", f"In conclusion, {full}.", f"Result: {short}."
        )
