"""Reading a question text back, Tailor's own or one of the published generator.

The text states every link between items, so the layers follow from it. What it does not state is which items
belong to a category: in Tailor's own texts the names say so; in the published ones one has to know that an
Archeology Lab is a Classroom. There all readings that fit the links are tried, and `accept`, which sees the
problem with each, says which is meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product

from tailor_core.environments.igsm.scenario import Expression, Scenario
from tailor_core.environments.igsm.spec import (
    LARGEST,
    MOST_ITEMS,
    MOST_LAYERS,
    MOST_STATEMENTS,
    MOST_TERMS,
    Named,
)
from tailor_core.environments.igsm.structure import Parameter, Structure
from tailor_core.environments.rows import shown
from tailor_core.errors import InputError

_MODULO = re.compile(r" Calculate modulo ([1-9][0-9]{0,5})\.$")
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,6})(?: (more than|times as much as) (.+))?")
_NEXT = re.compile(r"(?:, | and )each ")
_OPENING, _ASKING = "The number of each ", "How many "
_MOST_TEXT = 100_000
_MOST_APOSTROPHES = 4
_MOST_READINGS = 4096
_USUAL_DEPTH = 4
"""The published problems have at most so many layers."""

Pair = tuple[str, str]
"""(owner, thing) by name."""

Accept = Callable[[Named], bool]


@dataclass(frozen=True, slots=True)
class _Text:
    """What the sentences say, by name."""

    statements: Mapping[Pair, tuple[int | None, str, str, tuple[Pair, ...]]]
    question: Pair
    modulus: int | None


def read_question(text: str, accept: Accept = lambda named: True, modulus: int | None = None) -> Named:
    """The scenario of a question text; InputError says what cannot be read. `modulus` where the text names none."""
    read = _sentences(text, modulus)
    for named in _readings(read):
        if accept(named):
            return named
    raise InputError(
        "the question has no reading that fits its links between items and the answer given with it; "
        "name the items after their categories, or mend the answer"
    )


def _wrong(what: str, value: object, expected: str) -> InputError:
    return InputError(f"question: {what} {shown(value)} does not read as {expected}")


def _sentences(text: str, modulus: int | None) -> _Text:
    if len(text) > _MOST_TEXT:
        raise InputError(f"question has {len(text)} characters, but {_MOST_TEXT} is the most")
    text = " ".join(text.split())
    if found := _MODULO.search(text):
        text, modulus = text[: found.start()], int(found[1])
    body, _, asked = text.rpartition(_ASKING)
    thing, does, owner = asked.removesuffix(" have?").rpartition(" does ")
    if not does or not asked.endswith(" have?"):
        raise _wrong("the last sentence", asked, '"How many THING does OWNER have?"')
    raw = body.strip().removesuffix(".")
    if not raw.startswith(_OPENING):
        raise _wrong("the beginning", raw[:40], f'"{_OPENING}..."')
    sentences = raw[len(_OPENING) :].split(f". {_OPENING}")
    if len(sentences) > MOST_STATEMENTS:
        raise InputError(f"question states {len(sentences)} parameters, but {MOST_STATEMENTS} is the most")
    halves = [sentence.partition(" equals ") for sentence in sentences]
    names = {name for left, _, _ in halves if left.count("'s ") == 1 for name in left.split("'s ")}
    names |= {owner, thing}
    statements = {_pair(left, names): _expression(right, names) for left, _, right in halves}
    if len(statements) < len(sentences):
        raise InputError("question states a parameter twice; take one statement out")
    return _Text(statements, (owner, thing), modulus)


def _pair(text: str, names: set[str]) -> Pair:
    """ "A's B" as (A, B); where a name has an 's itself, the pair of which more is known."""
    pairs = [(text[: found.start()], text[found.end() :]) for found in re.finditer(r"'s ", text)]
    if not 1 <= len(pairs) <= _MOST_APOSTROPHES:
        raise _wrong("the parameter", text, '"OWNER\'s THING"')
    return max(pairs, key=lambda pair: (pair[0] in names) + (pair[1] in names))


def _expression(text: str, names: set[str]) -> tuple[int | None, str, str, tuple[Pair, ...]]:
    number, operator = None, ""
    if found := _NUMBER.fullmatch(text):
        number = int(found[1])
        if number > LARGEST:
            raise _wrong("the number", number, f"a number of at most {LARGEST}")
        if found[2] is None:
            return number, "", "", ()
        operator, text = ("more" if found[2] == "more than" else "times"), found[3]
    combination = next((c for c in ("sum", "difference") if text.startswith(f"the {c} of each ")), "")
    inner = text.removeprefix(f"the {combination} of ").removeprefix("each ")
    pieces = _NEXT.split(inner) if combination else [inner]
    terms = tuple([_pair(piece, names) for piece in pieces])
    most = 2 if combination == "difference" else MOST_TERMS
    if len(set(terms)) < len(terms) or (combination and not 2 <= len(terms) <= most):
        raise _wrong("the expression", text, "a sum, or a difference of two, of different parameters")
    return number, operator, combination, terms


