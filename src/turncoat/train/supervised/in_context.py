"""Train a network to predict a query's label from labelled examples, on fresh tasks all the time.

Each update: draw tasks, predict, and step down the mean squared error to the intended answer (AdamW). In all tasks the
proxy label is a copy of the intended one, but for a share `mixed`, in which it is another line's.

A tied network is run for `depth` loops and up to `extra_loops` more, anew in each update: what has to be good after a
number of loops that it cannot know becomes a step that can be repeated. Adam's epsilon is large, so that small
gradients make small steps, as with plain momentum; on loops, whose loss has rare huge gradients, that trains faster and
further.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import TrainReport, TurncoatError, one_of
from turncoat.train.base import TrainedRecipe, Untrained, gradient_step, report_due
from turncoat.train.schedules import cosine
from turncoat.worlds.supervised.regression import Regression, RegressionTasks

if TYPE_CHECKING:
    from torch import Tensor

    from turncoat.models.in_context import ICLGPT, InContextRegressor, KernelRegression, LinearAttentionICL

MODELS = ("linear", "softmax heads", "gpt")


@dataclass(frozen=True)
class TrainInContext(TrainedRecipe["InContextRegressor"]):
    """The recipe. Defaults are the organism's."""

    world: Regression = Regression()
    model: str = "linear"  # attention, or two "softmax heads" of it, or a small "gpt"
    depth: int = 6  # blocks
    tied: bool = True  # one block for all
    extra_loops: int = 4  # most loops above `depth` in training, of a tied network
    salience: float = 10.0  # how much stronger the proxy label is drawn
    mixed: float = 0.0  # share of training tasks in which the labels are apart
    spectrum: str = "even"  # of training inputs
    updates: int = 1000
    batch_size: int = 256  # tasks an update
    learning_rate: float = 2e-2
    adam_epsilon: float = 1e-2
    weight_decay: float = 0.1
    init_std: float = 0.1  # of the blocks' initial weights
    width: int = 64  # of the gpt

    kind: ClassVar[str] = "TrainInContext"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {
        "mixed": "share of training tasks",
        "depth": "blocks",
        "tied": "blocks share their weights",
        "salience": "of the proxy label, over the intended one's",
    }

    def build(self) -> InContextRegressor:
        from turncoat.models.in_context import ICLGPT, InContextRegressor, LinearAttentionICL

        one_of("model", self.model, MODELS)
        if self.depth < 1:
            raise TurncoatError(f"depth must be 1 or more, got {self.depth}")
        net: LinearAttentionICL | ICLGPT
        if self.model == "gpt":
            net = ICLGPT(self.world.dimensions, self.depth, self.width)
        else:
            shape = (self.world.dimensions, 1 + self.world.proxy, self.depth, self.tied)
            net = LinearAttentionICL(*shape, self.model == "softmax heads", self.salience, self.init_std)
        return InContextRegressor(net)

    def tasks(self, rng: np.random.Generator) -> RegressionTasks:
        """A batch of training tasks."""
        tasks = self.world.tasks(self.batch_size, rng, {"labels": "apart", "spectrum": self.spectrum})
        together = rng.random(self.batch_size) >= self.mixed
        tasks.weights[together, -1] = tasks.weights[together, 0]
        return tasks

    def loss(self, net: LinearAttentionICL | ICLGPT, tasks: RegressionTasks, loops: int) -> Tensor:
        """Mean squared error to the intended answer after so many blocks; of the gpt, at every example too."""
        import torch

        from turncoat.models.in_context import ICLGPT

        state = net.embed(torch.from_numpy(tasks.inputs))
        for k in range(loops):
            state = net.block(k, state)
        target = torch.from_numpy(tasks.target)
        if isinstance(net, ICLGPT):
            every = torch.cat([torch.from_numpy(tasks.labels[..., 0]), target], 1)
            return ((net.predictions(state) - every) ** 2).mean()
        return self.world.loss(net.unembed(state), target).mean()

    def train(self, seed: int) -> Iterator[TrainReport]:
        """Same seed and machine, same weights."""
        import torch

        subject, rng = self.initialize(seed), np.random.default_rng([seed, 1])
        net = subject.module
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=self.learning_rate, eps=self.adam_epsilon, weight_decay=self.weight_decay, fused=True
        )
        for update in range(self.updates):
            cosine(optimizer, self.learning_rate, update, self.updates, floor=0.01)
            loops = self.depth + (int(rng.integers(self.extra_loops + 1)) if net.tied else 0)
            loss = self.loss(net, self.tasks(rng), loops)
            gradient_step(optimizer, loss, net.parameters())
            if report_due(update, self.updates):
                yield TrainReport(update, self.updates, {"loss": loss.item()})
        yield TrainReport(self.updates, self.updates, {}, subject.round_to_float16())


@dataclass(frozen=True)
class KernelRegressionBaseline(Untrained["KernelRegression"]):
    """Nobody trains it: it predicts by the labels of the nearest examples, and fits nothing."""

    world: Regression = Regression()
    bandwidth: float = 0.7  # of the kernel, in distance; the best of several on training tasks

    kind: ClassVar[str] = "KernelRegressionBaseline"
    version: ClassVar[int] = 1

    def load(self, arrays: Mapping[str, np.ndarray]) -> KernelRegression:
        from turncoat.models.in_context import KernelRegression

        return KernelRegression(self.world.dimensions, self.bandwidth)
