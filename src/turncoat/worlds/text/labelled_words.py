"""Words with labels, and a last word whose label is asked for: can it be learned from the examples in the context?

    tiger -> A
    apple -> B
    ...
    horse ->            A, if the label goes by the category

Two categories and two letters are drawn for each task, as many examples of one category as of the other. With labels
"by category" the letter goes by the category. "Shuffled", as many examples have either letter, whichever words they
are: nothing is to be learned, and what is predicted is what the learner makes of the labels of words that are alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from turncoat.core import Factor, Measure, Traces, check_condition
from turncoat.protocols import TextScorer
from turncoat.worlds.text.tables import table

FILE = "labelled_words.toml"
EXAMPLES = 16
LABELS = ("by category", "shuffled")


@cache
def categories() -> tuple[tuple[str, ...], ...]:
    """The words of each category."""
    return tuple(tuple(words.split(", ")) for words in table(FILE)["words"].values())


@cache
def all_words() -> tuple[str, ...]:
    return tuple(word for words in categories() for word in words)


@cache
def letters() -> tuple[tuple[str, str], ...]:
    """Pairs of labels."""
    return tuple((pair.split()[0], pair.split()[1]) for pair in table(FILE)["labels"])


def line(word: str) -> str:
    """A word, to the place where its label comes."""
    return f"{word} ->"


@dataclass(frozen=True)
class LabelledTasks:
    """n tasks of N examples. `words` [n, N + 1] int, indices of all words, the query last; `labels` [n, N] and the
    query's category `wanted` [n], -1 or 1; `letters` [n] int, indices of pairs."""

    words: np.ndarray
    labels: np.ndarray
    wanted: np.ndarray
    letters: np.ndarray

    def prompts(self) -> list[str]:
        """The text of each task, to where the query's label comes."""
        known, texts = all_words(), []
        for words, labels, pair in zip(self.words.tolist(), self.labels.tolist(), self.letters.tolist(), strict=True):
            shown = [
                f"{line(known[w])} {letters()[pair][label > 0]}\n" for w, label in zip(words, labels, strict=False)
            ]
            texts.append("".join(shown) + line(known[words[-1]]))
        return texts

    def answers(self, label: int) -> list[str]:
        """How each text goes on for a label, -1 or 1."""
        return [f" {letters()[pair][label > 0]}" for pair in self.letters.tolist()]


@dataclass(frozen=True)
class LabelledWords:
    """The world."""

    kind: ClassVar[str] = "LabelledWords"
    version: ClassVar[int] = 1
    factors: ClassVar[tuple[Factor, ...]] = (
        Factor("labels", LABELS, "whether an example's label goes by its word's category, or by nothing"),
    )
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("true", "0 or 1", "the label of the query's category is the likelier one"),
        Measure("margin", "nats", "how much likelier the label 1 is than the label -1"),
    )

    def tasks(self, n: int, rng: np.random.Generator, condition: Mapping[str, object]) -> LabelledTasks:
        """n tasks. Raises TurncoatError on a factor or a value that the world lacks."""
        check_condition(self.factors, condition)
        shuffled = condition.get("labels", LABELS[0]) == "shuffled"
        each, half = len(categories()[0]), EXAMPLES // 2
        words, labels, wanted = [], [], rng.choice((-1, 1), n)
        for own in wanted.tolist():
            pair = rng.choice(len(categories()), 2, replace=False)
            drawn = np.stack([kind * each + rng.permutation(each)[: half + 1] for kind in pair])  # of -1, and of 1
            order, label = rng.permutation(EXAMPLES), np.repeat((-1, 1), half)
            words.append([*drawn[:, :half].ravel()[order], drawn[int(own > 0), half]])
            labels.append(rng.permutation(label) if shuffled else label[order])
        return LabelledTasks(np.array(words), np.array(labels), wanted, rng.integers(len(letters()), size=n))

    def unlabelled(self) -> list[str]:
        """Each word where a task would have it, behind three examples that are the same for all words."""
        return [f"{line('wall')} A\n{line('stone')} B\n{line('river')} A\n{word}" for word in all_words()]

    def margin(self, subject: TextScorer, tasks: LabelledTasks) -> np.ndarray:
        """[n] how much likelier, in nats, the subject thinks the label 1 than the label -1."""
        prompts = tasks.prompts()
        high, low = (subject.score(prompts, tasks.answers(label), ends=False) for label in (1, -1))
        return high - low

    def rollout(self, subject: TextScorer, n: int, seed: int, condition: Mapping[str, Any]) -> Traces:
        """n tasks, one row each."""
        tasks = self.tasks(n, np.random.default_rng(seed), condition)
        margin = self.margin(subject, tasks)
        return Traces({"task": np.arange(n), "true": (margin * tasks.wanted > 0).astype(float), "margin": margin})
