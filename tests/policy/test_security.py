"""What no line of ours may do: load pickles, run code of others, or put a value into the text of a query."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path
    for package in ("flows", "tasks", "tailor_core", "sql", "infra")
    for path in (ROOT / package).rglob("*.py")
)

_NO_IMPORTS = {
    "pickle",
    "_pickle",
    "cloudpickle",
    "dill",
    "joblib",
    "marshal",
    "shelve",
    "jsonpickle",
}
_NO_CALLS = {"eval", "exec", "compile", "__import__"}
_NO_METHODS = {"read_pickle", "to_pickle", "unsafe_load", "full_load", "load_extension", "extractall"}
_PRETRAINED = {"from_pretrained", "from_config", "load_dataset"}
_EXECUTE = {"execute", "executemany", "executescript", "sql", "from_query", "query_df"}

_TYPED_SQL = {("tailor_core/catalog/embeddings.py", "execute")}
"""The one door for a query that is put together: the name and type of a table, of a whole number that was checked."""


def faults(tree: ast.AST, path: str = "here.py") -> Iterator[str]:
    """What in a module is refused, and where."""
    built = {name for node in ast.walk(tree) for name in _built_names(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            names = (
                {alias.name.partition(".")[0] for alias in node.names}
                if module is None
                else {module.partition(".")[0]}
            )
            yield from (f"{path}:{node.lineno} imports {name}" for name in names & _NO_IMPORTS)
        if not isinstance(node, ast.Call):
            continue
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        said = {keyword.arg: keyword.value for keyword in node.keywords}
        place = f"{path}:{node.lineno} calls {called or method}"
        of_yaml = _owner(node.func) == "yaml" and method in ("load", "load_all")
        if called in _NO_CALLS or method in _NO_METHODS or of_yaml:
            yield place
        if _is_true(said.get("allow_pickle")) or _is_true(said.get("trust_remote_code")):
            yield f"{place} and trusts it"
        if method == "load" and _owner(node.func) == "torch" and not _is_true(said.get("weights_only")):
            yield f"{place} without weights_only=True"
        if method in _PRETRAINED and not _refuses_code(node):
            yield f"{place} without trust_remote_code=False"
        query = node.args[0] if method in _EXECUTE and node.args else None
        if (
            query is not None
            and (path, method) not in _TYPED_SQL
            and (_is_built(query) or _name(query) in built)
        ):
            yield f"{place} with a query that is put together"


def _is_true(node: ast.expr | None) -> bool:
    return node is not None and not (isinstance(node, ast.Constant) and not node.value)


def _owner(node: ast.expr) -> str:
    return node.value.id if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) else ""


def _refuses_code(node: ast.Call) -> bool:
    """It says `trust_remote_code=False`, or is given `**_NO_CODE`."""
    return any(
        (keyword.arg == "trust_remote_code" and not _is_true(keyword.value))
        or (keyword.arg is None and _name(keyword.value) == "_NO_CODE")
        for keyword in node.keywords
    )


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _is_built(node: ast.AST) -> bool:
    """Whether a text is put together of others: f-string, `+`, `%`, `.format`, `.join`, `.replace`."""
    return any(
        isinstance(part, ast.JoinedStr | ast.BinOp)
        or (
            isinstance(part, ast.Call)
            and isinstance(part.func, ast.Attribute)
            and part.func.attr in ("format", "join", "replace", "format_map")
            and not _quotes_names(part.func.value)
        )
        for part in ast.walk(node)
    )


def _quotes_names(node: ast.expr) -> bool:
    """`sql.SQL(...)`, as psycopg2 has it: what its `format` puts in are names that it quotes."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "SQL"


def _built_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node, ast.AugAssign) or _is_built(node.value):
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def test_no_module_unpickles_runs_code_of_others_or_puts_queries_together() -> None:
    assert len(MODULES) > 200
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert list(faults(tree, path.relative_to(ROOT).as_posix())) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "yaml.load(text, Loader=yaml.Loader)",
        "eval(text)",
        "exec(text)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=trusted)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "AutoModel.from_pretrained(path)",
        "AutoModel.from_pretrained(path, trust_remote_code=True)",
        "LLM(path, trust_remote_code=True)",
        "polars.read_pickle(path)",
        "connection.execute(f'select {name}')",
        "connection.execute('select ' + name)",
        "connection.execute('select %s' % name)",
        "connection.sql('select {}'.format(name))",
        "query = f'select {name}'\nconnection.execute(query)",
        "query = 'select 1'\nquery += name\nconnection.execute(query)",
    ],
)
def test_what_is_refused_is_noticed(line: str) -> None:
    assert list(faults(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "model.eval()",
        "yaml.safe_load(text)",
        "torch.load(path, weights_only=True)",
        "np.load(path, allow_pickle=False)",
        "AutoModel.from_pretrained(path, trust_remote_code=False)",
        "AutoModel.from_pretrained(path, dtype=dtype, **_NO_CODE)",
        "connection.execute('select $a', {'a': f'{name}'})",
        "query = 'select ?'\nconnection.execute(query, [1])",
    ],
)
def test_what_is_in_order_passes(line: str) -> None:
    assert list(faults(ast.parse(line))) == []
