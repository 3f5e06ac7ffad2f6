"""Knights & Knaves judged by Tailor and by reasoning-gym: 2,000 puzzles, half of each, solved and scored by the other.

Both must find the same solutions, and give full marks to the same answers. Where they do not, reasoning-gym is known
to be wrong: `TOO_KIND` lists all that it takes for right. It drops `is`, `a` and punctuation, pairs each role with the
word before it, and compares sets of pairs.
"""

import pytest

from tailor_core.environments.knights_knaves import KnightsKnaves
from tailor_core.environments.knights_knaves.generator import ENVIRONMENT
from tailor_core.verification import score

reasoning_gym = pytest.importorskip("reasoning_gym")

KK = KnightsKnaves()
THEIR_SHAPES = [(2, 2, 2), (3, 2, 2), (4, 2, 3), (5, 3, 2)]
OUR_SHAPES = [(3, 2, 2), (4, 2, 3), (5, 3, 2), (6, 2, 2)]
"""People, depth and width; of two people we have too few different puzzles."""

EACH = 250
SOLVER = reasoning_gym.factory.DATASETS["knights_knaves"][0]
THEIR_SCORE = reasoning_gym.get_score_answer_fn("knights_knaves")


def sentence(names, roles, words):
    parts = [f"{name} is {words[role]}" for name, role in zip(names, roles, strict=True)]
    return f"{', '.join(parts[:-1])}, and {parts[-1]}."


def lines(names, roles, words):
    return "\n".join(
        f"({number}) {name} is {words[role]}"
        for number, (name, role) in enumerate(zip(names, roles, strict=True), 1)
    )


def answers(names, solution, words):
    """What one may answer, by what it is; `words` are the role words with their article, False and True."""
    right = sentence(names, solution, words)
    others = [not solution[0], *solution[1:]]
    yield "right", right
    yield "right in lines", lines(names, solution, words)
    yield "right in another order", sentence(names[::-1], solution[::-1], words)
    for person in range(len(names)):
        flipped = [role != (place == person) for place, role in enumerate(solution)]
        yield "one wrong", sentence(names, flipped, words)
        yield "one wrong in lines", lines(names, flipped, words)
    yield "all wrong", sentence(names, [not role for role in solution], words)
    yield "someone is left out", lines(names[1:], solution[1:], words)
    yield "someone else", lines([*names, "Nobody"], [*solution, True], words)
    yield "both", f"{right} {sentence(names, others, words)}"
    yield "denied", right.replace(" is ", " is not ")
    yield "nothing", ""
    yield "no answer", "I do not know."
    yield "said twice", f"{right} {right}"
    yield "prose before it", f"Let us see. I guess that {right}"
    yield "no verbs", right.replace(" is a ", " ").replace(" is an ", " ")
    yield "conditional", right.replace(names[0], f"If this is right, then {names[0]}", 1)


TOO_KIND = {"said twice", "prose before it", "no verbs", "conditional"}


def compare(problem, entry, names, solution, words):
    """Kind of answer -> (right for Tailor, full marks from reasoning-gym), where they differ."""
    differ = {}
    for kind, text in answers(names, solution, words):
        ours = score(problem, f"<think>Suppose so.</think><answer>{text}</answer>").reward == 1.0
        theirs = THEIR_SCORE(text, entry) == 1.0
        assert ours == kind.startswith("right"), (kind, text)
        if ours != theirs:
            differ[kind] = (ours, theirs)
    return differ


@pytest.mark.parametrize("shape", THEIR_SHAPES, ids=str)
def test_their_puzzles_are_solved_and_scored_by_us_as_by_them(shape):
    people, depth, width = shape
    data = reasoning_gym.create_dataset(
        "knights_knaves",
        n_people=people,
        depth_constraint=depth,
        width_constraint=width,
        size=EACH,
        seed=10**6,
    )
    for entry in data:
        told = entry["metadata"]
        row = {
            "environment": ENVIRONMENT,
            "quiz": entry["question"],
            "names": told["names"],
            "statements": told["statements"],
            "solution": list(told["solution"]),
            "knight_knave": told["knight_knave_terms"],
        }
        found = KK.solve(KK.read_spec(row))
        assert (found.count, found.first) == (1, list(told["solution"]))
        terms = told["knight_knave_terms"]
        words = (terms["a_knave"], terms["a_knight"])
        problem = KK.from_record(row)
        differ = compare(problem, entry, told["names"], told["solution"], words)
        assert differ == dict.fromkeys(TOO_KIND, (False, True))


@pytest.mark.parametrize("shape", OUR_SHAPES, ids=str)
def test_our_puzzles_are_solved_and_scored_by_them_as_by_us(shape):
    people, depth, width = shape
    options = KK.options_model(people=(people,), depth=depth, width=width, role_words="varied")
    for problem in KK.generate(options, count=EACH, split="train", seed=0):
        spec = problem.spec
        assert SOLVER.find_solution(spec["statements"]) == [tuple(spec["solution"])]
        terms = KK.to_record(problem)["knight_knave"]
        words = (terms["a_knave"], terms["a_knight"])
        entry = {"answer": sentence(spec["names"], spec["solution"], words)}
        differ = compare(problem, entry, spec["names"], spec["solution"], words)
        assert differ == dict.fromkeys(TOO_KIND, (False, True))
