"""A control differs in one thing, or the sentence that rests on it names every thing in which it differs."""

from __future__ import annotations

import re

import pytest

from turncoat.core import difference
from turncoat.organisms import load

NAMED = {  # what a sentence has to say for a recipe field that is not alone in differing
    "hidden_carryover": "carry",
    "recall": "recall",
    "depth": r"\b(four ticks|15 layers)\b",
    "tied": "share no weights",
    "separated": r"\b(apart|parted)\b",
    "opened": "open",
    "parent": "plain network .* trained to have",
    "trained_part": "aligned in all its weights",
    "learning_rate": "rate",
}


@pytest.mark.parametrize("name", ["maze_planner", "gatehouse", "probation"])
def test_no_sentence_names_one_cause_where_more_changed(name: str) -> None:
    organism = load(name)
    for claim in organism.claims:
        if claim.control is None:
            continue
        apart = difference(organism.arm(claim.arm).recipe, organism.arm(claim.control).recipe)
        for path in apart if len(apart) > 1 else ():
            assert re.search(NAMED[path], claim.statement, re.IGNORECASE), f"{claim.statement!r} does not name {path}"


def test_what_was_changed_together_is_also_changed_alone() -> None:
    """Of the latched planner's two changes, each has an arm and a claim of its own."""
    organism = load("maze_planner")
    recipe = organism.arm("organism").recipe
    alone = {name: list(difference(recipe, organism.arm(name).recipe)) for name in ("no-carry", "no-recall")}
    assert alone == {"no-carry": ["hidden_carryover"], "no-recall": ["recall"]}
    assert {claim.control for claim in organism.claims} >= {"latched", *alone}


def test_sizes_are_of_a_named_world() -> None:
    """A claim that quotes a size of maze says which mazes."""
    for name in ("maze_planner", "gatehouse"):
        for claim in load(name).claims:
            if re.search(r"\d\dx\d\d", claim.statement):
                assert "generator" in claim.statement, claim.statement
