"""Entries of reasoning-gym as specs: JSON in which no tuple and no number used as a key is lost.

Some of its scorers compare tuples, or look a vertex up by its number, so an entry that went through plain JSON
earns another score. A tuple is therefore kept as `{"tuple": [...]}`, a fraction as `{"fraction": [above, below]}` and
a mapping with other keys than texts as `{"pairs": [[key, value], ...]}`, as is one that looks like any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from tailor_core.environments.base import read_options
from tailor_core.environments.rows import metadata_spec, shown, text_of
from tailor_core.errors import InputError
from tailor_core.records import canonical_json

_MARKS = ({"tuple"}, {"fraction"}, {"pairs"})


def spec_of(row: Mapping[str, Any], dataset: str) -> dict[str, Any]:
    """`metadata.spec` of a row in Tailor's own form, or the spec of one of reasoning-gym's own entries.

    InputError or RecipeError, naming the field, where the row holds no entry of this data set.
    """
    metadata = row.get("metadata")
    if isinstance(metadata, Mapping) and "spec" not in metadata and "source_dataset" in metadata:
        spec: Mapping[str, Any] = {**row, "metadata": _nested(to_json, metadata)}
        where = "row"
    else:
        spec, where = metadata_spec(row), "metadata.spec"
    question, answer = text_of(spec, "question"), text_of(spec, "answer")
    if question is None:
        raise InputError(f"{where} has no question; give the text that reasoning-gym made")
    kept = spec.get("metadata")
    if not isinstance(kept, Mapping):
        raise InputError(f"{where}.metadata = {shown(kept)}, but must be the metadata of the entry")
    source = kept.get("source_dataset", dataset)
    if not isinstance(source, str) or dataset not in (source, "composite"):
        raise InputError(
            f"{where}.metadata.source_dataset = {shown(source)}, but the environment is rg:{dataset}; "
            f"use rg:{source} for it"
        )
    options = spec.get("options", {})
    if not isinstance(options, Mapping):
        raise InputError(f"{where}.options = {shown(options)}, but must be an object of options")
    try:
        canonical_json(options)
    except ValueError as error:
        raise InputError(f"{where}.options = {shown(options)} is no JSON ({error})") from None
    read_options(f"rg:{dataset}", options)
    found = {"question": question, "answer": answer, "metadata": dict(kept), "options": dict(options)}
    entry_of(found)
    drawn = spec.get("drawn")
    if drawn is None:
        return found
    if not isinstance(drawn, Mapping) or not all(type(number) is int for number in drawn.values()):
        raise InputError(f"{where}.drawn = {shown(drawn)}, but must be an object of whole numbers")
    return found | {"drawn": dict(drawn)}


def entry_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The entry that reasoning-gym's scorers take; InputError where its metadata was never one's."""
    metadata = _nested(from_json, spec["metadata"])
    if not isinstance(metadata, dict):
        raise InputError(f"metadata.spec.metadata stands for {shown(metadata)}, but must stand for an object")
    return {"question": spec["question"], "answer": spec["answer"], "metadata": metadata}


def _nested(turn: Callable[[Any], Any], value: Any) -> Any:
    """`turn(value)`; InputError where the value cannot be turned."""
    try:
        return turn(value)
    except TypeError as error:
        raise InputError(f"the metadata of the entry holds a key that cannot be one ({error})") from None
    except RecursionError:
        raise InputError("the metadata of the entry is nested too deeply to be read") from None


def to_json(value: Any) -> Any:
    """JSON values from which `from_json` makes an equal value; InputError where there are none."""
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value) and set(value) not in _MARKS:
            return {str(key): to_json(part) for key, part in value.items()}
        return {"pairs": [[to_json(key), to_json(part)] for key, part in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [to_json(part) for part in value]}
    if isinstance(value, Fraction):
        return {"fraction": [value.numerator, value.denominator]}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_json(part) for part in value]
    for plain in (bool, int, float, str):
        if isinstance(value, plain):
            return plain(value)  # numpy's texts and numbers, and enums of texts, become Python's
    if value is None:
        return None
    raise InputError(f"an entry holds {shown(value)} of type {type(value).__name__}, which JSON cannot keep")


def _fraction(parts: Sequence[Any]) -> Fraction:
    """InputError where these are not its numerator and denominator."""
    if len(parts) != 2 or not all(type(part) is int for part in parts) or not parts[1]:
        raise InputError(
            f"an entry holds a fraction of {shown(parts)}, but it needs two whole numbers, the second not 0"
        )
    return Fraction(parts[0], parts[1])


def from_json(value: Any) -> Any:
    """The value of what `to_json` made."""
    if isinstance(value, list):
        return [from_json(part) for part in value]
    if not isinstance(value, dict):
        return value
    inner = next(iter(value.values()), None)
    if isinstance(inner, list) and set(value) in _MARKS:
        if "tuple" in value:
            return tuple(from_json(part) for part in inner)
        if "fraction" in value:
            return _fraction(inner)
        if all(isinstance(pair, list) and len(pair) == 2 for pair in inner):
            return {from_json(key): from_json(part) for key, part in inner}
    return {key: from_json(part) for key, part in value.items()}
