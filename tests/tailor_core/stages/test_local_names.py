"""Local names: renaming what only a function sees is no change, and everything else is.

The oracle is CPython's compiler: two programs whose fingerprints are equal must compile to the same instructions, with
the compiler's own idea of which variable each of them touches.
"""

from __future__ import annotations

import ast
import copy
import dis
import json
import re
import types
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tailor_core.stages.fingerprint import _meaning
from tailor_core.stages.local_names import number_local_names

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]


def meaning(source: str | ast.Module) -> str:
    tree = ast.parse(dedent(source)) if isinstance(source, str) else source
    number_local_names(tree)
    return json.dumps(_meaning(tree))


@pytest.mark.parametrize(
    ("old", "new", "source"),
    [
        ("total", "amount", "def f(xs):\n total = 0\n for x in xs:\n  total += x\n return total"),
        ("x", "item", "def f(xs):\n for x, (y, *z) in xs:\n  print(x, y, z)\n"),
        ("x", "xs", "def f(rows):\n return [x for x in rows if x]"),
        ("x", "y", "TABLE = {x: x + 1 for x in range(3)}"),
        ("x", "z", "def f(rows):\n return [x for x in rows], {1 for y in rows for x in y}"),
        ("row", "one", "def f(rows):\n return sorted(rows, key=lambda row: row.id)"),
        ("np", "numpy_", "def f(x):\n import numpy as np\n return np.sum(x)"),
        ("error", "e", "def f():\n try:\n  g()\n except OSError as error:\n  raise ValueError() from error"),
        ("stream", "s", "def f(p):\n with open(p) as stream:\n  return stream.read()"),
        ("n", "size", "def f(x):\n if (n := len(x)) > 3:\n  return n"),
        ("n", "size", "def f(x):\n return [n := n + y for y in x] if (n := 1) else n"),
        ("count", "c", "def f():\n count = 0\n def g():\n  nonlocal count\n  count += 1\n return g, count"),
        (
            "rest",
            "r",
            "def f(x):\n match x:\n  case [1, *rest]:\n   return rest\n  case {'a': b, **rest}: return rest",
        ),
        (
            "b",
            "bb",
            "def f(x):\n match x:\n  case {'a': b} | [b] | C(b=b):\n   return b\n  case (1 | 2) as b: return b",
        ),
        ("x", "y", "def f():\n x: int = 3\n del x"),
        ("model", "m", "def f(load):\n model = load()\n model.eval()\n return model"),
        ("size", "n", "class A:\n size = 3\n def f(self):\n  size = self.size\n  return dict(size=size)"),
        ("inner", "i", "def f(a):\n inner = a\n class A:\n  def g(self):\n   return inner\n return A"),
    ],
)
def test_renaming_what_only_the_function_sees_is_no_change(old: str, new: str, source: str) -> None:
    tree = ast.parse(source)
    _Rename(old, new).visit(tree)
    assert ast.unparse(tree) != ast.unparse(ast.parse(source))
    assert meaning(tree) == meaning(source)


