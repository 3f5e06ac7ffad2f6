"""The names that only a function itself can see, replaced by numbers: renaming one changes no fingerprint.

A name is replaced where its binding is certain and nothing else can observe it: a variable of a function or
comprehension, the parameter of a lambda that is someone's `key=`. All others stay as they are, and with them what
could be observed: parameters (they may be passed by keyword), functions and classes and what a class body holds,
globals, annotations, `import x`, and everything in a function that may look at its own variables (`locals()`,
`eval`, SQL that reads variables by name, ...).

Two programs are equal after this only if they differ by nothing but the choice of such names: each occurrence
carries the number of its own binding, so neither swapping, nor shadowing, nor capturing can hide behind it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_SEES_VARIABLES = frozenset(
    {"locals", "vars", "dir", "eval", "exec", "evaluate", "f_locals", "f_code", "__code__"}
    | {
        "currentframe",
        "_getframe",
        "sql",
        "query",
        "execute",
        "executemany",
        "from_query",
        "co_varnames",
        "co_freevars",
    }
)
"""Functions and attributes by which a program may read its variables by name, at home or in its caller. DuckDB, polars
and pandas take variables of their caller for tables."""

_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def number_local_names(tree: ast.Module) -> None:
    """Replace, in place, the names in a module that are nobody else's concern."""
    reader = _Reader()
    reader.visit(tree)
    numbers: dict[int, str] = {}
    for one in reader.occurrences:
        variable = one.scope.resolve(one.name)
        if variable and not variable.kept and one.scope.unit.may_rename(one.name):
            # No identifier begins with a digit, so a number is never taken for a name that stayed.
            one.put(numbers.setdefault(id(variable), str(len(numbers))))


@dataclass(slots=True, eq=False)
class _Variable:
    kept: bool = False


@dataclass(slots=True, eq=False)
class _Unit:
    """An outermost function with all that is in it: the names in it that stay, wherever they are bound."""

    stay: set[str] = field(default_factory=set)
    all_stay: bool = False

    def may_rename(self, name: str) -> bool:
        mangled = "__" in name  # in a class `__x` is `_Class__x`
        return not (self.all_stay or mangled or name in self.stay)


@dataclass(slots=True, eq=False)
class _Scope:
    """A function, comprehension or class, or the module (which has no parent)."""

    node: ast.AST | None
    unit: _Unit
    parent: _Scope | None = None
    variables: dict[str, _Variable] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    """What `global` and `nonlocal` say is bound outside."""

    @property
    def is_function(self) -> bool:
        return isinstance(self.node, _Function | _Comprehension)

    def bind(self, name: str, *, kept: bool = False) -> None:
        if name not in self.elsewhere:
            self.variables.setdefault(name, _Variable()).kept |= kept
        elif kept:
            self.unit.stay.add(name)

    def resolve(self, name: str) -> _Variable | None:
        """The variable of a function that a name means here; None for all others."""
        if self.is_function and name in self.variables:
            return self.variables[name]
        return self.parent.resolve(name) if self.parent else None


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """A name in the tree: where it stands, and in which scope it is looked up."""

    scope: _Scope
    name: str
    node: ast.AST
    field: str
    index: int | None = None

    def put(self, name: str) -> None:
        if self.index is None:
            setattr(self.node, self.field, name)
        else:
            getattr(self.node, self.field)[self.index] = name


