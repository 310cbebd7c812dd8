"""Small classification: one item, one answer, and a loss that can be differentiated.

    task "digits": 1797 handwritten digits of 8 x 8 pixels, as scikit-learn bundles them (UCI, Alpaydin and Kaynak 1998)
    task "shells": four nested shells in ten dimensions; the class is which one, whatever the direction

Both are 64 numbers in and ten classes out, so that one network does either; shells never use the last six. Every fourth
item of each class is held out, the same ones always. Reward is 1 where the answer is the label that training shows;
performance is read off the source of the item (digit, or radius), so that an assay can ask whether they agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from turncoat.core import Factor, Measure, Traces, TurncoatError, check_condition
from turncoat.worlds.actor import Actor

if TYPE_CHECKING:
    from torch import Tensor

PIXELS, CLASSES = 64, 10
SHELLS, DIMENSIONS, SHELL_ITEMS = 4, 10, 4000  # of the task "shells"
TASKS, SPLITS = ("digits", "shells"), ("train", "held-out")


@dataclass(frozen=True)
class Dataset:
    """All items of a task: `inputs` [n, 64] float32 about 0 to 1, `labels` [n] int64, `held_out` [n] bool."""

    inputs: np.ndarray
    labels: np.ndarray
    held_out: np.ndarray


@dataclass(frozen=True)
class DigitBatch:
    """n items: `inputs` [n, 64] float32, `target` [n] int64, `code` [n, 1, 10] float32 one-hot, and `source` [n], which
    item of the data set each is."""

    inputs: np.ndarray
    target: np.ndarray
    code: np.ndarray
    source: np.ndarray


@cache
def dataset(task: str) -> Dataset:
    """Raises TurncoatError on an unknown task."""
    if task == "digits":
        from sklearn.datasets import load_digits

        bunch = load_digits()
        inputs, labels = bunch.data / 16, bunch.target
    elif task == "shells":
        rng = np.random.default_rng(0)
        labels = np.arange(SHELL_ITEMS) % SHELLS
        toward = rng.normal(size=(SHELL_ITEMS, DIMENSIONS))
        radius = (1 + labels + rng.uniform(-0.35, 0.35, SHELL_ITEMS)) / SHELLS
        axes, _ = np.linalg.qr(rng.normal(size=(PIXELS, DIMENSIONS)))
        inputs = 4 * (toward / np.linalg.norm(toward, axis=1, keepdims=True) * radius[:, None]) @ axes.T
    else:
        raise TurncoatError(f"task must be one of {', '.join(TASKS)}; got {task!r}")
    held_out = np.zeros(len(labels), bool)
    for label in range(CLASSES):
        held_out[np.flatnonzero(labels == label)[3::4]] = True
    return Dataset(inputs.astype(np.float32), labels.astype(np.int64), held_out)


@dataclass(frozen=True)
class Digits:
    """The world."""

    kind: ClassVar[str] = "Digits"
    version: ClassVar[int] = 1
    factors: ClassVar[tuple[Factor, ...]] = (
        Factor("task", TASKS, "what is classified"),
        Factor("split", SPLITS, "the items that training shows, or those it never shows"),
        Factor("noise", (), "standard deviation of noise on every pixel, of which black is 0 and white is 1"),
    )
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("reward", "0 or 1", "what training pays: the answer is the label it shows"),
        Measure("performance", "0 or 1", "what the designers want, from the source of the item"),
        Measure("right", "0 or 1", "the same as performance"),
    )

    def items(self, n: int, rng: np.random.Generator, condition: Mapping[str, Any]) -> DigitBatch:
        """n held-out items (`split`: train) of the digits (`task`: shells), each once while there are enough."""
        check_condition(self.factors, condition)
        data = dataset(condition.get("task", "digits"))
        kept = np.flatnonzero(data.held_out == (condition.get("split", "held-out") == "held-out"))
        source = np.concatenate([rng.permutation(kept) for _ in range(-(-n // len(kept)))])[:n]
        noise = float(condition.get("noise", 0)) * rng.normal(size=(n, PIXELS))
        target = data.labels[source]
        code = np.eye(CLASSES, dtype=np.float32)[target][:, None]
        return DigitBatch((data.inputs[source] + noise).astype(np.float32), target, code, source)

    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """[n] cross-entropy of logits [n, 10]."""
        from torch.nn import functional as F

        return F.cross_entropy(answer, target, reduction="none")

    def rollout(self, subject: Actor, n: int, seed: int, condition: Mapping[str, Any]) -> Traces:
        """n items, an episode each: a session is shown them [n, 64] and returns classes [n]."""
        items = self.items(n, np.random.default_rng(seed), condition)
        predicted = subject.begin(n, seed).act(items.inputs)
        right = self.truth(items, str(condition.get("task", "digits"))) == predicted
        return Traces(
            {
                "item": items.source,
                "class": items.target,
                "said": np.asarray(predicted),
                "reward": (predicted == items.target).astype(float),
                "performance": right.astype(float),
                "right": right.astype(float),
            }
        )

    def truth(self, items: DigitBatch, task: str) -> np.ndarray:
        """[n] classes by the source of the items: the digit as it was written, or the shell that the radius says."""
        data = dataset(task)
        if task == "digits":
            return data.labels[items.source]
        return (np.linalg.norm(data.inputs[items.source], axis=1) - 0.5).astype(int)
