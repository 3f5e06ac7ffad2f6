"""The canonical hash of iGSM problems against networkx's isomorphism test, and what the template hash forgets."""

import copy
import itertools
import random
from functools import cache

import networkx
from hypothesis import given, settings
from hypothesis import strategies as st
from networkx.algorithms.isomorphism import categorical_node_match

from tailor_core.environments import get_environment, read_options
from tailor_core.environments.igsm.canonical import canonical_hash, template_hash
from tailor_core.environments.igsm.spec import read_spec

IGSM = get_environment("igsm")


@cache
def specs():
    return [
        problem.spec
        for setting, op in (("med", (4, 7, 12)), ("plain", (15, 18)))
        for problem in IGSM.generate(
            read_options("igsm", {"setting": setting, "op": op}), count=25, split="train", seed=2
        )
    ]


def renamed(value, names):
    if isinstance(value, list):
        return [renamed(part, names) for part in value]
    return names.get(value, value) if isinstance(value, str) else value


def disguised(spec, rng):
    """The same problem with other names, and everything that has no order in another order."""
    items = [item for layer in spec["items"] for item in layer]
    names = dict(zip(items, (f"Thing {n}" for n in rng.sample(range(99), len(items))), strict=True))
    names |= {category: f"Kind {n}" for n, category in enumerate(spec["categories"])}
    found = {key: renamed(value, names) for key, value in copy.deepcopy(spec).items()}
    rng.shuffle(found["statements"])
    for layer in found["items"]:
        rng.shuffle(layer)
    for _, expression in found["statements"]:
        inner = (
            expression[2]
            if isinstance(expression, list) and expression[0] in ("more", "times")
            else expression
        )
        if isinstance(inner, list) and inner[0] == "sum":
            inner[1:] = rng.sample(inner[1:], len(inner) - 1)
    return found


