"""Each kind of perturbation changes what it promises and nothing else."""

import pytest

from tailor_core.environments import get_environment, read_options
from tailor_core.environments.knights_knaves.perturbations import perturb
from tailor_core.errors import InputError

KK = get_environment("kk")
PROBLEMS = KK.generate(
    read_options("kk", {"people": [2, 3, 4, 5], "depth": 3, "width": 3}), count=60, split="test", seed=1
)


def perturbed(kind):
    pairs = [(problem, perturb(problem, kind, seed=3)) for problem in PROBLEMS]
    return [(problem, other) for problem, other in pairs if other is not None]


def leaves_of(statement):
    if statement[0] in ("telling-truth", "lying"):
        return [tuple(statement)]
    return [leaf for part in statement[1:] for leaf in leaves_of(part)]


@pytest.mark.parametrize("kind", ["statement", "leaf"])
def test_logical_changes_move_to_another_unique_solution(kind):
    pairs = perturbed(kind)
    assert len(pairs) > 40
    for problem, other in pairs:
        assert KK.solve(other.spec).count == 1
        assert other.spec["solution"] != problem.spec["solution"]
        assert other.canonical_hash != problem.canonical_hash
        assert other.split == "unassigned"
        assert other.spec["names"] == problem.spec["names"]
        changed = [
            (old, new)
            for old, new in zip(problem.spec["statements"], other.spec["statements"], strict=True)
            if old != new
        ]
        assert len(changed) == 1
        if kind == "leaf":
            old, new = (leaves_of(statement) for statement in changed[0])
            assert sum(one != another for one, another in zip(old, new, strict=True)) == 1


def is_constant(statement, people):
    """Asked of the solver: everyone is free, and one more person is a knight in all worlds or in none."""
    spec = {
        "names": [f"P{number}" for number in range(people + 1)],
        "statements": [*[["telling-truth", number] for number in range(people)], statement],
    }
    knights_too = {**spec, "statements": [*spec["statements"][:-1], ["and", statement, ["lying", people]]]}
    # Says "and I am a knave": impossible where the statement is true, a plain lie where it is false.
    assert KK.solve(spec).count == 2**people
    return KK.solve(knights_too).count in (0, 2**people)


def test_no_perturbation_brings_in_a_constant_statement():
    assert is_constant(["or", ["lying", 0], ["telling-truth", 0]], 2)
    assert is_constant(["and", ["lying", 0], ["telling-truth", 0]], 2)
    for kind in ("statement", "leaf"):
        for problem, other in perturbed(kind):
            for statement in other.spec["statements"]:
                assert not is_constant(statement, problem.difficulty["people"])


@pytest.mark.parametrize("kind", ["names", "order", "roles", "flip"])
def test_changes_of_wording_keep_the_hash_and_each_persons_role(kind):
    pairs = perturbed(kind)
    assert len(pairs) == len(PROBLEMS)
    for problem, other in pairs:
        assert other.canonical_hash == problem.canonical_hash
        assert other.split == "test"
        assert other.question != problem.question
        assert KK.solve(other.spec).count == 1
        if kind != "order":
            assert other.spec["solution"] == problem.spec["solution"]
            assert other.spec["statements"] == problem.spec["statements"]


def test_new_names_are_all_new():
    for problem, other in perturbed("names"):
        assert not set(problem.spec["names"]) & set(other.spec["names"])


def test_reordered_people_take_name_role_and_wording_along():
    for problem, other in perturbed("order"):
        before = dict(zip(problem.spec["names"], problem.spec["solution"], strict=True))
        assert dict(zip(other.spec["names"], other.spec["solution"], strict=True)) == before
        assert other.spec["names"] != problem.spec["names"]
        templates = dict(zip(problem.spec["names"], problem.spec["templates"], strict=True))
        assert dict(zip(other.spec["names"], other.spec["templates"], strict=True)) == templates


def test_flipped_roles_call_the_truthful_knaves():
    problem, other = perturbed("flip")[0]
    assert "Knaves always tell the truth, and knights always lie" in other.question
    swapped = problem.answer.replace("knight", "@").replace("knave", "knight").replace("@", "knave")
    assert other.answer == swapped


def test_perturbations_are_reproducible_and_name_their_origin():
    problem = PROBLEMS[0]
    assert perturb(problem, "leaf", seed=1) == perturb(problem, "leaf", seed=1)
    other = perturb(problem, "order", seed=1)
    assert other is not None
    assert other.metadata["perturbed_from"] == problem.id
    assert other.metadata["perturbation"] == "order"
    assert len({perturb(PROBLEMS[3], "order", seed=seed).question for seed in range(12)}) > 3


def test_another_statement_comes_soon_however_deep_the_puzzle_is(cpu_minute):
    deep = ["lying", 1]
    for _ in range(61):
        deep = ["not", deep]
    spec = {
        "names": ["Zoey", "Liam", "Ida"],
        "statements": [["and", ["lying", 1], ["telling-truth", 2]], deep, ["lying", 0]],
    }
    problem = KK.from_record({"metadata": {"spec": spec}})
    assert problem.difficulty["depth"] == 62
    for seed in range(3):
        other = perturb(problem, "statement", seed=seed)
        assert other is None or KK.solve(other.spec).count == 1


def test_an_unknown_kind_is_refused():
    with pytest.raises(InputError, match="kind = 'sense', but must be one of statement, leaf, names"):
        perturb(PROBLEMS[0], "sense", seed=0)
