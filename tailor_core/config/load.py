"""From a recipe file and overrides to a `Recipe`; every mistake is one sentence that says how to mend it."""

from __future__ import annotations

import difflib
import json
import re
import reprlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tailor_core.config.baselines import Method
from tailor_core.config.recipe import Recipe
from tailor_core.errors import RecipeError
from tailor_core.records import canonical_json
from tailor_core.secrets import is_secret

M = TypeVar("M", bound=BaseModel)

_PLAIN_KEYS = re.compile(r"[A-Za-z0-9_.-]+")

_MOST_KEYS = 20
_TOO_DEEP = "is nested too deeply to be read; a value has a few levels"

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


def load_recipe(name: str, recipes: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe called `name` in the directory `recipes`, or in the file of that path, with overrides.

    An override is `section.key=value` with the value in TOML syntax; what is not TOML is taken as text. The override
    `size=NAME` puts the file's section `[sizes.NAME]` over its other sections, under all other overrides. The name ends
    with the size, and with the method unless that is Tailor's.
    """
    path = find_file(name, recipes, "recipe", "recipes")
    values = read_toml(path)
    values.setdefault("name", path.stem)
    sizes = [override for override in overrides if re.match(r"\s*size\b", override)]
    for override in sizes:
        apply_override(values, override)
    _choose_size(values, f"recipe {name!r}")
    for override in overrides:
        if override not in sizes:
            apply_override(values, override)
    if values.get("method") in get_args(Method) and values["method"] != "tailor":
        # Pages, experiments and models of its own.
        values["name"] = f"{values['name']}-{values['method']}"
    return make_recipe(values, f"recipe {name!r}")


def _choose_size(values: dict[str, Any], source: str) -> None:
    """Put the chosen one of `sizes` over the rest, and its name behind the recipe's; RecipeError where it is none."""
    sizes, size = values.pop("sizes", {}), values.pop("size", None)
    if not isinstance(sizes, dict) or not all(isinstance(sections, dict) for sections in sizes.values()):
        raise RecipeError(f"{source}: sizes must be tables [sizes.NAME], each of what differs in that size")
    if size is None:
        return
    if not isinstance(size, str) or size not in sizes:
        known = f"its sizes are {', '.join(sizes)}" if sizes else "it has no sizes, so leave it out"
        raise RecipeError(
            f"{source}: size = {_SHORT.repr(size)} is no size of it{did_you_mean(str(size), list(sizes))}; {known}"
        )
    _lay_over(values, sizes[size])
    values["name"] = f"{values['name']}-{size}"


def _lay_over(values: dict[str, Any], others: Mapping[str, Any]) -> None:
    """Put `others` into nested values: tables are merged, anything else is replaced."""
    for key, other in others.items():
        here = values.get(key)
        if isinstance(here, dict) and isinstance(other, dict):
            _lay_over(here, other)
        else:
            values[key] = other


def make_recipe(values: Mapping[str, Any], source: str) -> Recipe:
    """The recipe with these values; RecipeError, naming `source`, on the first that is wrong."""
    return make_config(Recipe, values, source)


def names_in(directory: Path) -> list[str]:
    """The names of the files in it that `find_file` knows, sorted."""
    return sorted(path.stem for path in directory.glob("*.toml"))


def find_file(name: str, directory: Path, one: str, many: str) -> Path:
    """The file called `name` in the directory, or of that path; RecipeError with the nearest name where there is none.

    `one` and `many` are what it is called: "recipe" and "recipes".
    """
    named = directory / f"{name}.toml"
    if "/" not in name and named.is_file():
        return named
    path = Path(name)
    if path.suffix == ".toml" and path.is_file():
        return path
    known = names_in(directory)
    raise RecipeError(
        f"{one} = {name!r} is neither a {one} nor a .toml file{did_you_mean(name, known)}; "
        f"the {many} are {', '.join(known) or 'none'}"
    )


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file; RecipeError where it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise RecipeError(f"{str(path)!r} {_TOO_DEEP}") from None
    except ValueError as error:  # of TOML, of UTF-8, or of a number with thousands of digits
        raise RecipeError(f"{str(path)!r} is not TOML ({error}); mend that place in the file") from error
    except OSError as error:
        raise RecipeError(
            f"{str(path)!r} cannot be read ({error.strerror}); check its permissions"
        ) from error


def apply_override(values: dict[str, Any], override: str, flag: str = "--set") -> None:
    """Put one `section.key=value` into nested values; `flag` is what the user wrote it after."""
    field, separator, text = override.partition("=")
    parts = [part.strip() for part in field.split(".")]
    if not separator or not all(parts):
        raise RecipeError(f"{flag} {override!r} is not of the form key=value, such as policy.beta=0.01")
    if len(parts) > _MOST_KEYS:
        raise RecipeError(f"{flag} {_SHORT.repr(override)} {_TOO_DEEP}")
    here = values
    for depth, part in enumerate(parts[:-1], start=1):
        here = here.setdefault(part, {})
        if not isinstance(here, dict):
            raise RecipeError(
                f"{flag} {override!r}: {'.'.join(parts[:depth])} = {_SHORT.repr(here)} is a value, "
                f"not a section; set {'.'.join(parts[:depth])} itself"
            )
    here[parts[-1]] = _override_value(text.strip())


def _override_value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text


def make_config(model: type[M], values: Mapping[str, Any], source: str) -> M:
    """A configuration with these values; RecipeError, naming `source`, on the first that is wrong."""
    try:
        fields = flat(values)
    except RecursionError:
        raise RecipeError(f"{source} {_TOO_DEEP}") from None
    for field, value in fields.items():
        _refuse_secret(field, value, source)
        try:
            canonical_json({field: value}).encode()
        except (TypeError, ValueError):
            raise RecipeError(
                f"{source}: {_dotted([field])} = {_one_line(value)} cannot be kept in a recipe; give a finite "
                "number, text, true or false, or a list or table of these"
            ) from None
        if isinstance(value, bool):
            _refuse_flag(field.split("."), value, model, source)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"{source}: {_sentence(error, values, model, source)}") from None


