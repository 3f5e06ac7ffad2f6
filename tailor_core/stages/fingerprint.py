"""What code a stage runs, as digests: one for each module of ours that its module can reach by imports.

Source is read, never imported. Comments, formatting, docstrings and the names of local variables do not count, and
neither does the Python version. An import may also be a string such as
`"my_package.environment:Mine"`: that is how registries name what they load later.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tailor_core.errors import RecipeError
from tailor_core.stages.local_names import number_local_names

_PACKAGE = "tailor_core"
_DOTTED_TARGET = re.compile(r"^([A-Za-z_]\w*(?:\.\w+)+):\w+$")
_DIGITS = 16


def code_fingerprint(module: str) -> dict[str, str]:
    """Module -> digest, for `module` and all modules that it reaches in its own package and in Tailor's."""
    packages = frozenset({_PACKAGE, module.partition(".")[0]})
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _find(name) if name not in found else None
        if path is None:
            continue
        found[name], imported = _read(name, path)
        waiting += [m for m in imported if m.partition(".")[0] in packages]
        waiting += _parents(name)
    if module not in found:
        raise RecipeError(
            f"the module {module!r} of a stage or environment is not installed; install its package"
        )
    return dict(sorted(found.items()))


def code_digests(modules: Iterable[str]) -> dict[str, str]:
    """Module -> digest, `absent` where it is not installed."""
    found = {name: _find(name) for name in modules}
    return {name: _read(name, path)[0] if path else "absent" for name, path in found.items()}


def library_versions(names: Iterable[str], python: str = "") -> dict[str, str]:
    """Distribution -> installed version, `absent` where there is none; in the environment of an interpreter.

    It is that of this process where `python` is empty. RecipeError where it cannot be asked.
    """
    if python:
        return _versions_elsewhere(python, tuple(sorted(names)))
    return {name: _version(name) for name in sorted(names)}


def path_digest(path: Path) -> str:
    """The digest of a file, or of all files in a directory by relative path; `absent` where there is none."""
    if not path.exists():
        return "absent"
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    digest = hashlib.sha256()
    for file in files:
        if "__pycache__" not in file.parts:
            with file.open("rb") as stream:
                inside = hashlib.file_digest(stream, "sha256").hexdigest()
            digest.update(f"{file.relative_to(path).as_posix()}\0{inside}\0".encode())
    return digest.hexdigest()


_ASK_VERSIONS = """
import json, sys
from importlib.metadata import PackageNotFoundError, version

def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"

print(json.dumps({name: installed(name) for name in sys.argv[1:]}))
"""


@cache
def _versions_elsewhere(python: str, names: tuple[str, ...]) -> dict[str, str]:
    try:
        asked = subprocess.run(
            [python, "-P", "-c", _ASK_VERSIONS, *names],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        found: dict[str, str] = json.loads(asked.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise RecipeError(
            f"execution: python = {python!r} cannot say which libraries it has ({error}); name the interpreter "
            "of an environment with Python 3.11 or newer"
        ) from error
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _parents(module: str) -> list[str]:
    """The packages whose `__init__` runs before the module."""
    parts = module.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


@cache
def _find(module: str) -> Path | None:
    """The source file of a module, without importing any; None for what is no Python module."""
    top, *rest = module.split(".")
    for root in _roots(top):
        base = root.joinpath(*rest)
        for path in (base / "__init__.py", base.with_suffix(".py")):
            if path.is_file():
                return path
    return None


@cache
def _roots(top: str) -> tuple[Path, ...]:
    """Where a top-level package lies (one without `__init__` can lie in several places), or the file of a module."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return ()
    if spec is None:
        return ()
    if spec.submodule_search_locations is not None:
        return tuple(map(Path, spec.submodule_search_locations))
    return (Path(spec.origin),) if spec.origin else ()


@cache
def _read(module: str, path: Path) -> tuple[str, tuple[str, ...]]:
    """The digest of a module's meaning, and the modules it may import."""
    tree = ast.parse(path.read_bytes())
    imported = tuple(dict.fromkeys(_imports(tree, module, is_package=path.name == "__init__.py")))
    number_local_names(tree)
    text = json.dumps(_meaning(tree), separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS], imported


def _imports(tree: ast.Module, module: str, *, is_package: bool) -> Iterator[str]:
    """Names that may be modules: of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, module, is_package=is_package)
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            target = _DOTTED_TARGET.match(node.value)
            if target:
                yield target[1]


def _absolute(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, node.module] if node.module else base)


def _meaning(node: Any) -> Any:
    """The syntax tree as nested lists, without docstrings, positions and fields that are empty."""
    if isinstance(node, ast.AST):
        fields: list[Any] = [type(node).__name__]
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(
                node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
            ):
                value = _without_docstring(value)
            if value not in (None, []) and name not in ("ctx", "kind", "type_comment"):
                fields.append([name, _meaning(value)])
        return fields
    if isinstance(node, list):
        return [_meaning(item) for item in node]
    # The type tells 1 from True and 1.0, which are equal.
    return node if isinstance(node, str) else f"{type(node).__name__} {node!r}"


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    is_docstring = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return body[1:] if is_docstring else body