class _Rename(ast.NodeTransformer):
    """Renames variables, wherever they are bound in functions, and neither attributes nor keywords."""

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        for part in node.body:
            if isinstance(part, ast.FunctionDef):
                self.visit(part)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name in ("id", "asname", "name", "rest", "arg"):
            if getattr(node, name, None) == self.old and not isinstance(node, ast.alias | ast.keyword):
                setattr(node, name, self.new)
            elif name == "asname" and isinstance(node, ast.alias) and node.asname == self.old:
                node.asname = self.new
        if isinstance(node, ast.Nonlocal):
            node.names = [self.new if name == self.old else name for name in node.names]
        return super().generic_visit(node)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # which of two variables is used
        ("def f(a):\n x, y = a\n return x - y", "def f(a):\n x, y = a\n return y - x"),
        ("def f(a):\n x, y = a\n return x - y", "def f(a):\n y, x = a\n return x - y"),
        ("def f(a):\n x = 1\n y = 2\n return x", "def f(a):\n x = 1\n y = 2\n return y"),
        ("def f(a):\n x = 1\n x = 2\n return x", "def f(a):\n x = 1\n y = 2\n return x"),
        # shadowing and capturing
        ("def f(a):\n x = 1\n return [x for y in a]", "def f(a):\n x = 1\n return [y for y in a]"),
        (
            "def f(a):\n x = 1\n return [[x for z in y] for y in a]",
            "def f(a):\n x = 1\n return [[x for x in y] for y in a]",
        ),
        ("def f(a):\n x = 1\n return [x for x in [x]]", "def f(a):\n x = 1\n return [x for y in [x]]"),
        (
            "def f(a):\n x = 1\n def g():\n  x = 2\n g()\n return x",
            "def f(a):\n x = 1\n def g():\n  nonlocal x\n  x = 2\n g()\n return x",
        ),
        (
            "def f(a):\n x = 1\n return sorted(a, key=lambda y: x)",
            "def f(a):\n x = 1\n return sorted(a, key=lambda x: x)",
        ),
        ("def f(a):\n x = 1\n return x", "def f(a):\n y = 1\n return x"),
        ("def f(a):\n for x in a: pass\n return x", "def f(a):\n for y in a: pass\n return x"),
        ("def f(a):\n return [(y := x) for x in a]", "def f(a):\n y = 0\n return [(y := x) for x in a]"),
        ("def f(a):\n len = 3\n return len", "def f(a):\n size = 3\n return len"),
        # names that others see
        ("def f(a): return a", "def f(b): return b"),
        ("def f(*, a): return a", "def f(*, b): return b"),
        ("def f(*a): return a", "def f(*b): return b"),
        ("def f():\n def g(a): return a\n return g", "def f():\n def g(b): return b\n return g"),
        ("def f():\n def g(a): return a\n return g", "def f():\n def h(a): return a\n return h"),
        ("def f():\n return lambda a: a", "def f():\n return lambda b: b"),
        ("def f(s):\n return s(key=lambda a, b: a - b)", "def f(s):\n return s(key=lambda b, a: b - a)"),
        ("def f(s):\n return s(key=lambda a=1: a)", "def f(s):\n return s(key=lambda b=1: b)"),
        ("def f(s):\n return s(reward=lambda a: a)", "def f(s):\n return s(reward=lambda b: b)"),
        ("x = 1", "y = 1"),
        ("def f():\n global x\n x = 1", "def f():\n global y\n y = 1"),
        ("class A:\n x: int = 1", "class A:\n y: int = 1"),
        ("def f():\n class A:\n  x = 1\n return A", "def f():\n class A:\n  y = 1\n return A"),
        ("def f(a):\n x = a\n return g(x=x)", "def f(a):\n x = a\n return g(y=x)"),
        ("def f():\n import json\n return json.x", "def f():\n import html\n return html.x"),
        ("def f():\n import json as x\n return x", "def f():\n import html as x\n return x"),
        # names that the program reads
        ("def f(a):\n x = a\n return f'{x=}'", "def f(a):\n y = a\n return f'{y=}'"),
        ("def f(a):\n x = a\n return locals()", "def f(a):\n y = a\n return locals()"),
        ("def f(a):\n x = a\n return eval('x')", "def f(a):\n y = a\n return eval('x')"),
        ("def f(a):\n x = a\n return a.eval('x')", "def f(a):\n y = a\n return a.eval('x')"),
        ("def f(a):\n x = a\n return a.sql('from x')", "def f(a):\n y = a\n return a.sql('from x')"),
        (
            "def f(a):\n x = a\n def g(): return vars()\n return g",
            "def f(a):\n y = a\n def g(): return vars()\n return g",
        ),
        (
            "def f(a):\n x = a\n return sys._getframe().f_locals",
            "def f(a):\n y = a\n return sys._getframe().f_locals",
        ),
        (
            "def f(a):\n T = a\n def g(x: T): return x\n return g",
            "def f(a):\n U = a\n def g(x: U): return x\n return g",
        ),
        ("def f(a):\n T = a\n x: 'list[T]' = 1", "def f(a):\n U = a\n x: 'list[T]' = 1"),
        (
            "class A:\n def f(self):\n  _A__x = 1\n  return __x",
            "class A:\n def f(self):\n  y = 1\n  return __x",
        ),
        # class bodies look names up in a way of their own
        (
            "def f(x):\n y = x\n class A:\n  y = y\n return A",
            "def f(x):\n z = x\n class A:\n  y = z\n return A",
        ),
        (
            "class A:\n x = 1\n y = 2\n def f(self): return x",
            "class A:\n x = 1\n y = 2\n def f(self): return y",
        ),
        (
            "def f(x):\n y = x\n class A(metaclass=M):\n  z = y\n return A",
            "def f(x):\n w = x\n class A(metaclass=M):\n  z = w\n return A",
        ),
        # `global` and `nonlocal` say whose variable it is
        (
            "def f():\n x = 1\n def g():\n  global x\n  return x\n return g",
            "def f():\n y = 1\n def g():\n  global x\n  return y\n return g",
        ),
        (
            "def f():\n x = y = 1\n def g():\n  nonlocal x\n  x = 2\n return g, x",
            "def f():\n x = y = 1\n def g():\n  nonlocal y\n  y = 2\n return g, x",
        ),
        # a definition or import can bind a variable of the function around it
        (
            "def f():\n g = 1\n def h():\n  nonlocal g\n  def g(): pass\n h()\n return g",
            "def f():\n x = 1\n def h():\n  nonlocal x\n  def g(): pass\n h()\n return x",
        ),
        (
            "def f():\n json = 1\n def h():\n  nonlocal json\n  import json\n h()\n return json",
            "def f():\n x = 1\n def h():\n  nonlocal x\n  import json\n h()\n return x",
        ),
    ],
)
def test_every_other_difference_counts(one: str, other: str) -> None:
    assert meaning(one) != meaning(other)


