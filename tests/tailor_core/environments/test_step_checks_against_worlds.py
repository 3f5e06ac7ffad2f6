"""The step checker against a slow one that loops over worlds and never reads a sentence.

The slow one judges structured steps by enumerating worlds; the wording turns the same steps into text, and
`check_steps` must come to the same verdict, at the same step.
"""

from __future__ import annotations

import copy
import itertools
import os
import random
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.sampler import sampler
from tailor_core.environments.knights_knaves.statements import people_mentioned
from tailor_core.environments.knights_knaves.steps import check_steps
from tailor_core.environments.knights_knaves.wording import Wording

NAMES = ("Ann", "Bob", "Cy", "Dee", "Eve Ann")
WEIGHING = ("claim", "judge", "clash", "check", "undecided")
QUOTING = ("claim", "judge", "clash", "self", "restate", "check", "undecided")


@dataclass(frozen=True)
class Act:
    """A step before it is worded; `quoted` is whose claim is quoted (the person's own where it is honest).

    `weighed`: the roles by which the clauses of the claim are weighed, None where they are not.
    """

    kind: str
    person: int = 0
    knight: bool = True
    other: int = 0
    quoted: int = 0
    people: tuple[int, ...] = ()
    roles: tuple[bool, ...] = ()
    weighed: tuple[bool | None, ...] | None = None


def is_true(statement: Any, world: tuple[bool, ...]) -> bool:
    kind, *parts = statement
    if kind == "telling-truth":
        return world[parts[0]]
    if kind == "lying":
        return not world[parts[0]]
    values = [is_true(part, world) for part in parts]
    return {
        "not": not values[0],
        "and": all(values),
        "or": any(values),
        "->": not values[0] or values[-1],
        "<=>": values[0] == values[-1],
    }[kind]


@dataclass
class Case:
    facts: dict[int, bool]
    worlds: list[tuple[bool, ...]]
    assumed: tuple[int, bool] | None = None
    refuted: bool = False
    first: dict[int, bool] | None = None