class _Reader(ast.NodeVisitor):
    """Collects bindings and occurrences in the order of the source."""

    def __init__(self) -> None:
        self.module = _Unit(all_stay=True)
        self.scope = _Scope(None, self.module)
        self.occurrences: list[_Occurrence] = []

    def visit_Name(self, node: ast.Name) -> None:
        self._notice(node.id)
        if isinstance(node.ctx, ast.Load):
            self._occurs(node, "id")
        else:
            self._binds(node, "id")

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """`:=` in a comprehension binds in the function around it."""
        self.visit(node.value)
        inner = self.scope
        while isinstance(self.scope.node, _Comprehension) and self.scope.parent:
            self.scope = self.scope.parent
        self.visit(node.target)
        self.scope = inner

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._notice(node.attr)
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        """What is given as `key=` is called with one argument, by position, wherever Python has it."""
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(node.func, ast.Attribute) and node.func.attr == "eval" and not arguments:
            self.visit(node.func.value)  # `model.eval()` evaluates no text
        else:
            self.visit(node.func)
        keys = [keyword.value for keyword in node.keywords if keyword.arg == "key"]
        for argument in arguments:
            if argument in keys and isinstance(argument, ast.Lambda) and _takes_one(argument.args):
                self._function(argument, [argument.body], keep_parameters=False)
            else:
                self.visit(argument)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._definition(node)
        annotations = [node.returns, *(one.annotation for one in _parameters(node.args))]
        self._annotation(*filter(None, annotations))
        self._function(node, node.body, keep_parameters=True)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815  # the name that ast looks for

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node, [node.body], keep_parameters=True)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._definition(node)
        for part in (*node.bases, *node.keywords):
            self.visit(part)
        self._inside(node, node.body)

    def visit_ListComp(self, node: _Comprehension) -> None:
        """The first iterable is evaluated outside, all else inside."""
        first, *others = node.generators
        self.visit(first.iter)
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._inside(node, [first.target, *first.ifs, *others, *results])

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp  # noqa: N815

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for part in (node.target, node.iter, *node.ifs):
            self.visit(part)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        self._annotation(node.annotation)
        if node.value:
            self.visit(node.value)

    def visit_alias(self, node: ast.alias) -> None:
        if node.asname:
            self._binds(node, "asname")
        else:
            self.scope.bind(node.name.partition(".")[0], kept=True)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._binds(node, "name")
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._binds(node, "name")
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self._binds(node, "name")

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self._binds(node, "rest")
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self.scope.elsewhere.update(node.names)
        self.scope.unit.stay.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.scope.elsewhere.update(node.names)
        if not self.scope.is_function:
            self.scope.unit.stay.update(node.names)
        for index in range(len(node.names)):
            self._occurs(node, "names", index)

    def generic_visit(self, node: ast.AST) -> None:
        if getattr(node, "type_params", None) or type(node).__name__ == "TypeAlias":
            self.scope.unit.all_stay = True  # they have scopes of their own
        super().generic_visit(node)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        """What is defined keeps its name, which the program can read; decorators are evaluated outside."""
        self.scope.bind(node.name, kept=True)
        if getattr(node, "type_params", None):
            self.scope.unit.all_stay = True
        for decorator in node.decorator_list:
            self.visit(decorator)

    def _function(self, node: _Function, body: Iterable[ast.AST], *, keep_parameters: bool) -> None:
        """Defaults are evaluated outside, the body inside."""
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(default)
        outside = self._enter(node)
        for parameter in _parameters(node.args):
            if keep_parameters:
                self.scope.bind(parameter.arg, kept=True)
            else:
                self._binds(parameter, "arg")
        for part in body:
            self.visit(part)
        self.scope = outside

    def _inside(self, node: ast.AST, parts: Iterable[ast.AST]) -> None:
        outside = self._enter(node)
        for part in parts:
            self.visit(part)
        self.scope = outside

    def _enter(self, node: ast.AST) -> _Scope:
        """Go into the scope of a node; the scope around it."""
        outside = self.scope
        is_outermost = outside.unit is self.module and not isinstance(node, ast.ClassDef)
        self.scope = _Scope(node, _Unit() if is_outermost else outside.unit, outside)
        return outside

    def _annotation(self, *annotations: ast.expr) -> None:
        """Annotations can be read as text, and be evaluated by whoever reads them."""
        for annotation in annotations:
            for node in ast.walk(annotation):
                if isinstance(node, ast.Name):
                    self.scope.unit.stay.add(node.id)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    self.scope.unit.stay.update(re.findall(r"\w+", node.value))

    def _notice(self, name: str) -> None:
        if name in _SEES_VARIABLES:
            self.scope.unit.all_stay = True

    def _binds(self, node: ast.AST, field: str) -> None:
        if getattr(node, field) is not None:
            self.scope.bind(getattr(node, field))
            self._occurs(node, field)

    def _occurs(self, node: ast.AST, field: str, index: int | None = None) -> None:
        value = getattr(node, field)
        name = value if index is None else value[index]
        if not self.scope.is_function:
            self.scope.unit.stay.add(name)  # a class body sees variables in a way of its own
        self.occurrences.append(_Occurrence(self.scope, name, node, field, index))


def _takes_one(arguments: ast.arguments) -> bool:
    """Whether these are one plain parameter."""
    return len(arguments.args) == 1 and _parameters(arguments) == arguments.args and not arguments.defaults


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    several = [one for one in (arguments.vararg, arguments.kwarg) if one]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *several]
