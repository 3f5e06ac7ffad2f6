"""When a step of a Knights & Knaves trace follows from the steps before it.

A state machine over scopes: the outermost holds what is certain, each assumption opens an inner one. A scope
knows the roles that are settled in it and, as truth tables, the worlds that its facts and cited claims leave.
A rule looks at that state and at the one claim it quotes; only the end is held against the puzzle's solution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.statements import people_mentioned
from tailor_core.environments.knights_knaves.step_claims import Claim

_NO_CLAIM = Claim(0)


@dataclass(frozen=True, slots=True)
class Step:
    """A sentence understood: people by number, roles as "is a knight", the quoted claim.

    `value` is whether the sentence calls the claim true; `opposite` the role it rules out, if it names one.
    """

    kind: str
    value: bool | None = None
    person: int = -1
    other: int = -1
    knight: bool = False
    opposite: bool | None = None
    claim: Claim = _NO_CLAIM
    people: tuple[int, ...] = ()
    roles: tuple[tuple[int, bool], ...] = ()


@dataclass(slots=True)
class _Scope:
    """What holds under the assumptions made so far, outer scopes included.

    settled: worlds that the facts alone leave; worlds: those that the cited claims leave, too;
    first_case: the facts of the opposite case, where this scope was opened as the second of two;
    heard: whose claims were held against the roles.
    """

    facts: dict[int, bool]
    settled: int
    worlds: int
    assumed: tuple[int, bool] | None = None
    refuted: bool = False
    first_case: dict[int, bool] | None = None
    heard: frozenset[int] = frozenset()


class Reasoning:
    """The state of a trace's argument. A rule says what is wrong and changes nothing, or says "" and acts."""

    def __init__(self, puzzle: Puzzle) -> None:
        self.puzzle = puzzle
        self._scopes = [_Scope({}, puzzle.every_world, puzzle.every_world)]
        self._failed = 0
        """The worlds of all cases that were found contradictory and left, to begin afresh."""

    def take(self, step: Step) -> str:
        """Act on a step that follows; else say why it does not."""
        if self._top.refuted and step.kind not in _ALLOWED_WHEN_REFUTED:
            return "the case is contradictory, so it must be rejected first"
        fault = _RULES[step.kind](self, step)
        if not fault and step.kind in _HEARS:
            self._top.heard |= {step.person, step.other} if step.kind == "accuse" else {step.person}
        return fault

    def unfinished(self) -> str:
        """Why the end is no proof of a solution; empty when it is one."""
        if self._top.refuted:
            return "the trace ends inside a contradictory case"
        if self._open():
            return f"the trace ends before {self._name(self._open()[0])} is placed"
        return self._fits(Step("fits")) and "the trace ends with roles that do not fit all statements"

    def guessed(self) -> str:
        """That roles stand as assumed, and somebody's claim was never held against them; else empty.

        The end would be right by luck: what that person says may contradict all that was supposed.
        """
        unheard = [name for person, name in enumerate(self.puzzle.names) if person not in self._top.heard]
        if len(self._scopes) == 1 or not unheard:
            return ""
        return f"roles stand as assumed, and what {unheard[0]} says is not held against them"

    @property
    def _top(self) -> _Scope:
        return self._scopes[-1]

    def _name(self, person: int) -> str:
        return self.puzzle.names[person]

    def _open(self) -> list[int]:
        return [i for i in range(self.puzzle.people) if i not in self._top.facts]

    def _table(self, person: int, knight: bool) -> int:
        table = self.puzzle.knights[person]
        return table if knight else table ^ self.puzzle.every_world

    def _settle(self, person: int, knight: bool) -> str:
        table = self._table(person, knight)
        self._top.facts[person] = knight
        self._top.settled &= table
        self._top.worlds &= table
        return ""

    def _enter(self, step: Step, first_case: dict[int, bool] | None = None) -> str:
        outer, assumed = self._top, (step.person, step.knight)
        inner = _Scope(
            dict(outer.facts), outer.settled, outer.worlds, assumed, first_case=first_case, heard=outer.heard
        )
        self._scopes.append(inner)
        return self._settle(step.person, step.knight)

    # Conditions that several rules share.

    def _placed_so(self, step: Step) -> str:
        known = self._top.facts.get(step.person)
        if known is None:
            return f"{self._name(step.person)} is not placed yet"
        return "" if known == step.knight else f"{self._name(step.person)} was placed otherwise"

    def _not_placed(self, step: Step) -> str:
        return f"{self._name(step.person)} is already placed" if step.person in self._top.facts else ""

    def _quotes(self, step: Step) -> str:
        said = step.claim.table == self.puzzle.claims[step.person]
        return self._weighs(step) if said else f"{self._name(step.person)} does not say that"

    def _weighs(self, step: Step) -> str:
        """Is of each clause that is weighed said what the roles settled so far make of it?"""
        for clause, truth in step.claim.weighed:
            inside = clause & self._top.settled
            if truth is not (True if inside == self._top.settled else None if inside else False):
                return "a clause of the claim is weighed wrongly"
        return ""

    def _values(self, step: Step) -> str:
        """Is the claim true, or false, as the step says, whatever the people not yet placed are?"""
        claim, settled = self.puzzle.claims[step.person], self._top.settled
        against = settled & ~claim if step.value else settled & claim
        return f"the facts do not make the claim {'true' if step.value else 'false'}" if against else ""

    # The rules.

    def _opens(self, step: Step) -> str:
        return "" if sorted(step.people) == self._open() else "these are not the people left to place"

    def _focuses(self, step: Step) -> str:
        return ""

    def _assumes(self, step: Step) -> str:
        """Open a case: inside the present one, or, where that is contradictory, afresh without its assumptions."""
        afresh, outer, failed = self._top.refuted, self._top, self._failed
        if afresh:
            outer, failed = self._scopes[0], failed | self._top.settled
        if outer.refuted:
            return "there is no assumption left that could be given up"
        if step.person in outer.facts:
            return f"{self._name(step.person)} is already placed"
        if not outer.settled & self._table(step.person, step.knight) & ~failed:
            return "these assumptions were led to a contradiction before"
        if afresh:
            del self._scopes[1:]
            self._failed = failed
        return self._enter(step)

    def _cites(self, step: Step) -> str:
        fault = self._placed_so(step) or self._quotes(step)
        if not fault and step.knight != step.value:
            fault = "the role does not go with what is said of the claim"
        if not fault:
            claim = self.puzzle.claims[step.person]
            self._top.worlds &= claim if step.value else claim ^ self.puzzle.every_world
        return fault

    def _derives(self, step: Step) -> str:
        fault = self._not_placed(step)
        if not fault and not self._top.worlds:
            fault = "the case contradicts itself already, so nothing is derived from it"
        if not fault and self._top.worlds & ~self._table(step.person, step.knight):
            fault = "it does not follow from what is known and cited"
        return fault or self._settle(step.person, step.knight)

    def _judges(self, step: Step) -> str:
        fault = self._not_placed(step) or self._quotes(step) or self._values(step)
        if not fault and step.knight != step.value:
            fault = "the role does not follow from the truth of the claim"
        return fault or self._settle(step.person, step.knight)

    def _clashes(self, step: Step) -> str:
        fault = self._placed_so(step) or self._quotes(step) or self._values(step)
        if not fault and step.knight == step.value:
            fault = "role and claim agree, so nothing clashes"
        if not fault:
            self._top.refuted = True
        return fault

    def _contradicts(self, step: Step) -> str:
        if self._top.worlds and not self._top.refuted:
            return "what is known and cited does not contradict itself"
        self._top.refuted = True
        return ""

    def _rejects(self, step: Step) -> str:
        if self._top.assumed != (step.person, not step.knight):
            return "this is not the opposite of the last assumption"
        if step.opposite == step.knight:
            return "the role ruled out is the role concluded"
        if not self._top.refuted:
            return "the assumption was not led to a contradiction"
        self._scopes.pop()
        return self._settle(step.person, step.knight)

    def _pairs(self, step: Step) -> str:
        """`same` and `different`: the speaker's claim is exactly that the other is a knight, or a knave."""
        if step.person == step.other:
            return "a pair needs two people"
        if step.knight != step.value or self.puzzle.claims[step.person] != self._table(
            step.other, bool(step.value)
        ):
            return f"{self._name(step.person)} does not say that"
        self._relate(step)
        return ""

    def _accuses(self, step: Step) -> str:
        claims = self.puzzle.claims
        mutual = claims[step.person] == self._table(step.other, False)
        mutual = mutual and claims[step.other] == self._table(step.person, False)
        if not mutual or step.person == step.other:
            return "these two do not accuse each other"
        self._relate(step)
        return ""

    def _relate(self, step: Step) -> None:
        differ = self.puzzle.knights[step.person] ^ self.puzzle.knights[step.other]
        self._top.worlds &= differ if step.kind != "same" else differ ^ self.puzzle.every_world

    def _rules_itself_out(self, step: Step) -> str:
        fault = self._not_placed(step) or self._quotes(step)
        if not fault and step.opposite == step.knight:
            fault = "the role ruled out is the role concluded"
        if not fault and self.puzzle.fits[step.person] & self._table(step.person, not step.knight):
            fault = "the claim alone does not rule the other role out"
        return fault or self._settle(step.person, step.knight)

    def _switches(self, step: Step) -> str:
        top = self._top
        if top.assumed != (step.person, not step.knight) or top.first_case is not None:
            return "this is not the other case of the last assumption"
        if not top.worlds:
            return "the first case contradicts itself, so it must be rejected"
        self._scopes.pop()
        return self._enter(step, first_case=top.facts)

    def _merges(self, step: Step) -> str:
        top = self._top
        if top.first_case is None:
            return "there are no two cases to merge"
        if step.person in self._scopes[-2].facts:
            return f"{self._name(step.person)} was placed before the two cases"
        if not top.facts.get(step.person) == top.first_case.get(step.person) == step.knight:
            return f"{self._name(step.person)} is not placed so in both cases"
        self._scopes.pop()
        return self._settle(step.person, step.knight)

    def _asks(self, step: Step) -> str:
        mentioned = step.other in people_mentioned(self.puzzle.statements[step.person])
        return "" if mentioned else f"{self._name(step.person)} says nothing about {self._name(step.other)}"

    def _checks(self, step: Step) -> str:
        fault = self._placed_so(step) or self._quotes(step) or self._values(step)
        if not fault and step.knight != step.value:
            fault = "role and claim do not agree"
        return fault

    def _leaves_open(self, step: Step) -> str:
        fault = self._quotes(step)
        claim, settled = self.puzzle.claims[step.person], self._top.settled
        if not fault and claim & settled in (0, settled):
            fault = "the facts settle whether the claim is true"
        return fault

    def _fits(self, step: Step) -> str:
        if self._open():
            return f"{self._name(self._open()[0])} is not placed yet"
        return "" if self._top.settled & self.puzzle.solutions else "not every statement fits its speaker"

    def _ends(self, step: Step) -> str:
        if sorted(step.roles) != sorted(self._top.facts.items()) or self._open():
            return "this is not what was found out about everybody"
        return ""


_ALLOWED_WHEN_REFUTED = ("reject", "assume", "contradiction", "focus", "ask", "restate", "open")

_HEARS = ("claim", "judge", "clash", "same", "different", "accuse", "self", "check")
"""The steps that hold what somebody says against the roles of a case."""

_RULES: dict[str, Callable[[Reasoning, Step], str]] = {
    "open": Reasoning._opens,
    "focus": Reasoning._focuses,
    "assume": Reasoning._assumes,
    "claim": Reasoning._cites,
    "derive": Reasoning._derives,
    "judge": Reasoning._judges,
    "clash": Reasoning._clashes,
    "contradiction": Reasoning._contradicts,
    "reject": Reasoning._rejects,
    "same": Reasoning._pairs,
    "different": Reasoning._pairs,
    "accuse": Reasoning._accuses,
    "self": Reasoning._rules_itself_out,
    "switch": Reasoning._switches,
    "merge": Reasoning._merges,
    "ask": Reasoning._asks,
    "restate": Reasoning._quotes,
    "check": Reasoning._checks,
    "undecided": Reasoning._leaves_open,
    "fits": Reasoning._fits,
    "retract": lambda reasoning, step: "nothing wrong was said that could be taken back",
    "done": Reasoning._ends,
}
