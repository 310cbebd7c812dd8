"""How a model learns labels: subjects that do it by a rule that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from turncoat.assays.icl.label_learning import LABELS, LabelLearning, descent, ridge
from turncoat.core import Access, Traces
from turncoat.worlds.text.labelled_words import EXAMPLES, LabelledTasks, LabelledWords, all_words, letters

world, assay = LabelledWords(), LabelLearning(n=120)
EACH, WIDTH = 16, 40
Rule = Callable[[np.ndarray, LabelledTasks], np.ndarray]


def drawn(alike: float) -> np.ndarray:
    """A vector a word [words, WIDTH]; `alike`: how much those of a category have in common."""
    rng = np.random.default_rng(0)
    states = rng.normal(size=(len(all_words()), WIDTH)) + alike * np.repeat(rng.normal(size=(10, WIDTH)), EACH, 0)
    states -= states.mean(0)
    return np.asarray(states / np.linalg.norm(states, axis=1, keepdims=True))


class Learner:
    """Reads a prompt's examples, and prefers a label as a rule says of its own vectors for the words."""

    access = Access.WEIGHTS

    def __init__(self, rule: Rule, states: np.ndarray) -> None:
        self.rule, self.states = rule, states

    def hidden_states(self, prompts: Sequence[str], from_end: int = 1) -> np.ndarray:
        return self.states[[all_words().index(prompt.split("\n")[-1]) for prompt in prompts]][:, None]

    def reinitialized(self, seed: int) -> Learner:
        return Learner(self.rule, np.random.default_rng(seed).normal(size=self.states.shape))

    def score(self, prompts: Sequence[str], completions: Sequence[str], ends: bool = True) -> np.ndarray:
        sides = {letter: side for pair in letters() for side, letter in zip((-1, 1), pair, strict=True)}
        parsed = [[line.split(" ->") for line in prompt.split("\n")] for prompt in prompts]
        words = np.array([[all_words().index(word) for word, _ in lines] for lines in parsed])
        labels = np.array([[sides[label.strip()] for _, label in lines[:-1]] for lines in parsed])
        nothing = np.zeros(len(prompts), int)
        margin = self.rule(self.states, LabelledTasks(words, labels, nothing, nothing))
        return np.array([margin[i] * sides[said.strip()] / 2 for i, said in enumerate(completions)])

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {}

    def begin(self, n: int, seed: int) -> Learner:
        return self

    def act(self, observation: object) -> np.ndarray:
        raise NotImplementedError


def observed(rule: Rule) -> Traces:
    return assay.observe(Learner(rule, drawn(1.5)), world, 3)


def by_category(states: np.ndarray, tasks: LabelledTasks) -> np.ndarray:
    """A clever reflex: it knows the categories, and says what most words of the query's have."""
    same = tasks.words[:, :-1] // EACH == tasks.words[:, -1:] // EACH
    return np.asarray((same * tasks.labels).sum(1), float)


def last(states: np.ndarray, tasks: LabelledTasks) -> np.ndarray:
    return tasks.labels[:, -1].astype(float)


@pytest.mark.parametrize(("rule", "name"), [(descent, "gradient descent"), (ridge, "ridge"), (last, "last label")])
def test_what_follows_a_rule_is_found_to_follow_it(rule: Rule, name: str) -> None:
    layer = -1 if name == "last label" else 0
    assert assay.correlation(observed(rule), name, layer) > 0.9


def test_descent_is_told_from_what_looks_like_it() -> None:
    traces = observed(descent)
    assert assay.right(traces) > 0.9
    for other in ("nearest example", "later labels", "descent, untrained", "descent, words exchanged"):
        assert assay.over(traces, "gradient descent", other, 0) > 0.2


def test_a_reflex_on_the_last_label_is_no_descent_and_learns_nothing() -> None:
    traces = observed(last)
    assert abs(assay.correlation(traces, "gradient descent", 0)) < 0.4
    assert 0.3 < assay.right(traces) < 0.7


def test_who_knows_the_categories_is_right_and_no_nearer_to_other_words() -> None:
    traces = observed(by_category)
    assert assay.right(traces) == 1
    assert abs(assay.correlation(traces, "descent, words exchanged", 0)) < 0.4


def test_all_algorithms_are_measured_under_both_sorts_of_labels() -> None:
    traces = observed(descent)
    assert set(traces["labels"]) == set(LABELS)
    assert len(traces) == len(LABELS) * 8
    assert EXAMPLES == 16