def _readings(text: _Text) -> Iterator[Named]:
    """The scenarios that a text can mean, the likeliest first."""
    mentioned = {text.question, *(term for *_, terms in text.statements.values() for term in terms)}
    abstract = sorted(pair for pair in mentioned if pair not in text.statements)
    parts = _connected(list(text.statements), [owner for owner, _ in abstract])
    layers = {item: layer for part in parts for item, layer in part.items()}
    for owner, thing in abstract:
        if thing in layers:
            name = f"{owner}'s {thing}"
            raise InputError(f"question refers to {shown(name)}, which it does not state")
    nouns = _nouns(layers)
    unknown = list(dict.fromkeys(thing for _, thing in abstract if thing not in nouns))
    known = {thing: nouns[thing] for _, thing in abstract if thing in nouns}
    spread = max(layers.values()) + 1
    # Where the names do not say it, the connected parts may begin at different layers, too.
    depth = min(MOST_LAYERS, max(_USUAL_DEPTH, spread + 1)) if unknown else spread
    shifts = [range(depth - max(part.values())) if unknown else range(1) for part in parts]
    choices = product(*shifts, *[range(depth)] * len(unknown))
    for chosen in islice(choices, _MOST_READINGS):
        placed = {
            item: layer + shift
            for part, shift in zip(parts, chosen, strict=False)
            for item, layer in part.items()
        }
        categories = {**known, **dict(zip(unknown, chosen[len(parts) :], strict=True))}
        if len(set(categories.values())) == len(categories) and all(
            placed[owner] < categories[thing] <= max(placed.values()) for owner, thing in abstract
        ):
            yield _named(text, placed, categories, nouns)


def _connected(links: Sequence[Pair], others: Sequence[str]) -> list[dict[str, int]]:
    """The connected parts of the structure: item -> layer, counted from the top of its part.

    `others` are items that may have no link at all.
    """
    neighbours: dict[str, list[tuple[str, int]]] = {}
    for owner, thing in links:
        neighbours.setdefault(owner, []).append((thing, 1))
        neighbours.setdefault(thing, []).append((owner, -1))
    for item in others:
        neighbours.setdefault(item, [])
    if len(neighbours) > MOST_ITEMS:
        raise InputError(f"question names {len(neighbours)} items, but {MOST_ITEMS} is the most")
    parts: list[dict[str, int]] = []
    seen: set[str] = set()
    for start in neighbours:
        if start not in seen:
            parts.append(_part(start, neighbours))
            seen |= parts[-1].keys()
    return parts


def _part(start: str, neighbours: Mapping[str, Sequence[tuple[str, int]]]) -> dict[str, int]:
    """The layers of all items that hang together with `start`; InputError where one has two."""
    layers = {start: 0}
    found = [start]
    for item in found:
        for other, step in neighbours[item]:
            if other not in layers:
                layers[other] = layers[item] + step
                found.append(other)
            elif layers[other] != layers[item] + step:
                raise InputError(f"question puts {shown(other)} into two layers; take one of its links out")
    top = min(layers.values())
    if max(layers.values()) - top >= MOST_LAYERS:
        raise InputError(
            f"question has {max(layers.values()) - top + 1} layers, but {MOST_LAYERS} is the most"
        )
    return {item: layer - top for item, layer in layers.items()}


def _nouns(layers: Mapping[str, int]) -> dict[str, int]:
    """Noun -> layer, where just the items of that layer are named after it."""
    found: dict[str, set[int]] = {}
    for item, layer in layers.items():
        found.setdefault(item.rpartition(" ")[2], set()).add(layer)
    return {
        noun: layer
        for noun, (layer, *more) in ((noun, sorted(at)) for noun, at in found.items())
        if not more and all(item.endswith(f" {noun}") for item, at in layers.items() if at == layer)
    }


def _named(
    text: _Text, placed: Mapping[str, int], categories: Mapping[str, int], nouns: Mapping[str, int]
) -> Named:
    """The scenario with every item and category at its layer."""
    depth = max(placed.values()) + 1
    called = {layer: noun for noun, layer in (*nouns.items(), *categories.items())}
    names = tuple([called.get(layer, f"Layer {layer + 1}") for layer in range(depth)])
    items = sorted(placed, key=lambda item: placed[item])
    numbers = {item: number for number, item in enumerate(items)}
    things = {**{name: ~layer for layer, name in enumerate(names)}, **numbers}

    def parameter(pair: Pair) -> Parameter:
        return numbers[pair[0]], things[pair[1]]

    children: list[list[int]] = [[] for _ in items]
    statements = {}
    for pair, (number, operator, combination, terms) in text.statements.items():
        owner, thing = parameter(pair)
        children[owner].append(thing)
        statements[owner, thing] = Expression(
            number, operator, combination, tuple([parameter(term) for term in terms])
        )
    structure = Structure(
        tuple([placed[item] for item in items]), tuple([tuple(sorted(found)) for found in children])
    )
    scenario = Scenario(structure, statements, parameter(text.question), text.modulus)
    return Named(scenario, names, tuple(items))
