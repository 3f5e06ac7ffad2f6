"""What all methods have in common: a budget of tokens, exact duplicates, and the same data again."""

from __future__ import annotations

import pytest
from baseline_data import FAMILIES, TOKENS, Make

from tailor_core.config.baselines import Method

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("family", FAMILIES)
def test_all_methods_fill_the_same_token_budget(make: Make, family: str) -> None:
    for method in ("tailor", "rule-based", "4-star", "empty-cot", "dots", "all-wrong", "behavior-injection"):
        made = make(family, method)
        told = made.summaries["selection"]["kept_tokens"]
        longest = max(one.tokens for one in made.demonstrations)
        assert made.tokens == told <= TOKENS
        left_out = [d for d in made.decisions if d.rule == "over_token_budget"]
        assert not left_out or told > TOKENS - longest, "it is spent but for less than a row"
    # What a control keeps is counted as what it stands for: as many rows, and far fewer words.
    words = [sum(len(one.think.split()) for one in make(family, m).kept) for m in ("empty-cot", "4-star")]
    assert words[0] < 0.1 * words[1]
    assert len(make(family, "empty-cot").kept) == len(make(family, "4-star").kept)


def test_a_baseline_keeps_near_duplicates_that_tailor_drops_and_no_exact_ones(make: Make) -> None:
    rules = {m: {d.rule for d in make("igsm", m).decisions} for m in ("tailor", "rule-based")}
    assert rules["tailor"] & {"near_duplicate", "semantic_duplicate"}
    assert not rules["rule-based"] & {"near_duplicate", "semantic_duplicate"}
    kept = make("igsm", "rule-based").kept
    assert len({(one.problem_id, one.completion) for one in kept}) == len(kept)


@pytest.mark.parametrize("method", ["4-star", "all-wrong", "re-distillation-b"])
def test_the_same_recipe_gives_the_same_data_again(make: Make, method: Method) -> None:
    first, second = make("kk", method), make("kk", method, again=2)
    assert first.root != second.root
    assert (first.demonstrations, first.decisions) == (second.demonstrations, second.decisions)
