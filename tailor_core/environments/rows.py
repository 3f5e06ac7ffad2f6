"""Rows that people hand in: JSON lines in, clear sentences out.

Whatever the row holds (wrong types, numbers of a million digits, ten thousand levels of nesting), the worst
that happens is an `InputError` that names the field.
"""

from __future__ import annotations

import hashlib
import json
import reprlib
from collections.abc import Mapping
from typing import Any

from tailor_core.environments.base import get_environment
from tailor_core.errors import InputError
from tailor_core.records import Problem

UNASSIGNED = "unassigned"
"""The split of a problem that was not generated for one."""

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 3, 60, 60


def shown(value: Any) -> str:
    """A short `repr` for error messages that works for any JSON value."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # an int with more digits than Python prints
        return f"<{type(value).__name__}>"


def json_object(text: str, where: str = "the line") -> dict[str, Any]:
    """The JSON object that `text` holds; InputError naming `where` when it holds something else."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise InputError(f"{where} is nested too deeply to be read; a row has a few dozen levels") from None
    except ValueError as error:
        raise InputError(f"{where} is not JSON ({error}); give one JSON object a line") from None
    if not isinstance(value, dict):
        raise InputError(f"{where} is {shown(value)}, but must be a JSON object")
    return value


def problem_from_json(line: Mapping[str, Any], environment: str | None = None) -> Problem:
    """The problem of a JSON line; `metadata.spec` with the environment's bare minimum is enough.

    `environment` is used where the line names none. InputError names the field that is wrong.
    """
    return get_environment(environment_of(line, environment)).from_record(line)


def problem_to_json(problem: Problem) -> dict[str, Any]:
    """The JSON line of a problem, from which `problem_from_json` makes it again."""
    return {
        "id": problem.id,
        "environment": problem.environment,
        "question": problem.question,
        "answer": problem.answer,
        "metadata": problem.metadata,
    }


def question_id(environment: str, question: str) -> str:
    """The id of a problem whose question says all there is to it: a hash of that."""
    return hashlib.sha256(f"{environment}\n{question}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def text_of(row: Mapping[str, Any], field: str) -> str | None:
    """A field that must be a text where it is given."""
    text = row.get(field)
    if text is not None and not isinstance(text, str):
        raise InputError(f"{field} = {shown(text)}, but must be a text, or be left out")
    return text


def identity_of(row: Mapping[str, Any]) -> str | None:
    """The id of a row; None where it has none."""
    identity = row.get("id")
    if identity is None:
        return None
    if not isinstance(identity, (str, int)) or isinstance(identity, bool):
        raise InputError(f"id = {shown(identity)}, but must be a text or a whole number, or be left out")
    return str(identity)


def split_of(row: Mapping[str, Any]) -> str:
    """The split of an own row (`metadata.split`) or a verl row (`extra_info.split`)."""
    for field in ("metadata", "extra_info"):
        holder = row.get(field)
        if isinstance(holder, str) and field == "metadata":
            holder = json_object(holder, field)
        if isinstance(holder, Mapping) and holder.get("split") is not None:
            split = holder["split"]
            if not isinstance(split, str):
                raise InputError(f"{field}.split = {shown(split)}, but must be a text, or be left out")
            return split
    return UNASSIGNED


def solve_json(line: Mapping[str, Any], environment: str | None = None) -> dict[str, Any]:
    """`{"id", "solution", "n_solutions"}` of a JSON line; the solution is null where none answers the question."""
    found = get_environment(environment_of(line, environment))
    solutions = found.solve(found.read_spec(line))
    identity = line.get("id")
    return {
        "id": identity if isinstance(identity, (str, int)) else None,
        "solution": solutions.first if solutions.count == 1 or solutions.any_answers else None,
        "n_solutions": solutions.count,
    }


def environment_of(line: Mapping[str, Any], default: str | None) -> str:
    """The name of the environment that the line, or else the caller, gives."""
    name = line.get("environment", default)
    if not isinstance(name, str):
        raise InputError(f"environment = {shown(name)}, but must be the name of an environment, such as 'kk'")
    return name


def metadata_spec(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """`metadata.spec` of a line in Tailor's own form; InputError where there is none."""
    metadata = line.get("metadata")
    if isinstance(metadata, str):
        metadata = json_object(metadata, "metadata")
    if not isinstance(metadata, Mapping):
        raise InputError(f"metadata = {shown(metadata)}, but must be an object with the field spec")
    spec = metadata.get("spec")
    if not isinstance(spec, Mapping):
        raise InputError(f"metadata.spec = {shown(spec)}, but must be an object")
    return spec