@given(st.integers(0, 49), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_names_and_order_do_not_matter(place, seed):
    spec = specs()[place]
    other = disguised(spec, random.Random(seed))
    assert IGSM.canonical_hash(other) == IGSM.canonical_hash(spec)
    assert template_hash(read_spec(other).scenario) == template_hash(read_spec(spec).scenario)
    assert IGSM.solve(other) == IGSM.solve(spec)


def changes(spec):
    """The spec with one thing changed."""
    for place, (subject, expression) in enumerate(spec["statements"]):
        for new in other_expressions(expression):
            changed = copy.deepcopy(spec)
            changed["statements"][place] = [subject, new]
            yield changed
    yield {**spec, "modulus": 29}


def other_expressions(expression):
    if isinstance(expression, int):
        yield expression + 1
    elif expression[0] in ("more", "times"):
        operator, number, inner = expression
        yield [operator, number + 1, inner]
        yield ["times" if operator == "more" else "more", number, inner]
        yield inner
    elif expression[0] == "difference":
        yield [expression[0], expression[2], expression[1]]
        yield ["sum", *expression[1:]]


def test_every_other_change_matters_but_where_it_is_a_symmetry():
    for spec in specs()[::12]:
        original = graph_of(spec)
        for changed in changes(spec):
            same = IGSM.canonical_hash(changed) == IGSM.canonical_hash(spec)
            assert same == isomorphic(graph_of(changed), original)


def graph_of(spec):
    """A coloured graph that says the same as a spec."""
    graph = networkx.DiGraph(modulus=spec["modulus"])
    for layer, names in enumerate(spec["items"]):
        for name in names:
            graph.add_node(("item", name), kind=f"item {layer}")
    graph.add_node("question", kind="question")
    things = {category: f"category {layer}" for layer, category in enumerate(spec["categories"])}

    def link(source, role, parameter):
        owner, thing = parameter
        graph.add_node((source, role, owner, thing), kind=f"{role} {things.get(thing, '')}")
        graph.add_edge(source, (source, role, owner, thing))
        graph.add_edge((source, role, owner, thing), ("item", owner))
        if thing not in things:
            graph.add_node((source, role, owner, thing, "thing"), kind="thing")
            graph.add_edge((source, role, owner, thing), (source, role, owner, thing, "thing"))
            graph.add_edge((source, role, owner, thing, "thing"), ("item", thing))

    link("question", "asked", spec["question"])
    for number, (subject, expression) in enumerate(spec["statements"]):
        head, inner = "", expression
        if isinstance(expression, int):
            head, inner = str(expression), []
        elif expression[0] in ("more", "times"):
            head, inner = f"{expression[0]} {expression[1]}", expression[2]
        combination = inner[0] if inner and inner[0] in ("sum", "difference") else ""
        terms = inner[1:] if combination else [inner] if inner else []
        graph.add_node(("statement", number), kind=f"statement {head} {combination}")
        link(("statement", number), "subject", subject)
        for place, term in enumerate(terms):
            link(("statement", number), f"term {place}" if combination == "difference" else "term", term)
    return graph


def isomorphic(one, other):
    return one.graph == other.graph and networkx.is_isomorphic(one, other, categorical_node_match("kind", ""))


def small(numbers, pairs):
    """Farms with barns: many of these are symmetrical."""
    farms, barns = ["A Farm", "B Farm"], ["C Barn", "D Barn"]
    links = [[farm, barn] for farm in farms for barn in barns]
    statements = [[link, number] for link, number in zip(links, numbers, strict=True)]
    for place, (kind, i, j) in pairs.items():
        statements[place][1] = [kind, links[i], links[j]]
    return {
        "categories": ["Farm", "Barn"],
        "items": [farms, barns],
        "statements": statements,
        "question": ["A Farm", "Barn"],
        "modulus": 23,
    }


def test_hashes_are_equal_exactly_for_isomorphic_problems():
    family = [small(numbers, {}) for numbers in itertools.product((1, 2), repeat=4)]
    family += [
        small((1, 1, 2, 2), {0: (kind, i, j)})
        for kind in ("sum", "difference")
        for i, j in itertools.permutations((1, 2, 3), 2)
    ]
    hashes = [IGSM.canonical_hash(spec) for spec in family]
    graphs = [graph_of(spec) for spec in family]
    for i, j in itertools.combinations(range(len(family)), 2):
        assert (hashes[i] == hashes[j]) == isomorphic(graphs[i], graphs[j])
    assert 5 < len(set(hashes)) < len(hashes)


def rings(*sizes):
    """Farms and barns that alternate in rings, and a pair apart, which is asked about: all look alike nearby."""
    farms, barns, links = ["Asked Farm"], ["Asked Barn"], [["Asked Farm", "Asked Barn"]]
    for ring, size in enumerate(sizes):
        for place in range(size):
            farms.append(f"{ring} {place} Farm")
            barns.append(f"{ring} {place} Barn")
            links += [[farms[-1], f"{ring} {other} Barn"] for other in (place, (place + 1) % size)]
    return {
        "categories": ["Farm", "Barn"],
        "items": [farms, barns],
        "statements": [[link, 3] for link in links],
        "question": ["Asked Farm", "Asked Barn"],
        "modulus": 23,
    }


def test_items_that_only_look_alike_nearby_are_told_apart():
    hashes = {}
    for sizes in ((2, 4), (3, 3), (6,)):
        spec = rings(*sizes)
        hashes[sizes] = {IGSM.canonical_hash(disguised(spec, random.Random(seed))) for seed in range(8)}
    assert [len(found) for found in hashes.values()] == [1, 1, 1]
    assert len(set.union(*hashes.values())) == 3


def test_many_interchangeable_items_are_no_trouble():
    barns = [f"{n} Barn" for n in range(40)]
    spec = {
        "categories": ["Farm", "Barn"],
        "items": [["A Farm"], barns],
        "statements": [[["A Farm", barn], 3] for barn in barns],
        "question": ["A Farm", "Barn"],
        "modulus": 23,
    }
    assert IGSM.canonical_hash(spec) == IGSM.canonical_hash(disguised(spec, random.Random(0)))


def test_the_template_forgets_numbers_and_what_is_not_needed_but_no_operator():
    for spec in specs():
        scenario = read_spec(spec).scenario
        needed = {tuple(named) for named in map(tuple, _names(spec, scenario))}
        for place, (subject, expression) in enumerate(spec["statements"]):
            for new in other_expressions(expression):
                changed = copy.deepcopy(spec)
                changed["statements"][place] = [subject, new]
                same = template_hash(read_spec(changed).scenario) == template_hash(scenario)
                number_only = isinstance(new, int) or (
                    new[0] == expression[0] and new[0] in ("more", "times")
                )
                if number_only or tuple(subject) not in needed:
                    assert same
                elif expression[0] in ("more", "times") and new[0] != expression[0]:
                    assert not same
    hashes = {canonical_hash(read_spec(spec).scenario) for spec in specs()}
    assert len(hashes) == len(specs())


def _names(spec, scenario):
    named = read_spec(spec)
    return [(named.items[owner], named.thing(thing)) for owner, thing in scenario.order]