@dataclass
class SlowJudge:
    puzzle: Puzzle
    cases: list[Case] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.n = len(self.puzzle.names)
        self.all = list(itertools.product((False, True), repeat=self.n))
        self.said = [{w: is_true(s, w) for w in self.all} for s in self.puzzle.statements]
        self.talks_about = [people_mentioned(s) for s in self.puzzle.statements]
        self.cases = [Case({}, list(self.all))]
        self.failed: list[tuple[bool, ...]] = []

    def place(self, person: int, knight: bool) -> None:
        case = self.cases[-1]
        case.facts[person] = knight
        case.worlds = [w for w in case.worlds if w[person] == knight]

    def keep(self, test: Any) -> None:
        self.cases[-1].worlds = [w for w in self.cases[-1].worlds if test(w)]

    def truth(self, person: int) -> set[bool]:
        facts = self.cases[-1].facts
        return {self.said[person][w] for w in self.all if all(w[p] == k for p, k in facts.items())}

    def says_only(self, person: int, other: int, knight: bool) -> bool:
        return person != other and all(self.said[person][w] == (w[other] == knight) for w in self.all)

    def follows(self, act: Act) -> bool:
        """Judge the act, and take it if it follows."""
        case, p, k = self.cases[-1], act.person, act.knight
        if case.refuted and act.kind not in (
            "reject",
            "assume",
            "contradiction",
            "focus",
            "ask",
            "restate",
            "open",
        ):
            return False
        known = case.facts.get(p)
        if act.kind in QUOTING and self.said[act.quoted] != self.said[p]:
            return False
        if act.weighed and any(act.weighed[q] is not case.facts.get(q) for q in self.talks_about[act.quoted]):
            return False
        return bool(getattr(self, f"do_{act.kind}")(act, case, p, k, known))

    def do_open(self, act, case, p, k, known):
        return sorted(act.people) == [i for i in range(self.n) if i not in case.facts]

    def do_focus(self, act, case, p, k, known):
        return True

    def do_assume(self, act, case, p, k, known):
        # Where the case is contradictory one begins afresh, and never with what failed before.
        outer = self.cases[0] if case.refuted else case
        failed = self.failed + (self.agreeing(case.facts) if case.refuted else [])
        if outer.refuted or p in outer.facts:
            return False
        if all(w in failed for w in self.agreeing({**outer.facts, p: k})):
            return False
        if case.refuted:
            self.failed = failed
            del self.cases[1:]
        self.cases.append(Case(dict(outer.facts), list(outer.worlds), (p, k)))
        self.place(p, k)
        return True

    def agreeing(self, facts: dict[int, bool]) -> list[tuple[bool, ...]]:
        return [w for w in self.all if all(w[person] == knight for person, knight in facts.items())]

    def do_claim(self, act, case, p, k, known):
        if known is not k:
            return False
        self.keep(lambda w: self.said[p][w] == k)
        return True

    def do_derive(self, act, case, p, k, known):
        if known is not None or {w[p] for w in case.worlds} != {k}:
            return False
        self.place(p, k)
        return True

    def do_judge(self, act, case, p, k, known):
        if known is not None or self.truth(p) != {k}:
            return False
        self.place(p, k)
        return True

    def do_clash(self, act, case, p, k, known):
        # `knight` is the truth of the claim; the person must have the other role.
        if known is not (not k) or self.truth(p) != {k}:
            return False
        case.refuted = True
        return True

    def do_contradiction(self, act, case, p, k, known):
        if case.worlds and not case.refuted:
            return False
        case.refuted = True
        return True

    def do_reject(self, act, case, p, k, known):
        if case.assumed != (p, not k) or not case.refuted:
            return False
        self.cases.pop()
        self.place(p, k)
        return True

    def do_same(self, act, case, p, k, known):
        if not self.says_only(p, act.other, True):
            return False
        self.keep(lambda w: w[p] == w[act.other])
        return True

    def do_different(self, act, case, p, k, known):
        if not self.says_only(p, act.other, False):
            return False
        self.keep(lambda w: w[p] != w[act.other])
        return True

    def do_accuse(self, act, case, p, k, known):
        if not (self.says_only(p, act.other, False) and self.says_only(act.other, p, False)):
            return False
        self.keep(lambda w: w[p] != w[act.other])
        return True

    def do_self(self, act, case, p, k, known):
        if known is not None or any(w[p] != k and self.said[p][w] == w[p] for w in self.all):
            return False
        self.place(p, k)
        return True

    def do_switch(self, act, case, p, k, known):
        if case.assumed != (p, not k) or case.first is not None or not case.worlds:
            return False
        self.cases.pop()
        outer = self.cases[-1]
        self.cases.append(Case(dict(outer.facts), list(outer.worlds), (p, k), first=case.facts))
        self.place(p, k)
        return True

    def do_merge(self, act, case, p, k, known):
        if case.first is None or p in self.cases[-2].facts:
            return False
        if known is not k or case.first.get(p) is not k:
            return False
        self.cases.pop()
        self.place(p, k)
        return True

    def do_ask(self, act, case, p, k, known):
        return act.other in people_mentioned(self.puzzle.statements[p])

    def do_restate(self, act, case, p, k, known):
        return True

    def do_check(self, act, case, p, k, known):
        return known is k and self.truth(p) == {k}

    def do_undecided(self, act, case, p, k, known):
        return self.truth(p) == {True, False}

    def do_fits(self, act, case, p, k, known):
        if len(case.facts) < self.n:
            return False
        world = tuple(case.facts[i] for i in range(self.n))
        return all(self.said[i][world] == world[i] for i in range(self.n))

    def do_done(self, act, case, p, k, known):
        return len(case.facts) == self.n and all(case.facts[i] == act.roles[i] for i in range(self.n))

    def do_retract(self, act, case, p, k, known):
        return False

    def finished(self) -> bool:
        return not self.cases[-1].refuted and self.do_fits(None, self.cases[-1], 0, True, None)


