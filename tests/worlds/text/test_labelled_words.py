"""Words with labels in a prompt."""

from __future__ import annotations

import numpy as np
import pytest

from turncoat.core import TurncoatError
from turncoat.worlds.text.labelled_words import EXAMPLES, LabelledWords, all_words, categories, letters

world = LabelledWords()


def category(words: np.ndarray) -> np.ndarray:
    return words // len(categories()[0])


def test_no_word_is_in_two_categories_and_all_have_as_many() -> None:
    assert len(set(all_words())) == len(all_words())
    assert {len(words) for words in categories()} == {EXAMPLES}


def test_labels_go_by_the_category_or_by_nothing_and_are_as_many_of_either() -> None:
    for labels in ("by category", "shuffled"):
        tasks = world.tasks(200, np.random.default_rng(0), {"labels": labels})
        kind, query = category(tasks.words[:, :-1]), category(tasks.words[:, -1])
        assert (tasks.labels.sum(1) == 0).all()
        assert (np.sort(tasks.words)[:, 1:] != np.sort(tasks.words)[:, :-1]).all()  # no word twice
        same = (kind == query[:, None]) == (tasks.labels == tasks.wanted[:, None])
        assert same.all() == (labels == "by category")
        assert 0.4 < (tasks.wanted > 0).mean() < 0.6


def test_a_prompt_is_sixteen_lines_and_the_query() -> None:
    tasks = world.tasks(1, np.random.default_rng(0), {})
    *shown, query = tasks.prompts()[0].split("\n")
    low, high = letters()[tasks.letters[0]]
    words = [all_words()[word] for word in tasks.words[0]]
    told = [f"{word} -> {high if y > 0 else low}" for word, y in zip(words, tasks.labels[0], strict=False)]
    assert shown == told
    assert query == f"{words[-1]} ->"
    assert (tasks.answers(-1), tasks.answers(1)) == ([f" {low}"], [f" {high}"])


def test_an_unknown_factor_is_one_line() -> None:
    with pytest.raises(TurncoatError, match="labels"):
        world.tasks(1, np.random.default_rng(0), {"labels": "backwards"})