def _refuse_flag(path: Sequence[str], value: bool, root: type[BaseModel], source: str) -> None:
    """RecipeError where true or false stands for a number: pydantic takes them for 1 and 0."""
    owner = _model(root, path[:-1])
    about = owner.model_fields.get(path[-1]) if owner else None
    kinds = set(_kinds(about.annotation)) if about else set()
    if about and kinds & {int, float} and bool not in kinds:
        meaning = f" ({about.description})" if about.description else ""
        wanted = "integer" if int in kinds else "number"
        raise RecipeError(f"{source}: {_dotted(path)} = {value} must be a valid {wanted}{meaning}; write one")


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types that a value may be of: members of unions, without what is annotated."""
    if get_origin(annotation) is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for one in get_args(annotation):
            yield from _kinds(one)
    else:
        yield annotation


def _refuse_secret(field: str, value: Any, source: str) -> None:
    """RecipeError where a value, or one within it, is a secret; it is not repeated."""
    if any(is_secret(name, text) for name, text in _texts(field.rpartition(".")[2], value)):
        raise RecipeError(
            f"{source}: {_dotted([field])} holds a secret, which would be kept in manifests, logs and MLflow; take it "
            "out: a server's key belongs into the environment variable that teacher.key_variable names "
            "(OPENAI_API_KEY), or into the Prefect Secret block of that name (openai-api-key)"
        )


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Each text in a value, with the name of what it is the value of."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(name, one)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _texts(str(key), one)


def _sentence(error: ValidationError, values: Mapping[str, Any], root: type[BaseModel], source: str) -> str:
    """One sentence on the first error: field, value, what was expected, what to do."""
    errors = error.errors(include_url=False)
    first = errors[0]
    path = _written_keys(first["loc"], values)
    field = _dotted(path)
    if first["type"] == "extra_forbidden":
        return _unknown_key(path, first["input"], root)
    if first["type"] == "value_error":  # our own validators name value and cure themselves
        message = first["msg"].removeprefix("Value error, ")
        return f"{field}: {message}" if field else message
    same_field = [e for e in errors if _written_keys(e["loc"], values) == path]
    if isinstance(first["input"], list):  # what is wrong within a list says more than that it is no number
        same_field = [e for e in errors if len(_written_keys(e["loc"], values)) > len(path)] or same_field
    wanted = " or ".join(dict.fromkeys(_requirement(e["msg"]) for e in same_field))
    owner = _model(root, path[:-1])
    about = owner.model_fields.get(path[-1]) if owner and path else None
    meaning = f" ({about.description})" if about and about.description else ""
    given = _SHORT.repr(first["input"])
    file = "study" if source.startswith("study ") else "recipe"
    return f"{field} = {given} must {wanted}{meaning}; correct it in the {file} or with --set"


def _requirement(message: str) -> str:
    """`be greater than 0` from pydantic's `Input should be greater than 0`."""
    return message.partition(" should ")[2] or f"be valid: {message}"


def _unknown_key(path: Sequence[str], value: Any, root: type[BaseModel]) -> str:
    model = _model(root, path[:-1])
    known = sorted(model.model_fields) if model else []
    place = f" of [{_dotted(path[:-1])}]" if len(path) > 1 else ""
    listed = f"the known ones are {', '.join(known)}" if known else "there is none"
    hint = did_you_mean(path[-1], known)
    return f"{_dotted(path)} = {_SHORT.repr(value)} is no key{place}{hint}; {listed}"


def _dotted(path: Sequence[str]) -> str:
    """Keys as TOML writes them: those that are not plain words in quotes."""
    return ".".join(part if _PLAIN_KEYS.fullmatch(part) else repr(part) for part in path)


def _one_line(value: Any) -> str:
    return _SHORT.repr(value) if isinstance(value, str | list | dict) else str(value)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _written_keys(location: Sequence[str | int], values: Any) -> list[str]:
    """The keys of an error's location that the user wrote: pydantic adds the members of unions to it."""
    path: list[str] = []
    for part in location:
        in_list = isinstance(values, list) and isinstance(part, int)
        if in_list or (isinstance(values, Mapping) and part in values):
            path.append(str(part))
            values = values[part]
    return path


def _model(root: type[BaseModel], path: Sequence[str]) -> type[BaseModel] | None:
    """The model of a section, None where the path leads to no model."""
    model = root
    for name in path:
        field = model.model_fields.get(name)
        kind = field.annotation if field else None
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return None
        model = kind
    return model


def flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one level of dotted keys; lists and scalars are values."""
    if not isinstance(values, Mapping):
        return {prefix: values}
    found: dict[str, Any] = {}
    for key in values:
        found |= flat(values[key], f"{prefix}.{key}" if prefix else str(key))
    return found


def shown(value: Any) -> str:
    """A value as `tailor plan` shows it: JSON, shortened."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