def first_fault(puzzle: Puzzle, acts: list[Act]) -> int | None:
    """The first act, from 1, that does not follow and stays; 0 for a bad end; None for a sound argument."""
    judge, slip = SlowJudge(puzzle), 0
    for number, act in enumerate(acts, 1):
        if slip:
            if act.kind != "retract":
                return slip
            slip = 0
        elif not judge.follows(act):
            if act.kind not in ("derive", "judge"):
                return number
            slip = number
    return slip or (None if judge.finished() else 0)


def all_acts(puzzle: Puzzle, rng: random.Random, judge: SlowJudge | None = None) -> list[Act]:
    """Every act that can be worded about the puzzle; lists are drawn, and once right for `judge`."""
    people = range(len(puzzle.names))
    facts = judge.cases[-1].facts if judge else {}
    left = [p for p in people if p not in facts]
    acts = [Act(kind) for kind in ("contradiction", "fits", "retract")]
    acts += [Act("open", people=tuple(rng.sample(people, rng.randint(1, len(people)))))]
    acts += [Act("done", roles=tuple(rng.random() < 0.5 for _ in people))]
    acts += [Act("open", people=tuple(left))] if left else []
    acts += [Act("done", roles=tuple(facts.get(p, True) for p in people))]
    acts += [Act("focus", p) for p in people]
    for kind in ("assume", "derive", "reject", "switch", "merge"):
        acts += [Act(kind, p, k) for p in people for k in (True, False)]
    for kind in QUOTING:
        acts += [Act(kind, p, k, quoted=p) for p in people for k in (True, False)]
        acts += [Act(kind, p, rng.random() < 0.5, quoted=rng.choice(people)) for p in people]
    known = tuple(facts.get(p) for p in people)
    for kind in WEIGHING:
        acts += [Act(kind, p, k, quoted=p, weighed=known) for p in people for k in (True, False)]
        other = tuple(rng.choice((None, True, False)) for _ in people)
        acts += [Act(kind, p, rng.random() < 0.5, quoted=p, weighed=other) for p in people]
    for kind in ("same", "different", "accuse"):
        acts += [Act(kind, p, other=q) for p in people for q in people if p != q]
    acts += [Act("ask", p, other=q) for p in people for q in people]
    return acts


def worded(puzzle: Puzzle, act: Act, voice: int, rng: random.Random) -> str:
    said = list(puzzle.statements)
    said[act.person] = puzzle.statements[act.quoted] if act.kind in QUOTING else said[act.person]
    words = Wording(replace(puzzle, statements=tuple(said)), voice, rng)
    if act.kind in ("contradiction", "fits", "retract"):
        return getattr(words, act.kind)()
    if act.kind == "open":
        return words.open(act.people)
    if act.kind == "done":
        return words.done(act.roles)
    if act.kind in ("focus", "restate"):
        return getattr(words, act.kind)(act.person)
    if act.kind in ("same", "different", "accuse", "ask"):
        return getattr(words, act.kind)(act.person, act.other)
    facts = {p: k for p, k in enumerate(act.weighed or ()) if k is not None} if act.weighed else None
    if act.kind == "undecided":
        return words.undecided(act.person, facts)
    if act.weighed:
        return getattr(words, act.kind)(act.person, act.knight, facts)
    return getattr(words, "self_rule" if act.kind == "self" else act.kind)(act.person, act.knight)


def worded_all(puzzle: Puzzle, acts: list[Act], rng: random.Random) -> str:
    return " ".join([worded(puzzle, act, rng.randrange(4), rng) for act in acts])


TALK = ("focus", "ask", "restate", "check", "undecided", "open", "fits", "done", "contradiction", "claim")


