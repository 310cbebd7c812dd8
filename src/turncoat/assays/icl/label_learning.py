"""Does a language model learn labels from its context as gradient descent on its own representations would?

One step of gradient descent from nothing, on the squared error of the labels, predicts for a query q

    sum over examples i of  y_i x_i . x_q

with x what the model itself makes of each word where no label tells (von Oswald et al. 2023 show that a layer of linear
attention can take such a step; Dai et al. 2023 read trained language models so). Ridge regression is where many steps
lead. What they predict is laid beside what the model predicts, task by task. Both are right where labels go by the
category, so that says little: there, correlations are of how far each is on the right side. With labels shuffled there
is no right side, and they correlate only if they listen to the same examples.

Beside them stand what listens to no meaning: the nearest example, the last label, later labels more than earlier ones,
descent on the representations of an untrained network, and of words that were exchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from turncoat.core import Access, Assay, Traces, one_of, readout
from turncoat.protocols import ActivationSubject, LabelledWordsWorld, TextScorer

if TYPE_CHECKING:
    from turncoat.worlds.text.labelled_words import LabelledTasks

LABELS = ("by category", "shuffled")
DECAY = 0.8  # of a label's weight, an example further back
PENALTY = 1.0  # of ridge regression, on representations of length 1
OF_WORDS = ("gradient descent", "ridge", "nearest example")
OF_LAYERS = (*OF_WORDS, "descent, untrained", "descent, words exchanged")  # on states of a layer
ALGORITHMS = (*OF_LAYERS, "last label", "later labels", "itself")


class Reader(TextScorer, ActivationSubject, Protocol):
    """A language model that scores texts, and whose hidden states can be read."""


@dataclass(frozen=True)
class LabelLearning(Assay):
    """n tasks with labels of either sort. Columns, a row for each algorithm at each layer (-1: it has none): `labels`,
    `algorithm`, `layer`, `correlation` (Pearson's, of its predictions and the model's; on the right side's scale where
    labels go by the category) and `right` (share of tasks in which it is on the right side)."""

    n: int = 200

    kind: ClassVar[str] = "LabelLearning"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.WEIGHTS
    requires: ClassVar[tuple[type, ...]] = (TextScorer, ActivationSubject, LabelledWordsWorld)

    def observe(self, subject: Reader, world: LabelledWordsWorld[LabelledTasks], seed: int) -> Traces:
        rng, texts = np.random.default_rng(seed), world.unlabelled()
        states = representations(subject, texts)
        untrained = representations(subject.reinitialized(seed), texts)
        exchanged = states[rng.permutation(len(texts))]
        rows = []
        for labels in LABELS:
            tasks = world.tasks(self.n, rng, {"labels": labels})
            side = tasks.wanted if labels == LABELS[0] else np.ones(self.n)
            margin = without_letters(world.margin(subject, tasks), tasks)
            found = [("itself", -1, margin), *((name, -1, fit(tasks)) for name, fit in OF_PLACES.items())]
            for layer in range(states.shape[1]):
                found += [(name, layer, predict(states[:, layer], tasks)) for name, predict in OF_STATES.items()]
                for name, other in (("untrained", untrained), ("words exchanged", exchanged)):
                    found.append((f"descent, {name}", layer, descent(other[:, layer], tasks)))
            for name, layer, predicted in found:
                right = float((predicted * tasks.wanted > 0).mean())
                rows.append((labels, name, layer, correlation(margin * side, predicted * side), right))
        names = ("labels", "algorithm", "layer", "correlation", "right")
        return Traces({name: np.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)})

    @readout(bounds=(0.0, 1.0), unit="share of tasks")
    def right(self, traces: Traces) -> float:
        """How often its own prediction is on the right side, where labels go by the category."""
        return float(traces.where(labels=LABELS[0], algorithm="itself")["right"][0])

    @readout(bounds=(-1.0, 1.0), unit="correlation")
    def correlation(self, traces: Traces, algorithm: str, layer: int, labels: str = "shuffled") -> float:
        """Of an algorithm's predictions and its own. `layer`: after which its representations are taken, 0 for the
        words as they are read in; -1 for what needs none."""
        one_of("algorithm", algorithm, ALGORITHMS)
        return float(traces.where(labels=labels, algorithm=algorithm, layer=layer)["correlation"][0])

    @readout(bounds=(-2.0, 2.0), unit="correlation")
    def over(self, traces: Traces, algorithm: str, other: str, layer: int, labels: str = "shuffled") -> float:
        """An algorithm's correlation less that of another, at the same layer if it has any."""
        last = layer if other in OF_LAYERS else -1
        return self.correlation(traces, algorithm, layer, labels) - self.correlation(traces, other, last, labels)


# -- what algorithms predict, [n] each ---------------------------------------------------------------------------------


def representations(subject: ActivationSubject, texts: list[str]) -> np.ndarray:
    """[words, layers + 1, width] hidden states at the end of each text, less their mean, of length 1."""
    states = subject.hidden_states(texts).astype(float)
    states -= states.mean(0)
    return states / np.maximum(np.linalg.norm(states, axis=2, keepdims=True), 1e-9)


def descent(states: np.ndarray, tasks: LabelledTasks) -> np.ndarray:
    """One step of gradient descent on the examples' squared error."""
    return np.einsum("ni,ni->n", likeness(states, tasks), tasks.labels)


def ridge(states: np.ndarray, tasks: LabelledTasks) -> np.ndarray:
    """Ridge regression."""
    shown = states[tasks.words[:, :-1]]
    gram = shown @ shown.swapaxes(1, 2) + PENALTY * np.eye(shown.shape[1])
    dual = np.linalg.solve(gram, tasks.labels[..., None].astype(float))[..., 0]
    return np.einsum("ni,ni->n", likeness(states, tasks), dual)


def nearest(states: np.ndarray, tasks: LabelledTasks) -> np.ndarray:
    """The label of the example whose word is most like the query."""
    chosen = likeness(states, tasks).argmax(1)
    return np.take_along_axis(tasks.labels, chosen[:, None], 1)[:, 0].astype(float)


def likeness(states: np.ndarray, tasks: LabelledTasks) -> np.ndarray:
    """[n, N] products of each example's representation and the query's."""
    of_words = states[tasks.words]
    return np.einsum("nid,nd->ni", of_words[:, :-1], of_words[:, -1])


def last_label(tasks: LabelledTasks) -> np.ndarray:
    """The label of the last example."""
    return tasks.labels[:, -1].astype(float)


def later_labels(tasks: LabelledTasks) -> np.ndarray:
    """The sum of all labels, each worth less the further back it is."""
    return tasks.labels @ DECAY ** np.arange(tasks.labels.shape[1])[::-1]


OF_STATES: dict[str, Callable[[np.ndarray, LabelledTasks], np.ndarray]] = dict(
    zip(OF_WORDS, (descent, ridge, nearest), strict=True)
)
OF_PLACES: dict[str, Callable[[LabelledTasks], np.ndarray]] = {"last label": last_label, "later labels": later_labels}


def without_letters(margin: np.ndarray, tasks: LabelledTasks) -> np.ndarray:
    """Margins [n] less the mean of each pair of letters: a model likes one letter more than another."""
    total, count = np.bincount(tasks.letters, margin), np.bincount(tasks.letters)
    return margin - (total / np.maximum(count, 1))[tasks.letters]


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's; 0 where either is the same in all tasks."""
    one, other = one - one.mean(), other - other.mean()
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length > 1e-12 else 0.0