TRICKY = """
import os
size = total = 1

def scopes(rows, size=size):
    total = 0
    for row in rows:
        found = [total for total in row if (size := total)]
        pairs = {total: [row for row in found] for total in row for found in total}
        def inner(row):
            nonlocal total
            total += row
            def deeper():
                return total, size, found, (lambda row: row + total)
            return deeper
        try:
            import os as total
        except OSError as size:
            print(size, inner, os)
    return sorted(found, key=lambda size: (size, row)), pairs, total

def matches(rows):
    match rows:
        case [found, *size] if found:
            return found, size
        case {"total": total, **found}:
            return total, found
        case str() as row:
            return row
    with open(rows) as found, open(found) as row:
        del row
    def inner():
        global total
        total = size
        class Row:
            found = rows
            total = found
            def size(self, row=found):
                return row, found, total, [size for self in rows]
        return Row, total
    return inner
"""


@pytest.mark.parametrize(
    ("source", "step"),
    [(TRICKY, 1), ((ROOT / "tailor_core" / "stages" / "probe.py").read_text(), 7)],
    ids=["tricky", "probe"],
)
def test_what_the_compiler_sees_differ_never_has_one_fingerprint(source: str, step: int) -> None:
    """Put each name in the place of each other that is near, one place at a time."""
    before, code = meaning(source), instructions(ast.parse(source))
    found = [name for _, _, name in names(ast.parse(source))]
    changed = 0
    for place in range(0, len(found), step):
        for name in near(found, place):
            tree = ast.parse(source)
            node, attribute, _ = list(names(tree))[place]
            setattr(node, attribute, name)
            try:
                compiled = instructions(tree)
            except SyntaxError:
                continue
            if compiled != code:
                changed += 1
                assert meaning(tree) != before, f"{name!r} in the place of name {place}, {found[place]!r}"
    assert changed > len(found) / step


