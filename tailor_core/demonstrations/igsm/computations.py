"""Writes computations: "r = a - b = 18 - 0 = 18; so v = 7 * r = 7 * 18 = 126 = 11" and the like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from tailor_core.environments.igsm.moves import Program
from tailor_core.environments.igsm.scenario import Scenario
from tailor_core.environments.igsm.structure import Parameter, is_abstract

Operand = tuple[str, int]
"""A symbol, and its value."""

_Operate = Callable[[str, Sequence[Operand]], Operand]
"""(sign, operands) -> their result under a letter of its own."""


class Calculator:
    """Works parameters out in the manner of a program: one operation at a time or whole, in more or less detail."""

    def __init__(self, scenario: Scenario, program: Program) -> None:
        self.scenario = scenario
        self.program = program

    def value(self, parameter: Parameter, symbols: Mapping[Parameter, Operand]) -> int:
        """The value of a parameter whose needs have symbols."""
        values = {need: symbols[need][1] for need in self.scenario.needs(parameter)}
        return self.scenario.value(parameter, values)

    def lettered(
        self, parameter: Parameter, letter: str, symbols: Mapping[Parameter, Operand], free: Iterator[str]
    ) -> str:
        """The computation after "Define P as L; "; `free` gives letters for what comes between."""
        if self.program.steps == "chain":
            return f"so {letter} = {self.chain(parameter, symbols)}"
        steps: list[str] = []

        def operate(sign: str, operands: Sequence[Operand]) -> Operand:
            """Several operands as one, each operation with a letter of its own."""
            result = operands[0]
            for operand in operands[1:]:
                between = next(free)
                texts, value = self._operation(sign, result, operand)
                steps.append(f"{between} = {texts}")
                result = between, value
            return result

        sign, operands = self._parts(parameter, symbols, operate)
        if len(operands) > 2:
            operands = [operate(sign, operands[:-1]), operands[-1]]
        formula = self._operation(sign, *operands)[0] if len(operands) == 2 else self._alone(operands)
        return "; ".join([*steps, f"so {letter} = {formula}"])

    def _parts(
        self, parameter: Parameter, symbols: Mapping[Parameter, Operand], operate: _Operate
    ) -> tuple[str, list[Operand]]:
        """The last sign of a definition, and what it stands between."""
        if is_abstract(parameter):
            products = [
                [symbols[factor] for factor in factors] for factors in self.scenario.products[parameter]
            ]
            return ("*", products[0]) if len(products) == 1 else ("+", [operate("*", p) for p in products])
        number, operator, combination, terms = self.scenario.statements[parameter]
        operands = [symbols[term] for term in terms]
        inner = "-" if combination == "difference" else "+"
        if number is None:
            return inner, operands
        if not operands:
            value = self.scenario.reduced(number)
            return inner, [(str(value), value)]
        return ("+" if operator == "more" else "*"), [(str(number), number), operate(inner, operands)]

    def _alone(self, operands: Sequence[Operand]) -> str:
        """ "a = 7" for one operand, "7" for a number, "0" for nothing at all."""
        if not operands:
            return "0"
        symbol, value = operands[0]
        return symbol if symbol == str(value) else f"{symbol} = {value}"

    def _operation(self, sign: str, one: Operand, other: Operand) -> tuple[str, int]:
        """ "a + b = 20 + 10 = 30 = 7" and the value."""
        (first, x), (second, y) = one, other
        stages = [f"{first} {sign} {second}"]
        if (first, second) != (str(x), str(y)):
            stages.append(f"{x} {sign} {y}")
        result, value = self._result(sign, x, y)
        return " = ".join([*stages, *result]), value

    def _result(self, sign: str, x: int, y: int) -> tuple[list[str], int]:
        """What follows after "x sign y", in the program's detail, and the value."""
        whole = x + y if sign == "+" else x - y if sign == "-" else x * y
        value = self.scenario.reduced(whole)
        stages: list[str] = []
        if self.program.arithmetic == "detailed" and sign == "*" and min(x, y) > 10:
            tens, ones = y // 10 * 10, y % 10
            if ones:
                stages += [f"{x} * {tens} + {x} * {ones}", f"{x * tens} + {x * ones}"]
        if self.program.arithmetic != "direct" and whole != value:
            stages.append(str(whole))
        if self.program.arithmetic == "detailed" and whole != value:
            modulus = self.scenario.modulus or 1
            times = whole // modulus
            stages.append(f"{whole} + {modulus}" if times == -1 else f"{times} * {modulus} + {value}")
        return [*stages, str(value)], value

    def chain(self, parameter: Parameter, symbols: Mapping[Parameter, Operand]) -> str:
        """The whole formula, with numbers put in, and the value; one operation at a time where that is wanted."""
        formula, numbers = self._formulas(parameter, symbols)
        stages = [formula] if formula == numbers else [formula, numbers]
        if self.program.steps == "single":
            stages += self._stages(parameter, symbols)
        last = self.value(parameter, symbols)
        if stages[-1] != str(last):
            stages.append(str(last))
        return " = ".join(stages)

    def _formulas(self, parameter: Parameter, symbols: Mapping[Parameter, Operand]) -> tuple[str, str]:
        """The formula in symbols and in numbers."""
        if is_abstract(parameter):
            products = self.scenario.products[parameter]
            texts = [
                " + ".join([" * ".join([str(symbols[factor][which]) for factor in f]) for f in products])
                for which in (0, 1)
            ]
            return (texts[0], texts[1]) if products else ("0", "0")
        number, operator, combination, terms = self.scenario.statements[parameter]
        if not terms:
            value = str(self.scenario.reduced(number or 0))
            return value, value
        joint = " - " if combination == "difference" else " + "
        inner, put_in = (joint.join([str(symbols[term][which]) for term in terms]) for which in (0, 1))
        if number is None:
            return inner, put_in
        if len(terms) > 1:
            inner, put_in = f"({inner})", f"({put_in})"
        sign = "+" if operator == "more" else "*"
        return f"{number} {sign} {inner}", f"{number} {sign} {put_in}"

    def _stages(self, parameter: Parameter, symbols: Mapping[Parameter, Operand]) -> list[str]:
        """What comes after the numbers are put in, one operation less each time."""
        if is_abstract(parameter):
            products = self.scenario.products[parameter]
            sums = [self._product([symbols[factor][1] for factor in factors]) for factors in products]
            several = any(len(factors) > 1 for factors in products) and len(sums) > 1
            first = [" + ".join(map(str, sums))] if several else []
            if len(sums) == 1 and len(products[0]) == 2:
                return self._result("*", *[symbols[factor][1] for factor in products[0]])[0]
            return first + self._added(sums, "+")
        number, operator, combination, terms = self.scenario.statements[parameter]
        values = [symbols[term][1] for term in terms]
        sign = "-" if combination == "difference" else "+"
        if number is None:
            return self._added(values, sign)
        if not values:
            return []
        outer = "+" if operator == "more" else "*"
        if len(values) == 1:
            return self._result(outer, number, values[0])[0]
        inner = values[0]
        stages = []
        for place, value in enumerate(values[1:], 2):
            inner = self.scenario.reduced(inner - value if sign == "-" else inner + value)
            rest = values[place:]
            left = f"({' + '.join(map(str, [inner, *rest]))})" if rest else str(inner)
            stages.append(f"{number} {outer} {left}")
        return stages + self._result(outer, number, inner)[0]

    def _product(self, values: Sequence[int]) -> int:
        return self.scenario.reduced(values[0] if len(values) == 1 else values[0] * values[1])

    def _added(self, values: Sequence[int], sign: str) -> list[str]:
        """The stages of adding up from the left, or of one difference."""
        stages: list[str] = []
        while len(values) > 2:
            values = [self.scenario.reduced(values[0] + values[1]), *values[2:]]
            stages.append(" + ".join(map(str, values)))
        if len(values) == 2:
            stages += self._result(sign, values[0], values[1])[0]
        return stages