def honest_walk(puzzle: Puzzle, rng: random.Random, length: int) -> list[Act]:
    """A random argument in which each act follows, a slip here and there, until all is placed."""
    judge, acts = SlowJudge(puzzle), []
    while len(acts) < length:
        options = all_acts(puzzle, rng, judge)
        rng.shuffle(options)
        if rng.random() < 0.6:
            options.sort(key=lambda act: act.kind in TALK)
        if rng.random() < 0.1:
            slip = next(act for act in options if act.kind in ("derive", "judge"))
            trial = copy.copy(judge)
            trial.cases = copy.deepcopy(judge.cases)
            if not trial.follows(slip):
                acts += [slip, Act("retract")]
        act = next(act for act in options if judge.follows(act))
        acts.append(act)
        if judge.finished() and rng.random() < 0.1:
            break
    return acts


def draw_puzzle(rng: random.Random) -> Puzzle:
    people = rng.randint(2, 4)
    drawn = None
    while drawn is None:
        drawn = sampler(people, rng.choice((2, 3)), 2, rng.random() < 0.3).puzzle(rng)
    roles = rng.choice((("knight", "knave"), ("altruist", "egoist"), ("saint", "sinner")))
    return Puzzle(tuple(rng.sample(NAMES, people)), tuple(drawn[0]), *roles)


def same_verdict(puzzle: Puzzle, acts: list[Act], rng: random.Random) -> None:
    text = worded_all(puzzle, acts, rng)
    fault, report = first_fault(puzzle, acts), check_steps(puzzle, text)
    where = {None: "", 0: "the trace ends"}.get(fault, f"step {fault},")
    assert report.sound == (fault is None), (text, fault, report.reason)
    assert report.reason.startswith(where), (text, report)
    assert report.sound != bool(report.reason)


# TAILOR_EXAMPLES=1000 looks longer.
FEW = settings(
    max_examples=int(os.environ.get("TAILOR_EXAMPLES", "15")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@FEW
@given(st.integers(0, 2**32))
def test_every_possible_next_step_is_judged_as_by_enumerating_worlds(seed: int) -> None:
    rng = random.Random(seed)
    puzzle = draw_puzzle(rng)
    so_far = honest_walk(puzzle, rng, rng.randint(0, 12))
    for act in all_acts(puzzle, rng):
        same_verdict(puzzle, [*so_far, act], rng)


@FEW
@given(st.integers(0, 2**32))
def test_errors_put_into_sound_traces_are_found_where_enumeration_finds_them(seed: int) -> None:
    rng = random.Random(seed)
    puzzle = draw_puzzle(rng)
    acts = honest_walk(puzzle, rng, 60)
    same_verdict(puzzle, acts, rng)
    people = range(len(puzzle.names))
    for at in rng.sample(range(len(acts)), min(6, len(acts))):
        act = acts[at]
        changed = [
            replace(act, knight=not act.knight),
            replace(act, person=rng.choice(people)),
            replace(act, other=rng.choice([p for p in people if p != act.person])),
            replace(act, quoted=rng.choice(people)),
            replace(act, weighed=act.weighed and tuple(rng.choice((None, True, False)) for _ in people)),
            replace(act, roles=tuple(not role for role in act.roles)),
            replace(act, people=act.people[1:] or (0,)),
        ]
        for other in changed:
            if other.kind not in ("same", "different", "accuse") or other.person != other.other:
                same_verdict(puzzle, [*acts[:at], other, *acts[at + 1 :]], rng)
        same_verdict(puzzle, acts[:at] + acts[at + 1 :], rng)
        same_verdict(puzzle, [*acts[:at], act, *acts[at:]], rng)


def test_the_walks_show_every_kind_of_step_and_reach_solutions() -> None:
    rng = random.Random(1)
    seen: set[str] = set()
    weighed: set[str] = set()
    sound = 0
    for _ in range(40):
        puzzle = draw_puzzle(rng)
        acts = honest_walk(puzzle, rng, 60)
        seen.update(act.kind for act in acts)
        weighed.update(act.kind for act in acts if act.weighed)
        report = check_steps(puzzle, worded_all(puzzle, acts, rng))
        sound += report.sound
        assert report.recovered == sum(act.kind == "retract" for act in acts)
    assert sound > 20
    assert weighed == set(WEIGHING)
    missing = {act.kind for act in all_acts(draw_puzzle(rng), rng)} - seen
    assert not missing - {"accuse"}, missing