def near(found: list[str], place: int) -> list[str]:
    """The names that occur within a few places, other than the one there."""
    around = dict.fromkeys(found[max(0, place - 4) : place + 5])
    return [name for name in around if name != found[place]]


def names(tree: ast.AST) -> Iterator[tuple[ast.AST, str, str]]:
    """Every place in a tree where a variable's name stands."""
    for node in ast.walk(tree):
        for attribute in ("id", "asname", "rest", "name", "arg"):
            value = getattr(node, attribute, None)
            if (
                isinstance(value, str)
                and not isinstance(node, ast.keyword)
                and node.__class__ is not ast.alias
            ):
                yield node, attribute, value


def instructions(tree: ast.Module) -> Any:
    """What the compiler makes of a program, its variables numbered in the order in which it touches them.

    The names that a program can read stay in it: parameters, functions, classes.
    """

    def read(code: types.CodeType, outer: dict[str, str]) -> list[Any]:
        cells = {*code.co_cellvars, *code.co_freevars}
        numbers = {name: outer[name] for name in code.co_freevars}
        parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        told: list[Any] = [code.co_name, parameters if code.co_name != "<lambda>" else len(parameters)]
        nested = []
        for one in dis.get_instructions(code):
            if one.opname in ("LOAD_CLOSURE", "MAKE_CELL", "COPY_FREE_VARS", "BUILD_TUPLE", "NOP", "RESUME"):
                continue  # the compiler sorts these by name
            if one.opcode in dis.haslocal or one.opcode in dis.hasfree:
                for kind, name in touches(one):
                    if kind != "LOAD_FAST" or name not in cells or one.opcode in dis.hasfree:
                        kind = kind.replace("DEREF", "FAST")
                        told.append((kind, numbers.setdefault(name, next(fresh))))
            elif isinstance(one.argval, types.CodeType):
                told.append(("code", len(nested)))
                nested.append(one.argval)
            elif one.opcode in dis.hasjabs or one.opcode in dis.hasjrel:
                told.append((one.opname, "jump"))
            else:
                told.append((one.opname, repr(one.argval)))
        for name in (*code.co_varnames, *code.co_cellvars):
            numbers.setdefault(name, next(fresh))
        return [*told, [read(one, numbers) for one in nested]]

    fresh = (f"variable {number}" for number in count())
    apart = ast.fix_missing_locations(_Apart().visit(copy.deepcopy(tree)))
    found = read(compile(apart, "m", "exec"), {})
    order: dict[str, int] = {}
    text = json.dumps(found)
    return re.sub(r"variable \d+", lambda match: str(order.setdefault(match[0], len(order))), text)


class _Apart(ast.NodeTransformer):
    """Comprehensions as generators, which have the same scopes: newer compilers merge the others into functions."""

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp) -> ast.AST:
        self.generic_visit(node)
        return ast.copy_location(ast.GeneratorExp(node.elt, node.generators), node)

    visit_SetComp = visit_ListComp  # noqa: N815

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        self.generic_visit(node)
        pair = ast.Tuple([node.key, node.value], ast.Load())
        return ast.copy_location(ast.GeneratorExp(pair, node.generators), node)


def touches(one: dis.Instruction) -> list[tuple[str, str]]:
    """How an instruction touches each of its variables. Since 3.13 one does what two did before."""
    if one.opname in ("LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"):
        return [("LOAD_DEREF", one.argval)]
    kinds = re.findall(r"[A-Z]+_(?:FAST|DEREF)", one.opname)
    names = one.argval if isinstance(one.argval, tuple) else (one.argval,)
    assert len(kinds) == len(names), one
    return list(zip(kinds, names, strict=True))
