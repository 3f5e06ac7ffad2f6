"""In which order a program works out what is needed, and what it asks on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tailor_core.environments.igsm.moves import Order
from tailor_core.environments.igsm.scenario import Scenario
from tailor_core.environments.igsm.structure import Parameter, is_abstract


@dataclass(frozen=True, slots=True)
class Turn:
    """`find` a parameter, or `ask` what it needs."""

    kind: str
    parameter: Parameter


class Schedule:
    """The needed parameters of one problem, and a program's preference among them."""

    def __init__(self, scenario: Scenario, order: Order) -> None:
        self.scenario = scenario
        self.needed: Sequence[Parameter] = scenario.order or ()
        stated = {parameter: place for place, parameter in enumerate(scenario.statements)}
        self.place: dict[Parameter, int] = {}
        for parameter in self.needed:
            # A sum over a category has no place of its own in the text: it comes with the last of its parts.
            needs = [self.place[need] for need in scenario.needs(parameter)]
            self.place[parameter] = max(needs, default=0) if is_abstract(parameter) else stated[parameter]
        self.preference = _PREFERENCES[order]

    def rank(self, parameter: Parameter, last: Parameter | None) -> Any:
        """Sorts parameters by the program's preference; equals by their place in the text."""
        return self.preference(self, parameter, last), self.place[parameter], parameter

    def forward(self) -> Iterator[Turn]:
        """Whatever can be found next, until all is found."""
        waiting = {parameter: set(self.scenario.needs(parameter)) for parameter in self.needed}
        last: Parameter | None = None
        while waiting:
            ready = [parameter for parameter, needs in waiting.items() if not needs]
            last = min(ready, key=lambda parameter: self.rank(parameter, last))
            del waiting[last]
            for needs in waiting.values():
                needs.discard(last)
            yield Turn("find", last)

    def backward(self) -> Iterator[Turn]:
        """From the question down to what is given, and back."""
        found: set[Parameter] = set()
        path: list[tuple[Parameter, bool]] = [(self.scenario.question, False)]
        while path:
            parameter, asked = path.pop()
            if parameter in found:
                continue
            if asked:
                found.add(parameter)
                yield Turn("find", parameter)
                continue
            yield Turn("ask", parameter)
            path.append((parameter, True))
            needs = [need for need in self.scenario.needs(parameter) if need not in found]
            needs.sort(key=lambda need: self.rank(need, parameter), reverse=True)
            path += [(need, False) for need in needs]


_PREFERENCES: dict[Order, Callable[[Schedule, Parameter, Parameter | None], bool]] = {
    "given": lambda schedule, parameter, last: False,
    "numbers": lambda schedule, parameter, last: bool(schedule.scenario.needs(parameter)),
    "chain": lambda schedule, parameter, last: last not in schedule.scenario.needs(parameter),
    "place": lambda schedule, parameter, last: last is None or last[0] != parameter[0],
}
"""False comes first."""
